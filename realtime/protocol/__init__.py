"""One connection's protocol: parses and produces bytes. Pure: no socket, no clock."""
