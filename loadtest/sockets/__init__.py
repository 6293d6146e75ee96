"""Client sockets in large numbers, and the book that compares deliveries with posts."""
