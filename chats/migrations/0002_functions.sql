-- Whole transactions as one call each, so that no lock waits for a client that was stopped.
-- Statements of a function see what was committed when they begin: what must not change while it
-- is used is read in a statement after the one that locks.

CREATE FUNCTION wire_now() RETURNS text LANGUAGE sql VOLATILE
RETURN to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- chats/log/encoding.py does the same. In JSON the draft's mark can stand nowhere but where it is meant:
-- within a string its quotes would be escaped.
CREATE FUNCTION stamp(draft bytea, seq bigint, at text) RETURNS bytea LANGUAGE sql STABLE
RETURN overlay(
    draft PLACING convert_to('"seq":' || seq || ',"at":"' || at || '"', 'UTF8')
    FROM position('"seq":0,"at":""'::bytea IN draft) FOR 15
);

-- Stores a batch of messages; the triples of chat, sender and key are distinct. Returns the items
-- whose sender takes part: with a seq where the message is new, with the stored event where the key
-- is known. Rows without an item are the outbox's: its id as seq, the chat as at.
CREATE FUNCTION post_messages(_chats uuid[], _senders uuid[], _keys uuid[], _drafts bytea[])
RETURNS TABLE (item bigint, at text, seq bigint, stored bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _at text;
BEGIN
    -- In the order of ids, so that two batches never wait for each other in a circle.
    PERFORM FROM chats WHERE id = ANY (_chats) ORDER BY id FOR NO KEY UPDATE;
    _at := wire_now();
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT g.item, g.chat, g.sender, g.key, g.draft, l.event AS stored
        FROM unnest(_chats, _senders, _keys, _drafts)
            WITH ORDINALITY AS g (chat, sender, key, draft, item)
        JOIN participants p ON p.chat = g.chat AND p.member = g.sender
        -- IS TRUE keeps the planner from reading the whole chat by the primary key, which looks
        -- as cheap to it while the table is new.
        LEFT JOIN log l ON l.sender = g.sender AND l.key = g.key AND (l.chat = g.chat) IS TRUE
    ), fresh AS MATERIALIZED (
        SELECT g.item, g.chat, g.sender, g.key, g.draft,
            (SELECT l.seq FROM log l WHERE l.chat = g.chat ORDER BY l.seq DESC LIMIT 1)
                + row_number() OVER (PARTITION BY g.chat ORDER BY g.item) AS seq
        FROM given g WHERE g.stored IS NULL
    ), logged AS (
        INSERT INTO log (chat, seq, kind, sender, key, event)
        SELECT chat, seq, 'message', sender, key, stamp(draft, seq, _at) FROM fresh
    ), ranges AS MATERIALIZED (
        SELECT chat, min(seq) AS first, max(seq) AS last FROM fresh GROUP BY chat
    ), owed AS (
        INSERT INTO outbox (chat, first, last) SELECT chat, first, last FROM ranges
        RETURNING id, chat
    )
    SELECT item, _at, seq, NULL::bytea FROM fresh
    UNION ALL
    SELECT item, _at, NULL::bigint, stored FROM given WHERE stored IS NOT NULL
    UNION ALL
    SELECT NULL::bigint, chat::text, id, NULL::bytea FROM owed;
END $$;

-- Every change of a chat that is no message: its event, participants, owner, name, end, the result
-- for repeats, and the decision where users takes part (_transaction).
-- `_version` is what the caller checked against, 0 for a chat that is not there yet. `_began` is
-- this database's time: the clock that goes on while a coordinator is stopped.
-- Raises HB001 (another version), HB002 (too old to commit), unique_violation on decisions_pkey (an
-- abort was written) or results_pkey (the same request was quicker).
CREATE FUNCTION change_chat(
    _chat uuid, _version bigint, _name text, _owner uuid, _join uuid[], _leave uuid[], _end boolean,
    _kind text, _by uuid, _draft bytea, _controls text,
    _scope text, _key uuid, _result bytea,
    _transaction uuid, _began timestamptz, _max_age interval
) RETURNS TABLE (seq bigint, at text, owed bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _at text;
    _seq bigint;
    _top bigint;
    _owed bigint;
BEGIN
    IF _version = 0 THEN
        INSERT INTO chats (id, name, owner) VALUES (_chat, _name, _owner);
        _seq := 1;
    ELSE
        PERFORM FROM chats
        WHERE id = _chat AND version = _version AND deleted_at IS NULL FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'HB001', MESSAGE = 'the chat has changed';
        END IF;
        SELECT max(seq) + 1 INTO _seq FROM log WHERE chat = _chat;
    END IF;
    IF clock_timestamp() > _began + _max_age THEN
        RAISE EXCEPTION USING ERRCODE = 'HB002', MESSAGE = 'too old to commit';
    END IF;
    IF _transaction IS NOT NULL THEN
        INSERT INTO decisions (transaction, committed) VALUES (_transaction, true);
    END IF;
    INSERT INTO results (caller, scope, key, result) VALUES (_by, _scope, _key, _result);

    IF _end THEN
        DELETE FROM participants WHERE chat = _chat;
    ELSIF _leave <> '{}' THEN
        DELETE FROM participants WHERE chat = _chat AND member = ANY (_leave);
    END IF;
    SELECT coalesce(max(position), 0) INTO _top FROM participants WHERE chat = _chat;
    INSERT INTO participants (chat, member, position)
    SELECT _chat, j.member, _top + j.nth FROM unnest(_join) WITH ORDINALITY AS j (member, nth);

    _at := wire_now();
    UPDATE chats SET
        version = version + 1, name = _name, owner = _owner,
        participant_count = CASE WHEN _end THEN 0
            ELSE participant_count + cardinality(_join) - cardinality(_leave) END,
        deleted_at = CASE WHEN _end THEN clock_timestamp() END
    WHERE id = _chat;
    INSERT INTO log (chat, seq, kind, sender, event, controls) VALUES (
        _chat, _seq, _kind, _by, stamp(_draft, _seq, _at),
        replace(
            replace(_controls, '"seq":0,"at":""', '"seq":' || _seq || ',"at":"' || _at || '"'),
            '{"seq":0,', '{"seq":' || _seq || ','
        )
    );
    INSERT INTO outbox (chat, first, last) VALUES (_chat, _seq, _seq) RETURNING id INTO _owed;
    RETURN QUERY SELECT _seq, _at, _owed;
END $$;
