"""All SQL of chats: functions that take the pool, each one statement or one whole transaction.

Knows rows, not rules. Raises DatabaseUnavailable if PostgreSQL fails.
"""
