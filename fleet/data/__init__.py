"""What lies in a data folder: secrets, locks, logs, and what runs on it just now."""
