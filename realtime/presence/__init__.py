"""Who is there: what this node says of its own users to nodes that watch them, and what it believes
of users whom its own sockets watch. docs/decisions/presence.md has the reasons."""
