-- A search names its chats, which its statement has looked up once for everything that it does, and looks
-- up the newest matches of open lines in the log together instead of one by one.

-- The newest lines that are in no block yet, at least `_limit` if there are as many. A bitmap reads each
-- page once; otherwise each of some ten lines a chat would be a page to look up.
CREATE FUNCTION search_open_hits(
    _chats uuid[], _sender text, _strings text[], _ms bigint, _message uuid, _limit bigint
) RETURNS search_hit[] LANGUAGE plpgsql STABLE
SET enable_bitmapscan = on SET enable_seqscan = off AS $$
DECLARE
    _found search_hit[];
    _present search_hit[];
    _newest bigint := _limit;
BEGIN
    SELECT array_agg(h.hit ORDER BY (h.hit).ms DESC, (h.hit).message DESC) INTO _found FROM (
        SELECT search_hit(o.head, o.chat) AS hit FROM search_open o
        WHERE o.chat = ANY (_chats) AND strpos(o.line, _strings[1]) > 0
            AND NOT EXISTS (SELECT FROM unnest(_strings[2:]) s WHERE strpos(o.line, s) = 0)
            AND (_sender IS NULL OR split_part(o.head, ' ', 4) = _sender)
    ) h
    WHERE ((h.hit).ms, (h.hit).message) < (_ms, _message);
    -- A frequent word is in many of them.
    LOOP
        _present := search_present(_found[:_newest]);
        EXIT WHEN cardinality(_present) >= _limit OR _newest >= coalesce(cardinality(_found), 0);
        _newest := 2 * _newest;
    END LOOP;
    RETURN _present;
END $$;

-- The newest messages of these chats that are older than (_ms, _message): of open lines, of the newest
-- blocks, and if these are not enough, of those that have the words. Instead of search_messages.
CREATE FUNCTION search_chats(
    _chats uuid[], _sender text, _strings text[], _terms tsquery,
    _ms bigint, _message uuid, _limit bigint
) RETURNS SETOF search_hit LANGUAGE plpgsql STABLE AS $$
DECLARE
    _near CONSTANT bigint := 64;
    _near_a_chat CONSTANT bigint := CASE cardinality(_chats) WHEN 1 THEN _near ELSE 2 END;
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
    _open := search_open_hits(_chats, _sender, _strings, _ms, _message, _limit);
    _hits := _open;
    FOR _block IN
        SELECT n.*, count(*) OVER (PARTITION BY n.chat) AS of_chat,
            min(n.last_ms) OVER (PARTITION BY n.chat) AS chat_floor
        FROM unnest(_chats) AS m (chat), LATERAL (
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
            FROM search_by_words(_chats, _terms, _ms, _before_ms, _before, _most) w
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

DROP FUNCTION search_messages(uuid, uuid, text, text[], tsquery, bigint, uuid, bigint);
