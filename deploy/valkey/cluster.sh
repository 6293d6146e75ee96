#!/bin/sh
# Makes a cluster of the servers of a headless service, once: half of them are replicas of the others.
# HUBBUB_MEMBERS are their names, by space. It may run again at any time.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/valkey-admin.password)
export REDISCLI_AUTH
ask() { valkey-cli --no-auth-warning --user admin "$@"; }

places=
for member in $HUBBUB_MEMBERS; do
    until address=$(getent ahostsv4 "$member" | awk 'NR == 1 { print $1 }') && [ -n "$address" ] &&
        [ "$(ask -h "$address" ping 2>/dev/null)" = PONG ]; do
        echo "waiting for $member" >&2
        sleep 2
    done
    places="$places $address:6379"
done
first=${HUBBUB_MEMBERS%% *}
if ask -h "$first" cluster info | grep -q '^cluster_state:ok'; then
    echo "The cluster is there already."
    exit 0
fi
# shellcheck disable=SC2086 # a list
ask --cluster create $places --cluster-replicas 1 --cluster-yes
