-- The picture that somebody shows of themself: its id at the role `files`, another one for each picture.
ALTER TABLE users ADD COLUMN avatar uuid;
CREATE INDEX users_avatars ON users (avatar) WHERE avatar IS NOT NULL;
