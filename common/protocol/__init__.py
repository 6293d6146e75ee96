"""Every message between processes, as msgspec structs; pure, no I/O.

events: the rows of a chat's log. frames: what sockets carry. chats, users and most others: the
calls that services make to each other. Public REST bodies are in edge.
"""
