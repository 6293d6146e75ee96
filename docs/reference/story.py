"""The calls of the Postman collection: people sign up, talk, leave and log out.

Each step names a call of the OpenAPI document; it contains neither paths nor methods.
"""

from typing import Any, Final, NamedTuple

Json = dict[str, Any]


class Step(NamedTuple):
    """One call. `where` fills the path, `keep` stores parts of the answer in the collection's
    variables, `expect` are JavaScript expressions about `answer` that must be true."""

    title: str
    operation: str
    status: int
    body: Json | None = None
    by: str | None = None  # the variable that holds the caller's token
    where: Json = {}  # noqa: RUF012 - in an immutable tuple, never written
    query: Json = {}  # noqa: RUF012
    key: str | None = None
    keep: Json = {}  # noqa: RUF012
    says: str | None = None  # the fixed `message` of the answer
    expect: tuple[str, ...] = ()
    bytes: str | None = None  # a body that is not JSON
    after_ms: int = 0  # for changes that reach every replica a moment later


REVOKED_MS: Final = 1000  # the maximum delay until a session has ended everywhere
FOUND_MS: Final = 1000  # the maximum lag of the search index


def _code(code: str) -> tuple[str, ...]:
    return (f'answer.code === "{code}"',)


GRANT: Final = ("answer.expiresIn === 900", "answer.token.length > 0")
ANN: Final = {"username": "{{ann}}", "email": "{{ann}}@example.org", "password": "correct horse"}
ANN_LOGS_IN: Final = {"username": "{{ann}}", "password": "correct horse"}
CHAT: Final = {"chat_id": "chat"}

SYSTEM: Final = (
    Step("The process lives", "get_health_live", 200),
    Step("The system can do its work", "get_health_ready", 200),
    Step("The description of the calls", "get_openapi_json", 200,
         expect=('answer.openapi === "3.1.0"',)),
    Step("The description of the socket", "get_asyncapi_json", 200,
         expect=('answer.asyncapi === "3.0.0"',)),
)  # fmt: skip

PEOPLE: Final = (
    Step("Ann signs up", "post_user", 201, ANN, key="annKey",
         keep={"annId": "user.id", "annToken": "token", "annRefresh": "refreshToken"},
         says="User registered successfully",
         expect=('answer.user.username === pm.collectionVariables.get("ann")', *GRANT)),
    Step("Ann signs up again with the same key: the same account", "post_user", 201, ANN,
         key="annKey", says="User registered successfully",
         expect=('answer.user.id === pm.collectionVariables.get("annId")',)),
    Step("Nobody else gets her name", "post_user", 409, ANN, expect=_code("username_taken")),
    Step("Ben signs up without a password", "post_user", 201,
         {"username": "{{ben}}", "email": "{{ben}}@example.org"},
         keep={"benId": "user.id", "benToken": "token"}, says="User registered successfully"),
    Step("Cat signs up", "post_user", 201,
         {"username": "{{cat}}", "email": "{{cat}}@example.org"},
         keep={"catId": "user.id", "catToken": "token"}, says="User registered successfully"),
    Step("Ann logs in", "post_user", 200, ANN_LOGS_IN,
         keep={"annToken": "token", "annRefresh": "refreshToken"}, says="Login successful",
         expect=('answer.user.id === pm.collectionVariables.get("annId")', *GRANT)),
    Step("Ann logs in under log-in's own name", "post_user_login", 200, ANN_LOGS_IN,
         says="Login successful", expect=GRANT),
    Step("A wrong password", "post_user_login", 401,
         {"username": "{{ann}}", "password": "wrong horse"}, expect=_code("invalid_credentials")),
    Step("Ben sets a password", "patch_user_me", 200, {"password": "battery staple"},
         by="benToken", says="User updated successfully"),
    Step("Ann looks for Ben", "get_user", 200, by="annToken", query={"username": "{{ben}}"},
         expect=('answer.users[0].id === pm.collectionVariables.get("benId")',
                 "answer.users[0].email === undefined")),
    Step("Who is Ben?", "get_user_user", 200, by="annToken", where={"user_id": "benId"},
         expect=('answer.username === pm.collectionVariables.get("ben")',)),
    Step("Who are these two?", "get_user", 200, by="annToken",
         query={"ids": "{{benId}},{{annId}}"},
         expect=("answer.users.length === 2",
                 'answer.users[0].id === pm.collectionVariables.get("benId")')),
    Step("Ann shows another name and what she does", "patch_user_me", 200,
         {"displayName": "Ann Smith", "status": "In the garden"}, by="annToken",
         says="User updated successfully",
         expect=('answer.user.displayName === "Ann Smith"',)),
    Step("Nobody without a token", "get_user_me", 401, expect=_code("unauthenticated")),
)  # fmt: skip

