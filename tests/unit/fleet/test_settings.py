"""The operator's settings, and the error messages for invalid ones."""

import os

import pytest

from common.process.sizes import sized
from common.process.variables import SettingsError
from fleet.scaling.scaler import Limits, Replicas
from fleet.settings import read_limits, read_replicas, read_settings


def test_two_of_each_role_unless_there_is_one_core() -> None:
    """Two cores or more get two processes of each role, one core gets one."""
    assert read_replicas("", cores=2) == dict.fromkeys(
        ("edge", "realtime", "files", "users", "chats"), Replicas(2, 2)
    )
    assert read_replicas("", cores=1)["edge"] == Replicas(1, 1)


def test_a_number_fixes_a_role_and_a_range_starts_at_its_minimum() -> None:
    """Roles that are not named keep their default."""
    replicas = read_replicas("edge=3, realtime=1-4", cores=2)
    assert replicas["edge"] == Replicas(3, 3)
    assert replicas["realtime"] == Replicas(1, 4)
    assert replicas["users"] == Replicas(2, 2)


@pytest.mark.parametrize(
    "text", ["edge", "edge=", "edge=x", "edge=0", "edge=3-2", "edge=1-", "edge=65", "valkey=2"]
)
def test_replicas_that_make_no_sense_are_refused(text: str) -> None:
    """The error names the variable and what is wrong with it."""
    with pytest.raises(SettingsError, match=f"HUBBUB_REPLICAS: '{text}'"):
        read_replicas(text, cores=2)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_is_a_number_from_1_to_65535(port: str) -> None:
    """Anything else is refused with an error message."""
    with pytest.raises(SettingsError, match=f"HUBBUB_PORT: {port!r} is not a whole number from 1"):
        read_settings({"HUBBUB_PORT": port})


def test_a_small_server_has_one_of_each_unless_it_is_told_otherwise() -> None:
    """For each role, the operator's number takes precedence over the size."""
    small = read_settings({"HUBBUB_SIZE": "small"})
    assert set(small.replicas.values()) == {Replicas(1, 1)}
    assert small.log_bytes == 64 * 2**20
    told = read_settings(
        {"HUBBUB_SIZE": "small", "HUBBUB_REPLICAS": "edge=2", "HUBBUB_LOG_BYTES": "7"}
    )
    assert told.replicas["edge"] == Replicas(2, 2)
    assert told.replicas["chats"] == Replicas(1, 1)
    assert told.log_bytes == 7


def test_a_size_that_does_not_exist_is_refused() -> None:
    """The error lists the valid sizes."""
    with pytest.raises(SettingsError, match="HUBBUB_SIZE: 'tiny' is not usual or small"):
        read_settings({"HUBBUB_SIZE": "tiny"})


def test_services_have_small_pools_where_the_server_is_small() -> None:
    """An empty variable, as compose files pass it on, counts as not set."""
    environment = sized({"HUBBUB_SIZE": "small", "HUBBUB_CHATS_POOL_SIZE": "9"})
    assert environment["HUBBUB_CHATS_POOL_SIZE"] == "9"
    assert int(environment["HUBBUB_USERS_POOL_SIZE"]) < 16
    emptied = sized({"HUBBUB_SIZE": "small", "HUBBUB_USERS_POOL_SIZE": ""})
    assert emptied["HUBBUB_USERS_POOL_SIZE"] == environment["HUBBUB_USERS_POOL_SIZE"]
    assert sized({"HUBBUB_USERS_POOL_SIZE": ""}) == {"HUBBUB_USERS_POOL_SIZE": ""}


def test_both_spellings_of_this_machine_are_the_pages_origin() -> None:
    """Without a public URL the page may be opened as 127.0.0.1 and as localhost."""
    settings = read_settings({"HUBBUB_PORT": "8123"})
    assert (settings.public_url, settings.origins) == (
        "http://127.0.0.1:8123",
        "http://localhost:8123",
    )


@pytest.mark.parametrize(
    ("bind", "public_url", "origins"),
    [
        ("0.0.0.0", "http://127.0.0.1:8123", "http://localhost:8123"),  # noqa: S104 - all addresses
        ("localhost", "http://localhost:8123", "http://127.0.0.1:8123"),
        ("192.0.2.5", "http://192.0.2.5:8123", ""),
        ("::1", "http://[::1]:8123", ""),
    ],
)
def test_the_page_is_where_the_port_listens(bind: str, public_url: str, origins: str) -> None:
    """On one address alone the page cannot be opened as any other."""
    settings = read_settings({"HUBBUB_PORT": "8123", "HUBBUB_BIND": bind})
    assert (settings.public_url, settings.origins) == (public_url, origins)


