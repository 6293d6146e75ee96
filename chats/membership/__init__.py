"""Chats and who is in them; what users and chats change together."""
