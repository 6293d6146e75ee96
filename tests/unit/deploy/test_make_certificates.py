"""deploy/make-certificates keeps its CA, and says what it lacks.

tests/contract/common/test_tls.py checks what it makes.
"""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

SERVICES = ("users", "chats", "realtime", "edge", "files")


def make(folder: Path, *names: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", PROJECT_FOLDER / "deploy" / "make-certificates", folder, *names],
        env={"PATH": path or os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_signed(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "verify", "-CAfile", folder / "ca.pem", folder / f"{name}.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With certificates, and the CA's key moved away as docs/hosts.md tells."""
    folder = tmp_path / "tls"
    assert make(folder, "10.0.0.1").returncode == 0
    (folder / "ca.key").rename(tmp_path / "ca.key")
    return folder


def test_without_the_key_of_its_ca_nothing_is_made(folder: Path) -> None:
    """Another CA would replace the one that all hosts know; a run with nothing to make succeeds."""
    assert make(folder, "10.0.0.1").returncode == 0
    (folder / "users.pem").unlink()
    before = content(folder)
    done = make(folder, "10.0.0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder}/users.pem is not made" in done.stderr
    assert f"Put ca.key back into {folder}" in done.stderr
    assert content(folder) == before


def test_a_removed_certificate_is_made_anew_by_the_same_ca(folder: Path) -> None:
    """Once ca.key is back; the others are kept."""
    before = content(folder)
    (folder / "users.pem").unlink()
    (folder.parent / "ca.key").rename(folder / "ca.key")
    assert make(folder).stdout == f"made {folder}/users.pem and users.key\n"
    after = content(folder)
    assert {name for name in before if after[name] != before[name]} == {"users.pem", "users.key"}
    assert_signed(folder, "users")


def test_an_interrupted_first_run_can_be_run_again(folder: Path) -> None:
    """The key that it left makes the CA, and certificates made by it stay good."""
    (folder.parent / "ca.key").rename(folder / "ca.key")
    for name in ("ca", "files"):
        (folder / f"{name}.pem").unlink()
    assert make(folder).returncode == 0
    for name in SERVICES:
        assert_signed(folder, name)


def test_what_openssl_says_is_shown_if_it_fails(folder: Path) -> None:
    """The key in use is kept, because its certificate may be in use too."""
    other = folder.parent / "other"
    assert make(other).returncode == 0
    (other / "ca.key").rename(folder / "ca.key")
    (folder / "users.pem").unlink()
    before = content(folder)
    done = make(folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "do not match" in done.stderr
    assert content(folder) == before


def test_without_openssl_it_says_so(tmp_path: Path) -> None:
    """Instead of ending silently."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mkdir").symlink_to("/bin/mkdir")
    done = make(tmp_path / "tls", path=str(programs))
    assert (done.returncode, done.stdout) == (1, "")
    assert "openssl, which is not installed" in done.stderr
