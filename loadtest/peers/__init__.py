"""Servers that people use today, load programs, and what it takes to measure them side by side."""
