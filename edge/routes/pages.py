"""The web page: files that are read once, with strict headers."""

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Response, get

from edge.admission import WHO
from edge.http.request import AnyRequest
from edge.operation import Who


class File(NamedTuple):
    """Litestar adds the charset to a media type of text."""

    body: bytes
    media_type: str
    etag: str


def make_file(body: bytes, media_type: str) -> File:
    return File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def read_files(folder: Path) -> dict[str, File]:
    """Every file below the folder by the path under which it is served."""
    files: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            name = f"/web/{path.relative_to(folder).as_posix()}"
            files[name] = make_file(path.read_bytes(), media_type)
    return files


def page_headers(origins: Sequence[str]) -> dict[str, str]:
    """What a page may do: load its own files, talk to this origin, and nothing else."""
    # CSP level 3 lets 'self' stand for the socket too; older browsers need it spelled out.
    sockets = " ".join(origin.replace("http", "ws", 1) for origin in origins)
    policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        f"connect-src 'self' {sockets}".rstrip(),
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def create_page_routes(files: Mapping[str, File], headers: Mapping[str, str]) -> Sequence[Any]:
    """A route for every file, so that nothing else can be asked for; open to everybody."""

    @get(sorted(files), opt={WHO: Who.EVERYBODY})
    async def get_file(request: AnyRequest) -> Response[bytes]:
        return serve_file(files[request.scope["path"]], request, headers)

    return [get_file]


def serve_file(file: File, request: AnyRequest, headers: Mapping[str, str]) -> Response[bytes]:
    """The file, or 304 for a client that has it already."""
    own = {**headers, "ETag": file.etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if file.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(b"", status_code=304, headers=own)
    return Response(file.body, headers=own, media_type=file.media_type)
