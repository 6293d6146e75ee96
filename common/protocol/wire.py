"""The base of all structs on the wire: camelCase names, the format of ids and times."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from common.protocol.ids import UUID_PATTERN

MAX_SEQ: Final = 2**63 - 1

Id = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]


class Wire(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A JSON object; absent fields are left out."""


class Internal(Wire, omit_defaults=False):
    """Default values are always written out: for calls between services, and for what is passed on
    or stored as it is."""


def wire_time(moment: datetime) -> str:
    """`2026-01-02T03:04:05.678Z`: UTC, three digits."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )
