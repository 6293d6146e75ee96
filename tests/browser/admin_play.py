"""A play for /admin: people, invitations and an audit log of a simulated instance."""

from collections.abc import Mapping
from typing import Any

from tests.browser.stage import NAMES, Play, time_text, uuid7

ROLES = {"ann": "owner", "bob": "admin", "cleo": "admin"}
CHECKS = (
    "processes", "databases", "Valkey", "in doubt", "outbox", "canaries", "circuits", "caches",
    "live delivery", "search index",
)  # fmt: skip


class AdminPlay(Play):
    """ann looks at /admin; `role` is hers."""

    def __init__(self, role: str = "owner") -> None:
        super().__init__()
        self.role = role
        self.signup_fixed = False
        self.wrong: dict[str, str] = {}  # the doctor's findings, by check
        self.users = {self.ids[name]: self._user(name) for name in NAMES}
        self.users[self.ids["esra"]] |= {"displayName": "Esra Öztürk"}
        self.users[self.ids["hugo"]] |= {"active": False}
        self.garden = self.start("Summer party", "bob")
        self.invites = [self._invite("a", 5, 3, chat=self.garden), self._invite("b", 1, 1)]
        self.deleted: list[str] = []  # query parameters of the deletions
        self._overviews = 0

    def _user(self, name: str) -> dict[str, Any]:
        return {
            "id": self.ids[name], "username": name, "email": f"{name}@harbourlane.example",
            "displayName": None, "role": ROLES.get(name, "member"), "active": True,
            "createdAt": time_text(0), "lastSeenAt": time_text(400 + NAMES.index(name)),
        }  # fmt: skip

    def _invite(self, letter: str, uses: int, left: int, **rest: Any) -> dict[str, Any]:
        code = letter * 43
        return {
            "code": code, "url": f"https://chat.example/#invite={code}", "uses": uses, "left": left,
            "role": "member", "expiresAt": "2026-12-24T18:00:00.000Z", **rest,
        }  # fmt: skip

    def _log(self) -> list[dict[str, Any]]:
        ann, bob, cleo, dan = (self.ids[name] for name in ("ann", "bob", "cleo", "dan"))
        told: list[tuple[str | None, str, str | None, dict[str, Any]]] = [
            (ann, "user.updated", bob, {"role": "admin"}),
            (bob, "user.updated", self.ids["hugo"], {"active": False}),
            (bob, "user.reset", dan, {}),
            (ann, "invite.created", uuid7(5_000),
             {"uses": 5, "days": 7, "role": "member", "chat": self.garden}),
            (cleo, "invite.revoked", uuid7(5_001), {}),
            (ann, "instance.updated", None, {"name": "Harbour Lane", "signup": "invite"}),
            (bob, "user.deleted", self.ids["ines"], {"messages": True}),
            (None, "owner.made", ann, {}),
        ]  # fmt: skip
        return [
            {"id": uuid7(6_000 - n), "at": time_text(300 - n * 70), "by": by, "action": action,
             "of": of, "detail": detail}
            for n, (by, action, of, detail) in enumerate(told)
        ]  # fmt: skip

    def _overview(self) -> dict[str, Any]:
        self._overviews += 1
        checks = [
            {"check": name, "ok": name not in self.wrong,
             "detail": self.wrong.get(name, "All of them answer.")}
            for name in CHECKS
        ]  # fmt: skip
        return {
            "users": 201, "activeUsers": 198, "sessions": 412, "sockets": 38, "chats": 57,
            "messages": 128_431, "fileBytes": 1_482_000_000, "databaseBytes": 318_000_000,
            "version": "1.1.0", "doctor": checks,
            "flow": {"stored": 40 * self._overviews, "delivered": 900 * self._overviews},
            "replicas": [
                {"role": role, "known": 2, "answering": 2}
                for role in ("users", "chats", "realtime", "cache")
            ],
        }  # fmt: skip

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any]:
        if path == "/api/instance":
            fixed = {"signupFixed": True} if self.signup_fixed else {}
            return 200, {"name": "Harbour Lane", "signup": "invite", **fixed}
        if path == "/api/user/me":
            return 200, {"user": {**self.users[self.ids["ann"]], "role": self.role, "chats": []}}
        if path == "/api/user" and "ids" in query:
            return 200, {"users": [self.users[id_] for id_ in query["ids"].split(",")]}
        if path == "/api/admin/overview":
            return 200, self._overview()
        if path == "/api/admin/log":
            entries = self._log()
            if "before" in query:
                return 200, {"entries": entries[6:], "next": None}
            return 200, {"entries": entries[:6], "next": entries[5]["id"]}
        if path.startswith("/api/admin/user"):
            return self._answer_about_people(method, path, query)
        if path.startswith("/api/invite"):
            return self._answer_about_invites(method)
        return super().answer(method, path, query, body)

    def _answer_about_people(
        self, method: str, path: str, query: Mapping[str, str]
    ) -> tuple[int, Any]:
        id_ = path.removeprefix("/api/admin/user").strip("/").partition("/")[0]
        if method == "GET":
            start = query.get("q", "").lower()
            found = [user for user in self.users.values() if user["username"].startswith(start)]
            return 200, {"users": found, "next": None}
        if method == "POST":
            return 201, {"url": f"https://chat.example/#reset={'c' * 43}", "expiresIn": 86_400}
        if method == "DELETE":
            del self.users[id_]
            self.deleted += query
            return 200, {"message": "User deleted successfully"}
        self.users[id_]["active"] = not self.users[id_]["active"]
        return 200, {"message": "User updated successfully", "user": self.users[id_]}

    def _answer_about_invites(self, method: str) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"invites": self.invites}
        if method == "POST":
            return 201, {"invite": self._invite("d", 1, 1)}
        return 200, {"message": "Invitation revoked successfully"}
