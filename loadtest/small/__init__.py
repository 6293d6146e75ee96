"""Whether `HUBBUB_SIZE=small` meets its promise: 50 people in 512 MB."""
