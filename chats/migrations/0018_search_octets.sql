-- Feeding takes long messages in smaller pieces: while they become words, a replica does nothing else.

-- Holds the progress of those of the chats that nobody else feeds just now, and returns a row for each
-- of them: what stands in rows of single messages, and what of its log is not in the index, null where
-- nothing is or where others came first: of all together at most `_rows`, by chat and seq, and none
-- behind those that reach `_octets`. Of rows that hold no words only the seq.
--
-- The index is derived from the log: what a crash takes of it is fed again, so no commit waits for the
-- disk.
CREATE FUNCTION search_take(_chats uuid[], _rows bigint, _octets bigint)
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
            SELECT *, coalesce(sum(octet_length(event)) OVER (
                ORDER BY chat, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS octets_before FROM (
                SELECT p.chat, l.seq, CASE
                    WHEN l.kind LIKE 'message%' OR l.kind = 'chat.deleted' THEN l.event END AS event
                FROM search_progress p CROSS JOIN LATERAL (
                    SELECT seq, kind, event FROM log WHERE chat = p.chat AND seq > p.upto
                    ORDER BY seq LIMIT _rows
                ) l
                WHERE p.chat = ANY (_held) ORDER BY p.chat, l.seq LIMIT _rows
            ) l
        ) l WHERE l.octets_before < _octets GROUP BY l.chat
    )
    SELECT h, o.messages, o.octets, u.seqs, u.events
    FROM unnest(_held) h LEFT JOIN unfed u ON u.chat = h LEFT JOIN LATERAL (
        SELECT count(*) AS messages, sum(octet_length(line) + octet_length(extra)) AS octets
        FROM search_open s WHERE s.chat = u.chat
    ) o ON true;
END $$;
