"""A malformed variable ends the process with a message that names it, whichever module reads it."""

import pytest

from chats.settings import ChatsSettings
from common.process.settings import ServiceSettings
from common.process.variables import SettingsError, Variable, declared_variables
from edge.settings import EdgeSettings
from files.settings import FilesSettings
from fleet.settings import FleetSettings
from realtime.settings import RealtimeSettings
from users.settings import Settings as UsersSettings

STRUCTS = (
    ServiceSettings, EdgeSettings, RealtimeSettings, FilesSettings, UsersSettings, ChatsSettings,
    FleetSettings,
)  # fmt: skip


def readers_of(name: str) -> list[Variable]:
    found = [v for struct in STRUCTS for v in declared_variables(struct) if v.name == name]
    assert found
    return found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HUBBUB_PUBLIC_URL", "https://chat.example.org:99999"),
        ("HUBBUB_PUBLIC_URL", "https://chat.example.org:abc"),
        ("HUBBUB_PUBLIC_URL", "https://[::1"),
        ("HUBBUB_PUBLIC_URL", "https://chat.example.org/hubbub"),
        ("HUBBUB_PUBLIC_URL", "https://chat example.org"),
        ("HUBBUB_PUBLIC_URL", "https://ann@chat.example.org"),
        ("HUBBUB_ORIGINS", "nonsense"),
        ("HUBBUB_ORIGINS", "*"),
        ("HUBBUB_ORIGINS", "https://chat.example.org,https://other.example.org:99999"),
        ("HUBBUB_VALKEY_URL", "nonsense"),
        ("HUBBUB_VALKEY_URL", "valkey:6379"),
        ("HUBBUB_VALKEY_URL", "http://valkey:6379"),
        ("HUBBUB_VALKEY_URL", "redis://valkey:99999"),
        ("HUBBUB_VALKEY_URL", "redis:valkey"),
        ("HUBBUB_VALKEY_URL", "valkey+cluster://one:6379,two:abc"),
        ("HUBBUB_CACHE_URLS", "nonsense"),
        ("HUBBUB_CACHE_URLS", "redis://one:6379,two:6379"),
        ("HUBBUB_USERS_DATABASE_URL", "nonsense"),
        ("HUBBUB_USERS_DATABASE_URL", "mysql://database/users"),
        ("HUBBUB_CHATS_DATABASE_URL", "postgresql://one,two:99999/chats"),
        ("HUBBUB_CHATS_DATABASE_URL", "postgresql://[::1/chats"),
        ("HUBBUB_LISTEN", "127.0.0.1:65536"),
        ("HUBBUB_ADVERTISE", "edge"),
        ("HUBBUB_USERS_SEEDS", "users:8000,users"),
        ("HUBBUB_CALLS_CA", "/nowhere/ca.pem"),
        ("HUBBUB_REPLICAS", "edge=²"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_and_named(name: str, text: str) -> None:
    """By every reader, in a message of our own."""
    for variable in readers_of(name):
        with pytest.raises(SettingsError, match=f"^{name}: (?!invalid)"):
            variable.read({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HUBBUB_VALKEY_URL", "redis://edge:pass/word@valkey:6379"),
        ("HUBBUB_VALKEY_URL", "http://edge:word@valkey"),
        ("HUBBUB_CHATS_DATABASE_URL", "mysql://chats:word@database/chats"),
        ("HUBBUB_CACHE_URLS", "redis://edge:word@cache:99999"),
    ],
)
def test_a_password_is_not_told(name: str, text: str) -> None:
    """The URL may contain one, and the message goes to a log."""
    for variable in readers_of(name):
        with pytest.raises(SettingsError) as refused:
            variable.read({name: text})
        assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HUBBUB_VALKEY_URL", "redis://valkey:6379"),
        ("HUBBUB_VALKEY_URL", "rediss://:word@valkey:6380/2?ssl_ca_certs=/ca.pem"),
        ("HUBBUB_VALKEY_URL", "unix://edge@/run/valkey.sock"),
        ("HUBBUB_VALKEY_URL", "valkey+cluster://edge:word@one:6379,[::1]:6380"),
        ("HUBBUB_CHATS_DATABASE_URL", "postgresql://chats@one,two:5433/chats?sslmode=require"),
        ("HUBBUB_CHATS_DATABASE_URL", "postgres:///chats?host=/run/postgresql"),
        ("HUBBUB_ADVERTISE", "[::1]:8000"),
    ],
)
def test_what_is_well_formed_is_taken_as_it_is(name: str, text: str) -> None:
    """In every spelling that its readers accept."""
    assert [variable.read({name: text}) for variable in readers_of(name)] == [text] * len(
        readers_of(name)
    )


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://chat.example.org/", "https://chat.example.org"),
        ("https://Chat.Example.org:443", "https://chat.example.org"),
        ("http://chat.example.org:80/", "http://chat.example.org"),
        ("https://chat.example.org:8443", "https://chat.example.org:8443"),
        ("HTTP://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_are_what_browsers_send(text: str, origin: str) -> None:
    """However they are written: a page whose origin is spelled differently would get no socket."""
    assert {v.read({v.name: text}) for v in readers_of("HUBBUB_PUBLIC_URL")} == {origin}
    listed = {v.name: f"{text}, {text}" for v in readers_of("HUBBUB_ORIGINS")}
    assert {v.read(listed) for v in readers_of("HUBBUB_ORIGINS")} == {(origin, origin)}
