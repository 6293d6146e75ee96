-- Markers are moved in batches, and a move that was asked for before an answered `unread` counts for
-- nothing after it. Both are microseconds since 1970: when the last move was asked for, and when the
-- marker was last turned back.
ALTER TABLE own_chats
    ADD COLUMN asked bigint NOT NULL DEFAULT 0,
    ADD COLUMN turned_back bigint NOT NULL DEFAULT 0;

-- Statements of the service take its place; no release has called it.
DROP FUNCTION move_marker(uuid, uuid, bigint, boolean);

CREATE FUNCTION microseconds_now() RETURNS bigint LANGUAGE sql VOLATILE
RETURN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
