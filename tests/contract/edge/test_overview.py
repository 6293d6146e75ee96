"""The overview for administrators."""

from collections.abc import Callable
from typing import Any


def test_the_overview_counts(owner: Any, make_person: Callable[[], Any], chat: str) -> None:
    """Current numbers, and health; realtime does not run in these tests."""
    before = owner.ask("GET", "/api/admin/overview").json()
    person = make_person()
    place = f"/api/chat/{person.create_chat()}/file?name=a"
    assert person.ask("POST", place, content=b"bytes").status_code == 201
    owner.ask("PATCH", f"/api/admin/user/{person.id}", json={"active": False})
    after = owner.ask("GET", "/api/admin/overview").json()
    assert after["users"] >= before["users"] + 1
    assert after["users"] > after["activeUsers"]
    assert after["chats"] >= before["chats"] + 1
    assert after["databaseBytes"] > 0
    assert after["fileBytes"] >= before["fileBytes"] + 5
    checks = {check["check"]: check["ok"] for check in after["doctor"]}
    assert [name for name, ok in checks.items() if not ok] == ["processes"]
    replicas = {of["role"]: (of["answering"], of["known"]) for of in after["replicas"]}
    assert (replicas["users"], replicas["chats"]) == ((1, 1), (1, 1))
    assert replicas["realtime"][0] == 0
    assert after["flow"]["delivered"] is None
    assert after["flow"]["stored"] >= before["flow"]["stored"]
