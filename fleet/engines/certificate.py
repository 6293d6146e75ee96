"""The certificate that HAProxy serves if `make run` uses TLS: the operator's files combined into
the one file that HAProxy reads, written again when they change."""

import ssl
from pathlib import Path
from typing import Final, NamedTuple

from fleet.data.folder import replace_file

FILE_NAME: Final = "certificate.pem"


class BadCertificate(Exception):
    """The files do not contain a certificate with its key; the text says which and why."""


class Certificate(NamedTuple):
    """`chain` contains the certificate and its intermediates, `key` its key; one file may contain
    both."""

    chain: Path
    key: Path

    def changed_at(self) -> tuple[int, ...]:
        """The modification times of both files, in nanoseconds. Raises OSError."""
        return self.chain.stat().st_mtime_ns, self.key.stat().st_mtime_ns

    def read(self) -> bytes:
        """Both in PEM. Raises BadCertificate."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.chain, self.key, password=_refuse_password)
            parts = [self.chain.read_bytes()]
            if self.key != self.chain:
                parts.append(self.key.read_bytes())
        except (OSError, ValueError) as error:  # SSLError is an OSError
            files = f"{self.chain} holds"
            if self.key != self.chain:
                files = f"{self.chain} and {self.key} hold"
            raise BadCertificate(f"{files} no certificate with its key: {error}") from error
        # A blank line would end the command to HAProxy.
        lines = b"\n".join(parts).splitlines()
        return b"\n".join(line for line in lines if line.strip()) + b"\n"

    def install(self, folder: Path) -> bytes:
        """Writes the file that HAProxy starts with, and returns its content. Raises BadCertificate,
        OSError."""
        pem = self.read()
        replace_file(folder / FILE_NAME, pem)
        return pem


def _refuse_password() -> str:
    """A prompt at the terminal would block the start."""
    raise ValueError("the key is encrypted")
