"""The systemd unit that is printed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.commands.unit import environment_text, preparations, unit_text
from fleet.settings import PROJECT_FOLDER, read_settings


def test_the_unit_is_for_this_machine_and_these_variables(tmp_path: Path) -> None:
    """Paths, the owner of the data, and the current variables, quoted for systemd."""
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


def test_passwords_are_not_in_the_unit(tmp_path: Path) -> None:
    """Any user may read it, and ask systemd for its variables; the file next to it is root's."""
    urls = {
        "HUBBUB_VALKEY_URL": 'redis://:a"%\\b@bus',
        "HUBBUB_USERS_DATABASE_URL": "postgresql://users:secret@db/users",
    }
    settings = read_settings({"HUBBUB_DATA": str(tmp_path), "HUBBUB_PORT": "8123", **urls})
    lines = unit_text(settings).splitlines()
    assert 'Environment="HUBBUB_PORT=8123"' in lines
    assert "EnvironmentFile=/etc/hubbub.env" in lines
    assert not any(name in line for line in lines for name in urls)
    assert environment_text(settings).splitlines() == [
        r'''HUBBUB_VALKEY_URL="redis://:a\"%\\b@bus"''',
        'HUBBUB_USERS_DATABASE_URL="postgresql://users:secret@db/users"',
    ]
    alone = read_settings({"HUBBUB_DATA": str(tmp_path)})
    assert "EnvironmentFile" not in unit_text(alone)
    assert environment_text(alone) == ""


def test_what_lies_elsewhere_can_be_reached(tmp_path: Path) -> None:
    """Everything outside the listed folders is read-only, and the rest of /home is empty."""
    given = {
        "HUBBUB_DATA": str(tmp_path / "data"), "HUBBUB_FILES_URL": "file:///srv/my%20files",
        "HUBBUB_TLS_CERTIFICATE": "/srv/chain.pem",
    }  # fmt: skip
    lines = unit_text(read_settings(given)).splitlines()
    assert f'ReadWritePaths={tmp_path}/data "/srv/my files" -{PROJECT_FOLDER}/.venv' in lines
    for variable, place in {
        "HUBBUB_TLS_CERTIFICATE": "/home/ann/chain.pem", "HUBBUB_TLS_KEY": "/home/ann/key.pem",
        "HUBBUB_FILES_URL": "file:///home/ann/files", "HUBBUB_DATA": "/home/ann/data",
        "HUBBUB_FILES_SECRET_FILE": "/home/ann/secret",
    }.items():  # fmt: skip
        lines = unit_text(read_settings({**given, variable: place})).splitlines()
        assert "ProtectHome=read-only" in lines


def test_a_path_with_a_space_is_one_word_of_the_unit(tmp_path: Path) -> None:
    """And no percent sign starts a specifier."""
    data = tmp_path / "my 100%"
    lines = unit_text(read_settings({"HUBBUB_DATA": str(data)})).splitlines()
    assert f'Environment="HUBBUB_DATA={data}%"' in lines
    assert f'ReadWritePaths="{data}%" -{PROJECT_FOLDER}/.venv' in lines


def test_a_folder_that_the_unit_needs_is_named_where_there_is_none(tmp_path: Path) -> None:
    """With the command that creates it, outside the unit: systemd starts nothing without it. A
    folder of root is given to the user who will run Hubbub."""
    data = tmp_path / "my data"
    command = [sys.executable, "-m", "fleet", "unit"]
    environment = {"PATH": os.environ["PATH"], "HUBBUB_DATA": str(data)}
    roots = f"type: sudo chown -R hubbub: '{data}'\n" if os.getuid() == 0 else ""
    for said in (f" '{data}'\n", roots):
        done = subprocess.run(
            command, cwd=PROJECT_FOLDER, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.startswith("[Unit]")
        assert done.stderr.endswith(said)
        assert bool(done.stderr) == bool(said)
        data.mkdir(exist_ok=True)


def test_packages_belong_to_the_user_who_installs_those_of_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one, such as root, may have made the environment."""
    packages = tmp_path / "my .venv"
    monkeypatch.setattr("fleet.commands.unit.PACKAGES", packages)
    settings = read_settings({"HUBBUB_DATA": str(tmp_path)})
    given = f"sudo chown -R hubbub: '{packages}'"
    monkeypatch.setattr("fleet.commands.unit.owner_of", lambda _: "hubbub")
    assert given not in preparations(settings)
    packages.mkdir()
    assert given in preparations(settings)
    monkeypatch.setattr("fleet.commands.unit.owner_of", lambda _: packages.owner())
    assert preparations(settings) == []


def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    """If systemd is installed, it accepts every line."""
    unit = tmp_path / "hubbub.service"
    given = {"HUBBUB_DATA": str(tmp_path), "HUBBUB_VALKEY_URL": "redis://bus"}
    unit.write_text(unit_text(read_settings(given)))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--generators=no", str(unit)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if unit.name in line]
        assert (done.returncode, about) == (0, [])
