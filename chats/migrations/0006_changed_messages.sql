-- Messages that change: what the log says of each, kept beside it.

-- A message is seldom looked up by its id, so this is no column. All that is in it is immutable, or it
-- would be no part of the statements that insert, but a statement of its own in each of them.
CREATE FUNCTION message_id(event bytea) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(
    encode(substring(event FROM position('"messageId":"'::bytea IN event) + 13 FOR 36), 'escape'),
    ''
)::uuid;
CREATE INDEX log_messages ON log (message_id(event)) WHERE kind = 'message';

-- What the log says of messages that were edited, deleted or reacted to; `seq` is the message's.
-- Derived: `make rebuild` makes both tables anew. `edits` are the seqs of its edits.
-- `current` is the message as history gives it, reactions apart; null where its event says it all.
-- `reactions` are JSON as history gives it; null where there are none.
CREATE TABLE changed_messages (
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    edits bigint[] NOT NULL DEFAULT '{}',
    current bytea,
    reactions text,
    is_deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (chat, seq)
) WITH (fillfactor = 75);

-- Users who are counted in `reactions` and not named there.
CREATE TABLE unnamed_reactions (
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    emoji text NOT NULL,
    member uuid NOT NULL,
    PRIMARY KEY (chat, seq, emoji, member)
);

-- A message or edit without its text; chats/log/encoding.py does the same. What is left are ids and
-- times, so that spaces can be taken out of it.
CREATE FUNCTION blank_event(event bytea) RETURNS bytea LANGUAGE sql STABLE
RETURN convert_to(
    replace(
        (
            convert_from(event, 'UTF8')::jsonb - '{mentions,attachments}'::text[]
            || '{"message": "", "deleted": true}'
        )::text,
        ' ', ''
    ),
    'UTF8'
);

-- A message as history gives it.
CREATE FUNCTION show_message(event bytea, current bytea, reactions text) RETURNS bytea
LANGUAGE sql STABLE
RETURN CASE
    WHEN reactions IS NULL THEN coalesce(current, event)
    ELSE overlay(
        coalesce(current, event)
        PLACING convert_to(',"reactions":' || reactions || '}', 'UTF8')
        FROM octet_length(coalesce(current, event)) FOR 1
    )
END;
