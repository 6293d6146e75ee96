"""Pages whose parts are encoded already are what the encoder makes of the structs."""

import msgspec
import pytest

from common.protocol.chats import EventPage, MessagePage
from common.protocol.pages import encode_event_page, encode_message_page


@pytest.mark.parametrize("parts", [[], [b'{"seq":1}'], [b'{"seq":2}', b'{"seq":1}']])
@pytest.mark.parametrize("more", [False, True])
def test_pages_are_joined_as_they_are_encoded(parts: list[bytes], more: bool) -> None:
    """Byte for byte."""
    raw = [msgspec.Raw(part) for part in parts]
    assert encode_message_page(b",".join(parts), 7, more=more) == msgspec.json.encode(
        MessagePage(messages=raw, seq=7, more=more)
    )
    assert encode_event_page(b",".join(parts), 7, more=more) == msgspec.json.encode(
        EventPage(events=raw, seq=7, more=more)
    )
