#!/bin/sh
# Starts Valkey with the users of bus.acl, one per role, where `HASH` stands for the hash of the role's
# password, and with the user of ops.acl, with which `ops` reads its start time. With HUBBUB_CLUSTER_IP it
# is a server of a cluster, which the others reach at that address.
set -eu
here=$(dirname "$0")
secrets=${HUBBUB_SECRETS:-/run/secrets}
rules=${HUBBUB_RULES:-/data/users.acl}
umask 077

password_of() {
    password=$(cat "$secrets/valkey-$1.password")
    if [ ${#password} -lt 16 ]; then
        echo "Valkey does not start: $secrets/valkey-$1.password holds no password of" \
            "16 characters or more: run deploy/make-secrets" >&2
        exit 1
    fi
}

set -- --aclfile "$rules" "$@"
templates="$here/bus.acl $here/ops.acl"
if [ -n "${HUBBUB_CLUSTER_IP:-}" ]; then
    templates="$templates $here/cluster.acl"
    password_of replica
    # In a file, because other processes can see command lines.
    printf 'primaryuser replica\nprimaryauth %s\n' "$password" >"$rules.conf"
    set -- "$rules.conf" --cluster-enabled yes --cluster-announce-ip "$HUBBUB_CLUSTER_IP" \
        --cluster-node-timeout 2000 --cluster-require-full-coverage no \
        --repl-diskless-sync-delay 0 "$@"
fi
# shellcheck disable=SC2086 # several files
cat $templates | while read -r word role rest; do
    case $rest in
    *HASH*)
        password_of "$role"
        hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
        rest="${rest%%HASH*}#$hash${rest#*HASH}"
        ;;
    esac
    printf '%s\n' "$word $role $rest"
done >"$rules"
exec valkey-server "$@"
