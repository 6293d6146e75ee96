"""What edge keeps of what is read often: in its own memory, and on the cache nodes."""