CHATS: Final = (
    Step("Ann creates a chat with Ben", "post_chat", 201,
         {"participants": ["{{benId}}"], "chatName": "Summer party"}, by="annToken",
         keep={"chat": "chat.id"}, says="Chat created successfully",
         expect=('answer.chat.participants.join() === ["benId", "annId"]'
                 ".map((name) => pm.collectionVariables.get(name)).join()",)),
    Step("No chat with a stranger who does not exist", "post_chat", 400,
         {"participants": ["019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"], "chatName": "Nobody"},
         by="annToken", expect=_code("unknown_user")),
    Step("Ann's chats", "get_chat", 200, by="annToken",
         expect=('answer.chats[0].id === pm.collectionVariables.get("chat")',
                 "answer.next === null")),
    Step("The chat", "get_chat_chat", 200, by="benToken", where=CHAT,
         expect=('answer.chatName === "Summer party"', "answer.participantCount === 2",
                 'answer.owner === pm.collectionVariables.get("annId")', "answer.seq === 1")),
    Step("Cat is not in it", "get_chat_chat", 404, by="catToken", where=CHAT,
         expect=_code("not_found")),
    Step("Ann renames it and says what it is about", "patch_chat_chat", 200,
         {"chatName": "Garden party", "topic": "Who brings what?"}, by="annToken",
         where=CHAT, says="Chat details updated successfully"),
    Step("Ben may not", "patch_chat_chat", 403, {"chatName": "Ben's party"}, by="benToken",
         where=CHAT, expect=_code("forbidden")),
    Step("Ann adds Cat", "post_chat_chat_participant", 201, {"userId": "{{catId}}"},
         by="annToken", where=CHAT, says="Participant added successfully"),
    Step("Cat is in already", "post_chat_chat_participant", 200, {"userIds": ["{{catId}}"]},
         by="annToken", where=CHAT, says="Participant added successfully"),
)  # fmt: skip

