-- Each two words that stand side by side have a mark in the index, not only short ones, and marks are
-- fewer, each for many neighbours (chats/search/words.py). What was fed before is fed again from the log.
TRUNCATE search_progress, search_open, search_blocks;

-- A longer list of what waits to be put into the index: it costs less the more blocks come at once, and
-- a search looks through a megabyte in a fraction of a millisecond.
DROP INDEX IF EXISTS search_blocks_terms;
CREATE INDEX search_blocks_terms ON search_blocks USING gin (search_terms(lines, extra))
WITH (gin_pending_list_limit = 1024);

-- Processes that make other marks feed nothing beside this.
ALTER FUNCTION search_take(uuid[], bigint, bigint) RENAME TO search_take_unfed;
