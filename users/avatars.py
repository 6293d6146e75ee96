"""Which avatar a user has. The role `files` stores the bytes."""

from common.database.pool import Pool
from common.protocol.avatars import AvatarIds, AvatarSet, SetAvatar
from users.roles import unauthenticated
from users.store import avatars as store


class Avatars:
    """The calls about avatars."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def set_avatar(self, request: SetAvatar) -> AvatarSet:
        """May be repeated. Raises Refusal `unauthenticated` for a deleted account."""
        found = await store.set_avatar(self._pool, request.user, request.avatar)
        if found is None:
            raise unauthenticated()
        return AvatarSet(replaced=None if found.before == request.avatar else found.before)

    async def known_avatars(self, request: AvatarIds) -> AvatarIds:
        return AvatarIds(ids=await store.known_avatars(self._pool, request.ids))
