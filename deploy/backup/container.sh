#!/bin/sh
# Runs backup.sh or restore.sh in a container of docker-compose.yml, with the addresses of the databases.
set -eu
umask 077
export PGSERVICEFILE=/tmp/services.conf
for role in chats users; do
    printf '[%s]\nhost=%s-database\ndbname=hubbub_%s\nuser=hubbub_%s\npassword=%s\n' \
        $role $role $role $role "$(cat /run/secrets/$role-database.password)"
done >"$PGSERVICEFILE"
exec sh "$(dirname "$0")/$1"
