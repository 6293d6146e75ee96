"""One connection's protocol, from bytes to what they mean and back. Pure: no socket, no clock."""
