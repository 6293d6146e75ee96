"""Everything that speaks to Valkey. Services use `Valkey`: topics, leases, buckets, values, their
names."""
