-- A search reads little of an instance, however few blocks there are, and before PostgreSQL has
-- statistics. The planner underestimates what making the words of a block costs: with few blocks it read
-- all of them by the index of times and made the words of each again.

-- The newest blocks of those chats that have the words and are older than `_before`. A GIN index can only
-- be read by a bitmap scan, which PLAN_OPTIONS turns off, so the function turns it on. `IS TRUE` keeps the
-- indexes of chats and of times out.
CREATE FUNCTION search_by_words(
    _mine uuid[], _terms tsquery, _ms bigint, _before_ms bigint, _before tid, _most bigint
) RETURNS TABLE (place tid, last_ms bigint) LANGUAGE plpgsql STABLE
SET enable_bitmapscan = on SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT b.ctid, b.last_ms FROM search_blocks b
    WHERE search_terms(b.lines, b.extra) @@ _terms AND b.first_ms <= _ms
        AND ((b.last_ms, b.ctid) < (_before_ms, _before)) IS TRUE
        AND (b.chat IN (SELECT unnest(_mine))) IS TRUE
    ORDER BY b.last_ms DESC, b.ctid DESC LIMIT _most;
END $$;

-- As in 0032, but by that function. Without the settings of 0032 the newest blocks of a chat are read in
-- the order of search_blocks_by_time, instead of being collected by a bitmap and sorted.
CREATE OR REPLACE FUNCTION search_messages(
    _reader uuid, _chat uuid, _sender text, _strings text[], _terms tsquery,
    _ms bigint, _message uuid, _limit bigint
) RETURNS SETOF search_hit LANGUAGE plpgsql STABLE AS $$
DECLARE
    _near CONSTANT bigint := 64;
    _near_a_chat CONSTANT bigint := CASE WHEN _chat IS NULL THEN 2 ELSE _near END;
    _mine uuid[];
    _open search_hit[];
    _hits search_hit[];
    _floor bigint;
    _block record;
    _blocks bigint := 0;
    _most bigint := 1024;
    _found bigint;
    _before_ms bigint := 2::bigint ^ 62;
    _before tid := '(0,0)';
    _batch bigint := 0;
    _places tid[] := '{}';
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
            SELECT b.ctid AS place, b.chat, b.last_ms FROM search_blocks b
            WHERE b.chat = m.chat AND b.first_ms <= _ms ORDER BY b.last_ms DESC LIMIT _near_a_chat
        ) n
        ORDER BY n.last_ms DESC LIMIT _near + 1
    LOOP
        -- Older blocks than this one may be missing from here on.
        IF _floor IS NULL AND _block.of_chat = _near_a_chat AND _block.last_ms = _block.chat_floor
        THEN
            _floor := _block.last_ms;
        END IF;
        EXIT WHEN _floor IS NOT NULL AND _block.last_ms < _floor;
        IF cardinality(_places) = _batch THEN
            _hits := _hits || search_read_places(_places, _strings, _sender, _ms, _message);
            _places := '{}';
            _batch := greatest(8, 2 * _batch);
            IF search_is_full(_hits, greatest(_floor, _block.last_ms), _limit) THEN
                RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
                RETURN;
            END IF;
        END IF;
        _places := _places || _block.place;
        _blocks := _blocks + 1;
    END LOOP;
    _hits := _hits || search_read_places(_places, _strings, _sender, _ms, _message);
    -- What was not read is no newer than the last one that was looked at.
    IF (_floor IS NULL AND _blocks <= _near)
        OR search_is_full(_hits, greatest(_floor, _block.last_ms), _limit)
    THEN
        RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
        RETURN;
    END IF;

    -- While the index is made anew by `python -m chats.search.rebuild`, these are all that is found.
    IF to_regclass('search_blocks_terms') IS NULL THEN
        RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
        RETURN;
    END IF;
    _hits := _open;
    LOOP
        _found := 0;
        _batch := 16;
        _places := '{}';
        FOR _block IN
            SELECT w.place, w.last_ms
            FROM search_by_words(_mine, _terms, _ms, _before_ms, _before, _most) w
        LOOP
            IF cardinality(_places) = _batch THEN
                _hits := _hits
                    || search_read_places(_places, _strings, _sender, _ms, _message);
                _places := '{}';
                _batch := 2 * _batch;
                IF search_is_full(_hits, _block.last_ms, _limit) THEN
                    RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
                    RETURN;
                END IF;
            END IF;
            _places := _places || _block.place;
            _found := _found + 1;
        END LOOP;
        _hits := _hits || search_read_places(_places, _strings, _sender, _ms, _message);
        EXIT WHEN _most IS NULL OR _found < _most OR search_is_full(_hits, _block.last_ms, _limit);
        _before_ms := _block.last_ms;
        _before := _block.place;
        _most := NULL;
    END LOOP;
    RETURN QUERY SELECT * FROM search_newest(_hits, _limit);
END $$;
