"""PostgreSQL code that users and chats share."""
