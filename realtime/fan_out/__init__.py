"""From the bus and from chats to the sockets that listen, each chat gapless and in order."""
