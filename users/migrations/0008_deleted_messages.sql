-- Whether the messages go too, and how far that has come: chats' own place in its list.
ALTER TABLE deletions
    ADD COLUMN messages boolean NOT NULL DEFAULT false,
    ADD COLUMN messages_after text NOT NULL DEFAULT '';
