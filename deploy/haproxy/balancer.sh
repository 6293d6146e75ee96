#!/bin/sh
# Starts HAProxy with plain HTTP for a trial, with TLS and the certificates of the mounted folder, or, if
# there is a domain and no mounted certificate, with TLS and a certificate that HAProxy obtains itself.
set -eu

# Without an address HAProxy listens on IPv4 only.
if grep -q . /proc/net/if_inet6 2>/dev/null; then
    address=:: both=" v4v6"
else
    address='' both=''
fi
set -- -f /etc/hubbub/haproxy.cfg -f /etc/hubbub/containers.cfg
if ls /etc/hubbub/certificates/*.pem >/dev/null 2>&1; then
    certificates=/etc/hubbub/certificates/
elif [ -n "$HUBBUB_DOMAIN" ]; then
    certificates=/acme/site.pem
    set -- -f /etc/hubbub/acme.cfg "$@" # before the listener that uses the certificate
else
    certificates=
fi
if [ -n "$certificates" ]; then
    # HTTP/1.1 only: the limits on headers, bodies and slow readers are tested with it.
    HUBBUB_BALANCER_BIND="$address:8443$both ssl crt $certificates alpn http/1.1"
    export HUBBUB_BALANCER_PLAIN_BIND="$address:8080$both"
    set -- "$@" -f /etc/hubbub/tls.cfg
else
    HUBBUB_BALANCER_BIND="$address:8080$both"
fi

descriptors=$(ulimit -Hn) # HAProxy raises the soft limit by itself
[ "$descriptors" = unlimited ] && descriptors=1000000
connections=$(((descriptors - 500) / 2)) # each takes two, one on each side
[ "$connections" -gt 20000 ] && connections=20000

HUBBUB_BALANCER_TRUSTED=$(printf %s "${HUBBUB_TRUSTED_PROXIES:-}" | tr ',' ' ')
export HUBBUB_BALANCER_TRUSTED
export HUBBUB_BALANCER_PROXY="${HUBBUB_PROXY_PROTOCOL:-}"
# The folder is missing if a container of an older release reloads its files.
[ ! -d /etc/hubbub/refusals ] || export HUBBUB_BALANCER_REFUSALS=/etc/hubbub/refusals
export HUBBUB_BALANCER_BIND
export HUBBUB_BALANCER_METRICS=:9101
export HUBBUB_BALANCER_ADMIN=/run/balancer/admin.sock
export HUBBUB_BALANCER_MAXCONN=$connections
HUBBUB_BALANCER_KEY=$(cat /run/secrets/balancer.key)
if [ ${#HUBBUB_BALANCER_KEY} -lt 16 ]; then
    echo "HAProxy does not start: /run/secrets/balancer.key holds no secret of 16 characters or" \
        "more: run deploy/make-secrets" >&2
    exit 1
fi
export HUBBUB_BALANCER_KEY
exec haproxy -W -db "$@"
