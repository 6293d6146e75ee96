"""The certificate files that HAProxy starts with, and how they are kept current."""

import datetime
import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.certificates import ask_haproxy, keep_current, make_first_files
from fleet.engines.binaries import haproxy_program
from fleet.settings import PROJECT_FOLDER

DOMAIN = "chat.example.org"


def test_first_certificate_is_renewed_at_once(tmp_path: Path) -> None:
    """HAProxy renews in the last twelfth of a certificate's lifetime; the first is in it."""
    make_first_files(tmp_path, DOMAIN)
    certificate = x509.load_pem_x509_certificate((tmp_path / "site.pem").read_bytes())
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(0) < left < whole / 12
    assert load_pem_private_key((tmp_path / "account.key").read_bytes(), password=None)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_files_outlive_a_restart_but_not_another_domain(tmp_path: Path) -> None:
    """Existing files are kept; the account's key in any case."""
    make_first_files(tmp_path, DOMAIN)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_first_files(tmp_path, DOMAIN)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    make_first_files(tmp_path, "other.example.org")
    assert (tmp_path / "account.key").read_bytes() == before["account.key"]
    assert (tmp_path / "site.pem").read_bytes() != before["site.pem"]


def test_what_haproxy_holds_is_stored(tmp_path: Path) -> None:
    """A certificate is written only if it differs from the file's; other output is not written."""
    make_first_files(tmp_path / ".", DOMAIN)
    site = tmp_path / "site.pem"
    old = site.read_bytes()
    assert not keep_current(site, old + b"\n")
    assert not keep_current(site, b"No such certificate.\n\n")
    assert site.read_bytes() == old
    (tmp_path / "site.pem").unlink()
    make_first_files(tmp_path, DOMAIN)
    assert keep_current(site, old + b"\n")
    assert site.read_bytes() == old


def test_runtime_api_is_asked_over_its_socket(tmp_path: Path) -> None:
    """One command and one answer; the other side then closes the connection."""
    address = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"you said " + connection.recv(1024))

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask_haproxy(address, "show info") == b"you said show info\n"
        thread.join()


def test_haproxy_verifies_the_authority_that_it_asks_for_a_certificate(tmp_path: Path) -> None:
    """This requires the file of trusted CAs; if HAProxy obtains no certificate, it loads none."""
    folder = PROJECT_FOLDER / "deploy" / "haproxy"
    # The rest is of a later release than the one here.
    settings = (folder / "acme.cfg").read_text().partition("\nacme authority")[0]
    (tmp_path / "acme.cfg").write_text(settings)
    missing = str(tmp_path / "missing.pem")
    assert missing in read_by_haproxy(
        tmp_path / "acme.cfg", folder / "haproxy.cfg", HUBBUB_ACME_CA=missing
    )
    assert "ca-file" not in read_by_haproxy(folder / "haproxy.cfg")


def read_by_haproxy(*files: Path, **more: str) -> str:
    """HAProxy's messages about the files."""
    environment = {
        **os.environ,
        "HUBBUB_BALANCER_BIND": ":8080",
        "HUBBUB_BALANCER_METRICS": ":9101",
        "HUBBUB_BALANCER_ADMIN": "/tmp/hubbub-admin.sock",  # noqa: S108 - never opened
        "HUBBUB_BALANCER_MAXCONN": "100",
        "HUBBUB_BALANCER_KEY": "0123456789abcdef",
        **dict.fromkeys(("HUBBUB_BALANCER_TRUSTED", "HUBBUB_BALANCER_PROXY", "HUBBUB_ACME_CA"), ""),
        **more,
    }
    command = [haproxy_program(), "-c", *(word for file in files for word in ("-f", file))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stderr
