"""Chats and their participants; the changes that users and chats make together."""
