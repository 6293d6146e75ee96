"""Keeps the files of the certificate that HAProxy obtains and renews, for its next start.

HAProxy's ACME client (deploy/haproxy/acme.cfg) keeps certificates only in memory, and needs an
account key and some certificate to start. Without HUBBUB_DOMAIN there is nothing to do.
"""

import datetime
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

FOLDER = Path("/acme")
SOCKET = "/run/balancer/certificates.sock"
READY = Path("/tmp/ready")  # noqa: S108 - in memory, private to this container
LOOK_SECONDS = 10.0
API_TIMEOUT_SECONDS = 5.0


def make_first_files(folder: Path, domain: str) -> None:
    """The account key, and a self-signed certificate for the domain if there is no other.

    It has almost expired, so that HAProxy requests a real one as soon as it starts.
    """
    account, site = folder / "account.key", folder / "site.pem"
    if not account.exists():
        _write(account, _pem(ec.generate_private_key(ec.SECP256R1())))
    if not site.exists() or not _is_for(site.read_bytes(), domain):
        _write(site, _self_signed(domain))


def _self_signed(domain: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "not certified yet")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=365))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _is_for(pem: bytes, domain: str) -> bool:
    names = x509.load_pem_x509_certificates(pem)[0].extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return domain in names.value.get_values_for_type(x509.DNSName)


def _write(path: Path, content: bytes) -> None:
    """Writes the whole content or nothing; HAProxy's group may read it."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o640), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def ask_haproxy(address: str, command: str) -> bytes:
    """The answer of HAProxy's runtime API. Raises OSError while it does not answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(API_TIMEOUT_SECONDS)
        connection.connect(address)
        connection.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def keep_current(site: Path, held: bytes) -> bool:
    """Writes the certificate that HAProxy holds, if the file has a different one."""
    pem = held.strip() + b"\n"
    if not (pem.startswith(b"-----BEGIN") and pem.endswith(b"-----END CERTIFICATE-----\n")):
        return False
    if pem == site.read_bytes():
        return False
    _write(site, pem)
    return True


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    domain = os.environ.get("HUBBUB_DOMAIN", "")
    if domain:
        make_first_files(FOLDER, domain)
    READY.touch()
    site = FOLDER / "site.pem"
    while not stop.wait(LOOK_SECONDS if domain else None):
        try:
            if keep_current(site, ask_haproxy(SOCKET, f"dump ssl cert {site}")):
                print(f"the certificate of {domain} is stored", flush=True)
        except OSError as error:
            print(f"HAProxy does not answer: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
