-- The hash of the code that was signed up with, to compare a repeat with: empty where there was none, null
-- where the release before made the key.
ALTER TABLE sign_up_keys ADD COLUMN invite bytea;
