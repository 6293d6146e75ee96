-- A session's newest refresh token, sealed by the one before it, which asks for it again where the answer
-- was lost. Null once it cannot ask any more, and where the release before made the newest one.
ALTER TABLE sessions ADD COLUMN successor bytea;
