-- What users/accounts.py refuses first, in the words of common/protocol/fields.py. White space and
-- controls beyond ASCII are left to it: what those are depends on the collation here.
ALTER TABLE users
    ADD CONSTRAINT users_username_fits CHECK (username ~ '^[A-Za-z0-9_.-]{3,32}$') NOT VALID,
    ADD CONSTRAINT users_email_fits CHECK (
        char_length(email) <= 254
        AND email ~ '^[^@]{1,64}@[^@]*\.[^@]*$'
        AND email COLLATE "C" !~ '[[:space:][:cntrl:]]'
    ) NOT VALID,
    ADD CONSTRAINT users_password_is_hashed CHECK (password_hash LIKE '$argon2id$%') NOT VALID;

-- A row that breaks a rule stays, and so does the release before; new rows are held to it anyway.
DO $$
BEGIN
    ALTER TABLE users VALIDATE CONSTRAINT users_username_fits;
    ALTER TABLE users VALIDATE CONSTRAINT users_email_fits;
    ALTER TABLE users VALIDATE CONSTRAINT users_password_is_hashed;
EXCEPTION WHEN check_violation THEN
    RAISE WARNING 'rows of users break a rule: %', SQLERRM;
END $$;
