-- Where a block has messages of the reader alone, the part of it above the marker is not read. Else
-- as in 0018_counted_blocks.sql.
CREATE OR REPLACE FUNCTION count_unread(_chat uuid, _member uuid, _marker bigint, _head bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    _near CONSTANT bigint := 512;
    _first CONSTANT bigint := (_marker + 128) / 128;  -- the first that lies above the marker
    _blocks bigint;
    _top bigint;
    _found bigint;
    _begun bigint;  -- in the block of which a part lies above the marker, in all of it
BEGIN
    IF _head - _marker <= _near THEN
        RETURN count_said(_chat, _member, _marker, _near);
    END IF;
    SELECT count(*) FILTER (WHERE b.block >= _first), max(b.block),
        sum(b.others) FILTER (WHERE b.block >= _first),
        max(b.others) FILTER (WHERE b.block < _first)
    INTO _blocks, _top, _found, _begun
    FROM (
        SELECT c.block, c.messages
            - coalesce(c.of_senders[array_position(c.senders, _member)], 0) AS others
        FROM counted_blocks c WHERE c.chat = _chat AND c.block >= _first - 1
    ) b;
    IF _found >= 100 THEN
        RETURN 100;
    ELSIF _blocks > 0 AND _top - _first + 1 = _blocks AND _head - (_top + 1) * 128 < _near THEN
        IF _begun <> 0 OR _begun IS NULL THEN
            _found := _found + count_said(_chat, _member, _marker, _first * 128 - 1 - _marker);
        END IF;
        RETURN least(100, _found + count_said(_chat, _member, (_top + 1) * 128 - 1, _near));
    END IF;
    _found := count_said(_chat, _member, _marker, _near);
    RETURN CASE WHEN _found = 100 THEN 100 END;
END $$;
