"""The generated files in docs/: each document's text, from the code and the hand-written part above
its marker. Writes nothing itself."""

import json
from pathlib import Path
from typing import Any, Final

from docs.reference.configuration import describe_configuration
from docs.reference.emoji import list_emoji, name_emoji
from docs.reference.frames import describe_frames
from docs.reference.postman import make_collection
from docs.reference.rest import describe_calls
from docs.reference.story import spoken_sentences
from edge.asyncapi import describe_socket
from edge.openapi import describe_api
from edge.operations import OPERATIONS

ROOT: Final = Path(__file__).parents[2]
MARK: Final = "<!-- What follows is made by `make docs`. -->\n"


def make_documents() -> dict[Path, str]:
    """The text that each generated file should have. Raises ValueError for a page without a
    marker."""
    api, socket = describe_api(OPERATIONS), describe_socket()
    compose_file = (ROOT / "docker-compose.yml").read_text()
    folder = ROOT / "docs"
    return {
        folder / "openapi.json": _json(api),
        folder / "asyncapi.json": _json(socket),
        folder / "hubbub.postman_collection.json": _json(make_collection(api)),
        folder / "api.md": _page(folder / "api.md", describe_calls(api, spoken_sentences())),
        folder / "socket.md": _page(folder / "socket.md", describe_frames(socket)),
        ROOT / "common" / "protocol" / "emoji.txt": list_emoji(),
        ROOT / "edge" / "web" / "emoji-names.txt": name_emoji(),
        folder / "configuration.md": _page(
            folder / "configuration.md", describe_configuration(compose_file)
        ),
    }


def _page(path: Path, made: str) -> str:
    written, mark, _ = path.read_text().partition(MARK)
    if not mark:
        raise ValueError(f"{path} has lost the line {MARK!r}")
    return f"{written}{mark}\n{made}"


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
