"""Previews of links in messages, as far as chats goes: which links, and what becomes of them."""
