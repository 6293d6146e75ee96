#!/bin/sh
# Writes both databases, and the files in HUBBUB_FILES_FOLDER if it is set, to standard output as one
# tar file. A missing folder is refused: files makes it at its first start.
#
# Needs: pg_dump, GNU tar; a connection service file (PGSERVICEFILE) with `chats` and `users`. Each
# dump is one snapshot. chats is dumped first: participants signed up before they joined a chat, so the
# later snapshot of users has all of them. restore.sh settles other differences.
set -eu
umask 077
files=${HUBBUB_FILES_FOLDER:-}
if [ -n "$files" ] && [ ! -d "$files" ]; then
    echo "Nothing was backed up: the folder of files, $files, is missing. Is its disk mounted? If there never were files, make an empty one." >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# They are used in another folder.
case ${PGSERVICEFILE:-/} in /*) ;; *) export PGSERVICEFILE="$PWD/$PGSERVICEFILE" ;; esac
case ${files:-/} in /*) ;; *) files=$PWD/$files ;; esac
cd "$folder"
# Private keys are not backed up: what they signed becomes invalid with a restore.
for role in chats users; do
    pg_dump --exclude-table-data=public.signing_keys --exclude-table-data=public.push_key \
        --format=custom --no-owner --no-privileges --file="$role.dump" "service=$role"
done
sha256sum chats.dump users.dump >SHA256SUMS
# Files are copied after the rows that name them, because a file exists before its row. Files deleted
# meanwhile are no error (exit status 1).
if [ -n "$files" ]; then
    tar -cf - --transform='s,^\./,files/,' SHA256SUMS chats.dump users.dump -C "$files" . ||
        [ $? = 1 ]
else
    tar -cf - SHA256SUMS chats.dump users.dump
fi
