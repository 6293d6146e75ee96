-- One row. A restored database gets another epoch, which makes all cursors of clients void.
CREATE TABLE installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- `seq` is the number of the chat's newest event, `version` counts all changes but messages.
-- A deleted chat stays as a tombstone with its last seq.
CREATE TABLE chats (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    owner uuid NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    participant_count integer NOT NULL DEFAULT 0,
    deleted_at timestamptz,
    purged boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE INDEX chats_to_purge ON chats (deleted_at) WHERE deleted_at IS NOT NULL AND NOT purged;

-- The lowest position has taken part for longest. Written by change_chat alone, under the chat's lock:
-- a foreign key would only cost (5 µs a row, a thousand rows a request).
CREATE TABLE participants (
    chat uuid NOT NULL,
    member uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (chat, member)
);
CREATE UNIQUE INDEX participants_in_order ON participants (chat, position);
CREATE INDEX participants_by_member ON participants (member, chat);

-- Everything durable that happens in a chat. `event` holds the bytes that clients get; `controls`
-- is JSON of protocol.chats.Control. Messages have a key, which is the sender's in that chat.
CREATE TABLE log (
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    sender uuid NOT NULL,
    key uuid,
    event bytea NOT NULL,
    controls text,
    PRIMARY KEY (chat, seq)
);
CREATE UNIQUE INDEX log_keys ON log (sender, key, chat) WHERE key IS NOT NULL;
CREATE INDEX log_controls ON log (chat, seq) WHERE controls IS NOT NULL;

-- Chats with events that are not known to be published; `since` is the oldest one's time.
CREATE TABLE outbox (
    chat uuid PRIMARY KEY,
    first bigint NOT NULL,
    last bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- How transactions over both databases ended. A commit is inserted by its coordinator alone.
CREATE TABLE decisions (
    transaction uuid PRIMARY KEY,
    committed boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX decisions_by_age ON decisions (at);

-- First results of changes, by what the caller may repeat: a key within its call and chat.
CREATE TABLE results (
    caller uuid NOT NULL,
    scope text NOT NULL,
    key uuid NOT NULL,
    result bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, scope, key)
);
CREATE INDEX results_by_age ON results (at);
