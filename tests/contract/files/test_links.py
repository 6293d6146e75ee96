"""Fetching pages for previews: few redirects, little time, and only web pages."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from files.links import fetching
from files.links.fetching import fetch_preview, is_askable
from files.outside.lookups import Lookups
from tests.fixtures.pages import Page, Pages
from tests.fixtures.small_server import serving

TITLE = "<title>A page</title>"


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with serving(Pages) as pages:
        yield pages


async def title_of(url: str) -> str | None:
    found = await fetch_preview(url, Lookups(), loopback=True)
    return found.title if found is not None else None


async def test_a_page_is_fetched_over_redirects(pages: Pages) -> None:
    """Three at most; the preview has the address of the link."""
    last = pages.add("/page", TITLE)
    for number in range(4):
        last = pages.add(f"/to-{number}", status=302, location=last)
    found = await fetch_preview(f"{pages.origin}/to-2?x=ü", Lookups(), loopback=True)
    assert found is not None
    assert (found.title, found.url) == ("A page", f"{pages.origin}/to-2?x=ü")
    assert await title_of(f"{pages.origin}/to-3") is None


@pytest.mark.parametrize("location", ["/caf\xe9?x=\u0439", "/caf%C3%A9"])
async def test_a_redirect_may_lead_to_any_letters(pages: Pages, location: str) -> None:
    """Percent-encoded or not."""
    pages.add("/caf\xe9", TITLE)
    assert await title_of(pages.add("/to-letters", status=302, location=location)) == "A page"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, "text/html"), (500, "text/html"), (200, "text/plain"), (200, "application/json")],
)
async def test_what_is_no_page_has_no_preview(pages: Pages, status: int, kind: str) -> None:
    """Whatever it contains."""
    assert await title_of(pages.add("/other", TITLE, status=status, kind=kind)) is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Pr\xe9", 'Text/HTML ; boundary=x;Charset = "ISO-8859-1"'),
        ("Pr\u0439", "text/html;charset=windows-1251;charset=utf-8"),
        ("Pr\xe9", "text/html;charset*0;charset*=utf-8"),
        ("Pr\xe9", "text/html;;charset=;=" + ";" * 30_000),
    ],
)
async def test_a_page_says_its_charset(pages: Pages, said: str, kind: str) -> None:
    """In any spelling; an unknown charset is ignored."""
    charset = "cp1251" if "1251" in kind else "latin-1" if "8859" in kind else "utf-8"
    pages.pages["/charset"] = Page(f"<title>{said}</title>".encode(charset), kind=kind)
    assert await title_of(f"{pages.origin}/charset") == said


async def test_a_long_page_is_cut(pages: Pages) -> None:
    """What comes after half a megabyte is not read."""
    assert await title_of(pages.add("/long", TITLE + "x" * 2_000_000)) == "A page"
    assert await title_of(pages.add("/late", "x" * 600_000 + TITLE)) is None


async def test_a_slow_page_has_no_preview(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching it times out soon."""
    monkeypatch.setattr(fetching, "FETCH_SECONDS", 0.2)
    assert await title_of(pages.add("/slow", TITLE, after_seconds=5.0)) is None


@pytest.mark.parametrize("pause_seconds", [0.0, 0.05])
async def test_what_comes_before_the_answer_is_not_the_answer(pause_seconds: float) -> None:
    """RFC 9110, 15.2: there may be any number of 1xx responses, which are not the page."""
    parts = (
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Type: x/y\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{TITLE}",
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part.encode())
            await asyncio.sleep(pause_seconds)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await title_of(f"http://127.0.0.1:{port}/") == "A page"


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 103 Early Hints\r\nContent-Type: text/html",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade",
        'HTTP/1.1 200 OK\r\nContent-Type: text/plain; a="' + ";" * 30_000,
        "HTTP/1.1 200 OK\r\nX: " + "x" * 40_000,
        "HTTP/1.1 302 Found\r\nLocation: http://[x/",
        "SSH-2.0-OpenSSH_9.2",
    ],
)
async def test_odd_answers_have_no_preview(head: str) -> None:
    """And they do no harm."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"{head}\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await title_of(f"http://127.0.0.1:{port}/") is None


async def test_pages_inside_are_not_asked(pages: Pages) -> None:
    """Neither through a link nor through a redirect; with the address check of a real instance."""
    pages.add("/inside", TITLE)
    asked = len(pages.asked)
    assert await fetch_preview(f"{pages.origin}/inside", Lookups()) is None
    by_name = pages.origin.replace("127.0.0.1", "localhost")
    assert await fetch_preview(f"{by_name}/inside", Lookups()) is None
    assert len(pages.asked) == asked


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org:8080/", "https://example.org:80/", "https://a:b@example.org/",
        "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/",
    ],
)  # fmt: skip
def test_only_pages_on_the_usual_ports(url: str) -> None:
    """And without a user name and password."""
    assert not is_askable(url)
    assert is_askable("https://example.org:443/x")


@pytest.mark.parametrize("without_end", ["x: y\r\n", "1;" + "x" * 5_000 + "\r\na\r\n"])
async def test_an_answer_without_end_is_not_kept(without_end: str) -> None:
    """Neither trailers nor chunk extensions: no more is read than the maximum for a page."""
    taken = 0
    begun = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    begun += "" if without_end.startswith("1") else "0\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begun.encode())
        with suppress(ConnectionError):
            while taken < 100 * fetching.MAX_BYTES:
                writer.write(without_end.encode() * 100)
                await writer.drain()
                taken += 100 * len(without_end)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await title_of(f"http://127.0.0.1:{port}/") is None
    assert taken < 20 * fetching.MAX_BYTES  # including what is in the sockets' buffers