MESSAGES: Final = (
    Step("Ann sends a message", "post_chat_chat_message", 201,
         {"message": "The garden is ours from noon.", "clientId": "{{messageKey}}"},
         by="annToken", where=CHAT, keep={"message": "messageInfo.messageId"},
         says="Message sent successfully",
         expect=("answer.messageInfo.seq === 4",
                 'answer.messageInfo.message === "The garden is ours from noon."')),
    Step("Sent again with the same clientId: the first result", "post_chat_chat_message", 201,
         {"message": "Another text", "clientId": "{{messageKey}}"}, by="annToken", where=CHAT,
         says="Message sent successfully",
         expect=('answer.messageInfo.messageId === pm.collectionVariables.get("message")',
                 'answer.messageInfo.message === "The garden is ours from noon."')),
    Step("Ben answers", "post_chat_chat_message", 201, {"message": "I bring the grill."},
         by="benToken", where=CHAT, says="Message sent successfully"),
    Step("Ann has one to read", "get_chat_chat", 200, by="annToken", where=CHAT,
         expect=("answer.mine.unread === 1", "answer.mine.read === 1",
                 'answer.last.message === "I bring the grill."')),
    Step("Her chats by their last messages", "get_chat", 200, by="annToken",
         query={"order": "activity"}, expect=("answer.chats[0].mine.unread === 1",)),
    Step("Ann has read it", "put_chat_chat_read", 200, {"upTo": 5}, by="annToken", where=CHAT,
         says="Read marker updated successfully", expect=("answer.read === 5",)),
    Step("She wants to read it again", "put_chat_chat_unread", 200, {"from": 5}, by="annToken",
         where=CHAT, says="Read marker updated successfully", expect=("answer.read === 4",)),
    Step("And to hear only of mentions", "patch_chat_chat_mine", 200, {"notify": "mentions"},
         by="annToken", where=CHAT, says="Chat settings updated successfully",
         expect=('answer.mine.notify === "mentions"',)),
    Step("An empty message is none", "post_chat_chat_message", 400, {"message": ""},
         by="benToken", where=CHAT, expect=_code("invalid_request")),
    Step("History, newest first", "get_chat_chat_message", 200, by="catToken", where=CHAT,
         query={"limit": "10"},
         expect=('answer.messages.map((event) => event.seq).join() === "5,4"',
                 "answer.more === false")),
    Step("What was said is found by its words", "get_search", 200, by="catToken",
         query={"q": "gril"}, after_ms=FOUND_MS,
         expect=('answer.messages[0].message === "I bring the grill."', "answer.next === null")),
    Step("Nothing to look for", "get_search", 400, by="catToken", query={"q": "?!"},
         expect=_code("invalid_request")),
    Step("Everything that happened", "get_chat_chat_events", 200, by="catToken", where=CHAT,
         expect=("answer.seq === 5",
                 'answer.events.map((event) => event.type).join() === "chat.created,chat.updated,'
                 'participant.added,message,message"')),
    Step("What happened since", "get_chat_chat_events", 200, by="catToken", where=CHAT,
         query={"after": "4"},
         expect=('answer.events.map((event) => event.seq).join() === "5"',)),
)  # fmt: skip

INVITATIONS: Final = (
    Step("Ann invites to her chat", "post_invite", 201,
         {"uses": 2, "days": 7, "chat": "{{chat}}"}, by="annToken",
         keep={"invite": "invite.code"},
         expect=("answer.invite.left === 2",
                 'answer.invite.chat === pm.collectionVariables.get("chat")')),
    Step("Not everybody may invite to the instance", "post_invite", 403,
         {"uses": 2, "days": 7}, by="annToken", expect=_code("forbidden")),
    Step("Ann's invitations", "get_invite", 200, by="annToken",
         expect=("answer.invites.length === 1",)),
    Step("Cat comes in by it", "post_invite_code_take", 200, by="catToken",
         where={"code": "invite"}, says="Invitation taken successfully",
         expect=('answer.chat === pm.collectionVariables.get("chat")',)),
    Step("Ann revokes it", "delete_invite_code", 200, by="annToken", where={"code": "invite"},
         says="Invitation revoked successfully"),
    Step("It is worth nothing", "post_invite_code_take", 404, by="benToken",
         where={"code": "invite"}, expect=_code("not_found")),
)  # fmt: skip

ONE: Final = {**CHAT, "message_id": "message"}
THUMB: Final = {**ONE, "emoji": "thumb"}
_REACTION: Final = "chat_chat_message_message_reaction_emoji"

