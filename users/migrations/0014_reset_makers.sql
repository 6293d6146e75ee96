-- A code is good while the account's role and password are those of when it was made, and its maker may
-- still make it. The release before knows no resets.
ALTER TABLE reset_codes
    ADD COLUMN maker uuid REFERENCES users,
    ADD COLUMN role text,
    ADD COLUMN password_number integer;
UPDATE reset_codes r SET
    maker = (
        SELECT l.by FROM audit_log l WHERE l.action = 'user.reset' AND l.of = r.user_id
        ORDER BY l.at DESC LIMIT 1
    ),
    role = u.role,
    password_number = u.password_number
FROM users u WHERE u.id = r.user_id;
