"""Bytes in and out: takes uploads, makes previews, serves files. Has no database; who may is for
chats to say."""
