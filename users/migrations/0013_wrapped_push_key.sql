-- The key for push services is wrapped as those that sign tokens are (common/identity/wrapping.py). One that is
-- there is wrapped by the first process of users that starts: migrations do not know the secret.
ALTER TABLE push_key
    ALTER COLUMN private_key DROP NOT NULL,
    ADD COLUMN wrapped bytea,
    ADD CONSTRAINT push_key_is_one CHECK ((private_key IS NULL) <> (wrapped IS NULL));
COMMENT ON COLUMN push_key.private_key IS 'as it was before there was a secret: PKCS #8, not wrapped';
