"""What sockets send on to chats or to others: messages, read markers, typing notices."""
