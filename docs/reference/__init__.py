"""Makes the reference in docs/ from the code: `make docs`. Nothing that runs imports it."""
