"""Starts a service in its container: `entry.py edge`.

Passes the process what only the container knows: its name on the network and its public address.
Writes nothing, and does not know what the service does.
"""

import os
import socket
import sys
from collections.abc import Mapping

ROLES = ("edge", "realtime", "files", "users", "chats")


class EntryError(Exception):
    """There is no such service; the text lists the existing ones."""


def service_environment(role: str, env: Mapping[str, str], host: str) -> dict[str, str]:
    """The service's environment; `host` is the container's name, which Docker's DNS knows.

    Raises EntryError for an unknown role.
    """
    if role not in ROLES:
        raise EntryError(f"there is no service {role!r}: name one of {', '.join(ROLES)}")
    # users and chats are called here; public roles are probed on their internal port.
    calls = "HUBBUB_LISTEN" if role in ("users", "chats") else "HUBBUB_METRICS_LISTEN"
    inner = env.get(calls) or env.get("HUBBUB_LISTEN", "")
    port = inner.rpartition(":")[2]
    return {
        "HUBBUB_NAME": f"{role}-{host}",
        "HUBBUB_ADVERTISE": f"{host}:{port}",
        **env,
        **_addresses(env),
    }


def _addresses(env: Mapping[str, str]) -> dict[str, str]:
    """The public address: the operator's setting, else the domain's, else this machine."""
    public, domain = env.get("HUBBUB_PUBLIC_URL", ""), env.get("HUBBUB_DOMAIN", "")
    if public or "HUBBUB_PORT" not in env:
        return {}
    if domain:
        return {"HUBBUB_PUBLIC_URL": f"https://{domain}"}
    port = env["HUBBUB_PORT"]
    others = [f"http://localhost:{port}", env.get("HUBBUB_ORIGINS", "")]
    return {
        "HUBBUB_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "HUBBUB_ORIGINS": ",".join(filter(None, others)),
    }


def main() -> None:
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        environment = service_environment(role, os.environ, socket.gethostname())
    except EntryError as error:
        sys.exit(f"Hubbub does not start: {error}")
    os.execve(sys.executable, [sys.executable, "-m", role], environment)  # noqa: S606


if __name__ == "__main__":
    main()
