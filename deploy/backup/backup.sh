#!/bin/sh
# Writes both databases, and the bytes of files where HUBBUB_FILES_FOLDER has them, to standard output
# as one tar file.
#
# Needs: pg_dump, GNU tar; a connection service file (PGSERVICEFILE) with `chats` and `users`. Each dump is one snapshot. chats goes first: whoever
# takes part in a chat had signed up before, so the later snapshot of users knows them all.
# restore.sh settles what else differs.
set -eu
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

cd "$folder"
# Private keys stay where they are: what they signed ends with a restore.
for role in chats users; do
    pg_dump --exclude-table-data=public.signing_keys --exclude-table-data=public.push_key \
        --format=custom --no-owner --no-privileges --file="$role.dump" "service=$role"
done
sha256sum chats.dump users.dump >SHA256SUMS
# Bytes come behind the rows that name them: they are there before their row is. What goes meanwhile
# is not missed (exit status 1).
if [ -d "${HUBBUB_FILES_FOLDER:-}" ]; then
    tar -cf - --transform='s,^\./,files/,' SHA256SUMS chats.dump users.dump -C "$HUBBUB_FILES_FOLDER" . ||
        [ $? = 1 ]
else
    tar -cf - SHA256SUMS chats.dump users.dump
fi
