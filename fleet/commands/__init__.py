"""The operator's commands other than running: backups, upgrades, owners, keys, a unit."""
