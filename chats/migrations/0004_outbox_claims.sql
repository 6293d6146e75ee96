-- When a sweep took the row: `since` stays the time of the event, so that the age of the outbox is
-- the age of what is not published. A release without this column renews `since` instead; beside it
-- the age is too small, and nothing else changes.
ALTER TABLE outbox ADD COLUMN claimed_at timestamptz;
