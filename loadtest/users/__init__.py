"""Simulated users under locust: their actions, their counts, and the totals."""
