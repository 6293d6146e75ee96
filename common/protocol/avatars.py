"""Pictures that people show of themselves: the calls of users about them, and their paths."""

from common.protocol.wire import Wire

MAX_AVATAR_BYTES = 5 * 2**20
AVATAR_PIXELS = 256  # a side


class SetAvatar(Wire, omit_defaults=False):
    """None: no picture any more. May be repeated."""

    user: str
    avatar: str | None


class AvatarSet(Wire, omit_defaults=False):
    """Which picture it took the place of: its bytes may go."""

    replaced: str | None


class AvatarIds(Wire, omit_defaults=False):
    """In the answer those that somebody shows now."""

    ids: list[str]


def avatar_path(avatar: str | None) -> str | None:
    """Where clients get it, without a token; another one for each picture."""
    return None if avatar is None else f"/api/avatar/{avatar}"
