"""What is redacted in a bundle."""

from pathlib import Path

import pytest

from ops.bundle import BLOT, Blotter, read_secrets

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
