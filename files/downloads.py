"""What is served of a file: which bytes, and the headers that keep browsers from executing them."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple
from urllib.parse import quote

from common.protocol.errors import Refusal, not_found
from common.protocol.etags import is_among
from common.protocol.files import StoredFile
from files.ranges import NotSatisfiable, Span, read_range
from files.store import PREVIEW, BytesMissing, FileStore

WEBP: Final = "image/webp"
INLINE: Final = ("image/", "video/", "audio/", "text/plain")
SAFE_HEADERS: Final = {
    "Cache-Control": "private, max-age=600, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Wanted(NamedTuple):
    """The headers that select what a request needs."""

    range: str | None
    if_range: str | None
    if_none_match: str | None


class Served(NamedTuple):
    """An answer; `body` yields exactly Content-Length bytes, and its first part is already
    loaded."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes] | None


async def serve_file(store: FileStore, file: str, found: StoredFile, wanted: Wanted) -> Served:
    """Raises Refusal: `not_found` if the bytes are gone, `range_not_satisfiable`;
    StoreUnavailable."""
    head = {
        **SAFE_HEADERS,
        "Content-Type": found.type,
        "Content-Disposition": disposition_of(found.name, found.type),
    }
    etag = f'"{file}"'
    return await _serve(store, file, None, found.size, head, etag, wanted)


async def serve_preview(store: FileStore, file: str, found: StoredFile, wanted: Wanted) -> Served:
    """The same for its preview. Raises Refusal `not_found` if it has none."""
    if not found.preview:
        raise not_found()
    return await serve_whole(store, file, PREVIEW, f"{found.name}.webp", wanted)


async def serve_whole(store: FileStore, file: str, name: str, shown: str, wanted: Wanted) -> Served:
    """A picture of our own, stored in one piece."""
    data = await _first(store, file, name)
    head = {
        **SAFE_HEADERS,
        "Content-Type": WEBP,
        "Content-Disposition": disposition_of(shown, WEBP),
    }
    return await _serve(store, file, data, len(data), head, f'"{file}-{name}"', wanted)


async def _serve(
    store: FileStore,
    file: str,
    data: bytes | None,
    size: int,
    head: dict[str, str],
    etag: str,
    wanted: Wanted,
) -> Served:
    head = {**head, "ETag": etag, "Accept-Ranges": "bytes"}
    if is_among(wanted.if_none_match, etag):
        return Served(304, head, None)
    span, status = Span(0, size), 200
    if wanted.if_range in (None, etag):
        try:
            part = read_range(wanted.range, size)
        except NotSatisfiable:
            raise Refusal(
                "range_not_satisfiable",
                f"The file has {size:,} bytes.",
                headers={"Content-Range": f"bytes */{size}"},
            ) from None
        if part is not None:
            span, status = part, 206
            head["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    head["Content-Length"] = str(span.end - span.start)
    if data is not None:
        return Served(status, head, _once(data[span.start : span.end]))
    pieces = store.read_span(file, span)
    try:
        first = await anext(pieces)  # before the answer begins: it could not report an error later
    except BytesMissing as error:
        raise not_found() from error
    return Served(status, head, _chain(first, pieces))


def disposition_of(name: str, kind: str) -> str:
    """Content-Disposition (RFC 6266): shown by browsers, or saved under its name."""
    how = "inline" if kind.startswith(INLINE) else "attachment"
    return f"{how}; filename*=UTF-8''{quote(name, safe='')}"


async def _first(store: FileStore, file: str, name: str) -> bytes:
    try:
        return await store.read(file, name)
    except BytesMissing as error:
        raise not_found() from error


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for data in rest:
        yield data
