"""Web Push, as far as chats goes: which messages somebody should be told of, and what they say."""
