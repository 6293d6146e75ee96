-- Codes lie here as they are: whoever made one reads it again.
CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE,
    maker uuid NOT NULL REFERENCES users,
    chat uuid,
    role text NOT NULL CHECK (role IN ('admin', 'member')),
    uses integer NOT NULL CHECK (uses BETWEEN 1 AND 1000),
    uses_left integer NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX invitations_maker ON invitations (maker);

-- Who has used one: a use once a person.
CREATE TABLE invitation_uses (
    invitation uuid NOT NULL REFERENCES invitations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users,
    PRIMARY KEY (invitation, user_id)
);

-- Joining a chat by an invitation, from the use until chats has answered: then it is not forgotten,
-- whatever dies. `prepare` takes it in place of the inviter's session.
CREATE TABLE joins (
    user_id uuid NOT NULL REFERENCES users,
    chat uuid NOT NULL,
    inviter uuid NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, chat)
);
