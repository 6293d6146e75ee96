-- Direct chats: two people, no owner, no name, one for each pair. None of that ever changes.
ALTER TABLE chats ALTER COLUMN owner DROP NOT NULL;

-- The account of one of the two is deleted: the other one keeps the chat, and sends nothing any more.
ALTER TABLE chats ADD COLUMN closed boolean NOT NULL DEFAULT false;

ALTER TABLE chats
    DROP CONSTRAINT chats_name_fits,
    ADD CONSTRAINT chats_name_fits CHECK (
        CASE WHEN owner IS NULL THEN name = '' ELSE
            char_length(name) BETWEEN 1 AND 128 AND btrim(
                name,
                U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005'
                '\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000'
            ) <> ''
        END
    ) NOT VALID,
    -- 0 before its participants are there, in the transaction that makes it.
    ADD CONSTRAINT chats_direct_fits CHECK (
        CASE WHEN owner IS NULL
            THEN topic IS NULL AND deleted_at IS NULL AND participant_count IN (0, 2)
            ELSE NOT closed
        END
    ) NOT VALID;

-- As in 0005: a row that breaks a rule stays.
DO $$
BEGIN
    ALTER TABLE chats VALIDATE CONSTRAINT chats_name_fits;
    ALTER TABLE chats VALIDATE CONSTRAINT chats_direct_fits;
EXCEPTION WHEN check_violation THEN
    RAISE WARNING 'rows of chats break a rule: %', SQLERRM;
END $$;

CREATE TABLE direct_chats (
    one uuid NOT NULL,
    other uuid NOT NULL,
    chat uuid NOT NULL,
    PRIMARY KEY (one, other),
    CONSTRAINT direct_chats_pair_is_in_order CHECK (one < other)
);

