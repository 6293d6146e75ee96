"""Outgoing requests over TLS: only to servers that prove their name."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from files.outside import connection
from files.outside.connection import connect
from files.outside.lookups import Lookups
from tests.fixtures.authority import Authority, Files


@asynccontextmanager
async def serving_tls(files: Files) -> AsyncIterator[str]:
    """Its address with the host name of this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """A certificate that this test trusts; all others are unknown."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca))
    monkeypatch.setattr(connection, "_tls", lambda: context)
    return authority


async def test_whoever_proves_the_name_is_asked(trusted: Authority) -> None:
    """The name is verified, although the connection is to the address."""
    async with serving_tls(trusted.issue("localhost")) as url:
        opened = await connect(url, Lookups(), loopback=True)
        answer = await opened.ask("POST", {"TTL": "0"}, b"x", max_body_bytes=10)
        opened.close()
    assert (answer.status, answer.body) == (201, b"ok")


async def test_nobody_else_is_told_anything(trusted: Authority, tmp_path: Path) -> None:
    """Neither a server with another name nor one with an unknown authority."""
    stranger = Authority(tmp_path, "a stranger")
    for files in (trusted.issue("example.org"), stranger.issue("localhost")):
        async with serving_tls(files) as url:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(url, Lookups(), loopback=True)
