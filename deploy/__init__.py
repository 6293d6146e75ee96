"""How Hubbub is installed: locks, containers, hosts, dashboards. No service imports it."""
