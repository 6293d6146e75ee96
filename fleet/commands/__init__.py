"""What an operator asks for beside running: backups, upgrades, owners, keys, a unit."""
