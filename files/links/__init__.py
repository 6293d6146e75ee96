"""Previews of links in messages: fetches the pages and reads their metadata."""
