"""What is redacted in a bundle, and where it is written."""

import asyncio
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fleet.settings import FleetSettings, read_settings
from ops import bundle
from ops.bundle import BLOT, Blotter, read_secrets, write_bundle
from ops.doctor import report
from ops.doctor.scene import Scene
from tests.unit.ops.scenes import scene

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("redis://edge:hunter2@host:6379", f"redis://edge:{BLOT}@host:6379"),
        ("postgresql://u:p%40ss@h/db and more", f"postgresql://u:{BLOT}@h/db and more"),
        ("redis://edge:p@ss@host:6379", f"redis://edge:{BLOT}@host:6379"),
        ("redis://a:p1@h:1,redis://b:p2@i:2", f"redis://a:{BLOT}@h:1,redis://b:{BLOT}@i:2"),
        ("postgresql://h/db?password=p@ss&user=u", f"postgresql://h/db?password={BLOT}&user=u"),
        ("postgresql://h/db?sslpassword=hunter2", f"postgresql://h/db?sslpassword={BLOT}"),
        (f"Bearer {TOKEN} was here", f"Bearer {BLOT} was here"),
        ("the key is 0123456789abcdef!", f"the key is {BLOT}!"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", f"{BLOT}\n"),
        ('hubbub_calls_total{to="chats"} 7', 'hubbub_calls_total{to="chats"} 7'),
        ("http://127.0.0.1:8000/path", "http://127.0.0.1:8000/path"),
    ],
)
def test_secrets_are_blotted_and_the_rest_stays(text: str, blotted: str) -> None:
    """Passwords in URLs, tokens, keys, and the contents of key files."""
    assert Blotter({"0123456789abcdef"}).blot(text) == blotted


def test_secrets_are_what_the_key_files_hold(tmp_path: Path) -> None:
    """Whole and line by line, in folders too; short words do not count as secrets."""
    (tmp_path / "signing").mkdir()
    (tmp_path / "signing" / "a.pem").write_text("first line\nsecond line\nend\n")
    (tmp_path / "service.key").write_text("0123456789abcdef\n")
    (tmp_path / "empty").write_text("")
    assert read_secrets(tmp_path) == {
        "first line\nsecond line\nend", "first line", "second line", "0123456789abcdef",
    }  # fmt: skip
    assert read_secrets(tmp_path / "nowhere") == set()


async def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    """It may be a backup. It keeps its contents."""
    target = tmp_path / "kept.tar"
    target.write_text("a backup")
    with pytest.raises(FileExistsError) as refused:
        await write_bundle(read_settings({"HUBBUB_DATA": str(tmp_path)}), target)
    assert refused.value.filename == str(target)
    assert target.read_text() == "a backup"


@pytest.mark.parametrize("failure", [OSError(28, "No space left"), asyncio.CancelledError()])
async def test_a_bundle_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    """Neither when the disk is full nor at Ctrl-C: the next attempt would be refused."""

    async def fail(*_: Any) -> None:
        raise failure

    monkeypatch.setattr(bundle, "write_archive", fail)
    target = tmp_path / "bundle.tar.gz"
    with pytest.raises(type(failure)):
        await write_bundle(read_settings({"HUBBUB_DATA": str(tmp_path)}), target)
    assert os.listdir(tmp_path) == []


async def test_what_passes_by_itself_is_not_in_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor looks again; its report in the bundle is the same."""
    scenes = [scene(system_ready=503), scene()]

    async def collect(_: FleetSettings) -> Scene:
        return scenes.pop(0)

    monkeypatch.setattr(report, "collect", collect)
    monkeypatch.setattr(report, "PASSING_SECONDS", 0.0)
    target = tmp_path / "bundle.tar.gz"
    await write_bundle(read_settings({"HUBBUB_DATA": str(tmp_path)}), target)
    with tarfile.open(target) as archive:
        file = archive.extractfile("hubbub/doctor.json")
        assert file is not None
        assert json.load(file)["sound"] is True
    assert scenes == []
