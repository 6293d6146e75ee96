"""chats' part of link previews: which links get one, and where previews are stored."""
