"""The sockets of a node: how many it accepts, and what reads, writes and times them."""
