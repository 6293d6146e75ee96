-- Web Push. The instance's key for push services, made once when somebody first asks for it.
CREATE TABLE push_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    private_key bytea NOT NULL -- PKCS #8
);

-- One browser's, which has one session. Keys are as the browser gave them.
CREATE TABLE push_subscriptions (
    session_id uuid PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    endpoint text NOT NULL UNIQUE,
    p256dh text NOT NULL,
    auth text NOT NULL,
    level text NOT NULL CONSTRAINT push_subscriptions_level_fits CHECK (level IN ('all', 'mentions')),
    silent boolean NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id);

-- The newest message of a chat that a subscription has to be told of. Holds no text: that is read
-- when it is sent. `due_at` is also until when somebody is at it, and infinity once it is done; the
-- row stays for a while, so that an offer that comes twice is told once.
CREATE TABLE pushes (
    session_id uuid NOT NULL REFERENCES push_subscriptions (session_id) ON DELETE CASCADE,
    chat uuid NOT NULL,
    seq bigint NOT NULL,
    sender uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (session_id, chat)
);
CREATE INDEX pushes_due ON pushes (due_at) WHERE due_at < 'infinity';
CREATE INDEX pushes_made ON pushes (made_at);

-- However a session is revoked, by this release or the one before, its browser hears no more.
CREATE FUNCTION end_push() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM push_subscriptions WHERE session_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER end_push AFTER UPDATE OF revoked_at ON sessions
FOR EACH ROW WHEN (NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION end_push();
