"""`python -m fleet unit`: a systemd unit that runs this Hubbub, made for this machine's paths.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

import os
import pwd
import shutil
import sys
from pathlib import Path
from typing import Final

from fleet.processes.descriptors import GOOD_DESCRIPTORS
from fleet.settings import PROJECT_FOLDER, FleetSettings

FALLBACK_USER: Final = "hubbub"  # for what root installs: PostgreSQL does not run as root
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
ReadWritePaths={data} -{project}/.venv
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
    """The variables that are set now are set in it too."""
    variables = [
        f'Environment="{_escape(name)}={_escape(value)}"'
        for name, value in sorted(settings.environment.items())
        if name.startswith("HUBBUB_") and name != "HUBBUB_DATA"
    ]
    at_home = any(path.is_relative_to("/home") for path in (settings.data, PROJECT_FOLDER))
    return UNIT.format(
        user=_owner(settings.data),
        project=PROJECT_FOLDER,
        environment="\n".join([f'Environment="HUBBUB_DATA={settings.data}"', *variables]),
        make=shutil.which("make") or "/usr/bin/make",
        python=sys.executable,
        stop=STOP_SECONDS,
        descriptors=GOOD_DESCRIPTORS,
        capabilities="CAP_NET_BIND_SERVICE" if settings.port < 1024 else "",
        data=settings.data,
        home="read-only" if at_home else "yes",
    )


def _escape(text: str) -> str:
    """In quotes; a percent sign would begin one of systemd's specifiers."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _owner(data: Path) -> str:
    """Whose data it is, or whoever asks."""
    name = pwd.getpwuid(data.stat().st_uid if data.exists() else os.getuid()).pw_name
    return FALLBACK_USER if name == "root" else name
