"""How Hubbub is installed: locks, containers, hosts, dashboards. No service imports it.

A package, as its folders with programs are, so that mypy does not take a folder for the module of
the same name.
"""
