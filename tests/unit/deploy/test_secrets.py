"""A container with an invalid secret does not start, and says why."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from chats.settings import read_chats_settings
from common.process.variables import SettingsError
from edge.settings import read_edge_settings
from files.settings import read_files_settings
from realtime.settings import read_realtime_settings
from users.settings import read_settings as read_users_settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
READERS: dict[str, Callable[[dict[str, str]], object]] = {
    "edge": read_edge_settings,
    "realtime": read_realtime_settings,
    "files": read_files_settings,
    "users": read_users_settings,
    "chats": read_chats_settings,
}
ROLES = tuple(READERS)
BAD = {"missing": None, "empty": "", "short": "5f0c1b7e", "default": "changeme-5f0c1b7e9d3a"}


class Case(NamedTuple):
    role: str
    secret: str
    kind: str


# Every secret of every service, the kinds in turn. The one of 0.1.0 may be empty.
CASES = [
    Case(role, secret, list(BAD)[(place + number) % len(BAD)])
    for number, role in enumerate(ROLES)
    for place, secret in enumerate(COMPOSE["services"][role]["secrets"])
    if secret != "service.key"
] + [Case("edge", "service.key", kind) for kind in BAD if kind != "empty"]


def prepare(folder: Path, case: Case) -> dict[str, str]:
    """The environment of the compose file, with one bad secret."""
    service = COMPOSE["services"][case.role]
    for secret in service["secrets"]:
        content = BAD[case.kind] if secret == case.secret else os.urandom(32).hex()
        if secret.endswith(".callers") and secret != case.secret:
            content = f"edge {content}"
        if content is not None:
            (folder / secret).write_text(content)
    environment = {
        name: str(value).replace("/run/secrets", str(folder))
        for name, value in service["environment"].items()
        if not str(value).startswith("${")
    }
    return {**environment, "HUBBUB_LISTEN": "127.0.0.1:0"}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_each_secret_must_be_a_real_one(tmp_path: Path, case: Case) -> None:
    """Missing, empty, short or a placeholder: the error names the file."""
    environment = prepare(tmp_path, case)
    with pytest.raises(SettingsError, match=re.escape(str(tmp_path / case.secret))):
        READERS[case.role](environment)


@pytest.mark.parametrize("role", ROLES)
def test_a_service_without_a_real_secret_refuses_to_start(tmp_path: Path, role: str) -> None:
    """Started as in the image: EX_CONFIG and one sentence, no traceback."""
    case = Case(role, f"{role}.key", "default")
    ended = subprocess.run(
        [sys.executable, ROOT / "deploy/entry.py", role],
        env={"PATH": os.environ["PATH"], **prepare(tmp_path, case)},
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == os.EX_CONFIG
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert str(tmp_path / f"{role}.key") in ended.stderr
