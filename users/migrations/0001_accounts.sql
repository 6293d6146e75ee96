-- Names are ASCII, so the C collation folds their case and orders them; its index serves prefixes.
-- The index on names stands before the one on e-mail: a conflict on both is reported for the name.
-- `password_number` counts changes of the password: a new hash of the same one is no change.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text COLLATE "C" NOT NULL,
    email text NOT NULL,
    password_hash text,
    password_number integer NOT NULL DEFAULT 0,
    change_key text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_username ON users (lower(username));
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sign_up_keys (
    key text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes'
);

-- `held` is the newest generation whose tokens the client has shown to hold.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    generation integer NOT NULL DEFAULT 0,
    held integer NOT NULL DEFAULT 0,
    revoked_at timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Every refresh token of a living session, so that a used one is known when it comes again.
CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    generation integer NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- The counter's row is locked until commit, so numbers are dense and in commit order.
CREATE TABLE revocation_counter (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    last bigint NOT NULL
);
INSERT INTO revocation_counter (last) VALUES (0);
CREATE TABLE revocations (
    number bigint PRIMARY KEY,
    session_id uuid NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT now()
);
