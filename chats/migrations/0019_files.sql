-- Files: who may have them and what exists, in the transactions of the messages that have them. Their
-- bytes are elsewhere, under the id, and are there before `stored_at` is set and until the row goes.

-- `key` is the upload's. `stored_at` is null while the bytes are on their way; then `size` is what was
-- declared. `seq` is the message that has the file. What is doomed is nobody's any more.
CREATE TABLE files (
    id uuid PRIMARY KEY,
    chat uuid NOT NULL,
    uploader uuid NOT NULL,
    key uuid NOT NULL,
    name text NOT NULL CONSTRAINT files_name_fits CHECK (char_length(name) BETWEEN 1 AND 255),
    size bigint NOT NULL,
    type text,
    width integer,
    height integer,
    preview boolean,
    seq bigint,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    stored_at timestamptz,
    doomed_at timestamptz
);
CREATE INDEX files_of_uploader ON files (uploader) INCLUDE (size) WHERE doomed_at IS NULL;
CREATE INDEX files_of_message ON files (chat, seq) WHERE doomed_at IS NULL;
CREATE INDEX files_untaken ON files (began_at) WHERE seq IS NULL AND doomed_at IS NULL;
CREATE INDEX files_doomed ON files (doomed_at) WHERE doomed_at IS NOT NULL;

-- As events, and answers to uploads, have it.
CREATE FUNCTION show_file(_file files) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN jsonb_strip_nulls(jsonb_build_object(
    'id', _file.id, 'name', _file.name, 'type', _file.type, 'size', _file.size,
    'width', _file.width, 'height', _file.height, 'preview', _file.preview
));

-- What became of a step of an upload: `begun`, `stored` with the file, `known` with the first result
-- of its key, or why not.
CREATE TYPE upload_outcome AS (outcome text, file jsonb);

CREATE FUNCTION known_upload(_chat uuid, _uploader uuid, _key uuid) RETURNS jsonb
LANGUAGE sql STABLE
RETURN (
    SELECT convert_from(r.result, 'UTF8')::jsonb FROM results r
    WHERE r.caller = _uploader AND r.scope = 'upload ' || _chat AND r.key = _key
);

-- Uploads of one key are one: who tries again after a cut does not count twice. One that takes longer
-- than `_max_seconds` is broken off by whoever receives it.
CREATE FUNCTION begin_upload(
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
    _known := known_upload(_chat, _uploader, _key);
    IF _known IS NOT NULL THEN
        RETURN ROW('known', _known)::upload_outcome;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(_uploader::text, 0));
    SELECT coalesce(sum(f.size) FILTER (WHERE f.stored_at IS NOT NULL), 0),
        count(DISTINCT f.key) FILTER (
            WHERE f.stored_at IS NULL AND f.key <> _key
                AND f.began_at > clock_timestamp() - _max_seconds * interval '1 second'
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

-- The bytes are there. May be repeated. What is refused is doomed, its bytes with it.
CREATE FUNCTION finish_upload(
    _id uuid, _size bigint, _type text, _width bigint, _height bigint, _preview boolean,
    _max_bytes bigint
) RETURNS upload_outcome LANGUAGE plpgsql AS $$
DECLARE
    _file files;
    _known jsonb;
    _bytes bigint;
    _refusal text;
BEGIN
    SELECT f.* INTO _file FROM files f WHERE f.id = _id;
    IF NOT FOUND OR (_file.doomed_at IS NOT NULL AND _file.stored_at IS NULL) THEN
        RETURN ROW('not_found', NULL)::upload_outcome;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(_file.uploader::text, 0));
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

-- Whether this person may have the file: an untaken one is its uploader's alone.
CREATE FUNCTION may_have_file(_file files, _chat uuid, _reader uuid) RETURNS boolean
LANGUAGE sql STABLE
RETURN _file.chat = _chat AND _file.stored_at IS NOT NULL AND _file.doomed_at IS NULL
    AND (_file.seq IS NOT NULL OR _file.uploader = _reader)
    AND EXISTS (SELECT FROM participants p WHERE p.chat = _chat AND p.member = _reader);

-- Its message or its chat was deleted: from that transaction on it is nobody's.
CREATE FUNCTION doom_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'chats' THEN
        UPDATE files f SET doomed_at = clock_timestamp()
        WHERE f.chat = NEW.id AND f.doomed_at IS NULL;
    ELSE
        UPDATE files f SET doomed_at = clock_timestamp()
        WHERE f.chat = NEW.chat AND f.seq = NEW.seq AND f.doomed_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER files_of_deleted_chat AFTER UPDATE OF deleted_at ON chats
FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)
EXECUTE FUNCTION doom_files();
CREATE TRIGGER files_of_deleted_message AFTER INSERT OR UPDATE OF is_deleted ON changed_messages
FOR EACH ROW WHEN (NEW.is_deleted) EXECUTE FUNCTION doom_files();
