"""The passwords of the operator's own servers, which services read from files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.valkey.client import connect_valkey
from fleet.settings import read_settings
from ops.doctor.collecting import collect_bus, database_urls
from tests.fixtures.servers import ValkeyServer
from tests.unit.ops.scenes import fleet

SECRET = "5f0c1b7e9d3a"
OWN = {
    "HUBBUB_USERS_DATABASE_URL": "postgresql://me@db1,db2/users",
    "HUBBUB_CHATS_DATABASE_URL": "postgresql://me:own@db/chats",
}


def test_a_database_is_asked_with_the_password_in_the_file(tmp_path: Path) -> None:
    """Unless its URL has one. Where the file is gone, the database says that it wants one."""
    settings = read_settings({**OWN, "HUBBUB_DATABASE_PASSWORD_FILE": str(tmp_path / "password")})
    for password in ("", SECRET):
        assert database_urls(settings, fleet()) == {
            "users": f"postgresql://me:{password}@db1,db2/users",
            "chats": "postgresql://me:own@db/chats",
        }
        (tmp_path / "password").write_text(f"{SECRET}\n")


@pytest.mark.parametrize("is_right", [True, False])
async def test_valkey_is_asked_with_the_password_in_the_file(
    make_valkey: Callable[[], ValkeyServer], tmp_path: Path, is_right: bool
) -> None:
    """A wrong one is a finding."""
    server = make_valkey()
    async with connect_valkey(server.url) as valkey:
        await valkey.config_set("requirepass", SECRET)
    (file := tmp_path / "password").write_text(SECRET if is_right else "another")
    settings = read_settings(
        {
            "HUBBUB_VALKEY_URL": server.url.replace("//", "//default@"),
            "HUBBUB_VALKEY_PASSWORD_FILE": str(file),
        }
    )
    facts = await collect_bus(settings, fleet())
    assert (facts.error == "") is is_right
