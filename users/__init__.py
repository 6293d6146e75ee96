"""Accounts, sessions, tokens, and each user's chat memberships; knows no table of chats."""
