"""Previews of links in messages: fetches the pages, and reads what they say of themselves."""
