"""TLS on the public port of one machine, with certificate files of the operator."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fleet.engines.balancer import MAX_COMMAND_BYTES, Front
from fleet.engines.certificate import BadCertificate, Certificate
from fleet.entrance import ShownCertificate, read_certificate, watch_certificate
from fleet.metrics import FleetMetrics
from fleet.processes.ports import LOOPBACK
from fleet.processes.probe import Address
from fleet.settings import read_settings
from tests.contract.fleet.conftest import VALID_SECONDS, MakeEntrance, write_certificate

WAIT_SECONDS = 60.0


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    found = Certificate(tmp_path / "chain.pem", tmp_path / "key.pem")
    write_certificate("first.example", *found)
    return found


async def test_a_renewed_certificate_is_served_and_open_connections_stay(
    make_entrance: MakeEntrance, files: Certificate
) -> None:
    """The files are read again when they change, but only once they match each other."""
    entrance = await make_entrance(Front(certificate=files))
    assert await entrance.seen_address() == LOOPBACK
    assert await entrance.certificate() == "CN=first.example"
    reader, writer = await entrance.connect()
    first_key = files.key.read_bytes()
    write_certificate("second.example", *files)
    second_key = files.key.read_bytes()
    files.key.write_bytes(first_key)  # half written
    with pytest.raises(BadCertificate):
        await entrance.balancer.renew_certificate()
    assert await entrance.certificate() == "CN=first.example"
    files.key.write_bytes(second_key)
    os.utime(files.key, ns=(time.time_ns(), time.time_ns() + 1))
    await entrance.balancer.renew_certificate()
    async with asyncio.timeout(WAIT_SECONDS):
        while await entrance.certificate() != "CN=second.example":  # noqa: ASYNC110 - polls HAProxy
            await asyncio.sleep(0.05)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 200 OK" in await reader.read()


@pytest.mark.parametrize("damage", ["missing", "another"])
async def test_haproxy_is_started_again_with_the_certificate_that_was_served(
    make_entrance: MakeEntrance, files: Certificate, tmp_path: Path, damage: str
) -> None:
    """If it dies while the files contain no complete certificate; the next complete one is
    served."""
    entrance = await make_entrance(Front(certificate=files))
    if damage == "missing":
        files.key.unlink()
    else:
        write_certificate("other.example", tmp_path / "other.pem", files.key)
    await entrance.kill()
    await entrance.start()
    assert await entrance.certificate() == "CN=first.example"
    write_certificate("second.example", *files)
    await entrance.balancer.renew_certificate()
    async with asyncio.timeout(WAIT_SECONDS):
        while await entrance.certificate() != "CN=second.example":  # noqa: ASYNC110 - polls HAProxy
            await asyncio.sleep(0.05)


async def test_what_the_port_shows_is_a_metric(
    make_entrance: MakeEntrance, files: Certificate
) -> None:
    """Read by a handshake, so it is what clients see. Without TLS there is nothing to see."""
    entrance, registry = await make_entrance(Front(certificate=files)), CollectorRegistry()
    settings, noted = read_settings({}), asyncio.Event()
    metrics = FleetMetrics(registry)

    def note(shown: ShownCertificate) -> None:
        metrics.note_certificate(shown)
        noted.set()

    address = Address(LOOPBACK, entrance.port)
    watching = asyncio.create_task(watch_certificate(address, settings, note))
    async with asyncio.timeout(WAIT_SECONDS):
        await noted.wait()
    watching.cancel()
    begins = registry.get_sample_value("hubbub_public_certificate_begins")
    expires = registry.get_sample_value("hubbub_public_certificate_expires")
    shown = await read_certificate(address, settings)
    assert shown is not None
    assert shown.ends - shown.begins == VALID_SECONDS
    assert shown == (begins, expires, ("first.example",))
    plain = await make_entrance(Front())
    assert await read_certificate(Address(LOOPBACK, plain.port), settings) is None


@pytest.mark.parametrize("damage", ["missing", "empty", "another"])
def test_files_that_do_not_fit_are_refused_with_a_sentence(
    files: Certificate, tmp_path: Path, damage: str
) -> None:
    """It names them."""
    match damage:
        case "missing":
            files.key.unlink()
        case "empty":
            files.chain.write_text("")
        case _:
            write_certificate("other.example", tmp_path / "other.pem", files.key)
    with pytest.raises(BadCertificate, match=f"{files.chain} and {files.key} hold no certificate"):
        files.read()


def test_one_file_that_is_missing_is_named_once(tmp_path: Path) -> None:
    """If it should contain both."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(BadCertificate, match=f"^{missing} holds no certificate with its key: "):
        Certificate(missing, missing).read()


def test_one_file_may_hold_both(files: Certificate, tmp_path: Path) -> None:
    """As with HAProxy and many certificate tools."""
    both = tmp_path / "both.pem"
    both.write_bytes(files.chain.read_bytes() + b"\n\n" + files.key.read_bytes())
    pem = Certificate(both, both).read()
    assert pem.count(b"-----BEGIN") == 2
    assert b"\n\n" not in pem


async def test_a_certificate_that_haproxy_refuses_is_not_taken_for_served(
    make_entrance: MakeEntrance, files: Certificate
) -> None:
    """Here one with more certificates in the chain than HAProxy reads at run time; the longest that
    it does read is served."""
    entrance = await make_entrance(Front(certificate=files))
    write_certificate("second.example", *files)
    second = files.chain.read_bytes()
    files.chain.write_bytes(second * 200)
    for _ in range(2):  # as every second
        with pytest.raises(BadCertificate, match="too many"):
            await entrance.balancer.renew_certificate()
    assert await entrance.certificate() == "CN=first.example"
    files.chain.write_bytes(second * ((MAX_COMMAND_BYTES - 1024) // len(second)))
    await entrance.balancer.renew_certificate()
    async with asyncio.timeout(WAIT_SECONDS):
        while await entrance.certificate() != "CN=second.example":  # noqa: ASYNC110 - polls HAProxy
            await asyncio.sleep(0.05)
