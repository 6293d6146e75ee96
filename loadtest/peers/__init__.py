"""The servers that Hubbub is compared with, the load programs, and how both are measured."""
