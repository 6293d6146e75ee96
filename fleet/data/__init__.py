"""The contents of a data folder: secrets, locks, logs, and what runs on it now."""
