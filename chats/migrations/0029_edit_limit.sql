-- As in 0024, but not without end: each edit writes the list of all, and the deletion blanks them all in
-- one transaction.
CREATE OR REPLACE FUNCTION edit_message(
    _one other_event, _message message_state, _seq bigint, _at text
) RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _current jsonb := convert_from(coalesce(_message.current, _message.event), 'UTF8')::jsonb;
    _mentions jsonb := _current -> 'mentions';
    _event bytea;
    _max CONSTANT bigint := 1000; -- MAX_EDITS_A_MESSAGE of common/protocol/limits.py
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
    ELSIF cardinality(_message.edits) >= _max THEN
        RETURN ROW('too_many_edits', NULL)::append_outcome;
    END IF;
    _event := stamp_text(_one.draft, _seq, _at, _message.seq, _mentions);
    _current := _current - '{mentions,previews}'::text[]
        || jsonb_build_object('message', _one.text, 'editedAt', _at);
    IF _mentions IS NOT NULL THEN
        _current := _current || jsonb_build_object('mentions', _mentions);
    END IF;
    INSERT INTO changed_messages AS c (chat, seq, edits, current)
    VALUES (_one.chat, _message.seq, ARRAY[_seq], convert_to(_current::text, 'UTF8'))
    ON CONFLICT (chat, seq) DO UPDATE SET
        edits = c.edits || excluded.edits, current = excluded.current;
    RETURN ROW('appended', _event)::append_outcome;
END $$;
