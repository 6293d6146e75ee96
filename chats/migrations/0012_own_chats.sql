-- What is one person's own of a chat, and what lists of chats need. A send writes nothing of it, but
-- for those whom it mentions.

-- The seq of joining: nothing before it counts as unread. Null where the release before has added
-- them; then the log says it.
ALTER TABLE participants ADD COLUMN joined bigint;

CREATE FUNCTION last_join(_chat uuid, _member uuid) RETURNS bigint LANGUAGE sql STABLE
RETURN coalesce((
    SELECT l.seq FROM log l WHERE l.chat = _chat AND l.controls IS NOT NULL AND EXISTS (
        SELECT FROM jsonb_array_elements(l.controls::jsonb) AS control
        WHERE control ->> 'action' = 'join' AND control -> 'users' ? _member::text
    ) ORDER BY l.seq DESC LIMIT 1
), 1);

UPDATE participants p SET joined = j.seq FROM (
    SELECT l.chat, u.id::uuid AS member, max(l.seq) AS seq
    FROM log l, jsonb_array_elements(l.controls::jsonb) AS control,
        jsonb_array_elements_text(control -> 'users') AS u (id)
    WHERE l.controls IS NOT NULL AND control ->> 'action' = 'join' GROUP BY l.chat, u.id
) AS j WHERE j.chat = p.chat AND j.member = p.member;

-- `read` is a marker that was set since the joining at `joined`; before any was set, and after the
-- next joining, that is the marker. `archived` is the chat's head when it was archived, which lasts
-- until a message above it. No index on what changes, and room in each page: updates are HOT.
CREATE TABLE own_chats (
    member uuid NOT NULL,
    chat uuid NOT NULL,
    joined bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    notify text NOT NULL DEFAULT 'all'
        CONSTRAINT own_chats_notify_fits CHECK (notify IN ('all', 'mentions', 'none')),
    archived bigint,
    PRIMARY KEY (member, chat)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Whom messages mention as they are now, their senders apart. Derived: rows of messages that were
-- edited or deleted follow changed_messages.
CREATE TABLE current_mentions (
    member uuid NOT NULL,
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (member, chat, seq)
);
CREATE INDEX current_mentions_of_message ON current_mentions (chat, seq);

CREATE FUNCTION keep_mentions(_chat uuid, _seq bigint, _sender uuid, _mentions jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO current_mentions (member, chat, seq)
    SELECT DISTINCT u.id::uuid, _chat, _seq FROM jsonb_array_elements_text(_mentions) AS u (id)
    WHERE u.id <> _sender::text ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION follow_mentions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    _current jsonb := convert_from(NEW.current, 'UTF8')::jsonb;
BEGIN
    DELETE FROM current_mentions m WHERE m.chat = NEW.chat AND m.seq = NEW.seq;
    PERFORM keep_mentions(NEW.chat, NEW.seq, (_current ->> 'by')::uuid, _current -> 'mentions');
    RETURN NULL;
END $$;
CREATE TRIGGER mentions_follow AFTER INSERT OR UPDATE OF current ON changed_messages
FOR EACH ROW WHEN (NEW.current IS NOT NULL) EXECUTE FUNCTION follow_mentions();

SELECT keep_mentions(l.chat, l.seq, l.sender, s.said -> 'mentions')
FROM log l LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq,
    LATERAL (SELECT convert_from(coalesce(d.current, l.event), 'UTF8')::jsonb AS said) AS s
WHERE l.kind = 'message'
    AND position('"mentions":'::bytea IN l.event)
        + coalesce(position('"mentions":'::bytea IN d.current), 0) > 0;

-- As before, with what is known of the mentioned.
CREATE OR REPLACE FUNCTION append_message(_one other_event, _seq bigint, _at text) RETURNS append_outcome
LANGUAGE plpgsql AS $$
DECLARE
    _event bytea;
    _mentions jsonb := mentioned(_one.chat, _one.mentions);
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
    _event := stamp_text(_one.draft, _seq, _at, NULL, _mentions);
    INSERT INTO log (chat, seq, kind, sender, key, event)
    VALUES (_one.chat, _seq, 'message', _one.sender, _one.key, _event);
    IF _mentions IS NOT NULL THEN
        PERFORM keep_mentions(_one.chat, _seq, _one.sender, _mentions);
    END IF;
    RETURN ROW('appended', _event)::append_outcome;
END $$;

-- All in one, with the seq of joining.
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

-- The caller's marker.
CREATE FUNCTION read_marker(_participant participants, _own own_chats) RETURNS bigint
LANGUAGE sql STABLE
RETURN CASE
    WHEN _own.joined = coalesce(
        _participant.joined, last_join(_participant.chat, _participant.member)
    ) THEN _own.read
    ELSE coalesce(_participant.joined, last_join(_participant.chat, _participant.member))
END;

-- Moves a marker: forward to `_seq`, or with `_back` back to it, never the other way. Returns where
-- it is then; null for one who does not take part, -1 for a seq above the head.
CREATE FUNCTION move_marker(_chat uuid, _member uuid, _seq bigint, _back boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    _marker bigint;
    _joined bigint;
BEGIN
    SELECT read_marker(p, o), coalesce(p.joined, last_join(p.chat, p.member))
    INTO _marker, _joined
    FROM participants p LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
    WHERE p.chat = _chat AND p.member = _member;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF _seq + _back::integer > (
        SELECT l.seq FROM log l WHERE l.chat = _chat ORDER BY l.seq DESC LIMIT 1
    ) THEN
        RETURN -1;
    ELSIF (_back AND _seq >= _marker) OR (NOT _back AND _seq <= _marker) THEN
        RETURN _marker;
    END IF;
    INSERT INTO own_chats AS o (member, chat, joined, read)
    VALUES (_member, _chat, _joined, _seq)
    ON CONFLICT (member, chat) DO UPDATE SET
        joined = excluded.joined,
        read = CASE
            WHEN o.joined <> excluded.joined THEN excluded.read
            WHEN _back THEN least(o.read, excluded.read)
            ELSE greatest(o.read, excluded.read)
        END
    RETURNING o.read INTO _marker;
    RETURN _marker;
END $$;

-- When an event happened, as it says itself.
CREATE FUNCTION event_at(event bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(substring(event FROM position('"at":'::bytea IN event) + 5 FOR 26), 'escape');
