"""Announces a commit on this replica to the hot window, the digest, the bus and the feeders."""

from typing import NamedTuple

from chats.links.feeder import LinkFeeder
from chats.log.digest import RecentChanges
from chats.log.outbox import Publication, Publisher
from chats.log.window import Recent, Window
from chats.metrics import WINDOW_BYTES
from chats.push.feeder import PushFeeder
from chats.search.feeder import SearchFeeder
from common.protocol.chats import Control


class Announcement(NamedTuple):
    """Consecutive events of one chat from seq `first` on; control entries are of those seqs,
    `outbox_id` is their row's. `follow` is for the nodes only."""

    chat: str
    first: int
    events: list[bytes]
    controls: list[Control]
    outbox_id: int
    follow: list[Control]


class Announcer:
    """Called only after commits: everything announced is a fact. `links` is None if link previews
    are off."""

    def __init__(
        self,
        window: Window,
        recent: RecentChanges,
        publisher: Publisher,
        feeder: SearchFeeder,
        pushes: PushFeeder,
        links: LinkFeeder | None,
    ) -> None:
        self._window = window
        self._feeder = feeder
        self._pushes = pushes
        self._links = links
        self._recent = recent
        self._publisher = publisher

    def announce(self, *announcements: Announcement) -> None:
        """Takes the events of one transaction, grouped by chat."""
        self._publisher.publish_soon(
            Publication(
                one.chat, one.first, one.events, [*one.controls, *one.follow], one.outbox_id
            )
            for one in announcements
        )
        self._feeder.note(
            [one.chat for one in announcements], sum(len(one.events) for one in announcements)
        )
        self._recent.note(
            *((one.chat, one.first + len(one.events) - 1, one.controls) for one in announcements)
        )
        for chat, first, events, controls, _, _ in announcements:
            last = first + len(events) - 1
            self._pushes.note(chat, first, last)
            if self._links is not None:
                self._links.note(chat, events)
            self._window.add(
                chat,
                [
                    Recent(seq, event, [c for c in controls if c.seq == seq] if controls else ())
                    for seq, event in enumerate(events, first)
                ],
            )
        WINDOW_BYTES.set(self._window.size)
