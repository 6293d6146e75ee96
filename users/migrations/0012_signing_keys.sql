-- The keys that sign access tokens, wrapped by a secret that is not in the database
-- (common/identity/wrapping.py).
-- The release before goes on beside this with the files of its folder, which are taken over first.
CREATE TABLE signing_keys (
    kid text PRIMARY KEY,
    wrapped bytea NOT NULL,
    made_at timestamptz NOT NULL
);
