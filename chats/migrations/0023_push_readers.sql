-- Users who have a browser that wants to be told of new messages while its page is closed. users says
-- who begins; who has stopped is noticed when something is offered for them. `since`: when users
-- said so last.
CREATE TABLE push_readers (
    member uuid PRIMARY KEY,
    since timestamptz NOT NULL
);
