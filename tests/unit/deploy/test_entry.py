"""How a service is started in its container, and how its health is checked."""

import socket
import threading

import pytest

from deploy.entry import EntryError, service_environment
from deploy.probe import health_port, is_ready


def test_replica_is_known_by_its_container() -> None:
    """Others reach it by the container's name, on the internal port."""
    users = service_environment("users", {"HUBBUB_LISTEN": "0.0.0.0:8000"}, "4f1d")
    assert users["HUBBUB_ADVERTISE"] == "4f1d:8000"
    assert users["HUBBUB_NAME"] == "users-4f1d"
    listens = {"HUBBUB_LISTEN": "0.0.0.0:8000", "HUBBUB_METRICS_LISTEN": "0.0.0.0:8001"}
    assert service_environment("realtime", listens, "4f1d")["HUBBUB_ADVERTISE"] == "4f1d:8001"


@pytest.mark.parametrize(
    ("given", "public_url", "origins"),
    [
        ({}, "http://127.0.0.1:8000", "http://localhost:8000"),
        ({"HUBBUB_DOMAIN": "chat.example.org"}, "https://chat.example.org", ""),
        (
            {"HUBBUB_PUBLIC_URL": "https://other.example", "HUBBUB_DOMAIN": "chat.example.org"},
            "https://other.example",
            "",
        ),
    ],
)
def test_public_address_follows_the_domain(
    given: dict[str, str], public_url: str, origins: str
) -> None:
    """First the operator's setting, then the domain, then this machine in both spellings."""
    empty = {"HUBBUB_PUBLIC_URL": "", "HUBBUB_DOMAIN": "", "HUBBUB_ORIGINS": ""}
    env = service_environment("edge", {"HUBBUB_PORT": "8000", **empty, **given}, "4f1d")
    assert (env["HUBBUB_PUBLIC_URL"], env["HUBBUB_ORIGINS"]) == (public_url, origins)


def test_unknown_service_is_refused() -> None:
    """Nothing but the four services can be started."""
    with pytest.raises(EntryError, match="edge, realtime, files, users, chats"):
        service_environment("http.server", {}, "4f1d")


def test_health_is_asked_on_the_internal_port() -> None:
    """If there is one, else on the only port."""
    assert health_port({"HUBBUB_LISTEN": "0.0.0.0:8000"}) == 8000
    listens = {"HUBBUB_LISTEN": "0.0.0.0:8000", "HUBBUB_METRICS_LISTEN": "0.0.0.0:8001"}
    assert health_port(listens) == 8001


@pytest.mark.parametrize(("status", "ready"), [("200 OK", True), ("503 Unavailable", False)])
def test_ready_is_what_answers_200(status: str, ready: bool) -> None:
    """Another status, or a closed port, means not ready."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        assert is_ready(port) is ready
        thread.join()
    assert not is_ready(port)
