#!/bin/sh
# Writes Alertmanager's configuration from the environment and starts it:
#   HUBBUB_ALERT_MAIL_TO, HUBBUB_ALERT_MAIL_FROM, HUBBUB_ALERT_SMTP (HOST:PORT)   mail, if all are set
#   HUBBUB_ALERT_SMTP_USER, /run/secrets/smtp.password                            and who sends it
#   HUBBUB_ALERT_WEBHOOK                                                          a URL that gets JSON
set -eu
file=${HUBBUB_ALERT_FILE:-/tmp/alertmanager.yml}
password=${HUBBUB_ALERT_SMTP_PASSWORD_FILE:-/run/secrets/smtp.password}
umask 077

quoted() { # as a YAML string
    printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"
}

if [ -z "${HUBBUB_ALERT_MAIL_TO:-}${HUBBUB_ALERT_WEBHOOK:-}" ]; then
    echo "Alertmanager does not start, since nobody would get its alerts: set HUBBUB_ALERT_MAIL_TO or" \
        "HUBBUB_ALERT_WEBHOOK" >&2
    exit 1
fi
if [ -n "${HUBBUB_ALERT_MAIL_TO:-}" ]; then
    : "${HUBBUB_ALERT_MAIL_FROM:?HUBBUB_ALERT_MAIL_FROM is not set}"
    : "${HUBBUB_ALERT_SMTP:?HUBBUB_ALERT_SMTP is not set}"
fi

{
    echo 'route:'
    echo '  receiver: operators'
    echo '  group_by: [alertname]'
    echo '  group_wait: 15s'
    echo '  group_interval: 5m'
    echo '  repeat_interval: 12h'
    echo 'inhibit_rules:' # if something is down altogether, other alerts are consequences
    echo '  - source_matchers: [alertname="TierDown"]'
    echo '    target_matchers: [alertname="ProcessDown"]'
    echo '    equal: [of]'
    echo 'receivers:'
    echo '  - name: operators'
    if [ -n "${HUBBUB_ALERT_MAIL_TO:-}" ]; then
        echo '    email_configs:'
        echo "      - to: $(quoted "$HUBBUB_ALERT_MAIL_TO")"
        echo "        from: $(quoted "$HUBBUB_ALERT_MAIL_FROM")"
        echo "        smarthost: $(quoted "$HUBBUB_ALERT_SMTP")"
        echo "        require_tls: ${HUBBUB_ALERT_SMTP_TLS:-true}"
        echo '        send_resolved: true'
        if [ -n "${HUBBUB_ALERT_SMTP_USER:-}" ]; then
            echo "        auth_username: $(quoted "$HUBBUB_ALERT_SMTP_USER")"
            echo "        auth_password_file: $(quoted "$password")"
        fi
    fi
    if [ -n "${HUBBUB_ALERT_WEBHOOK:-}" ]; then
        echo '    webhook_configs:'
        echo "      - url: $(quoted "$HUBBUB_ALERT_WEBHOOK")"
        echo '        send_resolved: true'
    fi
} >"$file"
exec alertmanager --config.file="$file" "$@"
