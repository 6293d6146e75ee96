"""A model of PostgreSQL for chats and users: the functions of their stores on plain dictionaries.

Each function of `chats/store` and `users/store` that a run needs has a method of its name here,
which does at once what the statement does. A test checks that both give the same answers.
"""
