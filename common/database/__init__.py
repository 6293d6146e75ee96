"""What both users and chats need for PostgreSQL."""
