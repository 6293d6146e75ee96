"""The REST gateway: validates, authenticates, limits, and asks users and chats; knows no SQL."""
