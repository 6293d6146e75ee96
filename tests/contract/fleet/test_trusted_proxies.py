"""Client addresses behind trusted proxies and behind others."""

from contextlib import suppress
from pathlib import Path

import pytest

from fleet.engines.balancer import NO_FRONT, Front, front_of
from fleet.entrance import ask_entrance
from fleet.processes.ports import LOOPBACK
from fleet.processes.probe import Address
from fleet.settings import read_settings
from ops.doctor.collecting import as_started
from tests.contract.fleet.conftest import MakeEntrance, write_certificate

FORGED = "X-Forwarded-For: 203.0.113.7"


async def test_without_trusted_proxies_a_forged_header_counts_for_nothing(
    make_entrance: MakeEntrance,
) -> None:
    """Nor does one from a network that is not trusted."""
    entrance = await make_entrance(NO_FRONT)
    assert await entrance.seen_address(FORGED) == LOOPBACK
    entrance = await make_entrance(Front(trusted_proxies=("198.51.100.0/24", "2001:db8::/32")))
    assert await entrance.seen_address(FORGED) == LOOPBACK


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (("X-Forwarded-For: 203.0.113.7",), "203.0.113.7"),
        (("X-Forwarded-For: 2001:db8::7",), "2001:db8::7"),
        (("X-Forwarded-For: 192.0.2.1, 203.0.113.7",), "203.0.113.7"),
        (("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 203.0.113.7"), "203.0.113.7"),
        (("X-Forwarded-For: 192.0.2.1, 203.0.113.7, 198.51.100.9",), "203.0.113.7"),
        (("X-Forwarded-For: 203.0.113.7, 198.51.100.9, 198.51.100.8",), "203.0.113.7"),
        (("X-Forwarded-For: nonsense",), LOOPBACK),
        ((), LOOPBACK),
    ],
)
async def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    make_entrance: MakeEntrance, headers: tuple[str, ...], client: str
) -> None:
    """A client can forge what is further left."""
    entrance = await make_entrance(Front(trusted_proxies=("127.0.0.0/8", "198.51.100.0/24")))
    assert await entrance.seen_address(*headers) == client


async def test_a_trusted_proxy_may_speak_the_proxy_protocol(make_entrance: MakeEntrance) -> None:
    """Then its client's header is ignored; without the PROXY protocol there is no connection."""
    front = Front(trusted_proxies=(LOOPBACK,), proxy_protocol=True)
    entrance = await make_entrance(front)
    first = b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n"
    assert await entrance.seen_address(FORGED, first=first) == "203.0.113.9"
    with suppress(ConnectionResetError):
        assert await entrance.ask() == ""


async def test_the_doctor_is_let_in_from_a_shell_without_the_units_variables(
    make_entrance: MakeEntrance, tmp_path: Path
) -> None:
    """It goes by those that Hubbub was started with."""
    shell = {"HUBBUB_DATA": str(tmp_path)}
    unit = {"HUBBUB_TRUSTED_PROXIES": "127.0.0.0/8,::1", "HUBBUB_PROXY_PROTOCOL": "on"}
    entrance = await make_entrance(front_of(read_settings(shell | unit)))
    settings = as_started(read_settings(shell), shell | unit)
    said = await ask_entrance(Address(LOOPBACK, entrance.port), settings, tls=False)
    assert said.status == 200


@pytest.mark.parametrize("proxy_protocol", [False, True])
@pytest.mark.parametrize("is_certified", [False, True])
async def test_the_doctor_is_let_in_whatever_stands_before_it(
    make_entrance: MakeEntrance, tmp_path: Path, proxy_protocol: bool, is_certified: bool
) -> None:
    """With TLS, with the PROXY protocol from this machine, with both, and with neither."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    write_certificate("hubbub.example", chain, key)
    variables = {"HUBBUB_TRUSTED_PROXIES": "127.0.0.0/8", "HUBBUB_DATA": str(tmp_path)}
    if proxy_protocol:
        variables["HUBBUB_PROXY_PROTOCOL"] = "on"
    if is_certified:
        variables |= {"HUBBUB_TLS_CERTIFICATE": str(chain), "HUBBUB_TLS_KEY": str(key)}
    settings = read_settings(variables)
    entrance = await make_entrance(front_of(settings))
    said = await ask_entrance(Address(LOOPBACK, entrance.port), settings, tls=is_certified)
    assert said.status == 200
    assert (said.certificate is not None) is is_certified
