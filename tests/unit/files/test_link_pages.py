"""What a preview takes from a page."""

import time

import msgspec
import pytest

from files.links.page import preview_of
from tests.fixtures.busy import bound

URL = "https://example.org/"


def read(page: str | bytes, charset: str | None = None) -> dict[str, str] | None:
    body = page.encode() if isinstance(page, str) else page
    found = preview_of(URL, body, charset)
    if found is None:
        return None
    built: dict[str, str] = msgspec.to_builtins(found)
    return {name: value for name, value in built.items() if name != "url"}


def test_a_page_says_what_it_is() -> None:
    """Open Graph comes first, whatever the order and spelling of tags."""
    page = """<!doctype html><HTML><head><title>Plain</title>
        <META content="A  &quot;fine&quot;
        day" PROPERTY='og:title'><meta name=description content=Plain>
        <meta property="og:description" content="Sun &amp; rain"/>
        <meta property=og:site_name content="The paper"></head><body>"""
    assert read(page) == {
        "title": 'A "fine" day', "description": "Sun & rain", "siteName": "The paper"
    }  # fmt: skip


def test_a_page_without_open_graph_has_its_title() -> None:
    """The description too; without a title there is no preview."""
    page = "<title>\n A &lt;b&gt; title </title><meta name='Description' content='What it is'>"
    assert read(page) == {"title": "A <b> title", "description": "What it is"}
    assert read("<meta property=og:description content=x>") is None
    assert read("<title> </title>") is None
    assert read("") is None


def test_what_is_quoted_may_have_a_bracket() -> None:
    """A quoted bracket does not end a tag; an unpaired quote is not a quote."""
    page = """<meta property="og:title" content="Docs > API">
        <meta name=description content='a -> b'>
        <meta property=og:site_name content=Ann's>"""
    assert read(page) == {"title": "Docs > API", "description": "a -> b", "siteName": "Ann's"}


def test_nothing_of_the_text_is_taken() -> None:
    """The body is ignored: it may hold what a page's users write."""
    assert read("<title>Page</title><body><meta property=og:title content=Other>") == {
        "title": "Page"
    }


def test_words_are_cut_and_cleaned() -> None:
    """No control characters, none that change the direction of the surrounding text."""
    found = read("<title>" + "x" * 500 + "</title><meta name=description content='a\u202eb\x07c'>")
    assert found is not None
    assert found == {"title": "x" * 199 + "…", "description": "abc"}


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("<title>Grüße</title>".encode("latin-1"), "iso-8859-1"),
        ("<meta charset=windows-1252><title>Grüße</title>".encode("cp1252"), None),
        ("<title>Grüße</title>".encode(), None),
        ("<title>Grüße</title>".encode(), "no-such-thing"),
        ("<title>Grüße</title>".encode(), "zip"),
        ("<title>Grüße</title>".encode(), "punycode"),
        ("<title>Grüße</title>".encode(), "iso-8859-99"),
    ],
)
def test_encodings(body: bytes, charset: str | None) -> None:
    """From the header, else from the page, else UTF-8."""
    assert read(body, charset) == {"title": "Grüße"}


def test_a_page_may_say_much_else_first() -> None:
    """Only the parts used in a preview count."""
    others = "".join(f"<meta property=og:image content={n}>" for n in range(1_000))
    assert read(f"{others}<title>Page</title>") == {"title": "Page"}


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<meta ",
        "<meta a",
        "<title",
        "<title>",
        "<!--",
        "<![CDATA[",
        "</",
        "<meta x='",
        "<meta x='\"",
        "&#",
    ],
)
def test_hostile_pages_take_no_longer_than_others(piece: str) -> None:
    """Half a megabyte of tag openings."""
    assert_quick(piece * (512 * 1024 // len(piece)))


@pytest.mark.parametrize("piece", ["a ", "/", "=' ", "a=", "''", "&#1;"])
def test_hostile_tags_take_no_longer_than_others(piece: str) -> None:
    """Half a megabyte of the longest tags that are parsed."""
    assert_quick(f"<meta description {piece * (3_900 // len(piece))}>" * 130)


def assert_quick(page: str) -> None:
    body = page.encode()
    started = time.process_time()
    read(body)
    assert time.process_time() - started < bound(1.0, 5.0)
