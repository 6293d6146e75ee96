-- Every change of a chat that is no message, as one transaction. It takes the place of change_chat,
-- which the release before goes on calling.

-- What a chat becomes, and the event that says so. `version` is the one that the change was made
-- for, 0 for a chat that is not there yet. `joining` are appended to the participants in this order.
CREATE TYPE chat_change AS (
    chat uuid, version bigint, name text, owner uuid, joining uuid[], leaving uuid[], is_end boolean,
    kind text, sender uuid, draft bytea, controls text
);

-- What is kept for repeats of the sender's request.
CREATE TYPE request_result AS (scope text, key uuid, result bytea);

-- `began` is this database's time: the clock that goes on while a coordinator is stopped. Later than
-- `max_age` after it nothing is committed. `transaction` is null where users takes no part.
CREATE TYPE change_attempt AS (transaction uuid, began timestamptz, max_age interval);

-- Stores the event, participants, owner, name, end, the result and the decision.
-- Raises HB001 (another version), HB002 (too old to commit), unique_violation on decisions_pkey (an
-- abort was written) or results_pkey (the same request was quicker).
CREATE FUNCTION commit_change(
    _change chat_change, _request request_result, _attempt change_attempt
) RETURNS TABLE (seq bigint, at text, outbox_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _at text;
    _seq bigint;
    _last_position bigint;
    _outbox_id bigint;
BEGIN
    IF _change.version = 0 THEN
        INSERT INTO chats (id, name, owner) VALUES (_change.chat, _change.name, _change.owner);
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

    IF _change.is_end THEN
        DELETE FROM participants WHERE chat = _change.chat;
    ELSIF _change.leaving <> '{}' THEN
        DELETE FROM participants WHERE chat = _change.chat AND member = ANY (_change.leaving);
    END IF;
    SELECT coalesce(max(position), 0) INTO _last_position
    FROM participants WHERE chat = _change.chat;
    INSERT INTO participants (chat, member, position)
    SELECT _change.chat, j.member, _last_position + j.nth
    FROM unnest(_change.joining) WITH ORDINALITY AS j (member, nth);

    _at := wire_now();
    UPDATE chats SET
        version = version + 1, name = _change.name, owner = _change.owner,
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
