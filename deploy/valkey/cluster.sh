#!/bin/sh
# Creates a cluster from the servers of a headless service, once: half of them are replicas of the others.
# HUBBUB_MEMBERS are their names, separated by spaces. If the cluster exists already, it introduces all of
# them to each other again: servers store addresses, and all of those may have changed.
set -eu
REDISCLI_AUTH=$(cat "${HUBBUB_SECRETS:-/run/secrets}/valkey-admin.password")
export REDISCLI_AUTH
port=${HUBBUB_VALKEY_PORT:-6379}
ask() { valkey-cli --no-auth-warning --user admin -p "$port" "$@"; }

addresses=
for member in $HUBBUB_MEMBERS; do
    until address=$(getent ahostsv4 "$member" | awk 'NR == 1 { print $1 }') && [ -n "$address" ] &&
        [ "$(ask -h "$address" ping 2>/dev/null)" = PONG ]; do
        echo "waiting for $member" >&2
        sleep 2
    done
    addresses="$addresses $address"
done
first=${addresses# }
first=${first%% *}
if [ "$(ask -h "$first" cluster nodes | wc -l)" -gt 1 ]; then
    for address in $addresses; do
        ask -h "$first" cluster meet "$address" "$port" >/dev/null
    done
    exit 0
fi
places=
for address in $addresses; do
    places="$places $address:$port"
done
# shellcheck disable=SC2086 # a list
ask --cluster create $places --cluster-replicas 1 --cluster-yes
