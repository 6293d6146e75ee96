-- What a search for the beginning of a name reads: deleted accounts, whose names begin alike, are not in it.
CREATE INDEX users_names ON users (lower(username)) WHERE deleted_at IS NULL;
