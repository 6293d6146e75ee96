"""Load tests: simulated users, called people here, and how their messages arrive."""