-- As before, with the pair of a direct chat. Raises unique_violation on direct_chats_pkey too: these
-- two have one.
CREATE OR REPLACE FUNCTION commit_change(
    _change chat_change, _topic text, _request request_result, _attempt change_attempt
) RETURNS TABLE (seq bigint, at text, outbox_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _at text;
    _seq bigint;
    _last_position bigint;
    _outbox_id bigint;
BEGIN
    IF _change.version = 0 THEN
        INSERT INTO chats (id, name, owner, topic)
        VALUES (_change.chat, _change.name, _change.owner, _topic);
        _seq := 1;
    ELSE
        PERFORM FROM chats
        WHERE id = _change.chat AND version = _change.version AND deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'HB001', MESSAGE = 'the chat has changed';
        END IF;
        SELECT max(seq) + 1 INTO _seq FROM log WHERE chat = _change.chat;
    END IF;
    IF clock_timestamp() > _attempt.began + _attempt.max_age THEN
        RAISE EXCEPTION USING ERRCODE = 'HB002', MESSAGE = 'too old to commit';
    END IF;
    IF _attempt.transaction IS NOT NULL THEN
        INSERT INTO decisions (transaction, committed) VALUES (_attempt.transaction, true);
    END IF;
    INSERT INTO results (caller, scope, key, result)
    VALUES (_change.sender, _request.scope, _request.key, _request.result);
    IF _change.version = 0 AND _change.owner IS NULL THEN
        INSERT INTO direct_chats (one, other, chat) VALUES (
            least(_change.joining[1], _change.joining[2]),
            greatest(_change.joining[1], _change.joining[2]),
            _change.chat
        );
    END IF;

    IF _change.is_end THEN
        DELETE FROM participants WHERE chat = _change.chat;
    ELSIF _change.leaving <> '{}' THEN
        DELETE FROM participants WHERE chat = _change.chat AND member = ANY (_change.leaving);
    END IF;
    SELECT coalesce(max(position), 0) INTO _last_position
    FROM participants WHERE chat = _change.chat;
    INSERT INTO participants (chat, member, position, joined)
    SELECT _change.chat, j.member, _last_position + j.nth, _seq
    FROM unnest(_change.joining) WITH ORDINALITY AS j (member, nth);

    _at := wire_now();
    UPDATE chats SET
        version = version + 1, name = _change.name, owner = _change.owner, topic = _topic,
        participant_count = CASE WHEN _change.is_end THEN 0
            ELSE participant_count + cardinality(_change.joining) - cardinality(_change.leaving) END,
        deleted_at = CASE WHEN _change.is_end THEN clock_timestamp() END
    WHERE id = _change.chat;
    INSERT INTO log (chat, seq, kind, sender, event, controls) VALUES (
        _change.chat, _seq, _change.kind, _change.sender, stamp(_change.draft, _seq, _at),
        replace(
            replace(
                _change.controls, '"seq":0,"at":""', '"seq":' || _seq || ',"at":"' || _at || '"'
            ),
            '{"seq":0,', '{"seq":' || _seq || ','
        )
    );
    INSERT INTO outbox (chat, first, last) VALUES (_change.chat, _seq, _seq)
    RETURNING id INTO _outbox_id;
    RETURN QUERY SELECT _seq, _at, _outbox_id;
END $$;

-- What becomes of a message to a closed chat: a repeat is known.
CREATE FUNCTION judge_in_closed_chat(_one other_event) RETURNS append_outcome
LANGUAGE plpgsql AS $$
DECLARE
    _event bytea;
BEGIN
    SELECT l.event INTO _event FROM participants p
    LEFT JOIN log l ON l.sender = p.member AND l.key = _one.key AND (l.chat = p.chat) IS TRUE
    WHERE p.chat = _one.chat AND p.member = _one.sender;
    IF NOT FOUND THEN
        RETURN ROW('not_found', NULL)::append_outcome;
    ELSIF _event IS NOT NULL THEN
        RETURN ROW('known', _event)::append_outcome;
    END IF;
    RETURN ROW('closed', NULL)::append_outcome;
END $$;

-- Stores a batch of events that belong to messages, in one transaction. Plain messages come as
-- arrays; no two have the same chat, sender and key. `_others`, a list of other_event or null, has
-- all events of the chats in which there is anything else (`_other_chats`), chat by chat: they go one
-- by one, for what happens to a message depends on what happened to it just before.
--
-- Returns what became of each item (those of the arrays are numbered by their places): `appended`,
-- with its seq and, for the others, the event; `known` for a repeat, or where there is nothing to do,
-- with the event that is there; or why not. A plain message whose sender does not take part has no
-- row. Rows without an item say which row of the outbox a chat has got.
CREATE OR REPLACE FUNCTION append_events(
    _chats uuid[], _senders uuid[], _keys uuid[], _drafts bytea[],
    _other_chats uuid[], _others jsonb
) RETURNS TABLE (
    item bigint, outcome text, seq bigint, at text, event bytea, chat uuid, outbox bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _at text;
    _one other_event;
    _done append_outcome;
    _chat uuid;
    _first bigint;
    _next bigint;
    _closed uuid[];
BEGIN
    -- In the order of ids, so that two batches never wait for each other in a circle.
    SELECT coalesce(array_agg(c.id) FILTER (WHERE c.closed), '{}') INTO _closed FROM (
        SELECT id, closed FROM chats WHERE id = ANY (_chats || _other_chats)
        ORDER BY id FOR NO KEY UPDATE
    ) c;
    _at := wire_now();
    IF _chats <> '{}' THEN
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
            FROM given g WHERE g.stored IS NULL AND g.chat <> ALL (_closed)
        ), logged AS (
            INSERT INTO log (chat, seq, kind, sender, key, event)
            SELECT chat, seq, 'message', sender, key, stamp(draft, seq, _at) FROM fresh
        ), ranges AS MATERIALIZED (
            SELECT chat, min(seq) AS first, max(seq) AS last FROM fresh GROUP BY chat
        ), owed AS (
            INSERT INTO outbox (chat, first, last) SELECT chat, first, last FROM ranges
            RETURNING id, chat
        )
        SELECT item, 'appended', seq, _at, NULL::bytea, NULL::uuid, NULL::bigint FROM fresh
        UNION ALL
        SELECT item, 'known', NULL, NULL, stored, NULL, NULL FROM given WHERE stored IS NOT NULL
        UNION ALL
        SELECT item, 'closed', NULL, NULL, NULL, NULL, NULL FROM given
        WHERE stored IS NULL AND chat = ANY (_closed)
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, chat, id FROM owed;
    END IF;
    IF _others IS NULL THEN
        RETURN;
    END IF;
    FOR _one IN SELECT * FROM jsonb_populate_recordset(NULL::other_event, _others) LOOP
        IF _one.chat IS DISTINCT FROM _chat THEN
            IF _next > _first THEN
                INSERT INTO outbox (chat, first, last) VALUES (_chat, _first, _next - 1)
                RETURNING NULL, id, outbox.chat INTO item, outbox, chat;
                RETURN NEXT;
            END IF;
            _chat := _one.chat;
            _next := NULL;
            SELECT l.seq + 1 INTO _next FROM log l
            WHERE l.chat = _chat ORDER BY l.seq DESC LIMIT 1;
            _first := _next;
        END IF;
        IF _one.kind = 'message' AND _one.chat = ANY (_closed) THEN
            _done := judge_in_closed_chat(_one);
        ELSIF _one.kind = 'message' THEN
            _done := append_message(_one, _next, _at);
        ELSE
            _done := append_change(_one, _next, _at);
        END IF;
        item := _one.item;
        outcome := _done.outcome;
        seq := _next;
        at := _at;
        event := _done.event;
        RETURN NEXT;
        IF outcome = 'appended' THEN
            _next := _next + 1;
        END IF;
    END LOOP;
    IF _next > _first THEN
        INSERT INTO outbox (chat, first, last) VALUES (_chat, _first, _next - 1)
        RETURNING NULL, id, outbox.chat INTO item, outbox, chat;
        RETURN NEXT;
    END IF;
END $$;
