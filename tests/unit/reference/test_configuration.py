"""The variables and defaults that settings structs declare are those that are read."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from chats.settings import ChatsSettings, read_chats_settings
from common.process.settings import ServiceSettings
from common.process.variables import SettingsError, declared_variables, read_variables
from docs.reference.configuration import (
    COMPOSE_MEANINGS,
    ROLES,
    compose_variables,
)
from docs.reference.documents import ROOT
from edge.settings import EdgeSettings, read_edge_settings
from files.settings import FilesSettings, read_files_settings
from fleet.settings import FleetSettings, read_settings
from ops.settings import OpsSettings
from realtime.settings import RealtimeSettings, read_realtime_settings
from tests.fixtures.callers import Credentials
from users.settings import Settings as UsersSettings
from users.settings import read_settings as read_users_settings


class Reader(NamedTuple):
    """A struct, its reader, and the structs whose variables it reads too."""

    struct: type
    read: Callable[[Mapping[str, str]], Any]
    others: tuple[type, ...] = (ServiceSettings,)


READERS = (
    Reader(FleetSettings, read_settings, ()),
    Reader(EdgeSettings, read_edge_settings),
    Reader(RealtimeSettings, read_realtime_settings),
    Reader(FilesSettings, read_files_settings),
    Reader(UsersSettings, read_users_settings),
    Reader(ChatsSettings, read_chats_settings),
    Reader(OpsSettings, partial(read_variables, OpsSettings), ()),
)
every_reader = pytest.mark.parametrize("reader", READERS, ids=lambda r: r.struct.__module__)


class Asked(Mapping[str, str]):
    """An environment that records the requested variables."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.fixture
def needed(tmp_path: Path) -> dict[str, str]:
    """The required variables, and those that cause all others to be read."""
    secret = tmp_path / "secret"
    secret.write_text("q8Zr3LmX0vTgK5wNbE7y")
    return {
        "HUBBUB_LISTEN": "127.0.0.1:9",
        "HUBBUB_METRICS_LISTEN": "127.0.0.1:10",
        "HUBBUB_VALKEY_URL": "redis://127.0.0.1:11",
        **Credentials(tmp_path).environment("users"),
        "HUBBUB_SIGNING_SECRET_FILE": str(secret),
        "HUBBUB_SIGNING_KEYS": str(tmp_path),
        "HUBBUB_USERS_DATABASE_URL": "postgresql://u@127.0.0.1/users",
        "HUBBUB_CHATS_DATABASE_URL": "postgresql://c@127.0.0.1/chats",
        "HUBBUB_FILES_URL": "file:///files",
        "HUBBUB_NAME": "name",
    }


def _declared(reader: Reader) -> list[Any]:
    return [v for struct in (reader.struct, *reader.others) for v in declared_variables(struct)]


def _values(settings: Any) -> dict[str, Any]:
    """Leaves out the environment itself, which the fleet keeps for its children."""
    fields = msgspec.structs.asdict(settings)
    fields.pop("environment", None)
    return fields


@every_reader
def test_what_is_read_is_documented(reader: Reader, needed: dict[str, str]) -> None:
    """Exactly the declared variables are read."""
    if reader.struct is FleetSettings:
        needed = {}
    environment = Asked(needed)
    reader.read(environment)
    assert environment.names == {variable.name for variable in _declared(reader)}


@every_reader
def test_absence_means_the_stated_default(reader: Reader, needed: dict[str, str]) -> None:
    """Setting a variable to its default changes nothing."""
    absent = _values(reader.read(needed))
    for variable in _declared(reader):
        if variable.default and variable.name not in needed:
            stated = _values(reader.read({**needed, variable.name: variable.default}))
            assert stated == absent, variable.name


@every_reader
def test_what_must_be_set_is_missed(reader: Reader, needed: dict[str, str]) -> None:
    """A missing required variable is an error that names it."""
    for variable in _declared(reader):
        if variable.default is None:
            without = {name: v for name, v in needed.items() if name != variable.name}
            with pytest.raises(SettingsError, match=variable.name):
                reader.read(without)


def test_every_struct_of_settings_is_documented() -> None:
    """One table per reader, and one for the variables that services share."""
    assert {struct for _, _, struct in ROLES} == {ServiceSettings, *(r.struct for r in READERS)}


def test_every_variable_of_the_containers_is_documented() -> None:
    """Exactly the variables that docker-compose.yml takes from outside are documented."""
    taken = compose_variables((ROOT / "docker-compose.yml").read_text())
    assert set(taken) == set(COMPOSE_MEANINGS)
