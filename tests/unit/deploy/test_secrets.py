"""What a container does that was given a secret which is none: nothing, and it says why."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ROLES = ("edge", "realtime", "users", "chats")
BAD = {"missing": None, "empty": "", "short": "5f0c1b7e", "default": "changeme-5f0c1b7e9d3a"}


class Case(NamedTuple):
    role: str
    secret: str
    kind: str


# Every secret of every service, the kinds in turn: a start takes its time.
CASES = [
    Case(role, secret, list(BAD)[(place + number) % len(BAD)])
    for number, role in enumerate(ROLES)
    for place, secret in enumerate(COMPOSE["services"][role]["secrets"])
]


def start(folder: Path, case: Case) -> subprocess.CompletedProcess[str]:
    """As the image does, with the environment of the compose file."""
    folder.mkdir()
    service = COMPOSE["services"][case.role]
    for secret in service["secrets"]:
        content = BAD[case.kind] if secret == case.secret else os.urandom(32).hex()
        if content is not None:
            (folder / secret).write_text(content)
    environment = {
        name: str(value).replace("/run/secrets", str(folder))
        for name, value in service["environment"].items()
        if not str(value).startswith("${")
    }
    return subprocess.run(
        [sys.executable, ROOT / "deploy/entry.py", case.role],
        env={"PATH": os.environ["PATH"], **environment, "HUBBUB_LISTEN": "127.0.0.1:0"},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_service_without_a_real_secret_refuses_to_start(tmp_path: Path) -> None:
    """Missing, empty, short or a placeholder: exit code 1 and one sentence with the file's name."""
    with ThreadPoolExecutor(4) as threads:
        done = threads.map(lambda case: start(tmp_path / "-".join(case), case), CASES)
        for case, ended in zip(CASES, done, strict=True):
            assert ended.returncode == 1, case
            assert len(ended.stderr.splitlines()) == 1, (case, ended.stderr)
            assert str(tmp_path / "-".join(case) / case.secret) in ended.stderr, case
            assert "Traceback" not in ended.stderr, case
