-- All of a database that its role owns goes; what a newer release made must not survive an older dump.
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