CHANGES: Final = (
    Step("Ben likes what Ann said", f"put_{_REACTION}", 201, by="benToken", where=THUMB,
         says="Reaction added successfully"),
    Step("He does already", f"put_{_REACTION}", 200, by="benToken", where=THUMB,
         says="Reaction added successfully"),
    Step("A name is no emoji", f"put_{_REACTION}", 400, by="benToken",
         where={**ONE, "emoji": "ann"}, expect=_code("invalid_request")),
    Step("Ann edits her message", "patch_chat_chat_message_message", 200,
         {"message": "The garden is ours from one."}, by="annToken", where=ONE, key="editKey",
         says="Message edited successfully",
         expect=("answer.messageInfo.seq === 7",
                 'answer.messageInfo.message === "The garden is ours from one."')),
    Step("Edited again with the same key: the first result", "patch_chat_chat_message_message",
         200, {"message": "Another text"}, by="annToken", where=ONE, key="editKey",
         says="Message edited successfully", expect=("answer.messageInfo.seq === 7",)),
    Step("Ben may not", "patch_chat_chat_message_message", 403, {"message": "From two."},
         by="benToken", where=ONE, expect=_code("forbidden")),
    Step("The message as it is now", "get_chat_chat_message_message", 200, by="catToken",
         where=ONE,
         expect=('answer.message === "The garden is ours from one."', "answer.seq === 4",
                 "answer.editedAt > answer.at", "answer.reactions[0].count === 1",
                 'answer.reactions[0].users[0] === pm.collectionVariables.get("benId")')),
    Step("Cat replies to it", "post_chat_chat_message", 201,
         {"message": "Good!", "replyTo": "{{message}}", "mentions": ["{{annId}}"]},
         by="catToken", where=CHAT, says="Message sent successfully"),
    Step("History after a seq", "get_chat_chat_message", 200, by="annToken", where=CHAT,
         query={"after": "5"},
         expect=("answer.seq === 8", "answer.more === false",
                 'answer.messages[0].replyTo === pm.collectionVariables.get("message")',
                 'answer.messages[0].mentions[0] === pm.collectionVariables.get("annId")')),
    Step("Ben takes it back", f"delete_{_REACTION}", 200, by="benToken", where=THUMB,
         says="Reaction removed successfully"),
    Step("There is nothing to take back", f"delete_{_REACTION}", 404, by="benToken",
         where=THUMB, expect=_code("not_found")),
    Step("Ann deletes her message", "delete_chat_chat_message_message", 200, by="annToken",
         where=ONE, says="Message deleted successfully"),
    Step("It is gone", "get_chat_chat_message_message", 404, by="annToken", where=ONE,
         expect=_code("not_found")),
    Step("History keeps its place", "get_chat_chat_message", 200, by="benToken", where=CHAT,
         query={"before": "5"},
         expect=('answer.messages[0].message === ""',
                 'answer.messages[0].deletedBy === pm.collectionVariables.get("annId")')),
    Step("Its events have lost their text", "get_chat_chat_events", 200, by="benToken",
         where=CHAT, query={"after": "3"},
         expect=('answer.events.filter((event) => event.deleted).map((event) => event.seq).join()'
                 ' === "4,7"', 'answer.events.at(-1).type === "message.deleted"')),
)  # fmt: skip

DIRECT: Final = {"chat_id": "direct"}

DIRECT_CHATS: Final = (
    Step("Ann opens her direct chat with Ben", "put_user_user_direct", 201, by="annToken",
         where={"user_id": "benId"}, keep={"direct": "chat.id"},
         says="Chat created successfully",
         expect=('answer.chat.kind === "direct"', "answer.chat.owner === null",
                 'answer.chat.chatName === ""',
                 'answer.chat.participants.join() === ["annId", "benId"]'
                 ".map((name) => pm.collectionVariables.get(name)).join()")),
    Step("Ben opens his with Ann: the same", "put_user_user_direct", 200, by="benToken",
         where={"user_id": "annId"}, says="Chat created successfully",
         expect=('answer.chat.id === pm.collectionVariables.get("direct")',)),
    Step("Nobody has one alone", "put_user_user_direct", 400, by="annToken",
         where={"user_id": "annId"}, expect=_code("invalid_request")),
    Step("Ben writes to Ann", "post_chat_chat_message", 201, {"message": "Bring a salad?"},
         by="benToken", where=DIRECT, says="Message sent successfully"),
    Step("Its name and topic stay empty", "patch_chat_chat", 403, {"topic": "Salad"},
         by="annToken", where=DIRECT, expect=_code("forbidden")),
    Step("Neither of them leaves it", "delete_chat_chat_participant_user", 403, by="annToken",
         where={**DIRECT, "user_id": "annId"}, expect=_code("forbidden")),
)  # fmt: skip

