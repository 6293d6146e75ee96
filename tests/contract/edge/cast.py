"""A chat with every kind of user in and around it, for the table of permissions."""

import base64
from functools import cached_property
from typing import Any

import httpx

from edge.operation import Operation, Who

THUMB = "%F0%9F%91%8D"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def as_options(body: Any) -> dict[str, Any]:
    """As keyword arguments of httpx."""
    if isinstance(body, bytes):
        return {"content": body}
    return {} if body is None else {"json": body}


class Cast:
    """A chat with an owner, a participant, a former participant, a stranger and an anonymous
    client."""

    def __init__(self, client: httpx.Client, people: dict[str, Any]) -> None:
        self.client = client
        self.people = people
        self.owner = people["owner"]
        self.own = self.owner.create_chat(people["participant"].id, people["former"].id)
        gone = self.owner.ask("DELETE", f"/api/chat/{self.own}/participant/{people['former'].id}")
        assert gone.status_code == 200
        message = f"/api/chat/{self.own}/message"
        sent = people["participant"].ask("POST", message, json={"message": "hello"})
        self.message: str = sent.json()["messageInfo"]["messageId"]
        reaction = f"{message}/{self.message}/reaction/{THUMB}"
        assert people["participant"].ask("PUT", reaction).status_code == 201

    @cached_property
    def file(self) -> str:
        """A file of a message of the participant."""
        body = {"message": "", "attachments": [self.untaken]}
        place = f"/api/chat/{self.own}/message"
        sent = self.people["participant"].ask("POST", place, json=body)
        assert sent.status_code == 201, sent.text
        return self.untaken

    @cached_property
    def untaken(self) -> str:
        """A file not yet attached, which only the participant can see."""
        answer = self.people["participant"].ask(
            "POST", f"/api/chat/{self.own}/file?name=dot.png", content=DOT
        )
        file: str = answer.json()["file"]["id"]
        return file

    def place(self, operation: Operation, who: str, **ids: str) -> str:
        """The path of a call that would succeed, with the given ids replaced."""
        whom = "owner" if who == "participant" else "participant"
        own = {"chat_id": self.own, "user_id": self.people[whom].id, "message_id": self.message}
        if "file_id" in operation.path_parameters and "file_id" not in ids:
            own["file_id"] = self.untaken if operation.who is Who.UPLOADER else self.file
        emoji = "%F0%9F%8E%89" if operation.method == "PUT" else THUMB
        query = "?name=dot.png" if operation.takes_bytes else ""
        return operation.path.format(**{**own, "emoji": emoji, **ids}) + query

    def ask(self, who: str, method: str, path: str, body: Any) -> httpx.Response:
        options = as_options(body)
        if who == "nobody":
            return self.client.request(method, path, **options)
        answer: httpx.Response = self.people[who].ask(method, path, **options)
        return answer
