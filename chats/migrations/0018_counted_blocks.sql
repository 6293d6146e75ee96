-- What lies in a chat's log, 128 events a row: so that counting what somebody has not read, and looking
-- for the newest message, read little also where most events are no messages, are deleted, or are the
-- reader's own. Derived from the log; only chats have rows in which somebody needed them, and a
-- deletion takes the row of its message away.

-- Block n has the seqs from 128 n on. `messages` are those that are not deleted, `of_senders` how many
-- of them each of `senders` has sent. `last` is the newest message up to the end of the block, a
-- deleted one too, or 0.
CREATE TABLE counted_blocks (
    chat uuid NOT NULL,
    block bigint NOT NULL,
    messages smallint NOT NULL,
    senders uuid[] NOT NULL,
    of_senders smallint[] NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (chat, block)
);

CREATE INDEX changed_messages_deleted ON changed_messages (chat, seq) WHERE is_deleted;

CREATE FUNCTION forget_counted_block() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM counted_blocks b WHERE b.chat = NEW.chat AND b.block = NEW.seq / 128;
    RETURN NULL;
END $$;
CREATE TRIGGER counted_blocks_follow AFTER INSERT OR UPDATE OF is_deleted ON changed_messages
FOR EACH ROW WHEN (NEW.is_deleted) EXECUTE FUNCTION forget_counted_block();

-- Makes up to `_limit` rows that are missing, the oldest first; whether more are missing. Under the
-- chat's lock, so that no message is deleted meanwhile.
CREATE FUNCTION count_blocks(_chat uuid, _limit bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _first bigint;
    _missing bigint[];
    _block bigint;
BEGIN
    PERFORM FROM chats WHERE id = _chat FOR NO KEY UPDATE;
    -- Where there is no gap, behind the last one.
    SELECT CASE WHEN count(*) = max(b.block) + 1 THEN count(*) ELSE 0 END INTO _first
    FROM counted_blocks b WHERE b.chat = _chat;
    SELECT array_agg(m.block ORDER BY m.block) INTO _missing FROM (
        SELECT b AS block FROM generate_series(_first, (
            SELECT (l.seq + 1) / 128 FROM log l WHERE l.chat = _chat ORDER BY l.seq DESC LIMIT 1
        ) - 1) AS b
        WHERE NOT EXISTS (SELECT FROM counted_blocks c WHERE c.chat = _chat AND c.block = b)
        ORDER BY b LIMIT _limit + 1
    ) m;
    FOREACH _block IN ARRAY coalesce(_missing[:_limit], '{}') LOOP
        INSERT INTO counted_blocks (chat, block, messages, senders, of_senders, last)
        SELECT _chat, _block, coalesce(sum(s.messages), 0),
            coalesce(array_agg(s.sender) FILTER (WHERE s.messages > 0), '{}'),
            coalesce(array_agg(s.messages) FILTER (WHERE s.messages > 0), '{}'),
            coalesce(max(s.last), (
                SELECT c.last FROM counted_blocks c WHERE c.chat = _chat AND c.block = _block - 1
            ), 0)
        FROM (
            SELECT l.sender, max(l.seq) AS last,
                count(*) FILTER (WHERE d.seq IS NULL) AS messages
            FROM log l
            LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq AND d.is_deleted
            WHERE l.chat = _chat AND l.kind = 'message'
                AND l.seq >= _block * 128 AND l.seq < (_block + 1) * 128
            GROUP BY l.sender
        ) s;
    END LOOP;
    RETURN coalesce(cardinality(_missing) > _limit, false);
END $$;

-- Messages of others with these seqs that are not deleted, up to 100.
CREATE FUNCTION count_said(_chat uuid, _member uuid, _after bigint, _rows bigint) RETURNS bigint
LANGUAGE sql STABLE
RETURN (
    SELECT count(*) FROM (
        SELECT FROM (
            SELECT l.seq, l.kind, l.sender FROM log l
            WHERE l.chat = _chat AND l.seq > _after ORDER BY l.seq LIMIT _rows
        ) l
        WHERE l.kind = 'message' AND l.sender <> _member AND NOT EXISTS (
            SELECT FROM changed_messages d
            WHERE d.chat = _chat AND d.seq = l.seq AND d.is_deleted
        )
        LIMIT 100
    ) found
);

-- The same above the marker, by blocks as far as there are any; null where too many are missing.
CREATE FUNCTION count_unread(_chat uuid, _member uuid, _marker bigint, _head bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    _near CONSTANT bigint := 512;
    _first CONSTANT bigint := (_marker + 128) / 128;  -- the first that lies above the marker
    _blocks bigint;
    _top bigint;
    _found bigint;
BEGIN
    IF _head - _marker <= _near THEN
        RETURN count_said(_chat, _member, _marker, _near);
    END IF;
    SELECT count(*), max(b.block),
        sum(b.messages - coalesce(b.of_senders[array_position(b.senders, _member)], 0))
    INTO _blocks, _top, _found
    FROM counted_blocks b WHERE b.chat = _chat AND b.block >= _first;
    IF _found >= 100 THEN
        RETURN 100;
    ELSIF _blocks > 0 AND _top - _first + 1 = _blocks AND _head - (_top + 1) * 128 < _near THEN
        RETURN least(
            100,
            _found + count_said(_chat, _member, _marker, _first * 128 - 1 - _marker)
                + count_said(_chat, _member, (_top + 1) * 128 - 1, _near)
        );
    END IF;
    _found := count_said(_chat, _member, _marker, _near);
    RETURN CASE WHEN _found = 100 THEN 100 END;
END $$;

-- The newest message where none is near the head, or 1, the chat's first event, where there is none;
-- null where too many blocks are missing.
CREATE FUNCTION find_last_message(_chat uuid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    _near CONSTANT bigint := 512;
    _counted bigint := -1;
    _below bigint;
    _head bigint;
    _seq bigint;
BEGIN
    SELECT (b.block + 1) * 128 - 1, b.last INTO _counted, _below FROM counted_blocks b
    WHERE b.chat = _chat ORDER BY b.block DESC LIMIT 1;
    SELECT l.seq INTO _head FROM log l WHERE l.chat = _chat ORDER BY l.seq DESC LIMIT 1;
    IF _head - coalesce(_counted, -1) > _near THEN
        RETURN NULL;
    END IF;
    SELECT l.seq INTO _seq FROM log l
    WHERE l.chat = _chat AND l.seq > coalesce(_counted, -1) AND l.kind = 'message'
    ORDER BY l.seq DESC LIMIT 1;
    RETURN greatest(_seq, _below, 1);
END $$;

-- What was somebody's own of a chat goes with it.
CREATE INDEX own_chats_of_chat ON own_chats (chat, member);
