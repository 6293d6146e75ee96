"""Finding messages by their words: what a word is, what a query asks for, and the feeding of the
index behind the commit."""
