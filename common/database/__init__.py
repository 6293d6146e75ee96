"""What users and chats both need of PostgreSQL."""
