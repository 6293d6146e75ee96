"""The WebSocket tier: users' sockets, joined to the chats they are in; it stores nothing."""