FILE: Final = {**CHAT, "file_id": "file"}

FILES: Final = (
    Step("Ben uploads a file", "post_chat_chat_file", 201, bytes="Salad, bread, lemonade",
         by="benToken", where=CHAT, query={"name": "shopping.txt"}, key="fileKey",
         keep={"file": "file.id"}, says="File uploaded successfully",
         expect=("answer.file.size === 22",
                 'answer.file.type === "text/plain; charset=utf-8"')),
    Step("Uploaded again with the same key: the first result", "post_chat_chat_file", 201,
         bytes="Something else", by="benToken", where=CHAT, query={"name": "other.txt"},
         key="fileKey", says="File uploaded successfully",
         expect=('answer.file.id === pm.collectionVariables.get("file")',)),
    Step("A file without a name", "post_chat_chat_file", 400, bytes="x", by="benToken",
         where=CHAT, expect=_code("invalid_request")),
    Step("While no message has it, it is Ben's alone", "get_chat_chat_file_file", 404,
         by="annToken", where=FILE, expect=_code("not_found")),
    Step("Ben sends it", "post_chat_chat_message", 201,
         {"message": "", "attachments": ["{{file}}"]}, by="benToken", where=CHAT,
         says="Message sent successfully"),
    Step("Ann has it", "get_chat_chat_file_file", 200, by="annToken", where=FILE,
         expect=('answer === "Salad, bread, lemonade"',)),
    Step("It has no preview", "get_chat_chat_file_file_preview", 404, by="annToken", where=FILE,
         expect=_code("not_found")),
    Step("A link to it", "post_chat_chat_file_link", 200, {"files": ["{{file}}"]},
         by="annToken", where=CHAT,
         keep={"link": 'links[pm.collectionVariables.get("file")].url.split("/").pop()'},
         expect=("answer.expiresIn === 600",)),
    Step("The link needs no token", "get_file_link", 200, where={"link": "link"},
         expect=('answer === "Salad, bread, lemonade"',)),
    Step("A message's file goes with the message", "delete_chat_chat_file_file", 403,
         by="benToken", where=FILE, expect=_code("forbidden")),
    Step("Ben uploads another one", "post_chat_chat_file", 201, bytes="Never mind",
         by="benToken", where=CHAT, query={"name": "draft.txt"}, keep={"draft": "file.id"},
         says="File uploaded successfully"),
    Step("A text is no picture of Ben", "put_user_me_avatar", 400, bytes="Ben", by="benToken",
         expect=_code("invalid_request")),
    Step("He shows none", "delete_user_me_avatar", 200, by="benToken",
         says="Avatar removed successfully"),
    Step("Nobody shows this one", "get_avatar_picture", 404, where={"picture": "benId"},
         expect=_code("not_found")),
    Step("And deletes it", "delete_chat_chat_file_file", 200, by="benToken",
         where={**CHAT, "file_id": "draft"}, says="File deleted successfully"),
)  # fmt: skip

PARTING: Final = (
    Step("Cat leaves", "delete_chat_chat_participant_user", 200, by="catToken",
         where={**CHAT, "user_id": "catId"}, says="Participant removed successfully"),
    Step("Cat sees it no more", "get_chat_chat_events", 404, by="catToken", where=CHAT,
         expect=_code("not_found")),
    Step("Ann deletes the chat", "delete_chat_chat", 200, by="annToken", where=CHAT,
         says="Chat deleted successfully"),
    Step("It is gone", "get_chat_chat", 404, by="annToken", where=CHAT,
         expect=_code("not_found")),
)  # fmt: skip

