"""chats' part of Web Push: which messages a user should be notified of, and what they say."""
