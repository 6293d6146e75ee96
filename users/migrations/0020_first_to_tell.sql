-- The oldest message that a push may tell of, where the newest ones were deleted meanwhile. Processes that do
-- not know of it yet store none.
ALTER TABLE pushes ADD COLUMN first bigint NOT NULL DEFAULT 0;
UPDATE pushes SET first = seq;
