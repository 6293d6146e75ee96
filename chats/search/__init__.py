"""Search for messages: words, queries, and the index, which is updated after the commit."""
