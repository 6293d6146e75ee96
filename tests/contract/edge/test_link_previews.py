"""Link previews from the message to history, with pages served on this machine."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fixtures.pages import Pages
from tests.fixtures.small_server import serving

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with serving(Pages) as pages:
        yield pages


def send(person: Any, chat: str, text: str) -> str:
    answer = person.ask("POST", f"/api/chat/{chat}/message", json={"message": text})
    assert answer.status_code == 201, answer.text
    message: str = answer.json()["messageInfo"]["messageId"]
    return message


def read(person: Any, chat: str, message: str) -> dict[str, Any]:
    found: dict[str, Any] = person.ask("GET", f"/api/chat/{chat}/message/{message}").json()
    return found


def until_previews(person: Any, chat: str, message: str, previews: list[Any]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := read(person, chat, message)).get("previews") != previews:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def events_of(person: Any, chat: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = person.ask("GET", f"/api/chat/{chat}/events").json()["events"]
    return events


def test_a_link_is_shown_in_short(make_person: Callable[[], Any], pages: Pages) -> None:
    """As an event after the message, in history and for everybody; an edit replaces it with the
    links of the new text, and a deletion removes it."""
    ann, ben = make_person(), make_person()
    chat = ann.create_chat(ben.id)
    url = pages.add(
        "/cake",
        "<title>x</title><meta property=og:title content='Cherry cake'>"
        "<meta property=og:site_name content='Cakes'><meta name=description content='With cream'>",
    )
    nothing = pages.add("/nothing", "no title")
    message = send(ann, chat, f"Look at {url} and {nothing}.")
    preview = {
        "url": url, "title": "Cherry cake", "description": "With cream", "siteName": "Cakes"
    }  # fmt: skip
    current = until_previews(ben, chat, message, [preview])
    assert current["message"] == f"Look at {url} and {nothing}."
    (page,) = ben.ask("GET", f"/api/chat/{chat}/message").json()["messages"]
    assert page == current
    (event,) = [one for one in events_of(ben, chat) if one["type"] == "links.previewed"]
    assert event["previews"] == [preview]
    assert (event["by"], event["of"], event["messageId"]) == (ann.id, current["seq"], message)
    other = pages.add("/bread", "<title>Bread</title>")
    edited = {"message": f"Rather {other}"}
    assert ann.ask("PATCH", f"/api/chat/{chat}/message/{message}", json=edited).status_code == 200
    assert "previews" not in read(ben, chat, message) or pages.asked[-1] == "/bread"
    current = until_previews(ben, chat, message, [{"url": other, "title": "Bread"}])
    assert current["editedAt"]
    assert ann.ask("DELETE", f"/api/chat/{chat}/message/{message}").status_code == 200
    blanked = [one for one in events_of(ben, chat) if one["type"] == "links.previewed"]
    assert [(one["previews"], one["deleted"]) for one in blanked] == [([], True), ([], True)]
    for who in (ann, ben):
        assert "Cherry" not in who.ask("GET", f"/api/chat/{chat}/events").text


def test_a_page_is_fetched_once_for_many(make_person: Callable[[], Any], pages: Pages) -> None:
    """And messages without a link, or with one in code, get no preview event."""
    ann = make_person()
    chat = ann.create_chat()
    url = pages.add("/often", "<title>Often</title>")
    send(ann, chat, f"nothing here, nor in `{url}`")
    messages = [send(ann, chat, f"{number} {url}") for number in range(3)]
    for message in messages:
        until_previews(ann, chat, message, [{"url": url, "title": "Often"}])
    assert pages.asked.count("/often") <= 3  # those requested at the same time
    kinds = [event["type"] for event in events_of(ann, chat)]
    assert kinds.count("links.previewed") == 3
    assert ann.ask("GET", f"/api/chat/{chat}").json()["mine"]["unread"] == 0


def test_search_is_by_what_was_said(make_person: Callable[[], Any], pages: Pages) -> None:
    """Previews are not part of the message's text, and remove none of it from the index."""
    ann = make_person()
    chat = ann.create_chat()
    url = pages.add("/found", "<title>Parsnip</title>")
    message = send(ann, chat, f"rhubarb {url}")
    until_previews(ann, chat, message, [{"url": url, "title": "Parsnip"}])
    send(ann, chat, "custard")

    def found(word: str) -> list[str]:
        answer = ann.ask("GET", f"/api/search?q={word}&chat={chat}").json()
        return [one["messageId"] for one in answer["messages"]]

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not found("custard"):  # then everything before it is in the index
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found("rhubarb") == [message]
    assert found("parsnip") == []
