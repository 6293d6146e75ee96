"""Sends, history and events on real PostgreSQL."""

from tests.contract.chats.conftest import World, new_message


async def test_a_sent_message_is_in_history(world: World) -> None:
    """A message gets the chat's next seq, and history returns its event."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    [result] = await world.send(new_message(chat.id, bob, "hé"))
    assert (result.code, result.seq, result.message) == ("", 2, "hé")
    created, message = await world.read_events(chat.id, ann)
    assert created["seq"] == 1
    assert message["messageId"] == result.message_id
