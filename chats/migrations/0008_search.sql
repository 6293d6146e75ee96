-- What was said, by its words. Fed behind the commit from the log and derived from it: emptied, it is
-- fed again. chats/search/words.py says what a line is, chats/search/feeding.py who fills it.

-- How far each chat's log is in the index.
CREATE TABLE search_progress (
    chat uuid PRIMARY KEY,
    upto bigint NOT NULL
) WITH (fillfactor = 50);

-- The newest messages of each chat, fewer than a block holds, a row each. `head` is seq, time
-- (ms since 1970), messageId and sender, with a space between; `extra` has further words.
CREATE TABLE search_open (
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    head text NOT NULL,
    line text NOT NULL,
    extra text NOT NULL,
    PRIMARY KEY (chat, seq)
);

-- All older ones, 16 consecutive messages of a chat a row: an index of blocks is half the size of one
-- of messages, and a frequent word has few blocks to read through. `lines`, `heads` and `extra`
-- have a line a message. Texts lie out of line, so that a row that is only looked at is short;
-- therefore times are numbers.
CREATE TABLE search_blocks (
    chat uuid NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    lines text NOT NULL,
    heads text NOT NULL,
    extra text NOT NULL,
    PRIMARY KEY (chat, last)
) WITH (toast_tuple_target = 128);

