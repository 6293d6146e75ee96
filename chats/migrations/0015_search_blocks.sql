-- Feeding the index in larger pieces: blocks come ready-made. The release before goes on with
-- search_unfed and search_seal beside it.

-- Holds the progress of those of the chats that nobody else feeds just now, and returns a row for each
-- of them: what stands in rows of single messages, and what of its log is not in the index, null where
-- nothing is or where others came first: of all together at most `_rows`, by chat and seq. Of rows that
-- hold no words only the seq.
--
-- The index is derived from the log: what a crash takes of it is fed again, so no commit waits for the
-- disk.
CREATE FUNCTION search_take(_chats uuid[], _rows bigint)
RETURNS TABLE (chat uuid, messages bigint, octets bigint, seqs bigint[], events bytea[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _held uuid[];
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO search_progress (chat, upto)
    SELECT c, 0 FROM unnest(_chats) c
    WHERE NOT EXISTS (SELECT FROM search_progress p WHERE p.chat = c)
    ON CONFLICT DO NOTHING;
    SELECT array_agg(p.chat) INTO _held FROM (
        SELECT chat FROM search_progress WHERE chat = ANY (_chats) ORDER BY chat
        FOR NO KEY UPDATE SKIP LOCKED
    ) p;
    RETURN QUERY
    WITH unfed AS MATERIALIZED (
        SELECT l.chat, array_agg(l.seq) AS seqs, array_agg(l.event) AS events FROM (
            SELECT p.chat, l.seq, CASE
                WHEN l.kind LIKE 'message%' OR l.kind = 'chat.deleted' THEN l.event END AS event
            FROM search_progress p CROSS JOIN LATERAL (
                SELECT seq, kind, event FROM log WHERE chat = p.chat AND seq > p.upto
                ORDER BY seq LIMIT _rows
            ) l
            WHERE p.chat = ANY (_held) ORDER BY p.chat, l.seq LIMIT _rows
        ) l GROUP BY l.chat
    )
    SELECT h, o.messages, o.octets, u.seqs, u.events
    FROM unnest(_held) h LEFT JOIN unfed u ON u.chat = h LEFT JOIN LATERAL (
        SELECT count(*) AS messages, sum(octet_length(line) + octet_length(extra)) AS octets
        FROM search_open s WHERE s.chat = u.chat
    ) o ON true;
END $$;

-- Blocks as chats/search/blocks.py makes them. Their texts come joined by form feeds.
CREATE FUNCTION search_add_blocks(
    _chats uuid[], _takes_open boolean[], _firsts bigint[], _lasts bigint[], _first_mss bigint[],
    _last_mss bigint[], _lines text, _heads text, _extras text
) RETURNS void LANGUAGE sql AS $$
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            _chats, _takes_open, _firsts, _lasts, _first_mss, _last_mss,
            string_to_array(_lines, E'\f'), string_to_array(_heads, E'\f'),
            string_to_array(_extras, E'\f')
        ) AS g (chat, takes_open, first, last, first_ms, last_ms, lines, heads, extra)
    ), taken AS (
        DELETE FROM search_open WHERE chat IN (SELECT chat FROM given WHERE takes_open)
        RETURNING *
    ), former AS MATERIALIZED (
        SELECT chat, min(seq) AS first, min(split_part(head, ' ', 2)::bigint) AS first_ms,
            max(split_part(head, ' ', 2)::bigint) AS last_ms,
            string_agg(line, E'\n' ORDER BY seq) || E'\n' AS lines,
            string_agg(head, E'\n' ORDER BY seq) || E'\n' AS heads,
            string_agg(extra, E'\n' ORDER BY seq) || E'\n' AS extra
        FROM taken GROUP BY chat
    )
    INSERT INTO search_blocks (chat, first, last, first_ms, last_ms, lines, heads, extra)
    SELECT g.chat, coalesce(f.first, g.first), g.last, least(f.first_ms, g.first_ms),
        greatest(f.last_ms, g.last_ms), coalesce(f.lines, '') || g.lines,
        coalesce(f.heads, '') || g.heads, coalesce(f.extra, '') || g.extra
    FROM given g LEFT JOIN former f ON g.takes_open AND f.chat = g.chat;
$$;
