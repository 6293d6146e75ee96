-- The part of append_events that goes one by one, chat by chat: what happens to a message depends on
-- what happened to it just before. The chats are locked. New: `former` in `scope` is for the deletion of
-- messages whose sender's account is deleted, and who takes part no more.
CREATE OR REPLACE FUNCTION append_others(_others jsonb, _at text) RETURNS TABLE (
    item bigint, outcome text, seq bigint, event bytea, chat uuid, outbox bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _one other_event;
    _done append_outcome;
    _chat uuid;
    _first bigint;
    _next bigint;
    _outbox bigint;
BEGIN
    FOR _one IN
        SELECT * FROM jsonb_populate_recordset(NULL::other_event, _others) AS o
        UNION ALL SELECT (NULL::other_event).*  -- ends the last chat
        ORDER BY chat, item
    LOOP
        IF _one.chat IS DISTINCT FROM _chat THEN
            IF _next > _first THEN
                INSERT INTO outbox (chat, first, last) VALUES (_chat, _first, _next - 1)
                RETURNING id INTO _outbox;
                RETURN QUERY SELECT NULL::bigint, NULL, NULL::bigint, NULL::bytea, _chat, _outbox;
            END IF;
            EXIT WHEN _one.chat IS NULL;
            _chat := _one.chat;
            _next := NULL;
            SELECT l.seq + 1 INTO _next FROM log l
            WHERE l.chat = _chat ORDER BY l.seq DESC LIMIT 1;
            _first := _next;
        END IF;
        IF _one.scope = 'former' THEN
            PERFORM FROM chats c WHERE c.id = _chat AND c.deleted_at IS NULL;
        ELSE
            PERFORM FROM participants p WHERE p.chat = _chat AND p.member = _one.sender;
        END IF;
        IF NOT FOUND THEN
            _done := ROW('not_found', NULL)::append_outcome;
        ELSIF _one.kind = 'message' THEN
            _done := append_message(_one, _next, _at);
        ELSE
            _done := append_change(_one, _next, _at);
        END IF;
        RETURN QUERY SELECT
            _one.item, _done.outcome, _next, _done.event, NULL::uuid, NULL::bigint;
        IF _done.outcome = 'appended' THEN
            _next := _next + 1;
        END IF;
    END LOOP;
END $$;