CREATE FUNCTION search_terms(lines text, extra text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(
    array_remove(array_remove(string_to_array(lines || extra, ' '), ''), E'\n')
);
-- What is put into it waits in a list that whoever fills it must empty: a short one is soon emptied.
CREATE INDEX search_blocks_terms ON search_blocks USING gin (search_terms(lines, extra))
WITH (gin_pending_list_limit = 256);

CREATE TYPE search_hit AS (ms bigint, message uuid, chat uuid, seq bigint, sender text);

CREATE FUNCTION search_hit(head text, chat uuid) RETURNS search_hit LANGUAGE sql IMMUTABLE
RETURN (
    split_part(head, ' ', 2)::bigint, split_part(head, ' ', 3)::uuid, chat,
    split_part(head, ' ', 1)::bigint, split_part(head, ' ', 4)
)::search_hit;

-- Holds the progress of those of the chats that nobody else feeds just now, and returns the rows of
-- their logs that are not in the index, at most `_rows` a chat, or one without a seq where there are
-- none. Of rows that hold no words only the seq.
CREATE FUNCTION search_unfed(_chats uuid[], _rows bigint)
RETURNS TABLE (chat uuid, seq bigint, event bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _held uuid[];
BEGIN
    INSERT INTO search_progress (chat, upto) SELECT c, 0 FROM unnest(_chats) c
    ON CONFLICT DO NOTHING;
    SELECT array_agg(p.chat) INTO _held FROM (
        SELECT chat FROM search_progress WHERE chat = ANY (_chats) ORDER BY chat
        FOR NO KEY UPDATE SKIP LOCKED
    ) p;
    RETURN QUERY
    SELECT p.chat, l.seq, CASE WHEN l.kind LIKE 'message%' OR l.kind = 'chat.deleted' THEN l.event END
    FROM search_progress p LEFT JOIN LATERAL (
        SELECT seq, kind, event FROM log WHERE chat = p.chat AND seq > p.upto
        ORDER BY seq LIMIT _rows
    ) l ON true
    WHERE p.chat = ANY (_held) ORDER BY p.chat, l.seq;
END $$;

-- Another line for messages in the index. `_keeps_names`: what stands behind the first | stays.
CREATE FUNCTION search_change(
    _chats uuid[], _seqs bigint[], _lines text[], _extras text[], _keeps_names boolean[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _one record;
    _nth bigint;
BEGIN
    FOR _one IN
        SELECT * FROM unnest(_chats, _seqs, _lines, _extras, _keeps_names)
            AS u (chat, seq, line, extra, keeps_names)
    LOOP
        UPDATE search_open o
        SET line = search_changed(o.line, _one.line, _one.keeps_names),
            extra = search_changed(o.extra, _one.extra, _one.keeps_names)
        WHERE o.chat = _one.chat AND o.seq = _one.seq;
        CONTINUE WHEN FOUND;
        SELECT h.nth INTO _nth FROM search_blocks b,
            LATERAL unnest(string_to_array(b.heads, E'\n')) WITH ORDINALITY AS h (head, nth)
        WHERE b.chat = _one.chat AND b.first <= _one.seq AND b.last >= _one.seq
            AND split_part(h.head, ' ', 1)::bigint = _one.seq;
        CONTINUE WHEN NOT FOUND;
        UPDATE search_blocks b
        SET lines = search_with_line(b.lines, _nth, _one.line, _one.keeps_names),
            extra = search_with_line(b.extra, _nth, _one.extra, _one.keeps_names)
        WHERE b.chat = _one.chat AND b.first <= _one.seq AND b.last >= _one.seq;
    END LOOP;
END $$;

CREATE FUNCTION search_changed(_old text, _new text, _keeps_names boolean) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN _new || CASE WHEN _keeps_names THEN coalesce(substring(_old FROM '[|].*$'), '') ELSE '' END;

CREATE FUNCTION search_with_line(_lines text, _nth bigint, _new text, _keeps_names boolean)
RETURNS text LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(
        CASE WHEN l.nth = _nth THEN search_changed(l.line, _new, _keeps_names) ELSE l.line END,
        E'\n' ORDER BY l.nth
    ) FROM unnest(string_to_array(_lines, E'\n')) WITH ORDINALITY AS l (line, nth)
);

-- Makes blocks of what is open in these chats, as far as it fills blocks. A tsvector has at most
-- 1 MB, so that blocks of very long messages have fewer.
CREATE FUNCTION search_seal(_chats uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _chat uuid;
    _size bigint;
    _full bigint;
BEGIN
    FOREACH _chat IN ARRAY _chats LOOP
        SELECT CASE WHEN sum(octet_length(line) + octet_length(extra)) > 500000 THEN 4 ELSE 16 END,
            count(*) INTO _size, _full
        FROM search_open WHERE chat = _chat;
        _full := _full / _size * _size;
        CONTINUE WHEN _full = 0;
        WITH taken AS (
            DELETE FROM search_open WHERE chat = _chat AND seq <= (
                SELECT seq FROM search_open WHERE chat = _chat ORDER BY seq OFFSET _full - 1 LIMIT 1
            ) RETURNING seq, head, line, extra
        ), numbered AS (
            SELECT *, (row_number() OVER (ORDER BY seq) - 1) / _size AS block FROM taken
        )
        INSERT INTO search_blocks (chat, first, last, first_ms, last_ms, lines, heads, extra)
        SELECT _chat, min(seq), max(seq),
            min(split_part(head, ' ', 2)::bigint), max(split_part(head, ' ', 2)::bigint),
            string_agg(line, E'\n' ORDER BY seq), string_agg(head, E'\n' ORDER BY seq),
            string_agg(extra, E'\n' ORDER BY seq)
        FROM numbered GROUP BY block;
    END LOOP;
END $$;

-- Takes up to `_rows` blocks of a chat that was deleted out of the index; whether there are more.
CREATE FUNCTION search_forget(_chat uuid, _rows bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM search_open WHERE chat = _chat;
    DELETE FROM search_blocks WHERE chat = _chat AND last IN (
        SELECT last FROM search_blocks WHERE chat = _chat ORDER BY last LIMIT _rows
    );
    RETURN EXISTS (SELECT FROM search_blocks WHERE chat = _chat);
END $$;

-- Of these messages those that are not deleted. Deleting marks the message's own event in the
-- transaction of the deletion, so what is not yet out of the index is not found either.
CREATE FUNCTION search_present(_hits search_hit[]) RETURNS search_hit[] LANGUAGE sql STABLE
RETURN (
    SELECT array_agg((h.ms, h.message, h.chat, h.seq, h.sender)::search_hit)
    FROM unnest(_hits) h JOIN log l ON l.chat = h.chat AND l.seq = h.seq
    WHERE position('"deleted":true'::bytea IN l.event) = 0
);

-- Those of a block's messages that have all that is wanted, are older than the cursor and not
-- deleted.
CREATE FUNCTION search_block(
    _chat uuid, _last bigint, _strings text[], _sender text, _ms bigint, _message uuid
) RETURNS search_hit[] LANGUAGE sql STABLE
RETURN search_present((
    SELECT array_agg(h.hit) FROM (
        SELECT search_hit(l.head, b.chat) AS hit
        FROM search_blocks b,
            LATERAL unnest(string_to_array(b.lines, E'\n'), string_to_array(b.heads, E'\n'))
                AS l (line, head)
        WHERE b.chat = _chat AND b.last = _last AND strpos(b.lines, _strings[1]) > 0
            AND strpos(l.line, _strings[1]) > 0
            AND NOT EXISTS (SELECT FROM unnest(_strings[2:]) s WHERE strpos(l.line, s) = 0)
            AND (_sender IS NULL OR split_part(l.head, ' ', 4) = _sender)
    ) h
    WHERE ((h.hit).ms, (h.hit).message) < (_ms, _message)
));

-- The newest `_limit` messages whose lines have all strings, of the chats that the reader takes part in
-- now (or the one), older than the cursor, by time, then messageId. STABLE: all of it sees one
-- moment. `_terms` is what a block holds that has such a message, by the index.
--
-- First what is open. Then the newest blocks without the index, which does for frequent words; else
-- blocks by the index. Blocks are read newest first until no older one can change the page.
CREATE FUNCTION search_messages(
    _reader uuid, _chat uuid, _sender text, _strings text[], _terms tsquery,
    _ms bigint, _message uuid, _limit bigint
) RETURNS SETOF search_hit LANGUAGE plpgsql STABLE
SET enable_bitmapscan = on SET enable_hashjoin = on SET enable_sort = on AS $$
DECLARE
    _near CONSTANT bigint := 64;
    _near_a_chat CONSTANT bigint := CASE WHEN _chat IS NULL THEN 2 ELSE _near END;
    _mine uuid[];
    _open search_hit[];
    _hits search_hit[];
    _floor bigint;
    _block record;
BEGIN
    SELECT array_agg(p.chat) INTO _mine FROM participants p
    WHERE p.member = _reader AND (_chat IS NULL OR p.chat = _chat);
    -- A frequent word is in many of them: only the newest are looked up in the log.
    WITH found AS MATERIALIZED (
        SELECT h.hit FROM (
            SELECT search_hit(o.head, o.chat) AS hit FROM search_open o
            WHERE o.chat = ANY (_mine) AND strpos(o.line, _strings[1]) > 0
                AND NOT EXISTS (SELECT FROM unnest(_strings[2:]) s WHERE strpos(o.line, s) = 0)
                AND (_sender IS NULL OR split_part(o.head, ' ', 4) = _sender)
        ) h
        WHERE ((h.hit).ms, (h.hit).message) < (_ms, _message)
        ORDER BY (h.hit).ms DESC, (h.hit).message DESC
    )
    SELECT array_agg(p.hit) INTO _open FROM (
        SELECT f.hit FROM found f WHERE search_present(ARRAY[f.hit]) IS NOT NULL LIMIT _limit
    ) p;

    _hits := _open;
    FOR _block IN
        SELECT n.*, count(*) OVER (PARTITION BY n.chat) AS of_chat,
            min(n.last_ms) OVER (PARTITION BY n.chat) AS chat_floor
        FROM unnest(_mine) AS m (chat), LATERAL (
            SELECT b.chat, b.last, b.last_ms FROM search_blocks b
            WHERE b.chat = m.chat AND b.first_ms <= _ms ORDER BY b.last DESC LIMIT _near_a_chat
        ) n
        ORDER BY n.last_ms DESC LIMIT _near + 1
    LOOP
        -- Older blocks than this one may be missing from here on.
        IF _floor IS NULL AND _block.of_chat = _near_a_chat AND _block.last_ms = _block.chat_floor
        THEN
            _floor := _block.last_ms;
        END IF;
        IF search_is_full(_hits, greatest(_floor, _block.last_ms), _limit) THEN
            RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
            RETURN;
        END IF;
        EXIT WHEN _floor IS NOT NULL AND _block.last_ms < _floor;
        _hits := _hits || search_block(
            _block.chat, _block.last, _strings, _sender, _ms, _message
        );
    END LOOP;

    _hits := _open;
    FOR _block IN
        -- By the index of terms and no other, which would make the terms of each block again.
        WITH b AS MATERIALIZED (
            SELECT chat, last, first_ms, last_ms FROM search_blocks
            WHERE search_terms(lines, extra) @@ _terms
        )
        SELECT b.chat, b.last, b.last_ms FROM b
        WHERE b.chat = ANY (_mine) AND b.first_ms <= _ms
        ORDER BY b.last_ms DESC
    LOOP
        EXIT WHEN search_is_full(_hits, _block.last_ms, _limit);
        _hits := _hits || search_block(
            _block.chat, _block.last, _strings, _sender, _ms, _message
        );
    END LOOP;
    RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
END $$;

-- Whether a page is full of messages newer than `_ms`.
CREATE FUNCTION search_is_full(_hits search_hit[], _ms bigint, _limit bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN cardinality(_hits) >= _limit
    AND (SELECT count(*) FROM unnest(_hits) h WHERE h.ms > _ms) >= _limit;

CREATE FUNCTION search_newest(_hits search_hit[], _limit bigint) RETURNS SETOF search_hit
LANGUAGE sql IMMUTABLE AS $$
    SELECT h.* FROM unnest(_hits) h ORDER BY h.ms DESC, h.message DESC LIMIT _limit;
$$;
