-- An invitation counts as a use once per user. A use is spent once somebody else has removed the user
-- from the chat: then another one counts. The release before knows no invitations.
ALTER TABLE invitation_uses DROP COLUMN times;
ALTER TABLE invitation_uses ADD COLUMN spent boolean NOT NULL DEFAULT false;
