"""The units of deploy/hosts."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["hubbub@.service", "hubbub-balancer.service"])
def test_systemd_has_nothing_to_say_about_the_units(name: str, tmp_path: Path) -> None:
    """Where there is one, it knows every line."""
    text = (ROOT / "deploy" / "hosts" / name).read_text()
    unit = tmp_path / name.replace("@", "@users")
    unit.write_text(text.replace("/opt/hubbub", str(ROOT)))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--generators=no", str(unit)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if unit.name in line]
        assert (done.returncode, about) == (0, [])
