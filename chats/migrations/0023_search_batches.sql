-- What the index of words finds is read many blocks at a time, and joined to the reader's chats by a hash:
-- one by one, the chats of somebody in a thousand cost more than all the rest. Lines lie uncompressed
-- from now on, for taking them apart cost twice as much as looking through them; what is compressed
-- stays so until `python -m chats.search.rebuild`.
ALTER TABLE search_blocks ALTER lines SET STORAGE EXTERNAL;

-- Those messages of these blocks that have all that is wanted, are older than the cursor and not deleted.
CREATE FUNCTION search_read_blocks(
    _chats uuid[], _lasts bigint[], _strings text[], _sender text, _ms bigint, _message uuid
) RETURNS search_hit[] LANGUAGE sql STABLE
RETURN search_present((
    SELECT array_agg(h.hit) FROM (
        SELECT search_hit(l.head, b.chat) AS hit
        FROM unnest(_chats, _lasts) AS w (chat, last)
            JOIN search_blocks b ON b.chat = w.chat AND b.last = w.last,
            LATERAL unnest(string_to_array(b.lines, E'\n'), string_to_array(b.heads, E'\n'))
                AS l (line, head)
        WHERE strpos(b.lines, _strings[1]) > 0 AND strpos(l.line, _strings[1]) > 0
            AND NOT EXISTS (SELECT FROM unnest(_strings[2:]) s WHERE strpos(l.line, s) = 0)
            AND (_sender IS NULL OR split_part(l.head, ' ', 4) = _sender)
    ) h
    WHERE ((h.hit).ms, (h.hit).message) < (_ms, _message)
));

-- As in 0017, but for how the blocks are read that the index of words finds: newest first, each time
-- twice as many as before, until no older one can change the page.
CREATE OR REPLACE FUNCTION search_messages(
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
    _batch bigint := 16;
    _chats uuid[] := '{}';
    _lasts bigint[] := '{}';
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
        _hits := _hits || search_read_blocks(
            ARRAY[_block.chat], ARRAY[_block.last], _strings, _sender, _ms, _message
        );
    END LOOP;

    -- While the index is made anew by `python -m chats.search.rebuild`, these are all that is found.
    IF to_regclass('search_blocks_terms') IS NULL THEN
        RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
        RETURN;
    END IF;
    _hits := _open;
    FOR _block IN
        -- By the index of terms and no other, which would make the terms of each block again.
        WITH b AS MATERIALIZED (
            SELECT chat, last, first_ms, last_ms FROM search_blocks
            WHERE search_terms(lines, extra) @@ _terms
        )
        SELECT b.chat, b.last, b.last_ms FROM b JOIN unnest(_mine) AS m (chat) ON m.chat = b.chat
        WHERE b.first_ms <= _ms ORDER BY b.last_ms DESC
    LOOP
        IF cardinality(_lasts) = _batch THEN
            _hits := _hits || search_read_blocks(_chats, _lasts, _strings, _sender, _ms, _message);
            _chats := '{}';
            _lasts := '{}';
            _batch := 2 * _batch;
            EXIT WHEN search_is_full(_hits, _block.last_ms, _limit);
        END IF;
        _chats := _chats || _block.chat;
        _lasts := _lasts || _block.last;
    END LOOP;
    _hits := _hits || search_read_blocks(_chats, _lasts, _strings, _sender, _ms, _message);
    RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
END $$;

DROP FUNCTION search_block(uuid, bigint, text[], text, bigint, uuid);
