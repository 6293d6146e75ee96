"""The calls that change messages: their answers, the order of their refusals, their keys."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from common.protocol.ids import new_id

THUMB = quote("👍")
UNKNOWN = "019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"


class Message:
    """A message of a user, and calls about it."""

    def __init__(self, chat: str, sender: Any, text: str = "hello", **more: Any) -> None:
        self.chat, self.sender = f"/api/chat/{chat}", sender
        sent = sender.ask("POST", f"{self.chat}/message", json={"message": text, **more})
        assert sent.status_code == 201, sent.text
        self.info: dict[str, Any] = sent.json()["messageInfo"]
        self.id: str = self.info["messageId"]
        self.place = f"{self.chat}/message/{self.id}"

    def edit(self, text: str, key: str = "", **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"message": text, **more}
        answer: httpx.Response = self.sender.ask("PATCH", self.place, json=body, headers=headers)
        return answer

    def delete(self, key: str = "") -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        answer: httpx.Response = self.sender.ask("DELETE", self.place, headers=headers)
        return answer

    def react(self, method: str, emoji: str = THUMB, key: str = "") -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        place = f"{self.place}/reaction/{emoji}"
        answer: httpx.Response = self.sender.ask(method, place, headers=headers)
        return answer

    def history(self, query: str = "") -> Any:
        return self.sender.ask("GET", f"{self.chat}/message{query}").json()


@pytest.fixture
def message(ann: Any, ben: Any) -> Message:
    return Message(ann.create_chat(ben.id), ann)


def test_an_edit(message: Message) -> None:
    """The answer has the edit's seq and time; history and the message itself show it."""
    answer = message.edit("hi")
    assert answer.status_code == 200
    info = answer.json()["messageInfo"]
    assert answer.json() == {
        "message": "Message edited successfully",
        "messageInfo": {"messageId": message.id, "message": "hi", "seq": 3, "at": info["at"]},
    }
    current = message.sender.ask("GET", message.place).json()
    assert (current["message"], current["editedAt"], current["seq"]) == ("hi", info["at"], 2)
    page = message.history()
    assert page == {"messages": [current], "seq": 3, "more": False}
    assert message.edit("hi").json()["messageInfo"] == info


