#!/bin/sh
# Makes a cluster of the servers of a headless service: half of them are primaries, the others their replicas.
# HUBBUB_MEMBERS are their names, separated by spaces. It does only what is missing, so it may be run at any
# time: again after an interruption, after a server lost its volume, and after all addresses, which servers
# store, have changed.
set -eu
REDISCLI_AUTH=$(cat "${HUBBUB_SECRETS:-/run/secrets}/valkey-admin.password")
export REDISCLI_AUTH
port=${HUBBUB_VALKEY_PORT:-6379}
ask() { valkey-cli --no-auth-warning --user admin -p "$port" "$@" </dev/null; }

addresses= members=
for member in $HUBBUB_MEMBERS; do
    until address=$(getent ahostsv4 "$member" | awk 'NR == 1 { print $1 }') && [ -n "$address" ] &&
        [ "$(ask -h "$address" ping 2>/dev/null)" = PONG ]; do
        echo "waiting for $member" >&2
        sleep 2
    done
    addresses="$addresses $address"
    members="$members $(ask -h "$address" cluster myid)/$address"
done
first=${addresses# }
first=${first%% *}

view_of() { # ADDRESS: a line for each member, ID ADDRESS PRIMARY|- SLOTS…, if this one can reach them all
    ask -h "$1" cluster nodes | awk -v members="$members" '
        $3 !~ /(^|,)(fail\??|handshake|noaddr)(,|$)/ {
            sub(/:.*/, "", $2)
            line = $1 " " $2 " " $4
            for (n = 9; n <= NF; n++) if ($n !~ /^\[/) line = line " " $n
            lines[$1 "/" $2] = line
        }
        END {
            for (n = 1; n <= split(members, wanted, " "); n++) {
                if (!(wanted[n] in lines)) exit 1
                print lines[wanted[n]]
            }
        }'
}

shared_view() {
    view=$(view_of "$first") || return
    for address in $addresses; do
        [ "$(view_of "$address")" = "$view" ] || return
    done
    printf '%s\n' "$view"
}

next_steps() { # a line for each, ADDRESS COMMAND…: slots for which nobody is responsible, then replicas
    awk '
        $3 != "-" { replicas[$3]++; next }
        NF == 3 { spare[++spares] = $2; next }
        {
            primaries[++count] = $1
            for (n = 4; n <= NF; n++) {
                last = split($n, range, "-")
                for (slot = range[1]; slot <= range[last]; slot++) taken[slot + 0] = 1
            }
        }
        END {
            shards = int(NR / 2)
            for (n = 0; n < shards; n++) {
                from = int(n * 16384 / shards + 0.5) # as valkey-cli --cluster create
                to = int((n + 1) * 16384 / shards + 0.5) - 1
                for (slot = from; slot <= to && !(slot in taken); slot++);
                if (slot > to && used < spares) print spare[++used], "addslotsrange", from, to
            }
            if (used) exit
            for (n = 1; n <= count; n++)
                if (!replicas[primaries[n]] && used < spares) print spare[++used], "replicate", primaries[n]
        }'
}

while :; do
    if view=$(shared_view); then
        steps=$(printf '%s\n' "$view" | next_steps)
        [ -n "$steps" ] || exit 0
        printf '%s\n' "$steps" | while read -r address step; do
            # shellcheck disable=SC2086 # a command and its arguments
            echo "$address: cluster $step: $(ask -h "$address" cluster $step)"
        done
    else
        echo "introducing the servers to each other" >&2
        for address in $addresses; do
            ask -h "$first" cluster meet "$address" "$port" >/dev/null
        done
    fi
    sleep 1
done
