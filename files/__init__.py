"""Bytes in and out: takes uploads, makes previews, serves files; and what goes out of the system:
push notifications, the pages of links. Has no database; who may is for chats to say."""
