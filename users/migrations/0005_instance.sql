-- Who may do what on the instance, and the record of what was done. The release before goes on beside
-- this: everybody is an active member, and only a deleted account, which it never makes, has no e-mail.
ALTER TABLE users
    ADD COLUMN role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    ADD COLUMN active boolean NOT NULL DEFAULT true,
    ADD COLUMN last_seen_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ALTER COLUMN email DROP NOT NULL,
    ADD CONSTRAINT users_email_unless_deleted CHECK ((email IS NULL) = (deleted_at IS NOT NULL));
CREATE INDEX users_in_charge ON users (role) WHERE role <> 'member';

-- One row. Every change of roles, accounts and settings by somebody in charge locks it first, so that
-- they are serial: two owners cannot demote each other at once.
CREATE TABLE instance (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    name text NOT NULL DEFAULT 'Hubbub' CHECK (char_length(name) BETWEEN 1 AND 64),
    signup text NOT NULL DEFAULT 'open' CHECK (signup IN ('open', 'invite', 'closed'))
);
INSERT INTO instance DEFAULT VALUES;

-- Of codes only a hash is kept where nobody has to read them again.
CREATE TABLE owner_code (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    hash bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE reset_codes (
    user_id uuid PRIMARY KEY REFERENCES users,
    hash bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL
);

-- `by` is null for what was done on the machine. `of` is an id, `detail` a JSON object.
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    by uuid,
    action text NOT NULL CHECK (action IN (
        'instance.updated', 'invite.created', 'invite.revoked', 'user.updated', 'user.reset',
        'user.deleted', 'owner.made'
    )),
    of uuid,
    detail text NOT NULL
);
CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_log();

-- First results of calls that make something, by the caller's key, for a day.
CREATE TABLE results (
    caller uuid NOT NULL,
    scope text NOT NULL,
    key uuid NOT NULL,
    result bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, scope, key)
);
CREATE INDEX results_by_age ON results (at);
