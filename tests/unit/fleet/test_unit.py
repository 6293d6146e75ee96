"""The systemd unit that is printed."""

import shutil
import subprocess
from pathlib import Path

from fleet.commands.unit import unit_text
from fleet.settings import PROJECT_FOLDER, read_settings


def test_the_unit_is_for_this_machine_and_these_variables(tmp_path: Path) -> None:
    """Paths, the owner of the data, and what is set now, quoted for systemd."""
    data = tmp_path / "data"
    text = unit_text(
        read_settings({"HUBBUB_DATA": str(data), "HUBBUB_PUBLIC_URL": "https://a%20b"})
    )
    lines = text.splitlines()
    assert f'Environment="HUBBUB_DATA={data}"' in lines
    assert 'Environment="HUBBUB_PUBLIC_URL=https://a%%20b"' in lines
    assert f"WorkingDirectory={PROJECT_FOLDER}" in lines
    assert f"ReadWritePaths={data} -{PROJECT_FOLDER}/.venv" in lines
    assert "User=root" not in lines
    assert "CapabilityBoundingSet=" in lines
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE" in unit_text(
        read_settings({"HUBBUB_DATA": str(data), "HUBBUB_PORT": "443"})
    )


def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    """Where there is one, it knows every line."""
    unit = tmp_path / "hubbub.service"
    unit.write_text(unit_text(read_settings({"HUBBUB_DATA": str(tmp_path)})))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--generators=no", str(unit)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if unit.name in line]
        assert (done.returncode, about) == (0, [])
