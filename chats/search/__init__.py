"""Search for messages: words, queries, and the index, which is fed after the commit."""
