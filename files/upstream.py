"""The only calls to chats, users and realtime, one method each. Decides nothing."""

import asyncio

from common.calls.calls import Calls
from common.calls.replicas import Replicas
from common.protocol.avatars import AvatarIds, AvatarSet, SetAvatar
from common.protocol.chats import Done
from common.protocol.errors import Refusal
from common.protocol.events import LinkPreview
from common.protocol.files import (
    Attachment,
    BeginUpload,
    DropUpload,
    FileIds,
    FindFile,
    FinishUpload,
    ListDoomed,
    StoredFile,
    UploadBegun,
)
from common.protocol.links import ClaimedLinks, ClaimLinks, LinksClaimed, SettleLinks
from common.protocol.push import (
    ActiveUsers,
    ClaimedPush,
    ClaimPushes,
    DescribePushes,
    ListActive,
    PushesClaimed,
    PushNote,
    PushNotes,
    PushOutcome,
    PushWanted,
    SettlePushes,
)
from common.protocol.users import Empty


class Chats:
    """What files asks chats. Every call raises Refusal."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def begin_upload(self, request: BeginUpload) -> Attachment | None:
        """The first result for the key, if there is one."""
        begun = await self._calls.call("begin_upload", request, UploadBegun, key=request.chat)
        return begun.known

    async def keep_uploads(self, files: list[str]) -> None:
        """Says that these uploads are still in progress."""
        await self._calls.call("keep_uploads", FileIds(ids=files), Done)

    async def finish_upload(self, request: FinishUpload) -> Attachment:
        return await self._calls.call("finish_upload", request, Attachment, key=request.id)

    async def drop_upload(self, file: str) -> bool:
        """Whether it was dropped; if not, it is finished and its bytes must stay."""
        done = await self._calls.call("drop_upload", DropUpload(id=file), Done, key=file)
        return done.changed

    async def find_file(self, file: str, chat: str | None, reader: str | None) -> StoredFile:
        request = FindFile(id=file, chat=chat, reader=reader)
        return await self._calls.call("find_file", request, StoredFile, key=chat or file)

    async def list_doomed(self, limit: int, skip: int) -> list[str]:
        request = ListDoomed(limit=limit, skip=skip)
        return (await self._calls.call("list_doomed", request, FileIds)).ids

    async def forget_files(self, files: list[str]) -> None:
        await self._calls.call("forget_files", FileIds(ids=files), Done)

    async def known_files(self, files: list[str]) -> set[str]:
        return set((await self._calls.call("known_files", FileIds(ids=files), FileIds)).ids)

    async def describe_pushes(self, wanted: list[PushWanted]) -> list[PushNote | None]:
        if not wanted:
            return []
        request = DescribePushes(wanted=wanted)
        return (await self._calls.call("describe_pushes", request, PushNotes)).notes

    async def claim_links(self, limit: int) -> list[ClaimedLinks]:
        return (await self._calls.call("claim_links", ClaimLinks(limit=limit), LinksClaimed)).links

    async def settle_links(self, links: ClaimedLinks, previews: list[LinkPreview]) -> None:
        request = SettleLinks(links=links, previews=previews)
        await self._calls.call("settle_links", request, Done, key=links.chat)


class Users:
    """What files asks users. Every call raises Refusal."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def set_avatar(self, user: str, avatar: str | None) -> str | None:
        """The picture that it replaced."""
        request = SetAvatar(user=user, avatar=avatar)
        return (await self._calls.call("set_avatar", request, AvatarSet, key=user)).replaced

    async def known_avatars(self, avatars: list[str]) -> set[str]:
        request = AvatarIds(ids=avatars)
        return set((await self._calls.call("known_avatars", request, AvatarIds)).ids)

    async def claim_pushes(self, limit: int, contact: str) -> list[ClaimedPush]:
        request = ClaimPushes(limit=limit, contact=contact)
        return (await self._calls.call("claim_pushes", request, PushesClaimed)).pushes

    async def settle_pushes(self, outcomes: list[PushOutcome]) -> None:
        await self._calls.call("settle_pushes", SettlePushes(outcomes=outcomes), Empty)


class Nodes:
    """What files asks the nodes of realtime, all of them."""

    def __init__(self, calls: Calls, replicas: Replicas) -> None:
        self._calls = calls
        self._replicas = replicas

    async def list_active(self, users: list[str]) -> set[str]:
        """Users with an active socket on any node; a node that does not answer counts as having
        none."""
        answers = await asyncio.gather(
            *(self._ask(address, users) for address in self._replicas.addresses)
        )
        return {user for active in answers for user in active}

    async def _ask(self, address: str, users: list[str]) -> list[str]:
        request = ListActive(users=users)
        try:
            answer = await self._calls.call_replica(address, "list_active", request, ActiveUsers)
        except Refusal:
            return []
        return answer.users
