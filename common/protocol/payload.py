"""The payload of one publish to a chat's topic: a header, control entries, and a frame's text.

The text is one or more encoded events with `\\n` between, exactly as sockets get it: realtime
relays it without decoding. The header says which seqs it contains; control entries, which few
payloads have, say who joins or leaves at which seq.
"""

import struct
from typing import Final, NamedTuple

import msgspec

from common.protocol.chats import Control

_HEADER: Final = struct.Struct(">QHI")  # first seq, number of events, bytes of control entries
HEADER_BYTES: Final = _HEADER.size
_encode_controls = msgspec.json.Encoder().encode
_decode_controls = msgspec.json.Decoder(list[Control]).decode


class Payload(NamedTuple):
    first: int
    size: int  # number of events
    controls: list[Control]
    text: bytes


def pack(first: int, events: list[bytes], controls: list[Control]) -> bytes:
    """Consecutive events from seq `first` on, with the control entries of those seqs."""
    encoded = _encode_controls(controls) if controls else b""
    return _HEADER.pack(first, len(events), len(encoded)) + encoded + b"\n".join(events)


def read_header(data: bytes) -> tuple[int, int, int]:
    """First seq, number of events, bytes of control entries; if there are none, the text follows
    HEADER_BYTES. Raises struct.error on other bytes."""
    return _HEADER.unpack_from(data)


def unpack(data: bytes) -> Payload:
    """The opposite of pack. Raises struct.error or msgspec.DecodeError on other bytes."""
    first, events, size = _HEADER.unpack_from(data)
    start = HEADER_BYTES + size
    controls = _decode_controls(data[HEADER_BYTES:start]) if size else []
    return Payload(first, events, controls, data[start:])
