"""All SQL of chats: functions that take the pool, each one statement or one whole transaction.

Knows rows, not rules. Callers see UNREACHABLE of common.database.pool when PostgreSQL is gone.
"""
