"""Generates the reference in docs/ from the code: `make docs`. No service imports it."""
