"""The page as it is served: its modules joined into one file and its styles into another, both
compressed, under addresses that are kept for ever. On disk every module stays a file of its own.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

ENTRY: Final = "main.js"
STYLES: Final = "page.css"
WORTH_COMPRESSING_BYTES: Final = 512

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
_OTHER_FORM = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_STYLE_IMPORT = re.compile(r'^@import "\./([\w-]+\.css)";\n', re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*.*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)


class File(NamedTuple):
    """Litestar adds the charset to a media type of text."""

    body: bytes
    media_type: str
    etag: str
    gzipped: bytes | None = None
    version: str = ""  # of the site; who asks for this one may keep the file for ever


def make_file(body: bytes, media_type: str, version: str = "") -> File:
    """A file with its ETag, and compressed where that saves something."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    gzipped = None
    if is_text and len(body) >= WORTH_COMPRESSING_BYTES:
        gzipped = gzip.compress(body, mtime=0)
    return File(body, media_type, etag, gzipped, version)


def read_site(folder: Path) -> dict[str, File]:
    """Every file below the folder by the path under which it is served; `/` is the page.

    Raises ValueError where a module is written in a form that cannot be joined.
    """
    sources = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    texts = {
        name: body.decode() for name, body in sources.items() if name.endswith((".js", ".css"))
    }
    served = {
        **sources,
        ENTRY: join_modules(texts, ENTRY).encode(),
        STYLES: join_styles(texts, STYLES).encode(),
    }
    version = hashlib.sha256(b"\0".join(served.values())).hexdigest()[:12]
    index = served["index.html"].decode()
    served["index.html"] = re.sub(r'"(/web/[\w.-]+)"', rf'"\1?v={version}"', index).encode()
    files = {
        f"/web/{name}": make_file(
            body, mimetypes.guess_type(name)[0] or "application/octet-stream", version
        )
        for name, body in served.items()
    }
    return {**files, "/": files["/web/index.html"]._replace(version="")}


def join_modules(modules: Mapping[str, str], entry: str) -> str:
    """The entry and every module that it needs as one: each becomes a function that is called once
    and gives what it exports. Only `import {…} from "./…"` at the top and `export` before a
    declaration are understood, which is all that the page uses."""
    done: dict[str, str] = {}

    def join(name: str, waiting: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in waiting:
            raise ValueError(f"{name} imports itself over {' and '.join(waiting)}")
        text = _COMMENT.sub("", modules[name])
        for _, needed in _IMPORT.findall(text):
            join(needed, (*waiting, name))
        body = _IMPORT.sub(lambda found: _take(found[1], found[2]), text)
        if name == entry:
            done[name] = body
            return
        exported = [found[1] for found in _EXPORT.findall(body)]
        body = _EXPORT.sub(r"\1 \2", body)
        if (other := _OTHER_FORM.search(body)) is not None:
            raise ValueError(f"{name} cannot be joined: {other[0]}")
        done[name] = (
            f"const {_variable(name)} = (() => {{\n{body}"
            f"return {{ {', '.join(exported)} }};\n}})();\n"
        )

    join(entry, ())
    return "".join(done.values())


def join_styles(styles: Mapping[str, str], entry: str) -> str:
    """The entry with its imports in their places."""
    joined = _STYLE_IMPORT.sub(lambda found: styles[found[1]], styles[entry])
    return re.sub(r"/\*.*?\*/\s*", "", joined, flags=re.DOTALL)


def _take(names: str, module: str) -> str:
    taken = ", ".join(
        re.sub(r"(\w+) as (\w+)", r"\1: \2", name.strip())
        for name in names.split(",")
        if name.strip()
    )
    return f"const {{ {taken} }} = {_variable(module)};\n"


def _variable(module: str) -> str:
    return "$" + re.sub(r"\W", "_", module.removesuffix(".js"))
