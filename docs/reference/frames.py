"""The frames of docs/socket.md, from the AsyncAPI document."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from docs.reference.samples import Json, fields, resolve, sample, table

MEANINGS: Final = {
    "client.connect": "The first frame, within 10 s of the upgrade. `resume` has the last seq that "
    "you applied, a chat; `epoch` the one of your last `ready`.",
    "client.send": "A durable send. Answered with `sent`, or with an `error` that carries the "
    "`clientId`; send it again with the same `clientId` when neither comes.",
    "client.read": "The user has read the chat up to this seq: the same as `PUT …/read` without an "
    "answer. Stored within two seconds; the highest counts.",
    "client.typing": "The user is typing. Shown to connected participants, never stored.",
    "client.watch": "The users whose presence this socket wants to know, in place of those before. "
    "Answered with a `presence` of all of them; users who share no chat with you are left out.",
    "client.active": "Whether the user is there, until said otherwise; a new socket is active.",
    "client.refresh": "A fresh access token of the same session; answered with `refreshed`.",
    "client.ping": "Answered with `pong` at once.",
    "server.ready": "Always the first line. `chats` are yours, with their heads; `read` are your "
    "read markers; `behind` are those of your `resume` that miss too much to be replayed here: "
    "fetch their `/events`.",
    "server.sent": "Your `send` is stored. It is no event and moves no cursor; it and your own "
    "`message` come in either order.",
    "server.error": "A frame was refused; the socket stays open.",
    "server.refreshed": "The socket continues with whichever of its tokens expires last, in so "
    "many seconds.",
    "server.pong": "The answer to `ping`.",
    "server.expiring": "The access token expires in so many seconds: refresh it by REST, then send "
    "`refresh`.",
    "server.typing": "A participant is typing.",
    "server.read": "Another socket of the user has moved their read marker. One that is lower than "
    "yours is old, unless it says `back`: then the marker was turned back.",
    "server.mine": "The user has changed what they want to hear of a chat.",
    "server.presence": "The answer to `watch`, and then what has changed: `online` with an active "
    "socket, `away` with none that is active, `offline` without a socket for half a minute.",
    "server.message": "A message. `by` is the sender; `clientId` is the one of the send; `replyTo` "
    "is a messageId, `attachments` are files. `deleted` is there where the text was removed: the "
    "`message.deleted` comes later.",
    "server.message.edited": "A message has a new text; `by` is its sender, `of` its seq. "
    "`mentions` is the whole new list.",
    "server.message.deleted": "The text of the message with seq `of` was removed everywhere.",
    "server.reaction.added": "A participant reacted to the message with seq `of`. `emoji` is fully "
    "qualified.",
    "server.reaction.removed": "The participant removed that reaction.",
    "server.links.previewed": "What the pages say of themselves to which links in the message with "
    "seq `of` lead. Comes after the message, and after each edit, where the instance fetches them; "
    "`by` is the message's sender. With `deleted` they were removed with the message.",
    "server.chat.created": "seq 1 of a chat; or, for a user who was added later, the state of the "
    "chat in place of the `participant.added`.",
    "server.chat.updated": "The chat has a new name or topic.",
    "server.participant.added": "The new participants, in the order of the request.",
    "server.participant.removed": "The removed participants, and the owner of the chat after that. "
    "For a removed user it is the last event of this chat.",
    "server.chat.deleted": "The last event of a chat.",
}
DIRECTIONS: Final = (("receive", "Client to server"), ("send", "Server to client"))


def describe_frames(socket: Json) -> str:
    """Markdown. Raises KeyError for a frame that is not described here."""
    schemas = socket["components"]["schemas"]
    parts = []
    for operation, title in DIRECTIONS:
        parts.append(f"## {title}")
        for message in socket["operations"][operation]["messages"]:
            name = message["$ref"].rpartition("/")[2]
            parts.extend(_describe(name, socket["components"]["messages"][name], schemas))
    return "\n\n".join(parts) + "\n"


def _describe(name: str, message: Json, schemas: Mapping[str, Json]) -> Iterator[str]:
    payload = resolve(message["payload"], schemas)
    yield f"### `{message['name']}`"
    yield MEANINGS[name]
    rows = [
        (f"`{f.name}`", f.kind, f"{'' if f.required else 'Optional. '}{f.detail}".strip())
        for f in fields(payload, schemas)
        if f.name != "type"
    ]
    if rows:
        yield table(("field", "value", ""), *rows)
    yield f"```json\n{json.dumps(sample(payload, schemas), ensure_ascii=False)}\n```"
