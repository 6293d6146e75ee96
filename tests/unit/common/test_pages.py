"""Pages made of encoded parts equal what the encoder makes of the structs."""

import msgspec
import pytest

from common.protocol.chats import EventPage, MessagePage
from common.protocol.pages import (
    PagesAnswer,
    encode_event_page,
    encode_message_page,
    encode_pages,
    read_pages,
)


@pytest.mark.parametrize("parts", [[], [b'{"seq":1}'], [b'{"seq":2}', b'{"seq":1}']])
@pytest.mark.parametrize("more", [False, True])
def test_pages_are_joined_as_they_are_encoded(parts: list[bytes], more: bool) -> None:
    """The joined page equals the encoded one byte for byte."""
    raw = [msgspec.Raw(part) for part in parts]
    assert encode_message_page(b",".join(parts), 7, more=more) == msgspec.json.encode(
        MessagePage(messages=raw, seq=7, more=more)
    )
    assert encode_event_page(b",".join(parts), 7, more=more) == msgspec.json.encode(
        EventPage(events=raw, seq=7, more=more)
    )


PAGES = [b'{"messages":[{"text":"],\\"pages\\":["}]}', b"null", b'{"events":[]}']


@pytest.mark.parametrize("pages", [PAGES, PAGES[1:2]])
def test_pages_are_found_by_their_lengths(pages: list[bytes]) -> None:
    """In this release; the previous one reads the same answer as JSON, and sends no lengths."""
    answer = encode_pages(pages)
    assert read_pages(answer) == pages
    decoded = msgspec.json.decode(answer, type=PagesAnswer)
    assert [bytes(page) for page in decoded.pages] == pages
    before = msgspec.json.encode({"pages": [msgspec.Raw(page) for page in pages]})
    assert read_pages(before) == pages


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b'{"lengths":[5],"pages":[null]}', b'{"lengths":[4],"pages":[null,1]}']
)
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    """Nobody gets a part of another user's page."""
    with pytest.raises(ValueError, match=r"lengths|subsection|malformed|truncated|missing"):
        read_pages(answer)
