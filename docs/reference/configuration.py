"""The tables of docs/configuration.md: every variable, from the structs that hold the settings."""

import re
from typing import Any, Final

from chats.settings import ChatsSettings
from common.process.settings import ServiceSettings
from common.process.variables import Variable, declared_variables
from docs.reference.samples import table
from edge.settings import EdgeSettings
from files.settings import FilesSettings
from fleet.settings import FleetSettings
from ops.settings import OpsSettings
from realtime.settings import RealtimeSettings
from users.settings import Settings as UsersSettings

ROLES: Final[tuple[tuple[str, str, type], ...]] = (
    ("One machine", "`make run` reads these and passes its whole environment on to the services, "
     "so that it is the place for their variables too; what it decides itself (addresses, keys, "
     "seeds) it sets for them. Unless both databases are yours, libpq's variables (`PGSSLMODE` and "
     "the like) are ignored: set what your database needs in its URL.", FleetSettings),
    ("Every service", "Read by edge, realtime, files, users and chats.", ServiceSettings),
    ("edge", "", EdgeSettings),
    ("realtime", "", RealtimeSettings),
    ("files", "", FilesSettings),
    ("users", "", UsersSettings),
    ("chats", "", ChatsSettings),
    ("ops", "Read by `python -m ops`, beside those of one machine.", OpsSettings),
)  # fmt: skip
HEAD: Final = ("variable", "value", "default", "meaning")
COMPOSE_MEANINGS: Final = {
    "HUBBUB_ACME_CA": "The authority that the directory's own certificate is checked with.",
    "HUBBUB_ACME_DIRECTORY": "Where certificates are obtained.",
    "HUBBUB_ACME_EMAIL": "The address that the directory may write to.",
    "HUBBUB_ALERT_MAIL_FROM": "The sender of mails about alerts.",
    "HUBBUB_ALERT_MAIL_TO": "Who gets alerts by mail; with the profile `alerts`.",
    "HUBBUB_ALERT_SMTP": "The mail server, HOST:PORT.",
    "HUBBUB_ALERT_SMTP_TLS": "`false` where the mail server has no STARTTLS.",
    "HUBBUB_ALERT_SMTP_USER": "The user at the mail server; the password is in `smtp.password`.",
    "HUBBUB_ALERT_WEBHOOK": "A URL that gets alerts as JSON; with the profile `alerts`.",
    "HUBBUB_BIND": "Where the public ports listen.",
    "HUBBUB_CERTIFICATES": "A folder with certificates of your own, one .pem for each name.",
    "HUBBUB_CHATS_REPLICAS": "Containers of chats, 1 to 32.",
    "HUBBUB_DOMAIN": "The name for which a certificate is obtained and renewed.",
    "HUBBUB_EDGE_REPLICAS": "Containers of edge, 1 to 32.",
    "HUBBUB_FILES_REPLICAS": "Containers of files, 1 to 32.",
    "HUBBUB_GRAFANA_PORT": "Grafana's port on loopback.",
    "HUBBUB_IMAGE": "The image of the services.",
    "HUBBUB_LINK_PREVIEWS": "As above.",
    "HUBBUB_ORIGINS": "As above.",
    "HUBBUB_PORT": "The public port without TLS.",
    "HUBBUB_POSTGRES_IMAGE": "PostgreSQL's image; `deploy/compose-upgrade-postgres` sets it.",
    "HUBBUB_POSTGRES_MAJOR": "Its major release, which names the data folder; set by the same.",
    "HUBBUB_PROXY_PROTOCOL": "As above.",
    "HUBBUB_PUBLIC_URL": "As above.",
    "HUBBUB_PUSH": "As above.",
    "HUBBUB_PUSH_CONTACT": "As above.",
    "HUBBUB_RATE_LIMITS": "As above.",
    "HUBBUB_REALTIME_REPLICAS": "Containers of realtime, 1 to 32.",
    "HUBBUB_SECRETS": "The folder that `deploy/make-secrets` fills.",
    "HUBBUB_SIGNUP": "As above.",
    "HUBBUB_SIZE": "As above, for the services; `deploy/small.yml` makes everything else small.",
    "HUBBUB_TRUSTED_PROXIES": "As above.",
    "HUBBUB_TLS_PORT": "The public port with TLS.",
    "HUBBUB_USERS_REPLICAS": "Containers of users, 1 to 32.",
}


def describe_configuration(compose_file: str) -> str:
    """Markdown. Raises KeyError for a variable of the compose file that is not described here."""
    parts = []
    for title, text, settings in ROLES:
        variables = [
            (f"`{v.name}`", v.kind.says, _default(v), v.meaning)
            for v in declared_variables(settings)
        ]
        parts.append(f"## {title}\n\n{text + chr(10) * 2 if text else ''}{table(HEAD, *variables)}")
    rows = [
        (f"`{name}`", f"`{default}`" if default else "", COMPOSE_MEANINGS[name])
        for name, default in sorted(compose_variables(compose_file).items())
    ]
    parts.append(
        "## Containers\n\n`docker-compose.yml` reads these from `.env` beside it and sets the "
        f"services' own; [example.env](../deploy/example.env) is one to start from.\n\n"
        f"{table(('variable', 'default', 'meaning'), *rows)}"
    )
    return "\n\n".join(parts) + "\n"


def compose_variables(compose_file: str) -> dict[str, str]:
    """The variables that the file reads, with its defaults."""
    return dict(re.findall(r"\$\{(HUBBUB_\w+):-([^}]*)\}", compose_file))


def _default(variable: Variable) -> str:
    if variable.default is None:
        return "must be set"
    said: Any = f"`{variable.default.replace(',', ', ')}`" if variable.default else ""
    return variable.otherwise or said or "empty"
