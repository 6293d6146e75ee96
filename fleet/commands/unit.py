"""`python -m fleet unit`: a systemd unit that runs this Hubbub, with this machine's paths.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

import os
import pwd
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from fleet.processes.descriptors import GOOD_DESCRIPTORS
from fleet.settings import EXTERNAL, PROJECT_FOLDER, FleetSettings

FALLBACK_USER: Final = "hubbub"  # if root installs it: PostgreSQL does not run as root
ENVIRONMENT_FILE: Final = "/etc/hubbub.env"
PACKAGES: Final = PROJECT_FOLDER / ".venv"
STOP_SECONDS: Final = 40  # the fleet drains for at most 30
UNIT: Final = """\
[Unit]
Description=Hubbub
After=network-online.target
Wants=network-online.target
# It is tried again for ever: what it waits for may come back.
StartLimitIntervalSec=0

[Service]
User={user}
WorkingDirectory={project}
{environment}
# The packages of the locks, which an upgrade may have changed.
ExecStartPre={make} .venv/run.stamp
ExecStart={python} -m fleet
# The fleet drains and ends its processes by itself.
KillMode=mixed
TimeoutStartSec=600
TimeoutStopSec={stop}
Restart=always
RestartSec=2
# One process that is killed for its memory is started again by the fleet.
OOMPolicy=continue
LimitNOFILE={descriptors}

UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectSystem=strict
ReadWritePaths={writable}
PrivateTmp=yes
PrivateDevices=yes
ProtectHome={home}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=no
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""


def unit_text(settings: FleetSettings) -> str:
    """Sets the variables that are set now, and allows access to the paths they name. Those that may
    contain passwords are in a file that only root can read: anyone may ask systemd for the rest."""
    variables = [
        f'Environment="{_escape(name)}={_escape(value)}"'
        for name, value in sorted(settings.environment.items())
        if name.startswith("HUBBUB_") and name not in ("HUBBUB_DATA", *EXTERNAL)
    ]
    if settings.external:
        variables.append(f"EnvironmentFile={ENVIRONMENT_FILE}")
    data = f'Environment="HUBBUB_DATA={_escape(str(settings.data))}"'
    writable = [str(path) for path in writable_folders(settings)]
    secrets = [
        Path(value)
        for name, value in settings.environment.items()
        if name.startswith("HUBBUB_") and name.endswith("_FILE") and value
    ]
    python = Path(sys.executable).resolve()
    named = [settings.tls_certificate, settings.tls_key, python, *secrets]
    needed = [*writable_folders(settings), PROJECT_FOLDER, *(path for path in named if path)]
    at_home = any(path.absolute().is_relative_to("/home") for path in needed)
    return UNIT.format(
        user=owner_of(settings.data),
        project=str(PROJECT_FOLDER).replace("%", "%%"),  # the whole line, without quotes
        environment="\n".join([data, *variables]),
        make=_word(shutil.which("make") or "/usr/bin/make"),
        python=_word(sys.executable),
        stop=STOP_SECONDS,
        descriptors=GOOD_DESCRIPTORS,
        capabilities="CAP_NET_BIND_SERVICE" if settings.port < 1024 else "",
        writable=" ".join(map(_word, [*writable, f"-{PACKAGES}"])),
        home="read-only" if at_home else "yes",
    )


def environment_text(settings: FleetSettings) -> str:
    """The content of the unit's EnvironmentFile; empty if it names none."""
    quoted = {
        name: url.replace("\\", "\\\\").replace('"', '\\"')  # a percent sign is literal here
        for name, url in settings.external.items()
    }
    return "".join(f'{name}="{url}"\n' for name, url in quoted.items())


def preparations(settings: FleetSettings) -> list[str]:
    """The commands that let its user write where it must."""
    user = owner_of(settings.data)
    commands = []
    # The unit installs the packages of new locks there.
    if PACKAGES.exists() and _name_of(PACKAGES.stat().st_uid) != user:
        commands.append(f"sudo chown -R {user}: {shlex.quote(str(PACKAGES))}")
    for folder in writable_folders(settings):
        name = shlex.quote(str(folder))
        if not folder.exists():
            commands.append(f"sudo install -d -m 700 -o {user} {name}")
        elif owner_of(folder) != _name_of(folder.stat().st_uid):  # root's
            commands.append(f"sudo chown -R {user}: {name}")
    return commands


def writable_folders(settings: FleetSettings) -> list[Path]:
    """The data folder, and the folder of files if it is elsewhere. Without one of them the unit
    does not start."""
    parts = urlsplit(settings.files_url)
    files = Path(unquote(parts.path))
    is_elsewhere = parts.scheme == "file" and not files.is_relative_to(settings.data)
    return [settings.data, files] if is_elsewhere else [settings.data]


def _word(text: str) -> str:
    """Quotes a path in a line that has several."""
    escaped = _escape(text)
    return f'"{escaped}"' if escaped != text or " " in text else text


def _escape(text: str) -> str:
    """In quotes; a bare percent sign would begin a systemd specifier."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def owner_of(data: Path) -> str:
    """The owner of the data, or the current user."""
    name = _name_of(data.stat().st_uid if data.exists() else os.getuid())
    return FALLBACK_USER if name == "root" else name


def _name_of(user: int) -> str:
    return pwd.getpwuid(user).pw_name
