-- The invitation whose use is given back if chats refuses the join: a refusal and the use that it gives
-- back are one transaction, whoever asks chats in the end.
ALTER TABLE joins ADD COLUMN invitation uuid;
