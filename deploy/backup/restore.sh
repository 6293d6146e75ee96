#!/bin/sh
# Restores a backup of backup.sh from standard input, and ends all sessions.
#
# Needs what backup.sh needs, psql and pg_restore. Backups have no keys that sign tokens: users creates a
# new one, so that tokens from before the restore are invalid; keys that 0.1.0 left in the folder
# HUBBUB_SIGNING_KEYS are removed, because users would adopt them. Files go to HUBBUB_FILES_FOLDER if it
# is set. No service may run. Existing data is replaced only with REPLACE=yes. CHECK=yes only reports whether
# the restore would be refused; services may run then. Exit status 64: nothing was changed. Any other but 0: a
# part may be restored, so run it again with REPLACE=yes. TMPDIR takes the content of the backup.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
services=$here/../..
export PGOPTIONS="-c client_min_messages=warning" # no notices about dropped objects

refuse() {
    echo "Nothing was restored: $1" >&2
    exit 64
}

attempt() { # REASON COMMAND…: refuses for the reason if the command fails
    reason=$1
    shift
    if said=$(LC_ALL=C "$@" 2>&1); then
        [ -z "$said" ] || echo "$said" >&2
        return
    fi
    first=" ($(echo "$said" | head -n 1))"
    case $said in
    *"No space left"* | *"Wrote only"* | *"quota exceeded"*)
        refuse "there is no space left on $(df --output=target . | tail -n 1) for the content of the backup$first. Free some, or set TMPDIR to a folder with more." ;;
    esac
    refuse "$reason$first."
}

query() { # ROLE SQL
    psql --no-psqlrc --quiet --tuples-only --no-align -v ON_ERROR_STOP=1 -c "$2" "service=$1"
}

ask() { # ROLE SQL: before anything is changed
    query "$1" "$2" || refuse "the database of $1 does not answer."
}

load() { # ROLE: all of it, or nothing
    psql --no-psqlrc --quiet --single-transaction --output=/dev/null -v ON_ERROR_STOP=1 \
        -f "$here/empty.sql" -f "$1.sql" -f "$services/$1/backup/restored.sql" "service=$1"
}

folder=$(mktemp -d) || refuse "the content of the backup needs a temporary folder; TMPDIR names another place."
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
# They are used in another folder.
case ${PGSERVICEFILE:-/} in /*) ;; *) export PGSERVICEFILE="$PWD/$PGSERVICEFILE" ;; esac
case ${HUBBUB_FILES_FOLDER:-/} in /*) ;; *) HUBBUB_FILES_FOLDER=$PWD/$HUBBUB_FILES_FOLDER ;; esac
case ${HUBBUB_SIGNING_KEYS:-/} in /*) ;; *) HUBBUB_SIGNING_KEYS=$PWD/$HUBBUB_SIGNING_KEYS ;; esac
cd "$folder"
# The files become those of the user who restores them.
attempt "this is no backup, or only a part of one" tar -x --no-same-owner --touch -f -
sha256sum --check --quiet SHA256SUMS 2>/dev/null || refuse "the backup is damaged."

for role in chats users; do
    if [ "${CHECK:-}" != yes ]; then
        others=$(ask $role "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        [ "$others" = 0 ] || refuse "somebody uses the database of $role. Stop the services first."
    fi
    if [ "${REPLACE:-}" != yes ]; then
        # Each main table has the name of its service.
        has_data=$(ask $role "SELECT to_regclass('public.$role') IS NOT NULL")
        [ "$has_data" = f ] || has_data=$(ask $role "SELECT EXISTS (SELECT FROM public.$role)")
        [ "$has_data" = f ] || refuse "there is data in the database of $role already. REPLACE=yes replaces it."
    fi
    attempt "the backup of $role cannot be read by this release of PostgreSQL" \
        pg_restore --no-owner --no-privileges --file="$role.sql" "$role.dump"
done

old_keys=${HUBBUB_SIGNING_KEYS:-}
[ ! -d "$old_keys" ] || [ -w "$old_keys" ] || refuse "$old_keys cannot be written to."
[ "${CHECK:-}" != yes ] || exit 0

for role in chats users; do
    # Prepared transactions hold locks on tables that are about to be dropped.
    psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -f "$here/end-prepared.sql" "service=$role"
done
load chats
query chats "$(cat "$services/chats/backup/participants.sql")" >participants.tsv
load users
if [ -n "${HUBBUB_FILES_FOLDER:-}" ] && [ -d files ]; then
    mkdir -p "$HUBBUB_FILES_FOLDER"
    find "$HUBBUB_FILES_FOLDER" -mindepth 1 -delete
    # Moved, so that they take no space twice if both folders are on one disk.
    find files -mindepth 1 -maxdepth 1 -exec mv -t "$HUBBUB_FILES_FOLDER" {} +
fi
[ ! -d "$old_keys" ] || rm -f "$old_keys"/*.pem
echo "Restored: $(query users 'SELECT count(*) FROM public.users') people," \
    "$(query chats 'SELECT count(*) FROM public.chats WHERE deleted_at IS NULL') chats," \
    "$(query chats 'SELECT count(*) FROM public.log') events." >&2