SESSIONS: Final = (
    Step("New tokens for Ann", "post_user_refresh", 200, {"refreshToken": "{{annRefresh}}"},
         keep={"annToken": "token"}, expect=GRANT),
    Step("Ann's account", "get_user_me", 200, by="annToken",
         expect=('answer.user.email === pm.collectionVariables.get("ann") + "@example.org"',)),
    Step("Ann's sessions", "get_user_sessions", 200, by="annToken",
         keep={"oldSession": "sessions.find((session) => !session.current).id"},
         expect=("answer.sessions.filter((session) => session.current).length === 1",)),
    Step("Ann ends one of the others", "delete_user_session_session", 200, by="annToken",
         where={"session_id": "oldSession"}, says="Session ended"),
    Step("The key that a browser subscribes with", "get_user_me_push", 200, by="annToken",
         expect=("answer.publicKey.length === 87",)),
    Step("Ann's browser is told while its page is closed", "put_user_me_push", 200,
         {"endpoint": "https://push.example.org/send/8sVyuqAA", "level": "mentions",
          "keys": {"auth": "BTBZMqHH6r4Tts7J_aSIgg",
                   "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd"
                             "8pZGH6SRpkNtoIAiw4"}},
         by="annToken", says="Push subscription saved successfully"),
    Step("Nobody is told anything at an address inside", "put_user_me_push", 400,
         {"endpoint": "https://10.0.0.1/send/8sVyuqAA",
          "keys": {"auth": "BTBZMqHH6r4Tts7J_aSIgg",
                   "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd"
                             "8pZGH6SRpkNtoIAiw4"}},
         by="annToken", expect=_code("invalid_request")),
    Step("It is told no more", "delete_user_me_push", 200, by="annToken",
         says="Push subscription removed successfully"),
    Step("Ann logs out", "post_user_logout", 200, by="annToken",
         says="Logged out successfully"),
    Step("Her token is worth nothing", "get_user_me", 401, by="annToken",
         expect=_code("unauthenticated"), after_ms=REVOKED_MS),
    Step("Ben ends all his sessions", "delete_user_sessions", 200, by="benToken",
         says="All sessions ended"),
    Step("And is out too", "get_user_me", 401, by="benToken",
         expect=_code("unauthenticated"), after_ms=REVOKED_MS),
)  # fmt: skip

INSTANCE: Final = (
    Step("The instance", "get_instance", 200,
         expect=('["open", "invite", "closed"].includes(answer.signup)',)),
    Step("Ann does not own it", "patch_admin_instance", 403, {"name": "Ann's team"},
         by="annToken", expect=_code("forbidden")),
    Step("She does not see all users", "get_admin_user", 403, by="annToken",
         expect=_code("forbidden")),
    Step("Nor how large it is", "get_admin_overview", 403, by="annToken",
         expect=_code("forbidden")),
    Step("She cannot deactivate Ben", "patch_admin_user_user", 403, {"active": False},
         by="annToken", where={"user_id": "benId"}, expect=_code("forbidden")),
    Step("Nor reset his password", "post_admin_user_user_reset", 403, by="annToken",
         where={"user_id": "benId"}, expect=_code("forbidden")),
    Step("Nor delete him", "delete_admin_user_user", 403, by="annToken",
         where={"user_id": "benId"}, expect=_code("forbidden")),
    Step("Cat deletes her account", "post_user_me_delete", 200, by="catToken",
         says="User deleted successfully"),
    Step("A code that was never given", "post_user_reset", 404,
         {"code": "nothing", "password": "correct horse"}, expect=_code("not_found")),
    Step("The log is for those in charge", "get_admin_log", 403, by="annToken",
         expect=_code("forbidden")),
)  # fmt: skip

STORY: Final = (
    ("The system", SYSTEM),
    ("People", PEOPLE),
    ("Chats", CHATS),
    ("Messages", MESSAGES),
    ("What becomes of a message", CHANGES),
    ("Direct chats", DIRECT_CHATS),
    ("Files", FILES),
    ("Invitations", INVITATIONS),
    ("Parting", PARTING),
    ("The instance", INSTANCE),
    ("Sessions", SESSIONS),
)


def spoken_sentences() -> dict[tuple[str, int], str]:
    """The fixed `message` of answers, by operation and status."""
    steps = (step for _, steps in STORY for step in steps)
    return {(step.operation, step.status): step.says for step in steps if step.says}