@pytest.mark.parametrize(
    ("variables", "shuts_out"),
    [
        ({}, False),
        ({"HUBBUB_BIND": "192.0.2.5"}, False),
        ({"HUBBUB_BIND": "0.0.0.0"}, True),  # noqa: S104 - all addresses
        ({"HUBBUB_BIND": "::", "HUBBUB_PUBLIC_URL": ""}, True),
        ({"HUBBUB_BIND": "::", "HUBBUB_PUBLIC_URL": "http://192.0.2.5:8000"}, False),
        ({"HUBBUB_BIND": "::", "HUBBUB_ORIGINS": "http://192.0.2.5:8000"}, False),
    ],
)
def test_who_listens_on_all_addresses_needs_a_public_url(
    variables: dict[str, str], shuts_out: bool
) -> None:
    """No other machine may use the page at this one's loopback address."""
    assert read_settings(variables).shuts_others_out is shuts_out


def test_a_public_url_is_the_only_origin_unless_more_are_named() -> None:
    """With a public URL given, no other one is allowed."""
    settings = read_settings({"HUBBUB_PUBLIC_URL": "https://chat.example.org/"})
    assert (settings.public_url, settings.origins) == ("https://chat.example.org", "")


def test_empty_variables_count_as_not_set() -> None:
    """As a compose file passes them on."""
    settings = read_settings({"HUBBUB_PORT": "", "HUBBUB_DATA": "", "HUBBUB_VALKEY_URL": ""})
    assert settings.port == 8000
    assert settings.data.name == ".data"
    assert settings.data.is_absolute()
    assert settings.external == {}


def test_many_cores_leave_room_to_grow() -> None:
    """As many as there are cores, within limits."""
    assert read_replicas("", cores=3)["chats"] == Replicas(2, 3)
    assert read_replicas("", cores=96)["chats"] == Replicas(2, 4)


def test_limits_of_the_scaler_are_named_one_by_one() -> None:
    """Those that are not named keep their default."""
    assert read_limits("") == Limits()
    assert read_limits("lag_ms=20, connections=2000") == Limits(lag_ms=20, connections=2000)


@pytest.mark.parametrize("text", ["lag=20", "lag_ms", "lag_ms=much", "lag_ms=0", "queue_ms=-1"])
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    """The error names the variable."""
    with pytest.raises(SettingsError, match="HUBBUB_SCALING"):
        read_limits(text)


def test_a_misspelt_limit_is_answered_with_those_there_are() -> None:
    """And not with a library's message about an unknown field."""
    with pytest.raises(SettingsError, match=r"'lag=20' is not like .* lag_ms, "):
        read_limits("lag=20")


def test_a_key_without_its_certificate_is_refused() -> None:
    """An operator who sets it does not want Hubbub served unencrypted."""
    with pytest.raises(SettingsError, match="HUBBUB_TLS_CERTIFICATE is not"):
        read_settings({"HUBBUB_TLS_KEY": "/key.pem"})


@pytest.mark.parametrize(
    "url",
    ["/srv/files", "http://s3.example.org/b", "file:files", "file://srv/files", "s3:///files",
     "s3://b?zone=eu", "s3://["],
)  # fmt: skip
def test_a_place_for_files_that_makes_no_sense_is_refused(url: str) -> None:
    """Before anything is started, not when the first process of files reads it."""
    with pytest.raises(SettingsError, match="HUBBUB_FILES_URL: "):
        read_settings({"HUBBUB_FILES_URL": url})


@pytest.mark.parametrize(
    "url",
    ["file:///srv/my%20files", "s3://b", "s3://b/under?endpoint=http://127.0.0.1:9&region=eu"],
)
def test_files_lie_in_a_folder_or_a_bucket(url: str) -> None:
    """Validated as files itself does."""
    assert read_settings({"HUBBUB_FILES_URL": url}).files_url == url


@pytest.mark.parametrize(
    ("databases", "kept"),
    [((), False), (("USERS",), False), (("USERS", "CHATS"), True)],
)
def test_the_shells_settings_for_other_databases_do_not_reach_the_embedded_one(
    monkeypatch: pytest.MonkeyPatch, databases: tuple[str, ...], kept: bool
) -> None:
    """Nor any program that is started, or connects. An operator whose databases are both external
    keeps them."""
    for name in databases:
        monkeypatch.setenv(f"HUBBUB_{name}_DATABASE_URL", "postgresql://db/hubbub")
    for name, value in {"PGSSLMODE": "require", "PGSERVICE": "cloud"}.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert {"PGSSLMODE" in os.environ, "PGSERVICE" in settings.environment} == {kept}
    assert "PATH" in settings.environment
