"""Access to files, ranges, headers, and links."""

import time
from collections.abc import Callable
from typing import Any

from common.identity.links import Link, LinkSigner
from common.protocol.ids import new_id
from tests.contract.edge.uploading import (
    TEXT,
    get_openly,
    link_to,
    send,
    upload_file,
)
from tests.fixtures.documents import OWN_HEADERS

ONE_FILE = "/api/chat/{chat_id}/file/{file_id}"


def test_headers_of_what_is_served(ann: Any, chat: str) -> None:
    """Nothing is executed by a browser, and only the user's own browser may cache it."""
    file = upload_file(ann, chat, b"<script>alert(1)</script>", name="a.html")
    headers = ann.ask("GET", f"/api/chat/{chat}/file/{file}").headers
    expected = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "25",
        "content-disposition": "inline; filename*=UTF-8''a.html",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=600, immutable",
        "accept-ranges": "bytes",
        "etag": f'"{file}"',
    }
    assert {name: headers.get(name) for name in expected} == expected
    file = upload_file(ann, chat, b"%PDF-1.7\n", name="a.pdf")
    got = ann.ask("GET", f"/api/chat/{chat}/file/{file}")
    assert got.headers["content-disposition"].startswith("attachment;")


def test_parts_of_a_file(ann: Any, chat: str) -> None:
    """Across the boundaries of its stored pieces; a current copy is not sent again."""
    data = bytes(range(256)) * 5_000
    place = f"/api/chat/{chat}/file/{upload_file(ann, chat, data)}"
    whole = ann.ask("GET", place)
    assert whole.content == data
    for start, end in ((0, 1), (524_287, 524_289), (1_048_570, 1_048_590), (1_279_999, 1_280_000)):
        got = ann.ask("GET", place, headers={"Range": f"bytes={start}-{end - 1}"})
        assert got.status_code == 206
        assert got.content == data[start:end]
        assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{len(data)}"
    got = ann.ask("GET", place, headers={"Range": f"bytes={len(data)}-"})
    assert (got.status_code, got.json()["code"]) == (416, "range_not_satisfiable")
    assert got.headers["content-range"] == f"bytes */{len(data)}"
    told = ann.ask("GET", "/openapi.json").json()["paths"][ONE_FILE]["get"]["responses"]
    assert list(told["416"]["headers"]) == ["Content-Range"]
    etag = whole.headers["etag"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"Range": "bytes=0-0", "If-Range": etag}, 206),
        ({"Range": "bytes=0-0", "If-Range": '"other"'}, 200),
    ):
        got = ann.ask("GET", place, headers=headers)
        assert got.status_code == status
        assert {name for name in OWN_HEADERS if name in got.headers} == {
            *told[str(status)]["headers"]
        }
    head = ann.ask("HEAD", place)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(data))


def test_what_no_message_has_is_its_uploaders_alone(ann: Any, ben: Any, chat: str) -> None:
    """Others can read it once a message has it, including later participants, but not those who
    have left."""
    file = upload_file(ann, chat)
    place = f"/api/chat/{chat}/file/{file}"
    assert ben.ask("GET", place).status_code == 404
    found = ben.ask("POST", f"/api/chat/{chat}/file/link", json={"files": [file]})
    assert found.json()["links"] == {}
    assert send(ben, chat, attachments=[file]).status_code == 400
    assert send(ann, chat, attachments=[file]).status_code == 201
    assert ben.ask("GET", place).content == TEXT
    assert ben.ask("DELETE", place).status_code == 403
    assert ann.ask("DELETE", place).status_code == 403


def test_leaving_ends_it(make_person: Callable[[], Any], ann: Any) -> None:
    """A user who has left gets no file of the chat; a link created before still works."""
    person = make_person()
    chat = ann.create_chat(person.id)
    file = upload_file(ann, chat)
    send(ann, chat, attachments=[file])
    url = link_to(person, chat, file)
    gone = ann.ask("DELETE", f"/api/chat/{chat}/participant/{person.id}")
    assert gone.status_code == 200
    assert person.ask("GET", f"/api/chat/{chat}/file/{file}").status_code == 404
    links = person.ask("POST", f"/api/chat/{chat}/file/link", json={"files": [file]})
    assert links.status_code == 404
    assert get_openly(ann, url).content == TEXT


def test_links(services: Any, ann: Any, chat: str) -> None:
    """Without a token, for ten minutes, for exactly the signed URL."""
    file = upload_file(ann, chat)
    url = link_to(ann, chat, file)
    assert get_openly(ann, url).content == TEXT
    signer = LinkSigner(services.credentials.shared)
    for link in (
        Link(file, "file", int(time.time()) - 1),
        Link(file, "preview", int(time.time()) + 9),
        Link(new_id(), "file", int(time.time()) + 9),
    ):
        assert get_openly(ann, f"/api/file/{signer.sign(link)}").status_code == 404
    assert get_openly(ann, url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 404
    for files in ([], [new_id()] * 51, ["x"]):
        body = {"files": files}
        assert ann.ask("POST", f"/api/chat/{chat}/file/link", json=body).status_code == 400
