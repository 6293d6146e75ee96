-- When the process that receives an upload said last that it goes on, which it does every two seconds.
ALTER TABLE files ADD COLUMN told_at timestamptz;

-- As in 0030, but what nobody receives any more does not count: the process that did has been killed.
CREATE OR REPLACE FUNCTION begin_upload(
    _id uuid, _chat uuid, _uploader uuid, _key uuid, _name text, _size bigint,
    _max_bytes bigint, _max_at_once bigint, _max_seconds double precision
) RETURNS upload_outcome LANGUAGE plpgsql AS $$
DECLARE
    _known jsonb;
    _at_once bigint;
    _bytes bigint;
BEGIN
    PERFORM FROM participants p WHERE p.chat = _chat AND p.member = _uploader;
    IF NOT FOUND THEN
        RETURN ROW('not_found', NULL)::upload_outcome;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(_uploader::text, 0));
    _known := known_upload(_chat, _uploader, _key);
    IF _known IS NOT NULL THEN
        RETURN ROW('known', _known)::upload_outcome;
    END IF;
    SELECT coalesce(sum(f.size) FILTER (WHERE f.stored_at IS NOT NULL), 0),
        count(DISTINCT (f.chat, f.key)) FILTER (
            WHERE f.stored_at IS NULL AND (f.chat, f.key) <> (_chat, _key)
                AND f.began_at > clock_timestamp() - _max_seconds * interval '1 second'
                AND coalesce(f.told_at, f.began_at) > clock_timestamp() - interval '10 seconds'
        )
    INTO _bytes, _at_once
    FROM files f WHERE f.uploader = _uploader AND f.doomed_at IS NULL AND f.id <> _id;
    IF _bytes + _size > _max_bytes THEN
        RETURN ROW('too_many_bytes', NULL)::upload_outcome;
    ELSIF _at_once >= _max_at_once THEN
        RETURN ROW('too_many_at_once', NULL)::upload_outcome;
    END IF;
    INSERT INTO files (id, chat, uploader, key, name, size)
    VALUES (_id, _chat, _uploader, _key, _name, _size) ON CONFLICT (id) DO NOTHING;
    RETURN ROW('begun', NULL)::upload_outcome;
END $$;
