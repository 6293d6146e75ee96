#!/bin/sh
# Creates the database of one service and the role that owns it and nothing else; runs once, on the first
# start with an empty volume.
set -eu
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    -v role="$HUBBUB_DATABASE" <<'SQL'
-- Not an argument: every user of the machine can see those.
\set password `cat "$HUBBUB_DATABASE_PASSWORD_FILE"`
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE CONNECT, TEMPORARY ON DATABASE :"role", postgres, template1 FROM PUBLIC;
SQL
