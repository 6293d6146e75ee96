-- Where the marker was turned back to, and when it was turned back the time before: a move that was
-- asked for between the two and comes late counts up to there.
ALTER TABLE own_chats
    ADD COLUMN turned_to bigint NOT NULL DEFAULT 0,
    ADD COLUMN turned_before bigint NOT NULL DEFAULT 0;
