-- One row a chat, locked first by whatever changes its memberships.
CREATE TABLE chats (id uuid PRIMARY KEY);

-- No foreign keys: accounts are never deleted, `prepare` checks them, and a key-share lock on each
-- participant would outlive the call in a prepared transaction.
CREATE TABLE memberships (
    user_id uuid NOT NULL,
    chat_id uuid NOT NULL,
    PRIMARY KEY (user_id, chat_id)
);
CREATE INDEX memberships_chat ON memberships (chat_id);

-- Transactions that were committed: a `prepare` that comes late or twice must not apply again.
CREATE TABLE committed_transactions (
    id uuid PRIMARY KEY,
    prepared_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX committed_transactions_age ON committed_transactions (prepared_at);
