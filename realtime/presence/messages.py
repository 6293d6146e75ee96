"""The messages between nodes about presence, over Valkey. Arrays: these are many and small."""

from typing import Final

import msgspec

from realtime.presence.said import Said

THERE: Final = -1


class Asks(msgspec.Struct, array_like=True):
    """To every node: which of these users do you have? Every node answers a question with a
    `number`; only nodes that have some of the users answer one with 0."""

    node: str
    number: int
    users: list[str]


class SaidOf(msgspec.Struct, array_like=True):
    """`gone_ms`: how long ago their last socket went, or THERE."""

    user: str
    is_active: bool
    gone_ms: int


class Tells(msgspec.Struct, array_like=True):
    """To the nodes that watch, or to one that has asked."""

    node: str
    number: int
    people: list[SaidOf]


encode: Final = msgspec.json.Encoder().encode
decode_asks: Final = msgspec.json.Decoder(Asks).decode
decode_tells: Final = msgspec.json.Decoder(Tells).decode


def said_at(one: SaidOf, now: float) -> Said:
    """By the clock of the receiver."""
    gone_at = None if one.gone_ms == THERE else now - one.gone_ms / 1000
    return Said(one.is_active, gone_at, now)


def encode_kept(one: SaidOf, now_ms: int) -> str:
    """As a value of the node's hash in Valkey."""
    value = f"{one.is_active:d}"
    return value if one.gone_ms == THERE else f"{value}:{now_ms - one.gone_ms}"


def decode_kept(value: bytes, now: float, now_ms: int) -> Said:
    """What a node said before it was asked, if anything. Raises ValueError."""
    is_active, is_gone, gone_at_ms = value.partition(b":")
    ago = max(0, now_ms - int(gone_at_ms)) / 1000 if is_gone else 0.0
    return Said(is_active == b"1", now - ago if is_gone else None, float("-inf"))