def test_an_edits_key(message: Message) -> None:
    """A repeat returns the first result until the message is deleted; a refusal is not stored."""
    key = new_id()
    assert message.edit("", key).status_code == 400
    first = message.edit("one", key)
    assert message.edit("two").status_code == 200
    again = message.edit("three", key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert message.delete().status_code == 200
    assert message.edit("three", key).status_code == 404


def test_a_deletion(message: Message) -> None:
    """The first call is answered; after that the message is not found, whatever the key."""
    key = new_id()
    answer = message.delete(key)
    assert (answer.status_code, answer.json()) == (200, {"message": "Message deleted successfully"})
    assert message.delete(key).status_code == 404
    assert message.delete().status_code == 404
    assert message.sender.ask("GET", message.place).status_code == 404
    [deleted] = message.history()["messages"]
    assert (deleted["message"], deleted["deletedBy"]) == ("", message.sender.id)
    again = message.sender.ask(
        "POST", f"{message.chat}/message", json={"message": "x", "clientId": new_id()}
    )
    assert again.status_code == 201


def test_reactions(message: Message) -> None:
    """Added and removed, with one event each."""
    added = {"message": "Reaction added successfully"}
    removed = {"message": "Reaction removed successfully"}
    key = new_id()
    answers = [
        (message.react("PUT"), 201, added),
        (message.react("PUT"), 200, added),
        (message.react("DELETE", key=key), 200, removed),
        (message.react("DELETE", key=key), 200, removed),
    ]
    for answer, status, body in answers:
        assert (answer.status_code, answer.json()) == (status, body)
    assert message.react("DELETE").status_code == 404
    assert message.history()["seq"] == 4


EMOJI = {
    "fully qualified": ("❤️", "❤️"),
    "unqualified": ("❤", "❤️"),
    "minimally qualified": ("👁‍🗨️", "👁️‍🗨️"),
    "keycap": ("1\u20e3", "1\ufe0f\u20e3"),
    "flag": ("🇦🇶", "🇦🇶"),
    "subdivision": ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
    "joined": ("👩🏽‍🚀", "👩🏽‍🚀"),
    "family": ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
    "skin": ("👍🏿", "👍🏿"),
    "Unicode 16": ("🫩", "🫩"),
}


@pytest.mark.parametrize("case", EMOJI)
def test_one_emoji(message: Message, case: str) -> None:
    """In any listed spelling; shown fully qualified, and the same whatever its spelling."""
    sent, shown = EMOJI[case]
    assert message.react("PUT", quote(sent)).status_code == 201
    assert message.react("PUT", quote(shown)).status_code == 200
    [reaction] = message.history()["messages"][0]["reactions"]
    assert reaction == {"emoji": shown, "count": 1, "users": [message.sender.id]}
    assert message.react("DELETE", quote(sent)).status_code == 200


NO_EMOJI = (
    "x", "1", "%23", quote("👍👍"), quote("👍x"), quote("🏽"), quote("\u200d"), quote("\ufe0f"),
    quote("🇦"), quote("👍\ufe0f"), "%ff", "%F0%9F%91", "%00", quote("👍 "), quote("👩‍"), ":+1:",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_EMOJI)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_no_emoji(message: Message, method: str, text: str) -> None:
    """Anything else is 400, checked before the message is looked up."""
    for place in (message.place, f"{message.chat}/message/{new_id()}", f"{message.chat}/message/x"):
        answer = message.sender.ask(method, f"{place}/reaction/{text}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_twenty_emoji(message: Message) -> None:
    """The twenty-first different one is 400."""
    for number in range(20):
        assert message.react("PUT", quote(chr(0x1F600 + number))).status_code == 201
    refused = message.react("PUT", THUMB)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


BAD_BODIES: tuple[dict[str, Any], ...] = (
    {"replyTo": "x"}, {"replyTo": None}, {"mentions": ["x"]}, {"mentions": None},
    {"mentions": "x"}, {"mentions": [UNKNOWN] * 51}, {"replyTo": UNKNOWN},
)  # fmt: skip


@pytest.mark.parametrize("more", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_what_a_send_may_not_say(message: Message, more: dict[str, Any]) -> None:
    """A reply to an unknown message, and lists that are not lists of ids."""
    body = {"message": "x", **more}
    answer = message.sender.ask("POST", f"{message.chat}/message", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert len(message.history()["messages"]) == 1


def test_replies_and_mentions(message: Message, ben: Any) -> None:
    """They are in the event and in history; a list that is empty, or without participants, is left
    out; unknown fields are ignored."""
    said = [
        Message(message.chat.rpartition("/")[2], ben, **more)
        for more in (
            {"replyTo": message.id, "mentions": [ben.id, new_id(), message.sender.id, ben.id]},
            {"mentions": [new_id()] * 50},
            {"mentions": [], "attachments": [], "thread": "later"},
        )
    ]
    events = message.sender.ask("GET", f"{message.chat}/events?after=2").json()["events"]
    assert events == message.history()["messages"][2::-1]
    assert [event["messageId"] for event in events] == [one.id for one in said]
    assert events[0]["replyTo"] == message.id
    assert events[0]["mentions"] == [ben.id, message.sender.id]
    assert not [event for event in events[1:] if "mentions" in event or "replyTo" in event]


def test_a_reply_is_judged_behind_the_chat(
    message: Message, make_person: Callable[[], Any]
) -> None:
    """An unknown chat is 404, whatever the reply; a repeat is not checked again."""
    body = {"message": "x", "replyTo": message.id, "clientId": new_id()}
    assert message.sender.ask("POST", f"{message.chat}/message", json=body).status_code == 201
    stranger = make_person()
    assert stranger.ask("POST", f"{message.chat}/message", json=body).status_code == 404
    message.delete()
    repeated = message.sender.ask("POST", f"{message.chat}/message", json=body)
    assert (repeated.status_code, repeated.json()["messageInfo"]["message"]) == (201, "x")


def test_history_forwards(message: Message) -> None:
    """Newest first, `more` says whether there are newer ones; with `before` it is 400."""
    for text in "abc":
        Message(message.chat.rpartition("/")[2], message.sender, text)
    page = message.history("?after=2&limit=2")
    assert [found["seq"] for found in page["messages"]] == [4, 3]
    assert (page["more"], page["seq"]) == (True, 5)
    assert message.history("?after=4")["more"] is False
    for query in ("?after=1&before=3", "?after=-1", "?after=x"):
        answer = message.sender.ask("GET", f"{message.chat}/message{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_history_follows(message: Message, ben: Any) -> None:
    """Each read shows what was answered before it, also if edge holds the newest messages."""
    assert message.history()["seq"] == 2
    message.react("PUT")
    message.edit("hi")
    Message(message.chat.rpartition("/")[2], ben, "and I")
    page = message.history()
    direct = message.history("?before=1000")
    assert page == direct
    assert [found["message"] for found in page["messages"]] == ["and I", "hi"]
    message.delete()
    assert message.history() == message.history("?before=1000")
    assert "hi" not in str(message.history())
