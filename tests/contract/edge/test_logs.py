"""What a request leaves in the logs: its route, status and time, and no content."""

import json
import time
from typing import Any

import httpx

from common.protocol.ids import new_id


def test_logs_hold_no_secret_and_no_text(client: httpx.Client, services: Any, owner: Any) -> None:
    """No token, password, code, message or name of a chat is in any line; each line is JSON."""
    name, password = f"p-{new_id()[-12:]}", f"secret {new_id()}"
    body: dict[str, Any] = {"username": name, "email": f"{name}@example.org", "password": password}
    grant = client.post("/api/user", json=body).json()
    own = {"Authorization": f"Bearer {grant['token']}"}
    chat_name, text = f"chat {new_id()}", f"message {new_id()}"
    body = {"participants": [], "chatName": chat_name}
    chat = client.post("/api/chat", json=body, headers=own).json()["chat"]["id"]
    trace = new_id().replace("-", "")
    log_in = {"username": name, "password": password}
    client.post("/api/user/login", json={**log_in, "password": password + "wrong"})
    body = {"uses": 1, "days": 1, "chat": chat}
    invite = client.post("/api/invite", json=body, headers=own).json()["invite"]["code"]
    client.post(f"/api/invite/{invite}/take", headers=own)
    client.delete(f"/api/invite/{invite}", headers=own)
    reset = owner.ask("POST", f"/api/admin/user/{grant['user']['id']}/reset").json()["url"]
    code = reset.partition("#reset=")[2]
    client.post("/api/user/reset", json={"code": code, "password": password})
    client.post("/api/user/refresh", json={"refreshToken": grant["refreshToken"]})
    own = {"Authorization": f"Bearer {client.post('/api/user/login', json=log_in).json()['token']}"}
    client.post(
        f"/api/chat/{chat}/message",
        json={"message": text},
        headers={**own, "traceparent": f"00-{trace}-00000000000000a1-01"},
    )
    deadline = time.monotonic() + 30
    while trace not in services.log_of("edge"):
        assert time.monotonic() < deadline
    logs = services.log_of("edge") + services.log_of("users") + services.log_of("chats")
    for secret in (grant["token"], grant["refreshToken"], password, chat_name, text, invite, code):
        assert secret not in logs
    lines = [json.loads(line) for line in services.log_of("edge").splitlines()]
    (line,) = [line for line in lines if line["trace"] == trace and line["event"] == "request"]
    assert (line["route"], line["status"]) == ("/api/chat/{chat_id}/message", 201)
    assert {"time", "level", "role", "trace", "event"} <= line.keys()
