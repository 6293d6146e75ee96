"""A stage for the page: its real files, with a play in place of the servers, so that every state
can be tested without waiting for it to happen. The play answers in the formats of the contract.
"""

import http.server
import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import BrowserContext, Page, WebSocketRoute

from chats.search.query import parse_query
from chats.search.words import line_of
from common.protocol.fold import fold
from edge.routes.pages import headers_of, page_headers
from edge.site import File, read_site
from tests.browser.play_files import PlayFiles

BEGAN = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)
NAMES = ("ann", "bob", "cleo", "dan", "esra", "farid", "greta", "hugo", "ines")


def uuid7(number: int, at: datetime = BEGAN) -> str:
    """An id with a given time, the same in every run."""
    ms = int(at.timestamp() * 1000)
    return str(uuid.UUID(int=(ms << 80) | (7 << 76) | (2 << 62) | number))


def time_text(minutes: int) -> str:
    return (BEGAN + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")[:-6] + "Z"


class Play:
    """The state of a simulated system: people, chats and their logs."""

    def __init__(self) -> None:
        self.people = {uuid7(number + 1): name for number, name in enumerate(NAMES)}
        self.ids = {name: user for user, name in self.people.items()}
        self.chats: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.presence = {"bob": "online", "cleo": "away"}
        self.status = {"bob": "Looking for speakers", "ann": "Half day, back at 9"}
        self.displayed: dict[str, str] = {}  # display names, by user name
        self.mine: dict[str, dict[str, Any]] = {}  # ann's own state of each chat
        self.is_silent = False  # sends get no answer
        self.searched: list[str] = []
        self.search_refusal: tuple[int, str] | None = None
        self.files = PlayFiles()
        self._sockets: list[WebSocketRoute] = []

    def start(self, name: str, *people: str, by: str = "ann") -> str:
        """Adds a chat and its first event; returns its id. Without a name it is a direct chat."""
        chat = uuid7(1_000 + len(self.chats))
        participants = [self.ids[person] for person in (by, *people)]
        self.chats[chat] = {
            "id": chat, "chatName": name, "participants": participants,
            "participantCount": len(participants), "owner": self.ids[by] if name else None,
            "seq": 1, "kind": "group" if name else "direct",
        }  # fmt: skip
        self.logs[chat] = []
        self.mine[chat] = {"read": 1, "notify": "all", "archived": False}
        self.tell(chat, "chat.created", by, minutes=len(self.chats), chatName=name)
        return chat

    def tell(self, chat: str, kind: str, by: str, *, minutes: int, **rest: Any) -> dict[str, Any]:
        """Adds an event to a chat and sends it to the listeners."""
        log = self.logs[chat]
        event = {
            "type": kind, "chat": chat, "seq": len(log) + 1, "at": time_text(minutes),
            "by": self.ids[by], **rest,
        }  # fmt: skip
        log.append(event)
        self.chats[chat]["seq"] = event["seq"]
        for socket in self._sockets:
            socket.send(json.dumps(event))
        return event

    def say(
        self, chat: str, by: str, text: str, *, minutes: int = 100, **rest: Any
    ) -> dict[str, Any]:
        number = sum(map(len, self.logs.values())) + 10_000
        return self.tell(
            chat, "message", by, minutes=minutes, messageId=uuid7(number), message=text, **rest
        )

    def change(self, kind: str, of: Mapping[str, Any], by: str, **rest: Any) -> None:
        self.tell(
            of["chat"], kind, by, minutes=120, messageId=of["messageId"],
            of=of["seq"], **rest,
        )  # fmt: skip

    def read_all(self) -> None:
        """Ann has read everything."""
        for chat, log in self.logs.items():
            self.mine[chat]["read"] = len(log)

    async def hang_up(self, code: int = 1012) -> None:
        """Closes all sockets, as a server that restarts does."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close(code=code)

    def show(self, chat: str) -> dict[str, Any]:
        """A chat as ann sees it."""
        messages = self.current(chat)
        mine, me = self.mine[chat], self.ids["ann"]
        news = [
            one for one in messages
            if one["seq"] > mine["read"] and one["by"] != me and one["message"]
        ]  # fmt: skip
        mentions = sum(me in one.get("mentions", ()) for one in news)
        own = {**mine, "unread": len(news), "mentions": mentions}
        return {**self.chats[chat], "last": messages[-1] if messages else None, "mine": own}

    def current(self, chat: str) -> list[dict[str, Any]]:
        return list(fold({}, self.logs[chat]).values())

    async def listen(self, socket: WebSocketRoute) -> None:
        """One socket of the page."""

        def hear(text: str | bytes) -> None:
            frame = json.loads(text)
            if self.is_silent:
                return
            if frame["type"] == "connect":
                self._sockets.append(socket)
                heads = {chat: len(log) for chat, log in self.logs.items()}
                ready = {
                    "type": "ready", "protocol": "chat.v1", "connection": "stage", "epoch": "one",
                    "user": self.ids["ann"], "chats": heads, "behind": [], "pingSeconds": 25,
                    "maxFrame": 65536,
                    "read": {chat: mine["read"] for chat, mine in self.mine.items()},
                }  # fmt: skip
                socket.send(json.dumps(ready))
                for chat, seq in frame["resume"].items():
                    for missed in self.logs.get(chat, [])[seq:]:
                        socket.send(json.dumps(missed))
            elif frame["type"] == "ping":
                socket.send('{"type":"pong"}')
            elif frame["type"] == "watch":
                known = {user: self.presence.get(self.people[user]) for user in frame["users"]}
                users = {user: state or "offline" for user, state in known.items()}
                socket.send(json.dumps({"type": "presence", "users": users}))
            elif frame["type"] == "send":
                files = [self.files.infos[file] for file in frame.get("attachments", ())]
                rest: dict[str, Any] = {"attachments": files} if files else {}
                self.say(frame["chat"], "ann", frame["message"], clientId=frame["clientId"], **rest)

        socket.on_message(hear)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any]:
        """The status and body for one call of the page."""
        me = {**self._profile(self.ids["ann"]), "email": "ann@example.org", "chats": []}
        if path == "/api/user/logout":
            return 200, {"message": "Logged out"}
        if path == "/api/instance":
            return 200, {"name": "Hubbub", "signup": "open"}
        if path == "/api/user/refresh":
            return 200, {"token": "stage", "expiresIn": 900}
        if path == "/api/user/me":
            return 200, {"user": me}
        if path == "/api/user/me/push":
            return 200, {"publicKey": None}
        if path == "/api/user":
            wanted = query.get("ids", "").split(",")
            found = [
                self._profile(user)
                for user, name in self.people.items()
                if user in wanted or name.startswith(query.get("username", "-").lower())
            ]
            return 200, {"users": found}
        if path == "/api/search":
            return self._search(query)
        if path == "/api/chat":
            shown = [self.show(one) for one in self.chats]
            shown.sort(key=lambda one: one["last"]["at"] if one["last"] else "", reverse=True)
            return 200, {"chats": shown, "next": None}
        return self._answer_about_chat(method, path, query, body)

    def _profile(self, user: str) -> dict[str, Any]:
        """A user as others see them; those with a status line have another name."""
        name = self.people[user]
        status = self.status.get(name)
        display = self.displayed.get(name, name.capitalize() if status else None)
        return {"id": user, "username": name, "displayName": display, "status": status}

    def _search(self, query: Mapping[str, str]) -> tuple[int, Any]:
        """By the same words as the real search; a cursor is the number of earlier results."""
        self.searched.append(query["q"])
        if self.search_refusal is not None:
            status, code = self.search_refusal
            return status, {"code": code, "title": code, "status": status}
        wanted = parse_query(query["q"])
        if wanted is None:
            return 400, {"code": "invalid_request", "title": "Bad", "status": 400}
        found = [
            message
            for chat in self.chats
            for message in self.current(chat)
            if message["type"] == "message"
            and all(string in line_of(message["message"]) for string in wanted.strings)
        ]
        found.sort(key=lambda message: (message["at"], message["messageId"]), reverse=True)
        start, limit = int(query.get("before", "0")), int(query["limit"])
        page = found[start : start + limit]
        more = start + limit < len(found)
        return 200, {"messages": page, "next": str(start + limit) if more else None}

    def _answer_about_chat(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any]:
        chat, _, what = path.removeprefix("/api/chat/").partition("/")
        log, limit = self.logs[chat], int(query.get("limit", "50"))
        if method != "GET" and what in ("read", "unread", "mine"):
            return self._answer_about_own(chat, what, body)
        if what == "file/link":
            return self.files.link(body["files"])
        if method != "GET":
            return 503, {"code": "unavailable", "title": "Unavailable", "status": 503}
        if what == "":
            return 200, self.show(chat)
        if what == "events":
            page = log[int(query["after"]) :][:limit]
            return 200, {"events": page, "seq": len(log), "more": False}
        if what == "message":
            messages = self.current(chat)
            if "after" in query:
                messages = [one for one in messages if one["seq"] > int(query["after"])]
                page = messages[:limit]
            else:
                before = int(query.get("before", str(len(log) + 1)))
                messages = [one for one in messages if one["seq"] < before]
                page = messages[-limit:]
            more = len(page) < len(messages)
            return 200, {"messages": page[::-1], "more": more, "seq": len(log)}
        message = next(
            one for one in self.current(chat) if one["messageId"] == what.partition("/")[2]
        )
        return 200, message

    def _answer_about_own(self, chat: str, what: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        mine = self.mine[chat]
        if what == "read":
            mine["read"] = max(mine["read"], body["upTo"])
        elif what == "unread":
            mine["read"] = min(mine["read"], body["from"] - 1)
        else:
            mine |= body
        return 200, {"read": mine["read"], "mine": self.show(chat)["mine"]}


def party() -> tuple[Play, str]:
    """A play with a chat of Ann, Bob and Cleo, and its id."""
    play = Play()
    return play, play.start("Party", "bob", "cleo")


class Stage:
    """Serves the page's files like edge, and the play that answers its calls."""

    def __init__(self) -> None:
        self.origin = ""
        self.play = Play()
        self.files = read_site()

    async def enter(self, context: BrowserContext, play: Play | None, path: str = "/") -> Page:
        """A page with ann signed in, or with no user if there is no play."""
        page = await context.new_page()
        if play is not None:
            self.play = play
            await page.add_init_script("localStorage.hubbub ??= '1'")
            await page.route_web_socket(re.compile(r"/ws$"), play.listen)
        await page.goto(f"{self.origin}{path}")
        return page


@contextmanager
def open_stage() -> Iterator[Stage]:
    """A stage on a port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path.startswith("/api/"):
                self._answer(url.path, url.query)
            elif file := stage.files.get(url.path):
                self._serve(url.path, file)
            else:
                self._send(404, b"", {})

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

        def _answer(self, path: str, query: str) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            values = {name: all_[0] for name, all_ in parse_qs(query).items()}
            files = stage.play.files
            if path.startswith("/api/file/"):
                found = files.infos[path.rpartition("/")[2]]
                self._send(200, files.bytes[found["id"]], {"Content-Type": found["type"]})
                return
            if self.command == "POST" and path.endswith("/file"):
                key = self.headers["Idempotency-Key"]
                answer = files.upload(uuid7(len(files.keys) + 50), values["name"], key, sent)
                if answer is None:
                    self.close_connection = True
                    return
                status, info = answer
                self._send(status, json.dumps(info).encode(), {"Content-Type": "application/json"})
                return
            status, body = stage.play.answer(self.command, path, values, json.loads(sent or "{}"))
            self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def _serve(self, path: str, file: File) -> None:
            kept = "max-age=31536000, immutable" if file.version else "no-cache"
            headers = {"Content-Type": file.media_type, "Cache-Control": kept}
            if file.gzipped:
                headers["Content-Encoding"] = "gzip"
            headers |= headers_of(path, file, page_headers([stage.origin]))
            self._send(200, file.gzipped or file.body, headers)

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The tests' own output is enough."""

    stage = Stage()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stage.origin = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield stage
        server.shutdown()
        thread.join()
