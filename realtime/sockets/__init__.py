"""The sockets of a node: how many it takes, and what reads, writes and times them."""
