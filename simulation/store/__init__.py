"""What PostgreSQL is to chats and users: their store's functions on plain dictionaries.

Each function of `chats/store` and `users/store` that a run needs has a method of its name here,
which does at once what the statement does. A test holds both to the same
answers.
"""
