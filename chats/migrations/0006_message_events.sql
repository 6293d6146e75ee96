-- One function appends all events that belong to messages. The release before goes on with
-- post_messages beside it.

-- An event that is no plain message: its draft, and what its kind needs. `message` is the id of the
-- message that it changes or replies to, `text` an edit's. `key` makes a repeat known: a message's
-- among the sender's in the chat, any other within its `scope`. `former`: the sender's account is
-- deleted, and their messages with it, also where they take part no more.
CREATE TYPE other_event AS (
    item bigint, kind text, chat uuid, sender uuid, key uuid, scope text, draft text,
    message uuid, text text, mentions jsonb, emoji text, former boolean
);

-- A message before the event that changes it; `is_seen`: by who wants to change it.
CREATE TYPE message_state AS (
    is_seen boolean, seq bigint, sender uuid, event bytea,
    is_changed boolean, edits bigint[], current bytea, reactions text, is_deleted boolean
);

-- `appended` with the new event, `known` with the one that is there, or why not.
CREATE TYPE append_outcome AS (outcome text, event bytea);

-- A draft of other_event as it is stored: with the seqs and mentions that only the database knows.
-- Its marks can stand nowhere but where they are meant: within a string quotes are escaped.
CREATE FUNCTION stamp_text(draft text, seq bigint, at text, _of bigint, _mentions jsonb)
RETURNS bytea LANGUAGE sql STABLE
RETURN stamp(
    convert_to(
        replace(
            CASE
                WHEN _mentions IS NULL THEN replace(draft, ',"mentions":[]', '')
                ELSE replace(draft, '"mentions":[]', '"mentions":' || _mentions::text)
            END,
            '"of":0', '"of":' || coalesce(_of, 0)
        ),
        'UTF8'
    ),
    seq, at
);

-- Those of the users who take part, in their order; null where none does.
CREATE FUNCTION mentioned(_chat uuid, _users jsonb) RETURNS jsonb LANGUAGE sql STABLE
RETURN (
    SELECT jsonb_agg(u.id ORDER BY u.nth)
    FROM jsonb_array_elements_text(_users) WITH ORDINALITY AS u (id, nth)
    JOIN participants p ON p.chat = _chat AND p.member = u.id::uuid
);

-- A message that replies or mentions, or has an event that does more beside it in its batch.
CREATE FUNCTION append_message(_one other_event, _seq bigint, _at text) RETURNS append_outcome
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
    IF _one.message IS NOT NULL THEN
        PERFORM FROM log l
        WHERE message_id(l.event) = _one.message AND l.kind = 'message' AND l.chat = _one.chat
            AND NOT EXISTS (
                SELECT FROM changed_messages c
                WHERE c.chat = l.chat AND c.seq = l.seq AND c.is_deleted
            );
        IF NOT FOUND THEN
            RETURN ROW('no_such_message', NULL)::append_outcome;
        END IF;
    END IF;
    _event := stamp_text(_one.draft, _seq, _at, NULL, mentioned(_one.chat, _one.mentions));
    INSERT INTO log (chat, seq, kind, sender, key, event)
    VALUES (_one.chat, _seq, 'message', _one.sender, _one.key, _event);
    RETURN ROW('appended', _event)::append_outcome;
END $$;

-- Without mentions in the edit those of the message stay. The same text and mentions are no event.
CREATE FUNCTION edit_message(_one other_event, _message message_state, _seq bigint, _at text)
RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _current jsonb := convert_from(coalesce(_message.current, _message.event), 'UTF8')::jsonb;
    _mentions jsonb := _current -> 'mentions';
    _event bytea;
BEGIN
    IF _one.sender <> _message.sender THEN
        RETURN ROW('forbidden', NULL)::append_outcome;
    END IF;
    IF _one.mentions IS NOT NULL THEN
        _mentions := mentioned(_one.chat, _one.mentions);
    END IF;
    IF _one.text = _current ->> 'message' AND _mentions IS NOT DISTINCT FROM _current -> 'mentions'
    THEN
        SELECT l.event INTO _event FROM log l WHERE l.chat = _one.chat
            AND l.seq = coalesce(_message.edits[cardinality(_message.edits)], _message.seq);
        RETURN ROW('known', _event)::append_outcome;
    END IF;
    _event := stamp_text(_one.draft, _seq, _at, _message.seq, _mentions);
    _current := _current - 'mentions' || jsonb_build_object('message', _one.text, 'editedAt', _at);
    IF _mentions IS NOT NULL THEN
        _current := _current || jsonb_build_object('mentions', _mentions);
    END IF;
    INSERT INTO changed_messages AS c (chat, seq, edits, current)
    VALUES (_one.chat, _message.seq, ARRAY[_seq], convert_to(_current::text, 'UTF8'))
    ON CONFLICT (chat, seq) DO UPDATE SET
        edits = c.edits || excluded.edits, current = excluded.current;
    RETURN ROW('appended', _event)::append_outcome;
