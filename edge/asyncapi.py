"""The description of the socket: AsyncAPI 3.0 (asyncapi.com/docs/reference/specification/v3.0.0),
made from the structs of frames and events. Pure, no I/O."""

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from common.protocol.close_codes import CloseCode
from common.protocol.events import AnyEvent
from common.protocol.frames import SUBPROTOCOL, AnyClientFrame, AnyServerFrame
from edge.openapi import REF, tidy


def describe_socket() -> dict[str, Any]:
    """The whole document."""
    sent_by_client = get_args(AnyClientFrame)
    sent_by_server = (*get_args(AnyServerFrame), *get_args(AnyEvent))
    all_frames = (*sent_by_client, *sent_by_server)
    schemas, components = msgspec.json.schema_components(all_frames, ref_template=REF)
    for frame in all_frames:
        _complete(frame, components[frame.__name__])
    messages = {
        _name(frame, frame in sent_by_client): {
            "name": _tag(frame),
            "contentType": "application/json",
            "payload": schema,
        }
        for frame, schema in zip(all_frames, schemas, strict=True)
    }
    codes = ", ".join(f"{code.value} {code.name.lower()}" for code in CloseCode)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hubbub's socket",
            "version": "1",
            "description": "JSON objects in text frames, several in a frame one per line. "
            f"The subprotocol is {SUBPROTOCOL}. Close codes: {codes}.",
        },
        "channels": {
            "socket": {
                "address": "/ws",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "headers": {
                            "type": "object",
                            "required": ["Sec-WebSocket-Protocol"],
                            "properties": {"Sec-WebSocket-Protocol": {"const": SUBPROTOCOL}},
                        },
                    }
                },
            }
        },
        "operations": {
            # from the server's side, as the specification wants it
            "receive": _operation("receive", [_name(frame, True) for frame in sent_by_client]),
            "send": _operation("send", [_name(frame, False) for frame in sent_by_server]),
        },
        "components": {"messages": messages, "schemas": components},
    }
    tidied: dict[str, Any] = tidy(document)
    return tidied


def _complete(frame: type[msgspec.Struct], schema: dict[str, Any]) -> None:
    """A field with a default is always there too, unless defaults or absent values are left out."""
    if not frame.__struct_config__.omit_defaults:
        schema["required"] = list(schema["properties"])
    if "message" in schema["properties"]:
        schema["properties"]["message"]["examples"] = ["The garden is ours from noon."]


def _operation(action: str, names: Iterable[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/socket"},
        "messages": [{"$ref": f"#/channels/socket/messages/{name}"} for name in names],
    }


def _tag(frame: type[msgspec.Struct]) -> str:
    return str(frame.__struct_config__.tag)


def _name(frame: type[msgspec.Struct], from_client: bool) -> str:
    """`typing` goes both ways with different fields."""
    return f"{'client' if from_client else 'server'}.{_tag(frame)}"
