"""The six documented calls, byte for byte, against real services."""

import httpx

from common.protocol.ids import new_id


def test_the_six_calls(client: httpx.Client) -> None:
    """Sign-up, log-in, create, rename, send and delete answer with the documented bodies."""
    name = f"ann-{new_id()[-12:]}"
    account = {"username": name, "email": f"{name}@example.org", "password": "correct horse"}
    up = client.post("/api/user", json=account)
    assert up.status_code == 201, up.text
    user = up.json()["user"]
    assert up.json()["message"] == "User registered successfully"
    assert user == {"id": user["id"], "username": name, "email": f"{name}@example.org"}
    log_in = client.post("/api/user", json={"username": name, "password": "correct horse"})
    assert log_in.status_code == 200
    assert log_in.json()["message"] == "Login successful"
    assert log_in.json().keys() == {"message", "user", "token", "refreshToken", "expiresIn"}
    own = {"Authorization": f"Bearer {log_in.json()['token']}"}
    created = client.post("/api/chat", json={"participants": [], "chatName": "x"}, headers=own)
    assert created.status_code == 201, created.text
    chat = created.json()["chat"]
    own_of_new = {"read": 1, "unread": 0, "mentions": 0, "notify": "all", "archived": False}
    shown = {"id": chat["id"], "participants": [user["id"]], "chatName": "x"}
    assert created.json() == {
        "message": "Chat created successfully",
        "chat": {**shown, "last": None, "mine": own_of_new},
    }
    place = f"/api/chat/{chat['id']}"
    renamed = client.patch(place, json={"chatName": "y"}, headers=own)
    assert (renamed.status_code, renamed.json()) == (
        200,
        {"message": "Chat details updated successfully"},
    )
    sent = client.post(f"{place}/message", json={"message": "hello"}, headers=own)
    assert sent.status_code == 201, sent.text
    info = sent.json()["messageInfo"]
    assert sent.json()["message"] == "Message sent successfully"
    assert info.keys() == {"messageId", "message", "seq", "at"}
    assert (info["message"], info["seq"]) == ("hello", 3)
    deleted = client.delete(place, headers=own)
    assert (deleted.status_code, deleted.json()) == (200, {"message": "Chat deleted successfully"})
