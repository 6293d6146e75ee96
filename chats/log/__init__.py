"""The log of each chat: how events are made, stored and announced."""
