"""TLS between hosts: the certificate that a process shows, and the CA by which it verifies others.

A service's certificate is for the service's name (`DNS:users`), not for an address, because
replicas get new addresses. Errors in a process's own certificate are reported in plain words when
it starts.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import Gauge

from common.process.logs import log
from common.process.symptoms import CERTIFICATE_EXPIRES

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

RELOAD_SECONDS: Final = 10.0
EXPIRES: Final = Gauge(
    CERTIFICATE_EXPIRES, "When this process's certificate ends, in Unix seconds."
)


class CallsTls(NamedTuple):
    """The operator's certificate files; None where calls are unencrypted."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


def join_calls_tls(certificate: Path | None, key: Path | None, ca: Path | None) -> CallsTls:
    """Raises ValueError if a file is missing or not in PEM."""
    if certificate:
        with _naming_unreadable():
            _load(_server_context(), certificate, key)
    return CallsTls(certificate, key, ca)


def client_context(ca: Path) -> ssl.SSLContext:
    """Trusts this CA alone, and checks names. Raises ValueError."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # an ssl.SSLError is one
        raise ValueError(f"cannot use {ca}: {_reason(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class NotYetValid(ValueError):
    """The clock of this machine, or of the one that made the certificate, is wrong for now."""


class ServerTls:
    """The certificate that a process shows to its callers; new files are loaded while it runs."""

    def __init__(self, files: CallsTls, name: str) -> None:
        """Raises ValueError if the certificate is not valid now, or not for this name."""
        assert files.certificate is not None
        self._certificate, self._key, self._name = files.certificate, files.key, name
        self.context = _server_context()
        with _naming_unreadable():
            self._read()

    async def keep_current(self) -> None:
        """Reloads changed files, until cancelled; errors in them are logged."""
        seen = self._times()
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            now = self._times()
            if now == seen:
                continue
            try:
                self._read()
                log("certificate read again")
            except (OSError, ValueError) as error:
                log("certificate not read again", level=logging.ERROR, error=str(error))
                # It is being replaced, and may come with this time; or its time comes.
                if isinstance(error, OSError | NotYetValid):
                    now = []
            seen = now

    def _read(self) -> None:
        """Raises OSError if a file is missing, ValueError."""
        # Replace the certificate only once it is valid with its key: OpenSSL would lose the old key
        # to one that does not fit.
        _load(_server_context(), self._certificate, self._key)
        own, names = _read_own(self._certificate)
        ends = own.not_valid_after_utc
        if ends.timestamp() <= time.time():
            raise ValueError(f"{self._certificate} expired on {ends:%Y-%m-%d}")
        if own.not_valid_before_utc.timestamp() > time.time():
            raise NotYetValid(
                f"{self._certificate} is not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M}"
            )
        if self._name not in names:
            raise ValueError(
                f"{self._certificate} is for {', '.join(names) or 'no name'}, not for {self._name}"
            )
        _load(self.context, self._certificate, self._key)
        EXPIRES.set(ends.timestamp())

    def _times(self) -> list[float]:
        try:
            files = filter(None, (self._certificate, self._key))
            return [path.stat().st_mtime for path in files]
        except OSError:
            return []


def describe_tls(error: ssl.SSLError) -> str:
    """What was wrong with the peer's certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if error.reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS"
    return _reason(error)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _naming_unreadable() -> Iterator[None]:
    """Raises ValueError if a file cannot be read."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Raises OSError if a file is missing, ValueError."""
    for path in filter(None, (certificate, key)):
        path.read_bytes()  # OpenSSL does not say which one is missing
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"{key or certificate} is not the key of {certificate}") from error
        raise ValueError(f"{certificate} and {key or 'its key'}: {_reason(error)}") from error


def _read_own(path: Path) -> "tuple[Certificate, list[str]]":
    """Our certificate, with the names that it is for."""
    from cryptography import x509  # 4 MB, which a process without a certificate does not need

    own = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return own, []
    return own, found.value.get_values_for_type(x509.DNSName)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or type(error).__name__