END $$;

-- The bytes of the message and of its edits lose their text with it.
CREATE FUNCTION delete_message(_one other_event, _message message_state, _seq bigint, _at text)
RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _event jsonb := convert_from(_message.event, 'UTF8')::jsonb;
BEGIN
    IF _one.sender <> _message.sender THEN
        PERFORM FROM chats WHERE id = _one.chat AND owner = _one.sender;
        IF NOT FOUND THEN
            RETURN ROW('forbidden', NULL)::append_outcome;
        END IF;
    END IF;
    UPDATE log l SET event = blank_event(l.event)
    WHERE l.chat = _one.chat AND l.seq = ANY (_message.edits || _message.seq);
    DELETE FROM unnamed_reactions r WHERE r.chat = _one.chat AND r.seq = _message.seq;
    INSERT INTO changed_messages (chat, seq, current, is_deleted)
    SELECT _one.chat, _message.seq, convert_to(
        jsonb_build_object(
            'type', 'message', 'chat', _one.chat, 'seq', _message.seq, 'at', _event -> 'at',
            'by', _message.sender, 'messageId', _one.message, 'message', '',
            'deletedAt', _at, 'deletedBy', _one.sender
        )::text, 'UTF8'
    ), true
    ON CONFLICT (chat, seq) DO UPDATE SET
        current = excluded.current, reactions = NULL, is_deleted = true;
    RETURN ROW('appended', stamp_text(_one.draft, _seq, _at, _message.seq, NULL))::append_outcome;
END $$;

-- The limits are MAX_EMOJI_A_MESSAGE and MAX_USERS_SHOWN of common/protocol; the list becomes what
-- common/protocol/fold.py makes of the event.
CREATE FUNCTION add_reaction(_one other_event, _message message_state, _seq bigint, _at text)
RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _reactions jsonb := coalesce(_message.reactions, '[]');
    _place bigint;
    _users jsonb;
    _count integer;
BEGIN
    SELECT r.nth - 1, r.one -> 'users', r.one -> 'count' INTO _place, _users, _count
    FROM jsonb_array_elements(_reactions) WITH ORDINALITY AS r (one, nth)
    WHERE r.one ->> 'emoji' = _one.emoji;
    IF NOT FOUND THEN
        _place := jsonb_array_length(_reactions);
        _users := '[]';
        _count := 0;
        IF _place >= 20 THEN
            RETURN ROW('too_many_emoji', NULL)::append_outcome;
        END IF;
    END IF;
    IF _users ? _one.sender::text THEN
        RETURN ROW('known', NULL)::append_outcome;
    ELSIF _count = jsonb_array_length(_users) AND _count < 100 THEN
        _users := _users || to_jsonb(_one.sender);
    ELSE
        INSERT INTO unnamed_reactions (chat, seq, emoji, member)
        VALUES (_one.chat, _message.seq, _one.emoji, _one.sender) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN ROW('known', NULL)::append_outcome;
        END IF;
    END IF;
    _reactions := jsonb_set(
        _reactions, ARRAY[_place::text],
        jsonb_build_object('emoji', _one.emoji, 'count', _count + 1, 'users', _users)
    );
    IF _message.is_changed THEN
        UPDATE changed_messages c SET reactions = _reactions
        WHERE c.chat = _one.chat AND c.seq = _message.seq;
    ELSE
        INSERT INTO changed_messages (chat, seq, reactions)
        VALUES (_one.chat, _message.seq, _reactions);
    END IF;
    RETURN ROW('appended', stamp_text(_one.draft, _seq, _at, _message.seq, NULL))::append_outcome;
END $$;

CREATE FUNCTION remove_reaction(_one other_event, _message message_state, _seq bigint, _at text)
RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _reactions jsonb := coalesce(_message.reactions, '[]');
    _place bigint;
    _users jsonb;
    _count integer;
