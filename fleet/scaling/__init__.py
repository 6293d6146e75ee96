"""How many processes each role has: by load, on one machine or in containers."""
