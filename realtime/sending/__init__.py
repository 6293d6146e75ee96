"""What sockets send to chats or to other users: messages, read markers, typing notices."""