BEGIN
    SELECT r.nth - 1, r.one -> 'users', r.one -> 'count' INTO _place, _users, _count
    FROM jsonb_array_elements(_reactions) WITH ORDINALITY AS r (one, nth)
    WHERE r.one ->> 'emoji' = _one.emoji;
    IF NOT FOUND THEN
        RETURN ROW('not_found', NULL)::append_outcome;
    END IF;
    IF NOT _users ? _one.sender::text THEN
        DELETE FROM unnamed_reactions r WHERE r.chat = _one.chat AND r.seq = _message.seq
            AND r.emoji = _one.emoji AND r.member = _one.sender;
        IF NOT FOUND THEN
            RETURN ROW('not_found', NULL)::append_outcome;
        END IF;
    END IF;
    IF _count = 1 THEN
        _reactions := _reactions - _place::integer;
    ELSE
        _reactions := jsonb_set(
            _reactions, ARRAY[_place::text],
            jsonb_build_object(
                'emoji', _one.emoji, 'count', _count - 1, 'users', _users - _one.sender::text
            )
        );
    END IF;
    UPDATE changed_messages c SET reactions = nullif(_reactions, '[]')
    WHERE c.chat = _one.chat AND c.seq = _message.seq;
    RETURN ROW('appended', stamp_text(_one.draft, _seq, _at, _message.seq, NULL))::append_outcome;
END $$;

-- An event about a message, judged by what it is now. After its deletion nothing is known of it but
-- the deletion's own repeat.
CREATE FUNCTION append_change(_one other_event, _seq bigint, _at text) RETURNS append_outcome
LANGUAGE plpgsql AS $$
DECLARE
    _message message_state;
    _done append_outcome;
    _known bigint;
BEGIN
    SELECT p.member IS NOT NULL, l.seq, l.sender, l.event, c.seq IS NOT NULL,
        coalesce(c.edits, '{}'), c.current, c.reactions, coalesce(c.is_deleted, false)
    INTO _message
    FROM log l
    LEFT JOIN participants p ON p.chat = l.chat AND p.member = _one.sender
    LEFT JOIN changed_messages c ON c.chat = l.chat AND c.seq = l.seq
    WHERE message_id(l.event) = _one.message AND l.kind = 'message' AND l.chat = _one.chat;
    IF _one.former AND FOUND THEN
        PERFORM FROM chats WHERE id = _one.chat AND deleted_at IS NULL;
        _message.is_seen := FOUND;
    END IF;
    IF _message.is_seen IS NOT TRUE
        OR (_message.is_deleted AND _one.kind <> 'message.deleted')
    THEN
        RETURN ROW('not_found', NULL)::append_outcome;
    END IF;
    IF _one.key IS NOT NULL THEN
        SELECT convert_from(r.result, 'UTF8') INTO _known FROM results r
        WHERE r.caller = _one.sender AND r.scope = _one.scope AND r.key = _one.key;
        IF FOUND THEN
            SELECT 'known', l.event INTO _done FROM log l
            WHERE l.chat = _one.chat AND l.seq = _known;
            RETURN _done;
        END IF;
    END IF;
    IF _message.is_deleted THEN
        RETURN ROW('not_found', NULL)::append_outcome;
    END IF;
    _done := CASE _one.kind
        WHEN 'message.edited' THEN edit_message(_one, _message, _seq, _at)
        WHEN 'message.deleted' THEN delete_message(_one, _message, _seq, _at)
        WHEN 'reaction.added' THEN add_reaction(_one, _message, _seq, _at)
        WHEN 'reaction.removed' THEN remove_reaction(_one, _message, _seq, _at)
    END;
    IF _done.outcome = 'appended' THEN
        INSERT INTO log (chat, seq, kind, sender, event)
        VALUES (_one.chat, _seq, _one.kind, _one.sender, _done.event);
        _known := _seq;
    ELSIF _one.kind = 'message.edited' AND _done.outcome = 'known' THEN
        _known := coalesce(_message.edits[cardinality(_message.edits)], _message.seq);
    END IF;
    IF _one.key IS NOT NULL AND _known IS NOT NULL THEN
        INSERT INTO results (caller, scope, key, result)
        VALUES (_one.sender, _one.scope, _one.key, convert_to(_known::text, 'UTF8'));
    END IF;
    RETURN _done;
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
CREATE FUNCTION append_events(
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
BEGIN
    -- In the order of ids, so that two batches never wait for each other in a circle.
    PERFORM FROM chats WHERE id = ANY (_chats || _other_chats) ORDER BY id FOR NO KEY UPDATE;
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
        SELECT item, 'appended', seq, _at, NULL::bytea, NULL::uuid, NULL::bigint FROM fresh
        UNION ALL
        SELECT item, 'known', NULL, NULL, stored, NULL, NULL FROM given WHERE stored IS NOT NULL
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
        IF _one.kind = 'message' THEN
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
