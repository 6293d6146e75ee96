-- Accounts that were deleted: what is left to do in chats, until it is done.
CREATE TABLE deletions (
    user_id uuid PRIMARY KEY REFERENCES users,
    requested_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    done_at timestamptz
);
CREATE INDEX deletions_to_do ON deletions (claimed_until) WHERE done_at IS NULL;
