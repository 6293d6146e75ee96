-- What somebody shows of themself beside the username, in the words of common/protocol/fields.py.
ALTER TABLE users
    ADD COLUMN display_name text
        CONSTRAINT users_display_name_fits CHECK (char_length(display_name) BETWEEN 1 AND 64),
    ADD COLUMN status text
        CONSTRAINT users_status_fits CHECK (char_length(status) <= 140);
