"""Users added and removed while connected receive exactly their part of the chat."""

from collections.abc import Callable
from functools import partial

from tests.fixtures.busy import bound
from tests.fixtures.device import Device
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually


def _is_gone(chat: str, last: str) -> Callable[[Device], bool]:
    def condition(device: Device) -> bool:
        applied = device.applied(chat)
        return bool(applied) and applied[-1]["type"] == last and chat not in device.cursors

    return condition


async def test_who_is_added_gets_a_snapshot_and_then_everything(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """`chat.created` with the seq of the `participant.added`; the next event is seq + 1."""
    chat = await ann.create_chat("club")
    await ann.post(chat, "before Ben")
    async with make_device(ann) as anns, make_device(ben) as bens:
        await anns.until_seq(chat, 2)
        await bens.until_ready()
        added = await ann.ask("POST", f"/api/chat/{chat}/participant", {"userId": ben.id})
        assert (added.status, added.body["message"]) == (201, "Participant added successfully")
        await ann.post(chat, "welcome")
        await bens.until_seq(chat, 4)
        await anns.until_seq(chat, 4)
    snapshot, welcome = bens.applied(chat)
    assert (snapshot["type"], snapshot["seq"], snapshot["by"]) == ("chat.created", 3, ann.id)
    assert snapshot["participants"] == [ann.id, ben.id]
    assert (snapshot["chatName"], snapshot["owner"]) == ("club", ann.id)
    assert welcome["message"] == "welcome"
    assert anns.applied(chat)[-2]["users"] == [ben.id]
    assert (await ben.events(chat))[1]["message"] == "before Ben"


async def test_adding_again_is_no_event(ann: Person, ben: Person) -> None:
    """If all are participants already: 200, and the log is unchanged."""
    chat = await ann.create_chat("club", ben.id)
    again = await ann.ask("POST", f"/api/chat/{chat}/participant", {"userIds": [ben.id, ann.id]})
    assert again.status == 200
    assert len(await ann.events(chat)) == 1


async def test_who_is_removed_gets_their_removal_as_the_last_event(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """Nothing above its seq reaches them by any path."""
    chat = await ann.create_chat("club", ben.id)
    async with make_device(ann) as anns, make_device(ben) as bens:
        await bens.until_seq(chat, 1)
        await anns.until_seq(chat, 1)
        removed = await ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}")
        assert removed.status == 200
        assert removed.body == {"message": "Participant removed successfully"}
        await ann.post(chat, "about Ben")
        await anns.until_seq(chat, 3)
        await bens.until(_is_gone(chat, "participant.removed"))
        for path in ("", "/message", "/events"):
            assert (await ben.ask("GET", f"/api/chat/{chat}{path}")).status == 404
        assert (await ben.post(chat, "hey")).status == 404
        assert (await ben.ask("GET", f"/api/user/{ben.id}")).status == 200
        await eventually(lambda: _has_no_chat(ben, chat))
        other = await ann.create_chat("fence", ben.id)  # everything in flight has arrived
        await bens.until_seq(other, 1)
    assert [event["seq"] for event in bens.applied(chat)] == [1, 2]


async def _has_no_chat(person: Person, chat: str) -> bool:
    return chat not in (await person.ask("GET", "/api/user/me")).body["user"]["chats"]


async def test_the_longest_standing_participant_inherits(
    ann: Person, ben: Person, cat: Person, make_device: MakeDevice
) -> None:
    """When the owner leaves, the first in `participants` becomes the owner and may rename the
    chat."""
    chat = await ann.create_chat("club", cat.id, ben.id)
    async with make_device(ben) as bens:
        await bens.until_seq(chat, 1)
        left = await ann.ask("DELETE", f"/api/chat/{chat}/participant/{ann.id}")
        assert left.status == 200
        await bens.until_seq(chat, 2)
    assert bens.applied(chat)[-1]["users"] == [ann.id]
    assert bens.applied(chat)[-1]["owner"] == cat.id
    assert (await cat.ask("PATCH", f"/api/chat/{chat}", {"chatName": "mine"})).status == 200
    assert (await ben.ask("GET", f"/api/chat/{chat}")).body["participants"] == [cat.id, ben.id]


async def test_a_chat_ends_with_its_last_participant(ann: Person, make_device: MakeDevice) -> None:
    """When the last participant leaves, the chat is deleted: the only event is `chat.deleted`."""
    chat = await ann.create_chat("alone")
    async with make_device(ann) as device:
        await device.until_seq(chat, 1)
        assert (await ann.ask("DELETE", f"/api/chat/{chat}/participant/{ann.id}")).status == 200
        await device.until(_is_gone(chat, "chat.deleted"))
    assert [event["type"] for event in device.applied(chat)] == ["chat.created", "chat.deleted"]
    assert (await ann.ask("GET", f"/api/chat/{chat}")).status == 404


async def test_a_deleted_chat_ends_for_everybody(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """`chat.deleted` is every participant's last event, and both databases forget the chat."""
    chat = await ann.create_chat("short", ben.id)
    async with make_device(ann) as anns, make_device(ben) as bens:
        await anns.until_seq(chat, 1)
        await bens.until_seq(chat, 1)
        assert (await ann.ask("DELETE", f"/api/chat/{chat}")).status == 200
        await anns.until(_is_gone(chat, "chat.deleted"))
        await bens.until(_is_gone(chat, "chat.deleted"))
    for person in (ann, ben):
        await eventually(partial(_has_no_chat, person, chat))


async def test_the_own_record_follows_within_a_second(ann: Person, ben: Person) -> None:
    """`chats` of `GET /api/user/me` comes from the users service's own record."""
    chat = await ann.create_chat("club", ben.id)
    await eventually(lambda: _has_chat(ben, chat), seconds=bound(1.5, 20.0))


async def _has_chat(person: Person, chat: str) -> bool:
    return chat in (await person.ask("GET", "/api/user/me")).body["user"]["chats"]


async def test_added_and_removed_while_away(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """After a reconnect `ready` has the current chats."""
    old = await ann.create_chat("old", ben.id)
    async with make_device(ben) as bens:
        await bens.until_seq(old, 1)
        async with bens.away():
            await ann.ask("DELETE", f"/api/chat/{old}/participant/{ben.id}")
            new = await ann.create_chat("new", ben.id)
        await bens.until_seq(new, 1)
        assert old not in bens.cursors
        assert bens.ready is not None
        assert old not in bens.ready["chats"]
