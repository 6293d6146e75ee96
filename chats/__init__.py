"""chats: the chats, who takes part, and the one event log of each; coordinates with users."""
