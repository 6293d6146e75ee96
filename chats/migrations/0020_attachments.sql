-- Files of messages. A plain message goes the way it went: nothing here is asked for it.

ALTER TYPE other_event ADD ATTRIBUTE attachments jsonb;

-- The files that the list names, in its order, taken by the message with this seq; null where it names
-- too many, one twice, or one that is not the sender's own of this chat, which no message has yet.
CREATE FUNCTION take_files(_one other_event, _seq bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    _max CONSTANT bigint := 10; -- MAX_ATTACHMENTS of common/protocol/limits.py
    _ids uuid[];
    _taken jsonb;
BEGIN
    SELECT array_agg(DISTINCT a.id::uuid) INTO _ids
    FROM jsonb_array_elements_text(_one.attachments) AS a (id);
    IF cardinality(_ids) > _max OR cardinality(_ids) < jsonb_array_length(_one.attachments) THEN
        RETURN NULL;
    END IF;
    WITH held AS MATERIALIZED (
        SELECT f FROM files f
        WHERE f.id = ANY (_ids) AND may_have_file(f, _one.chat, _one.sender)
            AND f.uploader = _one.sender AND f.seq IS NULL
        ORDER BY f.id FOR UPDATE
    )
    SELECT jsonb_agg(show_file(h.f) ORDER BY a.nth) INTO _taken
    FROM jsonb_array_elements_text(_one.attachments) WITH ORDINALITY AS a (id, nth)
    JOIN held h ON (h.f).id = a.id::uuid;
    IF jsonb_array_length(_taken) IS DISTINCT FROM jsonb_array_length(_one.attachments) THEN
        RETURN NULL;
    END IF;
    UPDATE files f SET seq = _seq WHERE f.id = ANY (_ids);
    RETURN _taken;
END $$;

-- As before, with the files.
CREATE OR REPLACE FUNCTION append_message(_one other_event, _seq bigint, _at text) RETURNS append_outcome
LANGUAGE plpgsql AS $$
DECLARE
    _event bytea;
    _mentions jsonb := mentioned(_one.chat, _one.mentions);
    _draft text := _one.draft;
    _files jsonb;
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
    IF _one.attachments IS NOT NULL THEN
        _files := take_files(_one, _seq);
        IF _files IS NULL THEN
            RETURN ROW('no_such_file', NULL)::append_outcome;
        END IF;
        _draft := replace(_draft, '"attachments":[]', '"attachments":' || _files::text);
    END IF;
    _event := stamp_text(_draft, _seq, _at, NULL, _mentions);
    INSERT INTO log (chat, seq, kind, sender, key, event)
    VALUES (_one.chat, _seq, 'message', _one.sender, _one.key, _event);
    IF _mentions IS NOT NULL THEN
        PERFORM keep_mentions(_one.chat, _seq, _one.sender, _mentions);
    END IF;
    RETURN ROW('appended', _event)::append_outcome;
END $$;

-- As before; the text may be empty where there are files.
CREATE OR REPLACE FUNCTION edit_message(
    _one other_event, _message message_state, _seq bigint, _at text
) RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _current jsonb := convert_from(coalesce(_message.current, _message.event), 'UTF8')::jsonb;
    _mentions jsonb := _current -> 'mentions';
    _event bytea;
BEGIN
    IF _one.sender <> _message.sender THEN
        RETURN ROW('forbidden', NULL)::append_outcome;
    ELSIF _one.text = '' AND NOT _current ? 'attachments' THEN
        RETURN ROW('no_text', NULL)::append_outcome;
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
