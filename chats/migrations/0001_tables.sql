-- One row. A restored database gets another epoch, which makes all cursors of clients void.
CREATE TABLE installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- `version` counts all changes but messages. A message only locks the row: a head kept here would
-- leave a dead version for each batch, and a long transaction elsewhere (a backup) keeps those where
-- every lookup has to pass them. The head is the log's newest seq.
-- A deleted chat stays as a tombstone, and so does the last row of its log.
CREATE TABLE chats (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    owner uuid NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    participant_count integer NOT NULL DEFAULT 0,
    deleted_at timestamptz,
    purged boolean NOT NULL DEFAULT false
);
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

-- Events that are not known to be published, a row a chat and transaction. Rows are only added and
-- deleted, with keys that never come again: one row a chat, updated, costs three times as much.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat uuid NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

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
