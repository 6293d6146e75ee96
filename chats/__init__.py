"""Chats: their participants, and the event log of each; coordinates changes with users."""
