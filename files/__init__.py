"""Bytes in and out: receives uploads, makes previews, serves files; and outgoing requests: push
notifications, the pages of links. Has no database; chats decides about permissions."""
