"""Whether `HUBBUB_SIZE=small` keeps its word: 50 people in 512 MB."""
