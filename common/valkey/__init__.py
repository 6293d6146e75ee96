"""All access to Valkey. Services use the class `Valkey`: topics, leases, buckets, values, and the
names of all of these."""
