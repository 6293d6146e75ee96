-- `timeline` is that of the write-ahead log on which chats found its database last; null until it has
-- looked. `renewed` is the one for which the epoch became another, since answers may have been lost.
ALTER TABLE installation ADD COLUMN timeline bigint, ADD COLUMN renewed bigint;
