-- A use lets somebody into the chat once: its join has a key of its own, so that chats does it once
-- however often it is asked, and whoever was removed since needs another use. `times` counts the
-- uses of one person. The release before knows no invitations.
ALTER TABLE joins ADD COLUMN key uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE invitation_uses ADD COLUMN times integer NOT NULL DEFAULT 1 CHECK (times > 0);
