-- A deleted chat may have more files than one transaction can doom in time: 25 µs each. With the chat
-- go the first 5,000, the others in steps: `doom_files_of_deleted` of chats/store/files.py. Who may
-- have one is decided by participants and, for links, by the chat.
CREATE OR REPLACE FUNCTION doom_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'chats' THEN
        PERFORM doom_some_files(NEW.id);
    ELSE
        UPDATE files f SET doomed_at = clock_timestamp()
        WHERE f.chat = NEW.chat AND f.seq = NEW.seq AND f.doomed_at IS NULL;
    END IF;
    RETURN NULL;
END $$;

-- Returns whether there may be more.
CREATE FUNCTION doom_some_files(_chat uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _most CONSTANT bigint := 5000;
    _doomed bigint;
BEGIN
    UPDATE files f SET doomed_at = clock_timestamp() WHERE f.id IN (
        SELECT s.id FROM files s WHERE s.chat = _chat AND s.doomed_at IS NULL LIMIT _most
    );
    GET DIAGNOSTICS _doomed = ROW_COUNT;
    RETURN _doomed = _most;
END $$;

-- No chat is purged before all of its files are doomed: afterwards nobody would look for them. Whoever
-- purges it, the release before too, tries again as long as it is not.
CREATE FUNCTION doom_files_before_purge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.purged := NOT doom_some_files(NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER files_of_purged_chat BEFORE UPDATE OF purged ON chats
FOR EACH ROW WHEN (NEW.purged AND NOT OLD.purged) EXECUTE FUNCTION doom_files_before_purge();
