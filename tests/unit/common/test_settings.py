"""Secrets from files, and the Valkey and PostgreSQL URLs built with them."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from common.process.settings import join_password
from common.process.variables import (
    DATABASE_PASSWORD_FILE,
    NUMBER,
    SECRET_FILE,
    Join,
    Kind,
    SettingsError,
    Variable,
    read_variables,
)

GOOD = "5f0c1b7e9d3a4826"
URL = Kind("URL", str)
KEY = Variable("KEY_FILE", SECRET_FILE, "", None)


class Database(msgspec.Struct):
    url: Annotated[str, Variable("URL", URL, "", None), DATABASE_PASSWORD_FILE, Join(join_password)]
    size: Annotated[int, Variable("SIZE", NUMBER, "", "16")]


def url_of(url: str, secret: Path | None) -> str:
    env = {"HUBBUB_DATABASE_PASSWORD_FILE": str(secret)} if secret else {}
    return read_variables(Database, {"URL": url, **env}).url


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f"{GOOD}\n")
    return tmp_path / "secret"


def test_sixteen_characters_are_enough(secret: Path) -> None:
    """White space around them is not part of the secret."""
    assert KEY.read({"KEY_FILE": str(secret)}) == GOOD


@pytest.mark.parametrize(
    "content",
    ["", "\n", GOOD[:-1], "0" * 64, "abcdeabcdeabcdeabcde", "ChangeMe-5f0c1b7e9d3a",
     "password5f0c1b7e9d", "this-is-a-Secret-5f0c"],
)  # fmt: skip
def test_what_nobody_chose_is_refused(secret: Path, content: str) -> None:
    """Short secrets, and likely placeholders; the message names file and variable."""
    secret.write_text(content)
    with pytest.raises(SettingsError, match=f"KEY_FILE: {secret} holds (no|a placeholder, not a)"):
        KEY.read({"KEY_FILE": str(secret)})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message has its path and the reason."""
    with pytest.raises(SettingsError, match=f"cannot read {tmp_path}/none: No such file"):
        KEY.read({"KEY_FILE": f"{tmp_path}/none"})


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://edge@valkey:6379", f"redis://edge:{GOOD}@valkey:6379"),
        ("rediss://edge@valkey:6380/2", f"rediss://edge:{GOOD}@valkey:6380/2"),
        (
            "postgresql://users@one,two:5433/users?target_session_attrs=read-write",
            f"postgresql://users:{GOOD}@one,two:5433/users?target_session_attrs=read-write",
        ),
    ],
)
def test_the_password_goes_into_the_url(secret: Path, url: str, whole: str) -> None:
    """After the user, before the host."""
    assert url_of(url, secret) == whole


def test_odd_characters_are_quoted(secret: Path) -> None:
    """By RFC 3986 section 2.1."""
    secret.write_text("5f0c1b7e/9d3@4826:#")
    assert (
        url_of("redis://edge@valkey", secret) == "redis://edge:5f0c1b7e%2F9d3%404826%3A%23@valkey"
    )


@pytest.mark.parametrize("url", ["redis://edge:pw@valkey:6379", "redis://u:p@valkey", "rediss://v"])
def test_a_url_is_used_as_it_is_without_a_file(url: str) -> None:
    """An external Valkey, with whatever it needs."""
    assert url_of(url, None) == url


@pytest.mark.parametrize("url", ["redis://valkey:6379", "redis://edge:pw@valkey:6379"])
def test_a_file_needs_a_user_without_a_password(secret: Path, url: str) -> None:
    """Else it would be unclear whose password it is."""
    with pytest.raises(SettingsError, match="URL must name a user"):
        url_of(url, secret)


@pytest.mark.parametrize("size", ["0", "-1", "many", "1.5", "\u00b2"])
def test_a_number_that_is_none_is_told(size: str) -> None:
    """The message has the variable, its value, and the bound."""
    with pytest.raises(SettingsError, match=f"SIZE: '{size}' is not a whole number of at least 1"):
        read_variables(Database, {"URL": "postgresql://", "SIZE": size})


def test_an_empty_variable_is_none() -> None:
    """As a compose file passes on an unset variable."""
    assert read_variables(Database, {"URL": "postgresql://", "SIZE": ""}).size == 16
    with pytest.raises(SettingsError, match="URL is not set"):
        read_variables(Database, {"URL": ""})


def test_what_is_given_counts_where_nothing_is_set() -> None:
    """A given default applies if the variable is unset: for values that only the process itself
    knows."""
    assert read_variables(Database, {"URL": "postgresql://"}, size=3).size == 3
    assert read_variables(Database, {"URL": "postgresql://", "SIZE": "4"}, size=3).size == 4
