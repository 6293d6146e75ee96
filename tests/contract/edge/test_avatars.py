"""Avatars of users."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from common.protocol.ids import new_id
from tests.contract.edge.uploading import get_openly, wait_until

MAX_BYTES = 5 * 2**20
PLACE = "/api/user/me/avatar"


def picture(colour: str = "red", size: tuple[int, int] = (600, 300), pad: int = 0) -> bytes:
    """A JPEG, padded to `pad` bytes in total."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue().ljust(pad, b"\0")


def show(person: Any, data: Any, **options: Any) -> httpx.Response:
    answer: httpx.Response = person.ask("PUT", PLACE, content=data, **options)
    return answer


def shown_avatar(person: Any, to: Any) -> str | None:
    (found,) = to.ask("GET", f"/api/user?ids={person.id}").json()["users"]
    path: str | None = found["avatar"]
    return path


def test_a_picture_is_shown_to_others(make_person: Callable[[], Any], ann: Any) -> None:
    """Small, square, without a token, under a new path each time; the previous path is gone."""
    person = make_person()
    assert person.ask("GET", "/api/user/me").json()["user"]["avatar"] is None
    answer = show(person, picture())
    assert answer.status_code == 200, answer.text
    path = answer.json()["avatar"]
    assert person.ask("GET", "/api/user/me").json()["user"]["avatar"] == path
    assert shown_avatar(person, ann) == path
    got = get_openly(ann, path)
    assert got.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(got.content)).size == (256, 256)
    other = show(person, picture("blue")).json()["avatar"]
    assert other != path
    assert get_openly(ann, path).status_code == 404
    assert get_openly(ann, other).status_code == 200
    for _ in range(2):
        assert person.ask("DELETE", PLACE).status_code == 200
    assert get_openly(ann, other).status_code == 404
    assert person.ask("GET", "/api/user/me").json()["user"]["avatar"] is None


def test_what_is_no_avatar(ann: Any) -> None:
    """Above 5 MiB, not a picture, a broken one, a form."""
    assert show(ann, picture(pad=MAX_BYTES)).status_code == 200
    for data in (picture(pad=MAX_BYTES + 1), iter([picture(pad=MAX_BYTES + 1)])):
        answer = show(ann, data)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    for data in (b"", b"a text", picture()[:200], b"%PDF-1.7\n"):
        assert show(ann, data).status_code == 400
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert show(ann, picture(), headers=form).status_code == 415
    assert get_openly(ann, f"/api/avatar/{new_id()}").status_code == 404
    assert get_openly(ann, "/api/avatar/x").status_code == 404


def test_the_bytes_of_the_picture_before_are_gone(ann: Any, folder: Path) -> None:
    """And so are those of the avatar of a deleted account."""
    before = show(ann, picture()).json()["avatar"].rpartition("/")[2]
    lies = folder / "avatars" / before[-2:] / before
    assert lies.exists()
    assert ann.ask("DELETE", PLACE).status_code == 200
    wait_until(lambda: not lies.exists())


def test_a_deleted_account_has_no_avatar(make_person: Callable[[], Any], ann: Any) -> None:
    """It is gone at the answer to the deletion."""
    person = make_person()
    path = show(person, picture()).json()["avatar"]
    assert person.ask("POST", "/api/user/me/delete", json={}).status_code == 200
    assert get_openly(ann, path).status_code == 404
    assert shown_avatar(person, ann) is None
