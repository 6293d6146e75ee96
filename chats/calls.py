"""The calls of docs/internals.md, one line each; other modules implement them."""

from functools import partial
from typing import Any

from chats import erasing, files, history, nodes
from chats.links import previews
from chats.log.appending import Appender
from chats.log.digest import RecentChanges
from chats.log.outbox import Publisher
from chats.log.window import Window
from chats.membership import chats, direct, participants
from chats.membership.coordinator import Coordinator
from chats.own import state, views
from chats.own.lists import Lists
from chats.own.markers import Markers
from chats.own.read_cache import ReadCache
from chats.own.state import OwnSettings
from chats.push import notes
from chats.release_before import LooksAnswer, SendsAnswer, SendsRequest, look, show_sent
from chats.search.feeder import SearchFeeder
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
from common.protocol.links import ClaimLinks, LinksClaimed, SettleLinks
from common.protocol.own import ChangeMine, Marker, MarkersMoved, Mine, MoveMarker, MoveMarkers
from common.protocol.pages import PagesAnswer, PagesRequest
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
    own_settings: OwnSettings,
    cache: ReadCache,
    feeder: SearchFeeder,
) -> list[Call[Any, Any]]:
    async def append(asked: AppendRequest) -> AppendAnswer:
        return AppendAnswer(results=await appender.append(asked.items, call_seconds.get()))

    async def send(asked: SendsRequest) -> SendsAnswer:
        results = await appender.append(asked.items, call_seconds.get())
        return SendsAnswer(results=[show_sent(result) for result in results])

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
    lists = Lists(pool, cache)
    return [
        Call("append", "edge realtime", "key", AppendRequest, AppendAnswer, append),
        Call("send", "edge realtime", "key", SendsRequest, SendsAnswer, send),
        Call(
            "create_chat", "edge", "key", CreateChat, Chat, partial(chats.create_chat, coordinator),
        ),
        Call(
            "open_direct_chat", "edge", "key", OpenDirectChat, DirectChat,
            partial(direct.open_direct_chat, *both),
        ),
        Call("rename_chat", "edge", "key", RenameChat, Done, partial(chats.rename_chat, *both)),
        Call("delete_chat", "edge", "key", DeleteChat, Done, partial(chats.delete_chat, *both)),
        Call(
            "add_participants", "edge", "key", AddParticipants, Done,
            partial(participants.add_participants, *both),
        ),
        Call(
            "remove_participant", "edge users", "key", RemoveParticipant, Done,
            partial(participants.remove_participant, *both),
        ),
        Call(
            "end_account", "users", "state", EndAccount, DirectChats,
            partial(erasing.end_account, pool),
        ),
        Call(
            "delete_messages_of", "users", "state", DeleteMessagesOf, MessagesDeleted,
            partial(erasing.delete_messages_of, pool, appender),
        ),
        Call("join_chat", "users", "key", JoinChat, Done, partial(participants.join_chat, *both)),
        Call(
            "demand_chat_owner", "users", "reads", DemandChatOwner, Done,
            partial(chats.demand_chat_owner, pool),
        ),
        Call("count_chats", "edge", "reads", Empty, ChatsCounted, partial(chats.get_counts, pool)),
        Call(
            "chat_owners", "users", "reads", ChatOwners, ChatsOwned,
            partial(chats.list_chat_owners, pool),
        ),
        Call("decide", "users", "key", DecisionRequest, DecisionAnswer, decide_transaction),
        Call("forget", "users", "state", ForgetDecisions, Done, forget),
        Call("get_chat", "edge", "reads", GetChat, Chat, partial(state.get_chat, pool)),
        Call("list_chats", "edge", "reads", ListChats, ChatPage, lists.list_chats),
        Call("move_marker", "edge", "state", MoveMarker, Marker, markers.move),
        Call("move_markers", "realtime", "state", MoveMarkers, MarkersMoved, markers.move_many),
        Call("change_mine", "edge", "state", ChangeMine, Mine, own_settings.change),
        Call(
            "get_message", "edge", "reads", GetMessage, OneMessage,
            partial(history.get_message, pool),
        ),
        Call(
            "get_messages", "edge", "reads", GetMessages, MessagePage,
            partial(history.get_messages, pool),
        ),
        Call(
            "get_events", "edge", "reads", GetEvents, EventPage, partial(history.get_events, pool),
        ),
        Call("pages", "edge", "reads", PagesRequest, PagesAnswer, partial(history.get_pages, pool)),
        Call(
            "begin_upload", "files", "key", BeginUpload, UploadBegun,
            partial(files.begin_upload, pool),
        ),
        Call(
            "finish_upload", "files", "state", FinishUpload, Attachment,
            partial(files.finish_upload, pool),
        ),
        Call("keep_uploads", "files", "state", FileIds, Done, partial(files.keep_uploads, pool)),
        Call("drop_upload", "files", "state", DropUpload, Done, partial(files.drop_upload, pool)),
        Call("find_file", "files", "reads", FindFile, StoredFile, partial(files.find_file, pool)),
        Call("find_files", "edge", "reads", FindFiles, FilesFound, partial(files.find_files, pool)),
        Call("delete_file", "edge", "key", DeleteFile, Done, partial(files.delete_file, pool)),
        Call(
            "list_doomed", "files", "state", ListDoomed, FileIds,
            partial(files.list_doomed, pool), round=True,
        ),
        Call("forget_files", "files", "state", FileIds, Done, partial(files.forget_files, pool)),
        Call(
            "known_files", "files", "reads", FileIds, FileIds,
            partial(files.known_files, pool), round=True,
        ),
        Call(
            "add_push_reader", "users", "state", AddPushReader, Done,
            partial(notes.add_reader, pool),
        ),
        Call(
            "describe_pushes", "files", "reads", DescribePushes, PushNotes,
            partial(notes.describe_pushes, pool),
        ),
        Call(
            "claim_links", "files", "anew", ClaimLinks, LinksClaimed,
            partial(previews.claim, pool), round=True,
        ),
        Call(
            "settle_links", "files", "state", SettleLinks, Done,
            partial(previews.settle, pool, appender),
        ),
        Call(
            "views", "edge", "reads", ViewsRequest, ViewsAnswer,
            partial(views.get_views, pool, cache),
        ),
        Call("look", "edge", "reads", ViewsRequest, LooksAnswer, partial(look, pool, cache)),
        Call(
            "search", "edge", "reads", SearchRequest, SearchAnswer, partial(search, pool, feeder),
        ),
        Call(
            "memberships", "realtime", "reads", MembershipsRequest, MembershipsAnswer,
            partial(nodes.get_memberships, pool),
        ),
        Call(
            "slices", "realtime", "reads", SlicesRequest, SlicesAnswer,
            partial(nodes.get_slices, pool, window),
        ),
        Call(
            "heads", "realtime", "reads", HeadsRequest, HeadsAnswer, partial(nodes.get_heads, pool),
        ),
        Call(
            "joins", "realtime", "reads", JoinsRequest, JoinsAnswer, partial(nodes.get_joins, pool),
        ),
        Call(
            "companions", "realtime", "reads", CompanionsRequest, CompanionsAnswer,
            partial(nodes.get_companions, pool),
        ),
        Call("changes", "realtime", "reads", ChangesRequest, Digest, changes),
        Call("canary", "realtime", "anew", CanaryMessage, Done, canary, round=True),
    ]  # fmt: skip
