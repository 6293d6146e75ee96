#!/bin/sh
# Starts Valkey with a user for each role, as bus.acl has it, where `HASH` stands for the hash of the
# role's password; and with the one of ops.acl, by which `ops` hears since when it runs.
set -eu
here=$(dirname "$0")
secrets=${HUBBUB_SECRETS:-/run/secrets}
rules=${HUBBUB_RULES:-/data/users.acl}
umask 077
cat "$here/bus.acl" "$here/ops.acl" | while read -r word role rest; do
    case $rest in
    *HASH*)
        password=$(cat "$secrets/valkey-$role.password")
        if [ ${#password} -lt 16 ]; then
            echo "Valkey does not start: $secrets/valkey-$role.password holds no password of" \
                "16 characters or more: run deploy/make-secrets" >&2
            exit 1
        fi
        hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
        rest="${rest%%HASH*}#$hash${rest#*HASH}"
        ;;
    esac
    printf '%s\n' "$word $role $rest"
done >"$rules"
exec valkey-server --aclfile "$rules" "$@"
