"""Ports that stay with their slot."""

import socket
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from fleet.data.folder import short_path
from fleet.processes.ports import LocalSocket, PortTaken, ReservedPort, is_taken, listen_publicly


def test_a_reserved_port_refuses_until_somebody_listens() -> None:
    """A caller tries elsewhere at once, even while the process of the slot is starting."""
    port = ReservedPort()
    with closing(port), port.bind() as bound:
        assert not is_taken("127.0.0.1", port.number)
        bound.listen()
        assert is_taken("127.0.0.1", port.number)


def test_a_listener_that_hangs_is_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is full: the kernel answers no further connection."""
    monkeypatch.setattr("fleet.processes.ports.CONNECT_SECONDS", 0.2)
    port = ReservedPort()
    with closing(port), port.bind() as bound, ExitStack() as queued:
        bound.listen(0)
        with suppress(TimeoutError):
            while True:
                queued.enter_context(socket.create_connection(("127.0.0.1", port.number), 0.2))
        before = time.monotonic()
        assert is_taken("127.0.0.1", port.number)
        assert time.monotonic() - before < 5


def test_the_next_process_of_a_slot_listens_on_the_same_port() -> None:
    """The port is free as soon as the last listener has closed."""
    port = ReservedPort()
    with closing(port):
        for _ in range(3):
            with port.bind() as bound:
                bound.listen()
                with socket.create_connection(("127.0.0.1", port.number)):
                    bound.accept()[0].close()


def test_no_two_slots_get_the_same_port() -> None:
    """However many there are."""
    ports = [ReservedPort() for _ in range(200)]
    try:
        assert len({port.number for port in ports}) == 200
    finally:
        for port in ports:
            port.close()


def test_a_public_port_in_use_is_told_in_a_sentence() -> None:
    """It names the port and the variable that chooses another one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}.*HUBBUB_PORT"):
            listen_publicly("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.host.invalid"])
def test_an_address_that_is_not_of_this_machine_is_no_taken_port(host: str) -> None:
    """Another port would not help."""
    with pytest.raises(PortTaken, match=f"Cannot listen on {host}:8000: .* HUBBUB_BIND must be"):
        listen_publicly(host, 8000)


def test_a_process_that_drains_can_shut_its_local_socket(tmp_path: Path) -> None:
    """New connections are refused until the next process has another socket."""
    local = LocalSocket(tmp_path, "realtime-1.sock")
    with local.listen().dup() as of_process:
        of_process.shutdown(socket.SHUT_RDWR)
    with short_path(tmp_path, local.name) as path:
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(path)
        with local.listen() as listener, socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            listener.accept()[0].close()


def test_a_local_socket_listens_between_two_processes(tmp_path: Path) -> None:
    """Whatever the length of its path, and whatever the last fleet left there."""
    folder = tmp_path.joinpath(*["a folder of thirty characters"] * 5)
    folder.mkdir(parents=True)
    for _ in range(2):
        local = LocalSocket(folder, "edge-1.sock")
        local.listen().dup().close()  # a process has it, and ends
        with short_path(folder, local.name) as path, socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        with local.listen() as listener:
            listener.accept()[0].close()
    assert [file.name for file in folder.iterdir()] == ["edge-1.sock"]
