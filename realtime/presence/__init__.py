"""Presence: what this node tells other nodes about its own users, and what it believes of users
whom its own sockets watch. docs/decisions/presence.md has the reasons."""
