"""The one log of each chat: what becomes an event, how it is stored, and who hears of it after."""
