"""Direct chats on sockets."""

from common.protocol import direct as d
from common.protocol.ids import new_id
from tests.contract.realtime.conftest import World


async def test_both_hear_of_it_and_talk_until_an_account_ends(world: World) -> None:
    """For both users; after that the other's sends are refused, and the socket stays open."""
    ann, ben = await world.make_people(2)
    async with world.connect(ann) as anns, world.connect(ben) as bens:
        request = d.OpenDirectChat(user=ann.id, session=ann.session, key=new_id(), other=ben.id)
        opened = await world.chats.call("open_direct_chat", request, d.DirectChat)
        chat = opened.chat.id
        for socket in (anns, bens):
            event = await socket.hear_event()
            assert (event["type"], event["chat"], event["owner"]) == ("chat.created", chat, None)
        send = {"type": "send", "chat": chat, "message": "x"}
        await bens.say({**send, "clientId": new_id()})
        assert (await anns.hear_event())["message"] == "x"
        assert (await bens.hear_event())["message"] == "x"
        await world.chats.call("end_account", d.EndAccount(user=ann.id), d.DirectChats)
        key = new_id()
        await bens.say({**send, "clientId": key})
        error = await bens.hear_type("error")
        assert (error["code"], error["chat"], error["clientId"]) == ("forbidden", chat, key)
        await bens.say({"type": "ping"})
        await bens.hear_type("pong")
