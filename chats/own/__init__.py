"""What is one user's own of a chat, and what edge asks of it."""
