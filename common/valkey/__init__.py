"""Everything that speaks to Valkey: the bus, the shared rates, and the names of topics and keys."""
