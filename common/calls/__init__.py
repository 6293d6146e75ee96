"""Calls between services: replicas, circuits, micro-batches, and the HTTP beneath them."""
