"""Simulated users under locust: what each does, what it counts, and the sum of all."""
