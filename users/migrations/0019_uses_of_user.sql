-- What the deletion of an account looks for, so that it does not read the uses of all invitations.
CREATE INDEX invitation_uses_user ON invitation_uses (user_id);
