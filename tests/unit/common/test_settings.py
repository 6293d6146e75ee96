"""Secrets from files, and the URLs of Valkey and PostgreSQL that are put together with one."""

from pathlib import Path

import pytest

from common.process.settings import SettingsError, read_database_url, read_secret, read_valkey_url

GOOD = "5f0c1b7e9d3a4826"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f"{GOOD}\n")
    return tmp_path / "secret"


def test_sixteen_characters_are_enough(secret: Path) -> None:
    """White space around them is none of the secret."""
    assert read_secret({"KEY_FILE": str(secret)}, "KEY_FILE") == GOOD


@pytest.mark.parametrize(
    "content",
    ["", "\n", GOOD[:-1], "0" * 64, "abcdeabcdeabcdeabcde", "ChangeMe-5f0c1b7e9d3a",
     "password5f0c1b7e9d", "this-is-a-Secret-5f0c"],
)  # fmt: skip
def test_what_nobody_chose_is_refused(secret: Path, content: str) -> None:
    """Short ones, and what looks like a placeholder; the sentence names file and variable."""
    secret.write_text(content)
    with pytest.raises(SettingsError, match=f"KEY_FILE: {secret} holds (no|a placeholder, not a)"):
        read_secret({"KEY_FILE": str(secret)}, "KEY_FILE")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its path and the reason."""
    with pytest.raises(SettingsError, match=f"cannot read {tmp_path}/none: No such file"):
        read_secret({"KEY_FILE": f"{tmp_path}/none"}, "KEY_FILE")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://edge@valkey:6379", f"redis://edge:{GOOD}@valkey:6379"),
        ("rediss://edge@valkey:6380/2", f"rediss://edge:{GOOD}@valkey:6380/2"),
    ],
)
def test_the_password_goes_into_the_url(secret: Path, url: str, whole: str) -> None:
    """After the user, before the host."""
    env = {"HUBBUB_VALKEY_URL": url, "HUBBUB_VALKEY_PASSWORD_FILE": str(secret)}
    assert read_valkey_url(env) == whole


def test_odd_characters_are_quoted(secret: Path) -> None:
    """As RFC 3986 section 2.1 has it."""
    secret.write_text("5f0c1b7e/9d3@4826:#")
    env = {
        "HUBBUB_VALKEY_URL": "redis://edge@valkey",
        "HUBBUB_VALKEY_PASSWORD_FILE": str(secret),
    }
    assert read_valkey_url(env) == "redis://edge:5f0c1b7e%2F9d3%404826%3A%23@valkey"


@pytest.mark.parametrize("url", ["redis://edge:pw@valkey:6379", "redis://u:p@valkey", "rediss://v"])
def test_a_url_is_used_as_it_is_without_a_file(url: str) -> None:
    """Somebody else's Valkey, with whatever it wants."""
    assert read_valkey_url({"HUBBUB_VALKEY_URL": url}) == url


@pytest.mark.parametrize("url", ["redis://valkey:6379", "redis://edge:pw@valkey:6379"])
def test_a_file_needs_a_user_without_a_password(secret: Path, url: str) -> None:
    """Whose password would it be?"""
    env = {"HUBBUB_VALKEY_URL": url, "HUBBUB_VALKEY_PASSWORD_FILE": str(secret)}
    with pytest.raises(SettingsError, match="must name a user"):
        read_valkey_url(env)


def test_a_databases_password_goes_into_its_url(secret: Path) -> None:
    """As Valkey's does, whatever else the URL says."""
    env = {
        "URL": "postgresql://hubbub_users@one,two:5433/hubbub_users?target_session_attrs=read-write",
        "HUBBUB_DATABASE_PASSWORD_FILE": str(secret),
    }
    assert read_database_url(env, "URL") == (
        f"postgresql://hubbub_users:{GOOD}@one,two:5433/hubbub_users"
        "?target_session_attrs=read-write"
    )
