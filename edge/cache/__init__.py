"""Caches of frequent reads: in the memory of the process, and on the cache nodes."""
