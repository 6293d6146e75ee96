"""The six documented calls, in their exact bodies, against the whole system."""

import re
import uuid

from tests.fixtures.person import Person, Rest

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_sign_up(nobody: Rest) -> None:
    """201 with message and user, and also tokens; an id is a UUIDv7."""
    name = f"Ann.{uuid.uuid4().hex[:12]}"
    answer = await nobody.call("POST", "/api/user", {"username": name, "email": f"{name}@ex.org"})
    assert answer.status == 201
    assert answer.body["message"] == "User registered successfully"
    user = answer.body["user"]
    assert user == {"id": user["id"], "username": name, "email": f"{name}@ex.org"}
    assert UUID7.fullmatch(user["id"])
    assert {"token", "refreshToken"} <= answer.body.keys()
    assert answer.body["expiresIn"] == 900


async def test_log_in(nobody: Rest) -> None:
    """A body with a password and no email address logs in, under both paths."""
    name = f"ann-{uuid.uuid4().hex[:12]}"
    account = {"username": name, "email": f"{name}@ex.org", "password": "correct horse"}
    signed_up = await nobody.call("POST", "/api/user", account)
    assert signed_up.status == 201
    for path in ("/api/user", "/api/user/login"):
        answer = await nobody.call("POST", path, {"username": name, "password": "correct horse"})
        assert answer.status == 200
        assert answer.body["message"] == "Login successful"
        assert answer.body["user"] == signed_up.body["user"]
        assert {"token", "refreshToken", "expiresIn"} <= answer.body.keys()


async def test_a_wrong_log_in_is_refused(nobody: Rest) -> None:
    """An unknown name and a wrong password get the same problem."""
    name = f"ann-{uuid.uuid4().hex[:12]}"
    account = {"username": name, "email": f"{name}@ex.org", "password": "correct horse"}
    assert (await nobody.call("POST", "/api/user", account)).status == 201
    wrong = await nobody.call("POST", "/api/user", {"username": name, "password": "wrong one"})
    unknown = await nobody.call("POST", "/api/user", {"username": "x", "password": "wrong one"})
    assert wrong.status == unknown.status == 401
    assert wrong.body == unknown.body
    assert wrong.body["code"] == "invalid_credentials"


async def test_create_chat(ann: Person, ben: Person, cat: Person) -> None:
    """Listed participants keep their order, duplicates collapse, the creator is appended."""
    answer = await ann.ask(
        "POST", "/api/chat", {"participants": [cat.id, ben.id, cat.id], "chatName": "plans"}
    )
    assert answer.status == 201
    assert answer.body["message"] == "Chat created successfully"
    chat = answer.body["chat"]
    assert UUID7.fullmatch(chat["id"])
    assert chat["participants"] == [cat.id, ben.id, ann.id]
    assert chat["chatName"] == "plans"


async def test_an_unknown_participant_refuses_the_chat(ann: Person) -> None:
    """Nothing is created, and the unknown ids are named."""
    stranger = str(uuid.uuid4())
    before = await ann.ask("GET", "/api/chat")
    answer = await ann.ask("POST", "/api/chat", {"participants": [stranger], "chatName": "plans"})
    assert (answer.status, answer.body["code"]) == (400, "unknown_user")
    assert [error["id"] for error in answer.body["errors"]] == [stranger]
    assert (await ann.ask("GET", "/api/chat")).body == before.body


async def test_rename_chat(ann: Person, ben: Person) -> None:
    """The owner may rename, a participant may not; the new name is visible at once."""
    chat = await ann.create_chat("old", ben.id)
    answer = await ann.ask("PATCH", f"/api/chat/{chat}", {"chatName": "new"})
    assert answer.status == 200
    assert answer.body == {"message": "Chat details updated successfully"}
    assert (await ben.ask("GET", f"/api/chat/{chat}")).body["chatName"] == "new"
    refused = await ben.ask("PATCH", f"/api/chat/{chat}", {"chatName": "mine"})
    assert (refused.status, refused.body["code"]) == (403, "forbidden")


async def test_delete_chat(ann: Person, ben: Person) -> None:
    """The owner may delete; afterwards the chat is not found, as if it had never existed."""
    chat = await ann.create_chat("short", ben.id)
    assert (await ben.ask("DELETE", f"/api/chat/{chat}")).status == 403
    answer = await ann.ask("DELETE", f"/api/chat/{chat}")
    assert answer.status == 200
    assert answer.body == {"message": "Chat deleted successfully"}
    for person in (ann, ben):
        gone = await person.ask("GET", f"/api/chat/{chat}")
        never = await person.ask("GET", f"/api/chat/{uuid.uuid4()}")
        assert gone.status == never.status == 404
        assert gone.body == never.body


async def test_post_message(ann: Person, ben: Person) -> None:
    """201 with the message's id and text, and also its seq, time and clientId."""
    chat = await ann.create_chat("talk", ben.id)
    key = str(uuid.uuid4())
    answer = await ben.ask(
        "POST", f"/api/chat/{chat}/message", {"message": " héllo\n", "clientId": key}
    )
    assert answer.status == 201
    assert answer.body["message"] == "Message sent successfully"
    info = answer.body["messageInfo"]
    assert UUID7.fullmatch(info["messageId"])
    assert info["message"] == " héllo\n"
    assert (info["seq"], info["clientId"]) == (2, key)
    assert TIME.fullmatch(info["at"])


async def test_history_and_events_hold_what_was_posted(ann: Person, ben: Person) -> None:
    """History is newest first, events ascend, and both hold the same objects."""
    chat = await ann.create_chat("talk", ben.id)
    for text in ("one", "two", "three"):
        assert (await ann.post(chat, text)).status == 201
    events = await ben.events(chat)
    assert [event["type"] for event in events] == ["chat.created", *["message"] * 3]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    history = await ben.ask("GET", f"/api/chat/{chat}/message?limit=2")
    assert history.body == {"messages": events[:1:-1], "seq": 4, "more": True}
    page = await ben.ask("GET", f"/api/chat/{chat}/events?after=2&limit=1")
    assert page.body == {"events": [events[2]], "seq": 4, "more": True}
