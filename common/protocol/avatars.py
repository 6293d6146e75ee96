"""Avatars: the calls to users about them, and their paths."""

from common.protocol.wire import Internal

MAX_AVATAR_BYTES = 5 * 2**20
AVATAR_PIXELS = 256  # each side


class SetAvatar(Internal):
    """None: removes the picture. May be repeated."""

    user: str
    avatar: str | None


class AvatarSet(Internal):
    """The picture that it replaced, whose bytes may be deleted."""

    replaced: str | None


class AvatarIds(Internal):
    """In the answer: those that are in use now."""

    ids: list[str]


def avatar_path(avatar: str | None) -> str | None:
    """Where clients get it, without a token; each picture has a different path."""
    return None if avatar is None else f"/api/avatar/{avatar}"
