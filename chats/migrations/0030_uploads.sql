-- When the process that receives an upload said last that it goes on, which it does every two seconds.
ALTER TABLE files ADD COLUMN told_at timestamptz;

-- As in 0019, but a key is one upload in one chat and another one in another; what nobody receives any
-- more does not count, since the process that did has been killed; and the first result is looked for
-- under the lock, where nothing fills the room before it is found.
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

-- As in 0019, but the file is looked at under the lock: who waited there for the first try of this same
-- end took its result for another upload's and gave the file up.
CREATE OR REPLACE FUNCTION finish_upload(
    _id uuid, _size bigint, _type text, _width bigint, _height bigint, _preview boolean,
    _max_bytes bigint
) RETURNS upload_outcome LANGUAGE plpgsql AS $$
DECLARE
    _file files;
    _known jsonb;
    _bytes bigint;
    _refusal text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(f.uploader::text, 0))
    FROM files f WHERE f.id = _id;
    SELECT f.* INTO _file FROM files f WHERE f.id = _id;
    IF NOT FOUND OR (_file.doomed_at IS NOT NULL AND _file.stored_at IS NULL) THEN
        RETURN ROW('not_found', NULL)::upload_outcome;
    END IF;
    _known := known_upload(_file.chat, _file.uploader, _file.key);
    IF _file.stored_at IS NOT NULL THEN
        RETURN ROW('stored', _known)::upload_outcome;
    END IF;
    PERFORM FROM participants p WHERE p.chat = _file.chat AND p.member = _file.uploader;
    IF NOT FOUND THEN
        _refusal := 'not_found';
    ELSIF _known IS NOT NULL THEN
        _refusal := 'known';
    ELSE
        SELECT coalesce(sum(f.size), 0) INTO _bytes FROM files f
        WHERE f.uploader = _file.uploader AND f.doomed_at IS NULL AND f.stored_at IS NOT NULL;
        IF _bytes + _size > _max_bytes THEN
            _refusal := 'too_many_bytes';
        END IF;
    END IF;
    IF _refusal IS NOT NULL THEN
        UPDATE files f SET doomed_at = clock_timestamp() WHERE f.id = _id;
        RETURN ROW(_refusal, _known)::upload_outcome;
    END IF;
    UPDATE files f SET
        size = _size, type = _type, width = _width, height = _height, preview = _preview,
        stored_at = clock_timestamp()
    WHERE f.id = _id AND f.doomed_at IS NULL RETURNING f.* INTO _file;
    IF NOT FOUND THEN
        RETURN ROW('not_found', NULL)::upload_outcome;
    END IF;
    INSERT INTO results (caller, scope, key, result) VALUES (
        _file.uploader, 'upload ' || _file.chat, _file.key,
        convert_to(show_file(_file)::text, 'UTF8')
    );
    RETURN ROW('stored', show_file(_file))::upload_outcome;
END $$;
