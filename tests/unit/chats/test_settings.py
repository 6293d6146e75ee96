"""What a chats process reads from its environment."""

from pathlib import Path

import pytest

from chats.settings import read_chats_settings
from common.process.variables import SettingsError
from tests.fixtures.callers import Credentials


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "HUBBUB_LISTEN": "127.0.0.1:8400",
        "HUBBUB_VALKEY_URL": "redis://127.0.0.1:8401",
        **Credentials(tmp_path).environment("chats"),
        "HUBBUB_CHATS_DATABASE_URL": "postgresql://chats@127.0.0.1/chats",
    }


def test_the_database_is_all_it_needs_beside_the_common_ones(environment: dict[str, str]) -> None:
    """Everything else has a default."""
    settings = read_chats_settings(environment)
    assert settings.database_url == "postgresql://chats@127.0.0.1/chats"
    assert settings.window_bytes_a_chat < settings.window_bytes


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_bound_that_is_no_number_is_told(environment: dict[str, str], value: str) -> None:
    """The message names the variable."""
    environment["HUBBUB_CHATS_WINDOW_BYTES"] = value
    with pytest.raises(SettingsError, match="HUBBUB_CHATS_WINDOW_BYTES"):
        read_chats_settings(environment)


def test_without_a_database_it_does_not_start(environment: dict[str, str]) -> None:
    """The message names the variable."""
    del environment["HUBBUB_CHATS_DATABASE_URL"]
    with pytest.raises(SettingsError, match="HUBBUB_CHATS_DATABASE_URL"):
        read_chats_settings(environment)
