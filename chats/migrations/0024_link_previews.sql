-- Previews of the links in a message, fetched after it was sent. docs/decisions/links.md has the
-- reasons.

-- Messages and edits whose links are to be fetched. `text_seq` is the event that has the text. `due_at`
-- is also until when somebody is at it.
CREATE TABLE links_to_preview (
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    text_seq bigint NOT NULL,
    message uuid NOT NULL,
    sender uuid NOT NULL,
    urls text[] NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (chat, seq)
);
CREATE INDEX links_to_preview_due ON links_to_preview (due_at);

-- The seqs of the events that have previews of a message: its deletion blanks them.
ALTER TABLE changed_messages ADD COLUMN previewed bigint[] NOT NULL DEFAULT '{}';

ALTER TYPE other_event ADD ATTRIBUTE previews jsonb;
ALTER TYPE other_event ADD ATTRIBUTE text_seq bigint;

-- A message, an edit or previews without what they say; chats/log/encoding.py does the same.
CREATE OR REPLACE FUNCTION blank_event(event bytea) RETURNS bytea LANGUAGE sql STABLE
RETURN convert_to(
    replace(
        (
            convert_from(event, 'UTF8')::jsonb - '{mentions,attachments,previews}'::text[]
            || CASE
                WHEN convert_from(event, 'UTF8')::jsonb ->> 'type' = 'links.previewed'
                THEN '{"previews": [], "deleted": true}'
                ELSE '{"message": "", "deleted": true}'
            END::jsonb
        )::text,
        ' ', ''
    ),
    'UTF8'
);

-- Nothing where the text is another one by now, or has previews already.
CREATE FUNCTION keep_previews(_one other_event, _message message_state, _seq bigint, _at text)
RETURNS append_outcome LANGUAGE plpgsql AS $$
DECLARE
    _current jsonb := convert_from(coalesce(_message.current, _message.event), 'UTF8')::jsonb;
BEGIN
    IF coalesce(_message.edits[cardinality(_message.edits)], _message.seq) <> _one.text_seq
        OR _current ? 'previews'
    THEN
        RETURN ROW('known', NULL)::append_outcome;
    END IF;
    _current := _current || jsonb_build_object('previews', _one.previews);
    INSERT INTO changed_messages AS c (chat, seq, current, previewed)
    VALUES (_one.chat, _message.seq, convert_to(_current::text, 'UTF8'), ARRAY[_seq])
    ON CONFLICT (chat, seq) DO UPDATE SET
        current = excluded.current, previewed = c.previewed || excluded.previewed;
    RETURN ROW('appended', stamp_text(_one.draft, _seq, _at, _message.seq, NULL))::append_outcome;
END $$;

-- As before; another text has other links.
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

-- As before; events with previews of its links lose them, too.
CREATE OR REPLACE FUNCTION delete_message(
    _one other_event, _message message_state, _seq bigint, _at text
) RETURNS append_outcome LANGUAGE plpgsql AS $$
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
    WHERE l.chat = _one.chat AND l.seq = ANY (_message.edits || _message.seq || coalesce((
        SELECT c.previewed FROM changed_messages c
        WHERE c.chat = _one.chat AND c.seq = _message.seq
    ), '{}'));
    DELETE FROM unnamed_reactions r WHERE r.chat = _one.chat AND r.seq = _message.seq;
    DELETE FROM links_to_preview l WHERE l.chat = _one.chat AND l.seq = _message.seq;
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

-- As before, with previews.
CREATE OR REPLACE FUNCTION append_change(_one other_event, _seq bigint, _at text) RETURNS append_outcome
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
        WHEN 'links.previewed' THEN keep_previews(_one, _message, _seq, _at)
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
