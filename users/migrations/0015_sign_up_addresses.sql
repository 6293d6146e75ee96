-- The address that was signed up with, to compare a repeat with: null where the release before made the
-- key, and once the account is deleted. The name never changes; a changed password shows by its number.
ALTER TABLE sign_up_keys ADD COLUMN email text;
