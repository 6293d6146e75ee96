"""The files of a simulated system."""

import struct
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"


class PlayFiles:
    """By id; a PNG is a picture, everything else is only bytes."""

    def __init__(self) -> None:
        self.infos: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.keys: list[str] = []  # of the uploads, in order
        self.cuts = 0  # how many uploads are cut off before the answer
        self.is_full = False  # refuses all uploads
        self.refusal: tuple[int, dict[str, Any]] | None = None  # for every upload

    def upload(self, file: str, name: str, key: str, body: bytes) -> tuple[int, Any] | None:
        """The answer; None if the connection is cut."""
        self.keys.append(key)
        if self.cuts > 0:
            self.cuts -= 1
            return None
        if self.refusal is not None:
            return self.refusal
        if self.is_full:
            return 503, {"code": "unavailable", "title": "Unavailable", "status": 503}
        info: dict[str, Any] = {"id": file, "name": name, "size": len(body)}
        if body.startswith(PNG):
            width, height = struct.unpack(">II", body[16:24])
            info |= {"type": "image/png", "width": width, "height": height, "preview": True}
        else:
            info["type"] = "application/octet-stream"
        self.infos[file], self.bytes[file] = info, body
        return 201, {"message": "File uploaded successfully", "file": info}

    def link(self, ids: list[str]) -> tuple[int, Any]:
        links = {one: {"url": f"/api/file/{one}"} for one in ids if one in self.infos}
        return 200, {"links": links, "expiresIn": 600}
