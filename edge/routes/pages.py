"""The web page: files that are read once and served with strict headers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Response, get

from common.protocol.etags import is_among
from edge.admission import WHO
from edge.http.encoding import takes_gzip
from edge.http.request import AnyRequest
from edge.operation import Who
from edge.site import WORKER, File

FOR_EVER: Final = "public, max-age=31536000, immutable"
RESOURCE_POLICY: Final = "Cross-Origin-Resource-Policy"
DOCUMENTS: Final = ("text/html", "application/json")
DRAWING: Final = "image/svg+xml"
NOTHING: Final = "default-src 'none'"
PAGES: Final = "/{name:path}"  # for the framework; edge/http/front.py knows each by its path


def page_headers(origins: Sequence[str]) -> dict[str, str]:
    """What a page may do: load its own files, talk to this origin, and nothing else."""
    # CSP level 3 lets 'self' stand for the socket too; older browsers need it spelled out.
    sockets = " ".join(origin.replace("http", "ws", 1) for origin in origins)
    policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",  # pictures before they are sent
        "media-src 'self'",
        f"connect-src 'self' {sockets}".rstrip(),
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types worker",  # only the address of the service worker
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        RESOURCE_POLICY: "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def headers_of(path: str, file: File, page: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of a file, if a page has `page`.

    A policy applies to documents and workers: on a page's scripts and styles it has no effect. The
    service worker answers for the whole page and fetches only from this origin.
    """
    if file.media_type in DOCUMENTS:
        return page
    own = {RESOURCE_POLICY: page[RESOURCE_POLICY]}
    if file.media_type == DRAWING:
        own["Content-Security-Policy"] = NOTHING
    if path == f"/web/{WORKER}":
        own["Content-Security-Policy"] = f"{NOTHING}; connect-src 'self'"
        own["Service-Worker-Allowed"] = "/"
    return own


def create_page_routes(files: Mapping[str, File], headers: Mapping[str, str]) -> Sequence[Any]:
    """One route for all files; open to everybody. Other paths are refused earlier: a separate route
    for each file costs an edge 2.5 MB."""

    @get(["/", PAGES], opt={WHO: Who.EVERYBODY})
    async def get_file(request: AnyRequest) -> Response[bytes]:
        path = request.scope["path"]
        return serve_file(files[path], request, headers_of(path, files[path], headers))

    return [get_file]


def serve_file(file: File, request: AnyRequest, headers: Mapping[str, str]) -> Response[bytes]:
    """The file with `headers`, or 304 for a client that already has it.

    An address with another version, as while a newer edge starts beside this one, gets this
    version, to be revalidated.
    """
    is_kept = file.version != "" and request.query_params.get("v") == file.version
    etag, body = file.etag, file.body
    own = {"Cache-Control": FOR_EVER if is_kept else "no-cache", **headers}
    if file.gzipped is not None:
        own["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("accept-encoding", "")):
            etag, body = f'{etag[:-1]}-gz"', file.gzipped
            own["Content-Encoding"] = "gzip"
    own["ETag"] = etag
    if is_among(request.headers.get("if-none-match"), etag):
        own.pop("Content-Encoding", None)
        return Response(b"", status_code=304, headers=own)
    return Response(body, headers=own, media_type=file.media_type)
