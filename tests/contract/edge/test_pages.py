"""The page, its files and the API's descriptions: types, caching, strict headers, completeness."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from common.protocol.errors import CODES
from common.protocol.events import AnyEvent
from common.protocol.frames import AnyClientFrame, AnyServerFrame
from edge.operations import OPERATIONS

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
    "media-src 'self'",
    "connect-src 'self' ws://127.0.0.1:8600", "font-src 'self'", "manifest-src 'self'",
    "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types worker",
}  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/admin", "/docs"])
def test_pages_have_strict_headers(client: httpx.Client, path: str) -> None:
    """A page loads only its own files, and cannot be framed."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/admin", "/docs"])
def test_pages_load_what_is_there_and_nothing_inline(client: httpx.Client, path: str) -> None:
    """Every file that a page refers to is served; no script, style or handler is inline."""
    text = client.get(path).text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", text)
    for name in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert name.startswith("/")
        assert client.get(name).status_code == 200, name


@pytest.mark.parametrize(
    ("path", "media"),
    [("/web/docs/docs.js", "text/javascript; charset=utf-8"),
     ("/web/docs/docs.css", "text/css; charset=utf-8"), ("/web/mark.svg", "image/svg+xml"),
     ("/openapi.json", "application/json"), ("/asyncapi.json", "application/json")],
)  # fmt: skip
def test_files_have_their_types_and_are_asked_for_once(
    client: httpx.Client, path: str, media: str
) -> None:
    """A file has its media type; a client that has cached it gets 304 without a body."""
    first = client.get(path)
    assert (first.status_code, first.headers["content-type"]) == (200, media)
    for known in (first.headers["etag"], "*"):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    other = client.get(path, headers={"If-None-Match": '"other"'})
    assert other.content == first.content


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
def test_the_descriptions_say_when_they_are_not_sent(client: httpx.Client, path: str) -> None:
    """304 without a body is among the documented answers."""
    told = client.get("/openapi.json").json()["paths"][path]["get"]["responses"]
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert "content" not in told[str(again.status_code)]


def test_files_are_kept_under_their_version_and_compressed(client: httpx.Client) -> None:
    """The address with this version may be cached for ever, any other is revalidated; both return
    the same bytes, with gzip if accepted, and each coding has its own ETag."""
    page = client.get("/").text
    name = re.findall(r'"(/web/main\.js\?v=\w+)"', page)[0]
    kept = client.get(name, headers={"Accept-Encoding": "gzip, br"})
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-encoding"] == "gzip"
    assert kept.headers["vary"] == "Accept-Encoding"
    for other in (name.partition("?")[0], f"{name}0"):
        plain = client.get(other, headers={"Accept-Encoding": "gzip;q=0"})
        assert plain.headers["cache-control"] == "no-cache"
        assert "content-encoding" not in plain.headers
        assert plain.content == kept.content
        assert plain.headers["etag"] != kept.headers["etag"]
    etag = {"If-None-Match": kept.headers["etag"], "Accept-Encoding": "gzip"}
    assert client.get(name, headers=etag).status_code == 304
    assert client.get("/").headers["cache-control"] == "no-cache"


def test_the_service_worker_answers_for_the_page_and_may_do_little(client: httpx.Client) -> None:
    """It may control more than its folder, fetches from this origin only, and belongs to this
    version."""
    page = client.get("/").text
    version = re.findall(r"main\.js\?v=(\w+)", page)[0]
    worker = client.get(f"/web/worker.js?v={version}")
    assert worker.headers["content-type"] == "text/javascript; charset=utf-8"
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"
    told = client.get("/web/version")
    assert (told.text, told.headers["cache-control"]) == (version, "no-cache")


def test_the_page_can_be_installed(client: httpx.Client) -> None:
    """The manifest has its media type, and so has each of its icons."""
    path = re.findall(r'rel="manifest" href="([^"]+)"', client.get("/").text)[0]
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == (
        "/", "/", "standalone",
    )  # fmt: skip
    assert {icon["sizes"] for icon in manifest["icons"]} == {"any", "192x192", "512x512"}
    for icon in manifest["icons"]:
        served = client.get(icon["src"])
        assert (served.status_code, served.headers["content-type"]) == (200, icon["type"])


def test_the_description_holds_every_call(client: httpx.Client) -> None:
    """Each call is documented with its answers, all its problems and an example of each."""
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    for operation in OPERATIONS:
        found = document["paths"][operation.path][operation.method.lower()]
        assert {str(status) for status in operation.answers} < found["responses"].keys()
        assert {"500", "503", "default"} <= found["responses"].keys()
        assert ("401" in found["responses"]) or operation.is_open
        for status, response in found["responses"].items():
            for code, example in response.get("content", {}).get(
                "application/problem+json", {}
            ).get("examples", {}).items():  # fmt: skip
                assert CODES[code].status == int(status)
                check(document, {"$ref": "#/components/schemas/Problem"}, example["value"])


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_operation_ids_are_unique(client: httpx.Client) -> None:
    """Generators name client functions after them."""
    document = client.get("/openapi.json").json()
    ids = [o["operationId"] for item in document["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))


def test_the_description_of_the_socket_holds_every_frame(client: httpx.Client) -> None:
    """Each frame and event of the structs is documented, in its direction."""
    document = client.get("/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"
    directions = {
        operation["action"]: len(operation["messages"])
        for operation in document["operations"].values()
    }
    assert directions == {
        "receive": len(AnyClientFrame.__args__),
        "send": len(AnyServerFrame.__args__) + len(AnyEvent.__args__),
    }
    for name, message in document["components"]["messages"].items():
        assert (
            message["payload"]["$ref"].removeprefix("#/components/schemas/")
            in (document["components"]["schemas"])
        ), name
