"""Load tests: simulated users, called people here, and the delivery of their messages."""
