#!/bin/sh
# Makes two databases consistent after their servers were restored to a point in time: undecided
# prepared transactions are rolled back, memberships are set from chats, clients start afresh, and all
# sessions end.
#
# Needs psql, and a connection service file (PGSERVICEFILE) with `chats` and `users`. No service may run.
# It may be run again.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
services=$here/../..
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
# psql reads it in another folder.
case ${PGSERVICEFILE:-/} in /*) ;; *) export PGSERVICEFILE="$PWD/$PGSERVICEFILE" ;; esac
cd "$folder"

run() { # ROLE, and more arguments for psql
    role=$1
    shift
    psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 "$@" "service=$role"
}

for role in chats users; do
    run $role --output=/dev/null -f "$here/end-prepared.sql"
done
run chats --single-transaction -f "$services/chats/backup/restored.sql"
run chats -c "$(cat "$services/chats/backup/participants.sql")" >participants.tsv
run users --single-transaction -f "$services/users/backup/restored.sql"
