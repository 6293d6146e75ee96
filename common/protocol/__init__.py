"""Every message between processes, as msgspec structs; pure, no I/O.

rest: public REST bodies. events: the rows of a chat's log. frames: what sockets carry. chats,
users: the calls that services make to each other.
"""
