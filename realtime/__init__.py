"""The WebSocket tier: people's sockets, joined to the chats they are in; it keeps nothing."""
