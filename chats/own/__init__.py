"""A user's own state of a chat, and the questions of edge about it."""
