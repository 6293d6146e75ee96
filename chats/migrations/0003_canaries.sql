-- The last song of each realtime node's canary. It is owed like an event, so that it takes the
-- events' way through outbox and bus; it has no row in the log, so the sweep finds nothing to send.
CREATE TABLE canaries (
    id uuid PRIMARY KEY,
    number bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
