"""Messages with files, and the fate of those files."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from common.protocol.ids import new_id
from tests.contract.edge.uploading import (
    TEXT,
    get_openly,
    lies_in,
    link_to,
    send,
    upload_file,
    wait_until,
)


def test_a_message_with_files(ann: Any, ben: Any, chat: str) -> None:
    """In order, in the event and in history; the text may be empty, also after an edit."""
    files = [upload_file(ann, chat, name=f"{number}.txt") for number in range(3)]
    info = send(ann, chat, attachments=files[::-1]).json()["messageInfo"]
    (event,) = ben.ask("GET", f"/api/chat/{chat}/events?after={info['seq'] - 1}").json()["events"]
    one = f"/api/chat/{chat}/message/{info['messageId']}"
    assert [file["id"] for file in event["attachments"]] == files[::-1]
    assert event["attachments"][0] == {
        "id": files[2], "name": "2.txt", "type": "text/plain; charset=utf-8", "size": len(TEXT),
    }  # fmt: skip
    assert ben.ask("GET", one).json()["attachments"] == event["attachments"]
    for text in ("with words", ""):
        assert ann.ask("PATCH", one, json={"message": text}).status_code == 200
        shown = ben.ask("GET", one).json()
        assert (shown["message"], shown["attachments"]) == (text, event["attachments"])
    plain = send(ann, chat, "words").json()["messageInfo"]["messageId"]
    edit = ann.ask("PATCH", f"/api/chat/{chat}/message/{plain}", json={"message": ""})
    assert (edit.status_code, edit.json()["errors"][0]["field"]) == (400, "message")


def test_what_cannot_be_attached(ann: Any, ben: Any, chat: str) -> None:
    """Eleven, one twice, another user's, another chat's, one attached already; a refusal attaches
    none, and a repeat of the send returns the first message, whatever files it names."""
    files = [upload_file(ann, chat) for _ in range(11)]
    other = upload_file(ann, ann.create_chat())
    assert send(ann, chat, attachments=files).status_code == 400
    assert send(ann, chat, attachments=[files[0]] * 2).status_code == 400
    assert send(ann, chat, attachments=[files[0], other]).status_code == 400
    assert send(ann, chat, attachments=[files[0], new_id()]).status_code == 400
    assert send(ann, chat, "x", attachments=["x"]).status_code == 400
    assert send(ann, chat, attachments=[]).status_code == 400
    assert send(ann, chat, "x", attachments=[upload_file(ben, chat)]).status_code == 400
    key = new_id()
    sent = send(ann, chat, attachments=files[:10], clientId=key)
    assert sent.status_code == 201
    assert send(ann, chat, attachments=[files[0]]).status_code == 400
    for again in (files[:10], files, [new_id()]):
        assert send(ann, chat, attachments=again, clientId=key).text == sent.text


def test_two_messages_never_have_one_file(ann: Any, chat: str) -> None:
    """If two messages with it are sent at once, one is refused."""
    file = upload_file(ann, chat)
    with ThreadPoolExecutor(8) as threads:
        each = [threads.submit(send, ann, chat, attachments=[file]) for _ in range(8)]
    assert sorted(one.result().status_code for one in each) == [201] + [400] * 7


def test_deleting_the_message_deletes_its_files(ann: Any, chat: str, folder: Path) -> None:
    """At the answer they are gone for everybody, including links, and soon from the store; the
    event does not mention them."""
    file = upload_file(ann, chat)
    info = send(ann, chat, "words", attachments=[file]).json()["messageInfo"]
    url = link_to(ann, chat, file)
    one = f"/api/chat/{chat}/message/{info['messageId']}"
    assert lies_in(folder, file)
    assert ann.ask("DELETE", one).status_code == 200
    assert ann.ask("GET", f"/api/chat/{chat}/file/{file}").status_code == 404
    assert get_openly(ann, url).status_code == 404
    events = ann.ask("GET", f"/api/chat/{chat}/events?after={info['seq'] - 1}").text
    assert file not in events
    wait_until(lambda: not lies_in(folder, file))


def test_deleting_the_chat_deletes_its_files(ann: Any, ben: Any, folder: Path) -> None:
    """Those of messages and those not attached."""
    chat = ann.create_chat(ben.id)
    taken, untaken = upload_file(ann, chat), upload_file(ben, chat)
    send(ann, chat, attachments=[taken])
    urls = [link_to(ann, chat, taken), link_to(ben, chat, untaken)]
    assert ann.ask("DELETE", f"/api/chat/{chat}").status_code == 200
    assert ann.ask("GET", f"/api/chat/{chat}/file/{taken}").status_code == 404
    assert [get_openly(ann, url).status_code for url in urls] == [404, 404]
    wait_until(lambda: not lies_in(folder, taken) and not lies_in(folder, untaken))


def test_a_deleted_account_leaves_no_file_that_nobody_has(
    make_person: Callable[[], Any], ann: Any, folder: Path
) -> None:
    """Files not attached are deleted; those of a message stay with it."""
    person = make_person()
    chat = ann.create_chat(person.id)
    untaken, taken = upload_file(person, chat), upload_file(person, chat)
    send(person, chat, attachments=[taken])
    assert person.ask("POST", "/api/user/me/delete", json={}).status_code == 200
    wait_until(lambda: not lies_in(folder, untaken))
    assert ann.ask("GET", f"/api/chat/{chat}/file/{taken}").content == TEXT


def test_what_no_message_takes_goes_after_a_day(
    services: Any, ann: Any, chat: str, folder: Path
) -> None:
    """So are unfinished uploads; files of a message stay."""
    old, begun, taken, fresh = (upload_file(ann, chat) for _ in range(4))
    send(ann, chat, attachments=[taken])
    with psycopg.connect(services.environment["HUBBUB_CHATS_DATABASE_URL"]) as connection:
        connection.execute(
            "UPDATE files SET began_at = began_at - interval '24 hours'"
            " WHERE id = ANY (%s::uuid[])",
            ([old, taken],),
        )
        connection.execute(
            "UPDATE files SET began_at = began_at - interval '31 minutes', stored_at = NULL"
            " WHERE id = %s", (begun,),
        )  # fmt: skip
    wait_until(lambda: not lies_in(folder, old) and not lies_in(folder, begun))
    assert lies_in(folder, taken)
    assert lies_in(folder, fresh)
