"""Client sockets in numbers, and the book that holds what arrives against what was posted."""
