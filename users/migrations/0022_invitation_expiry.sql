-- What the purge looks for, so that it does not read all invitations each minute.
CREATE INDEX invitations_expiry ON invitations (expires_at);
