-- What the purge looks for, so that it does not read all sessions each minute.
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX revocations_age ON revocations (revoked_at);
CREATE INDEX sign_up_keys_expiry ON sign_up_keys (expires_at);
