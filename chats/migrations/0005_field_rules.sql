-- What chats refuses first, in the words of common/protocol/fields.py: a name is 1 to 128 code points,
-- one of them not of Unicode's White_Space.
ALTER TABLE chats
    ADD CONSTRAINT chats_name_fits CHECK (
        char_length(name) BETWEEN 1 AND 128
        AND btrim(name, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005'
            '\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000') <> ''
    ) NOT VALID,
    ADD CONSTRAINT chats_participants_fit CHECK (participant_count BETWEEN 0 AND 10000) NOT VALID;

-- A row that breaks a rule stays, and so does the release before; new rows are held to it anyway.
DO $$
BEGIN
    ALTER TABLE chats VALIDATE CONSTRAINT chats_name_fits;
    ALTER TABLE chats VALIDATE CONSTRAINT chats_participants_fit;
EXCEPTION WHEN check_violation THEN
    RAISE WARNING 'rows of chats break a rule: %', SQLERRM;
END $$;
