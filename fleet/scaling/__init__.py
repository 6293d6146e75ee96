"""How many processes each role has: by its load, on one machine or in containers."""
