"""The calls of docs/internals.md, a line each; what they do is elsewhere."""

from functools import partial
from typing import Any

from chats import erasing, files, history, nodes
from chats.log.appending import Appender
from chats.log.digest import RecentChanges
from chats.log.outbox import Publisher
from chats.log.window import Window
from chats.membership import chats, direct, participants
from chats.membership.coordinator import Coordinator
from chats.own import state, views
from chats.own.markers import Markers
from chats.own.state import Wishes
from chats.push import notes
from chats.search.search import search
from chats.store.decisions import decide, forget_commits
from common.calls.service import Call, call_seconds
from common.database.pool import Pool
from common.protocol.chats import (
    AddParticipants,
    CanaryMessage,
    ChangesRequest,
    Chat,
    ChatOwners,
    ChatPage,
    ChatsOwned,
    CreateChat,
    DecisionAnswer,
    DecisionRequest,
    DeleteChat,
    DeleteMessagesOf,
    DemandChatOwner,
    Digest,
    Done,
    EventPage,
    ForgetDecisions,
    GetChat,
    GetEvents,
    GetMessage,
    GetMessages,
    HeadsAnswer,
    HeadsRequest,
    JoinChat,
    JoinsAnswer,
    JoinsRequest,
    ListChats,
    MembershipsAnswer,
    MembershipsRequest,
    MessagePage,
    MessagesDeleted,
    OneMessage,
    RemoveParticipant,
    RenameChat,
    SearchAnswer,
    SearchRequest,
    SlicesAnswer,
    SlicesRequest,
    ViewsAnswer,
    ViewsRequest,
)
from common.protocol.companions import CompanionsAnswer, CompanionsRequest
from common.protocol.direct import DirectChat, DirectChats, EndAccount, OpenDirectChat
from common.protocol.files import (
    Attachment,
    BeginUpload,
    DeleteFile,
    DropUpload,
    FileIds,
    FilesFound,
    FindFile,
    FindFiles,
    FinishUpload,
    ListDoomed,
    StoredFile,
    UploadBegun,
)
from common.protocol.instance import ChatsCounted
from common.protocol.items import AppendAnswer, AppendRequest
from common.protocol.own import ChangeMine, Marker, MarkersMoved, Mine, MoveMarker, MoveMarkers
from common.protocol.push import AddPushReader, DescribePushes, PushNotes
from common.protocol.users import Empty


def create_calls(
    pool: Pool,
    appender: Appender,
    coordinator: Coordinator,
    window: Window,
    recent: RecentChanges,
    publisher: Publisher,
    markers: Markers,
    wishes: Wishes,
) -> list[Call[Any, Any]]:
    async def append(asked: AppendRequest) -> AppendAnswer:
        return AppendAnswer(results=await appender.append(asked.items, call_seconds.get()))

    async def decide_transaction(asked: DecisionRequest) -> DecisionAnswer:
        committed = await decide(pool, asked.transaction)
        return DecisionAnswer(decision="commit" if committed else "abort")

    async def forget(asked: ForgetDecisions) -> Done:
        await forget_commits(pool, asked.transactions)
        return Done(changed=True)

    async def changes(_: ChangesRequest) -> Digest:
        return await nodes.get_changes(pool, recent)

    async def canary(asked: CanaryMessage) -> Done:
        await nodes.publish_canary(pool, publisher, asked)
        return Done(changed=True)

    both = (pool, coordinator)
    return [
        Call("append", AppendRequest, AppendAnswer, append),
        Call("create_chat", CreateChat, Chat, partial(chats.create_chat, coordinator)),
        Call(
            "open_direct_chat", OpenDirectChat, DirectChat,
            partial(direct.open_direct_chat, *both),
        ),
        Call("rename_chat", RenameChat, Done, partial(chats.rename_chat, *both)),
        Call("delete_chat", DeleteChat, Done, partial(chats.delete_chat, *both)),
        Call(
            "add_participants", AddParticipants, Done,
            partial(participants.add_participants, *both),
        ),
        Call(
            "remove_participant", RemoveParticipant, Done,
            partial(participants.remove_participant, *both),
        ),
        Call("end_account", EndAccount, DirectChats, partial(erasing.end_account, pool)),
        Call(
            "delete_messages_of", DeleteMessagesOf, MessagesDeleted,
            partial(erasing.delete_messages_of, pool, appender),
        ),
        Call("join_chat", JoinChat, Done, partial(participants.join_chat, *both)),
        Call("demand_chat_owner", DemandChatOwner, Done, partial(chats.demand_chat_owner, pool)),
        Call("count_chats", Empty, ChatsCounted, partial(chats.get_counts, pool)),
        Call("chat_owners", ChatOwners, ChatsOwned, partial(chats.list_chat_owners, pool)),
        Call("decide", DecisionRequest, DecisionAnswer, decide_transaction),
        Call("forget", ForgetDecisions, Done, forget),
        Call("get_chat", GetChat, Chat, partial(state.get_chat, pool)),
        Call("list_chats", ListChats, ChatPage, partial(state.list_chats, pool)),
        Call("move_marker", MoveMarker, Marker, markers.move),
        Call("move_markers", MoveMarkers, MarkersMoved, markers.move_many),
        Call("change_mine", ChangeMine, Mine, wishes.change),
        Call("get_message", GetMessage, OneMessage, partial(history.get_message, pool)),
        Call("get_messages", GetMessages, MessagePage, partial(history.get_messages, pool)),
        Call("get_events", GetEvents, EventPage, partial(history.get_events, pool)),
        Call("begin_upload", BeginUpload, UploadBegun, partial(files.begin_upload, pool)),
        Call("finish_upload", FinishUpload, Attachment, partial(files.finish_upload, pool)),
        Call("drop_upload", DropUpload, Done, partial(files.drop_upload, pool)),
        Call("find_file", FindFile, StoredFile, partial(files.find_file, pool)),
        Call("find_files", FindFiles, FilesFound, partial(files.find_files, pool)),
        Call("delete_file", DeleteFile, Done, partial(files.delete_file, pool)),
        Call("list_doomed", ListDoomed, FileIds, partial(files.list_doomed, pool)),
        Call("forget_files", FileIds, Done, partial(files.forget_files, pool)),
        Call("known_files", FileIds, FileIds, partial(files.known_files, pool)),
        Call("add_push_reader", AddPushReader, Done, partial(notes.add_reader, pool)),
        Call("describe_pushes", DescribePushes, PushNotes, partial(notes.describe_pushes, pool)),
        Call("views", ViewsRequest, ViewsAnswer, partial(views.get_views, pool)),
        Call("search", SearchRequest, SearchAnswer, partial(search, pool)),
        Call(
            "memberships", MembershipsRequest, MembershipsAnswer,
            partial(nodes.get_memberships, pool),
        ),
        Call("slices", SlicesRequest, SlicesAnswer, partial(nodes.get_slices, pool, window)),
        Call("heads", HeadsRequest, HeadsAnswer, partial(nodes.get_heads, pool)),
        Call("joins", JoinsRequest, JoinsAnswer, partial(nodes.get_joins, pool)),
        Call(
            "companions", CompanionsRequest, CompanionsAnswer,
            partial(nodes.get_companions, pool),
        ),
        Call("changes", ChangesRequest, Digest, changes),
        Call("canary", CanaryMessage, Done, canary),
    ]  # fmt: skip
