"""What locust runs here: people who do everything, files and pictures among it."""

import random
import secrets
import struct
import time
import uuid
import zlib
from typing import Final
from urllib.parse import quote

from locust import task

from loadtest import locustfile
from loadtest.users import person

__all__ = ["BusyPerson", "locustfile"]

FILE_BYTES: Final = 200_000
PICTURE_SIDE: Final = 1_600
WORDS: Final = ("hello", "edited", "hello from", "load")


class BusyPerson(person.Person):
    """Also marks as read, searches, and shows files and pictures."""

    @task(40)
    def mark(self) -> None:
        self._do(self._mark)

    @task(20)
    def search(self) -> None:
        word = quote(random.choice(WORDS))  # noqa: S311 - load, no secret
        self._do(lambda _: self._ask(f"/api/search?q={word}", "search"))

    @task(6)
    def show_file(self) -> None:
        self._do(lambda began: self._show(began, "notes.bin", secrets.token_bytes(FILE_BYTES)))

    @task(4)
    def show_picture(self) -> None:
        self._do(lambda began: self._show(began, "picture.png", _picture()))

    def _mark(self, _: float) -> None:
        if chats := self._ask("/api/chat?limit=50", "list chats").get("chats"):
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            if last := chat.get("last"):
                path = f"/api/chat/{chat['id']}/read"
                self._call("PUT", path, {"upTo": last["seq"]}, "mark read")

    def _show(self, _: float, name: str, data: bytes) -> None:
        """Uploads, posts a message with it, and fetches it."""
        if not (chats := self._listener.chats):
            return
        chat = random.choice(chats)  # noqa: S311 - load, no secret
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/octet-stream",
        }
        with self.client.request(
            "POST",
            f"/api/chat/{chat}/file?name={name}",
            data=data,  # type: ignore[arg-type]  # bytes are taken, too
            headers=headers,
            name=f"upload {name}",
            catch_response=True,
        ) as answer:
            if answer.status_code != 201:
                answer.failure(str(answer.status_code))
                return
            file = answer.json()["file"]["id"]
        began, client_id = time.monotonic(), str(uuid.uuid4())
        self._gathering.book.post_begins(client_id, began)
        body = {"message": f"hello from {self._id}", "clientId": client_id, "attachments": [file]}
        if told := self._call("POST", f"/api/chat/{chat}/message", body, "post a file"):
            info = told["messageInfo"]
            self._gathering.book.post_answered(
                chat, info["seq"], info["messageId"], time.monotonic()
            )
        with self.client.get(
            f"/api/chat/{chat}/file/{file}", headers=headers, name=f"fetch {name}",
            catch_response=True,
        ) as answer:  # fmt: skip
            if answer.content != data:
                answer.failure(f"{answer.status_code}: other bytes")


def _picture() -> bytes:
    """A PNG of noise, which takes as much to decode as a photograph."""
    line = b"\0" + secrets.token_bytes(PICTURE_SIDE)
    lines = zlib.compress(line * PICTURE_SIDE, 1)
    head = struct.pack("!IIBBBBB", PICTURE_SIDE, PICTURE_SIDE, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))
        for name, data in parts
    )
