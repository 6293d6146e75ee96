"""The small pure parts of a node: wheel, hub, admission, frames."""

import msgspec
import pytest

from common.protocol.chats import Control, Slice
from common.protocol.close_codes import CloseCode
from realtime.counters import OTHER_CODE, Counters
from realtime.fan_out.hub import Hub
from realtime.fan_out.repair import payload_of
from realtime.fan_out.replay import arrival, lines_since
from realtime.protocol.client_frames import NotAnObject, Refused, read_line
from realtime.protocol.frames import MAX_FRAME_BYTES, event_frames
from realtime.sockets.admission import Admission
from realtime.sockets.keepalive import Wheel
from tests.fixtures.ears import Ear

CHAT = b"01890a5d-ac96-774b-bcce-b302099a8057"
KEY = b"00000000-0000-4000-8000-000000000000"
DIGITS = b"9" * 5000


class Alarm:
    bucket = 0


def test_the_wheel_asks_each_once_when_its_time_has_come() -> None:
    """Not early, at most a tick late; a moved or cancelled item does not fire at its old time."""
    now = 100.0
    wheel: Wheel[Alarm] = Wheel(lambda: now)
    early, late, moved, gone = Alarm(), Alarm(), Alarm(), Alarm()
    wheel.schedule(early, 101.0)
    wheel.schedule(late, 109.0)
    wheel.schedule(moved, 150.0)
    wheel.schedule(moved, 102.0)
    wheel.schedule(gone, 101.0)
    wheel.cancel(gone)
    now = 100.9
    assert list(wheel.take_due()) == []
    now = 102.5
    assert set(wheel.take_due()) == {early, moved}
    now = 151.0
    assert list(wheel.take_due()) == [late]
    wheel.schedule(early, 3.0)  # long due
    now = 151.5
    assert list(wheel.take_due()) == [early]


def test_the_wheel_asks_again_what_is_due_again_at_once() -> None:
    """An item that is scheduled into the past while it fires does so at the next turn, and the
    wheel keeps no bucket of a removed one."""
    now = 100.0
    wheel: Wheel[Alarm] = Wheel(lambda: now)
    for _ in range(100):
        stubborn, aborted = Alarm(), Alarm()
        wheel.schedule(stubborn, now)
        wheel.schedule(aborted, now)
        now += 0.5
        for item in wheel.take_due():
            wheel.schedule(item, now - 5.0)
            if item is aborted:
                wheel.cancel(item)
        now += 0.5
        assert set(wheel.take_due()) == {stubborn}
    assert wheel.is_empty


def test_rooms_and_people_linger_after_their_last_socket() -> None:
    """Idle ones are returned only when their time is up, and not if they were used again."""
    now = 0.0
    hub = Hub(lambda: now)
    ann, ben = Ear("ann"), Ear("ben")
    rooms = [hub.open_room(chat, 1) for chat in ("one", "two")]
    for ear, room in ((ann, rooms[0]), (ben, rooms[1])):
        hub.enter(ear)
        hub.attach(ear, room)
    now = 10.0
    assert hub.count_present() == 2
    hub.leave(ann)
    hub.leave(ben)
    assert hub.count_present() == 0
    now = 30.0
    again = Ear("ben")
    hub.enter(again)
    hub.attach(again, rooms[1])
    assert hub.list_idle_rooms(20.0) == []
    assert hub.take_idle_people(20.0) == []
    assert [room.chat for room in hub.list_idle_rooms(19.9)] == ["one"]
    assert [person.user for person in hub.take_idle_people(19.9)] == ["ann"]
    assert list(hub.people) == ["ben"]


def test_admission_counts_exactly() -> None:
    """n pass and n+1 do not, for an address, a user and the node; each one that leaves makes
    room."""
    admission = Admission(max_sockets=3, max_an_address=2, max_a_user=1)
    assert admission.enter("a") is None
    assert admission.enter("a") is None
    refusal = admission.enter("a")
    assert refusal is not None
    assert refusal.status == 503
    assert admission.enter("b") is None
    assert admission.enter("c") is not None
    admission.leave("a")
    assert admission.enter("c") is None
    assert admission.enter_user("ann")
    assert not admission.enter_user("ann")
    admission.leave_user("ann")
    assert admission.enter_user("ann")
    admission.is_draining = True
    admission.leave("c")
    assert admission.enter("c") is not None


def test_large_batches_are_cut_between_events() -> None:
    """No frame exceeds its limit, and no event is split."""
    lines = [b"x" * 50_000] * 15
    frames, data = [], event_frames(b"\n".join(lines))
    while data:
        assert data[1] == 127
        size = int.from_bytes(data[2:10], "big")
        frames.append(data[10 : 10 + size])
        data = data[10 + size :]
    assert all(len(frame) <= MAX_FRAME_BYTES for frame in frames)
    assert [line for frame in frames for line in frame.split(b"\n")] == lines


@pytest.mark.parametrize("line", [b"", b" ", b"x", b"[]", b"1", b"null", b'{"a":1}{', b'{"a":NaN}'])
def test_lines_that_are_no_objects(line: bytes) -> None:
    """Not JSON, or not an object."""
    with pytest.raises(NotAnObject):
        read_line(line)


def test_a_number_of_thousands_of_digits_is_not_read() -> None:
    """It is JSON: in an object the connection stays open, and the refusal names what was sent."""
    with pytest.raises(NotAnObject):
        read_line(DIGITS)
    refused = read_line(
        b'{"type":"send","chat":"%b","clientId":"%b","message":%b}' % (CHAT, KEY, DIGITS)
    )
    assert isinstance(refused, Refused)
    assert refused.refusal.detail == "message is a number out of range."
    assert (refused.chat, refused.client_id) == (CHAT.decode(), KEY.decode())
    refused = read_line(b'{"type":"x\\ud800","n":%b}' % DIGITS)
    assert isinstance(refused, Refused)
    assert refused.refusal.detail == "Invalid Unicode."


def new_slice(after: int, count: int, *controls: Control) -> Slice:
    events = [msgspec.Raw(b"%d" % seq) for seq in range(after + 1, after + 1 + count)]
    return Slice(chat="c", after=after, events=events, controls=list(controls), head=after + count)


def test_a_replay_has_the_snapshot_at_the_own_join() -> None:
    """For users who join; others get the event itself."""
    join = Control(seq=7, action="join", users=["ann"], snapshot=msgspec.Raw(b"snapshot"))
    found = new_slice(5, 4, join)
    assert lines_since(found, "ann", 8) == [b"6", b"snapshot", b"8"]
    assert lines_since(found, "ben", 99) == [b"6", b"7", b"8", b"9"]


def test_an_arrival_begins_at_the_last_join() -> None:
    """Earlier events are not for them; after a removal there are none."""
    join = Control(seq=7, action="join", users=["ann"], snapshot=msgspec.Raw(b"snapshot"))
    leave = Control(seq=8, action="leave", users=["ann"])
    assert arrival(new_slice(5, 4, join), "ann", 9) == ([b"snapshot", b"8", b"9"], 9, True)
    assert arrival(new_slice(5, 4, join, leave), "ann", 9) == ([], 9, False)
    assert arrival(new_slice(5, 4, join, leave), "ann", 7) == ([b"snapshot"], 7, True)
    assert arrival(new_slice(5, 4), "ann", 9) == ([b"6", b"7", b"8", b"9"], 9, None)


def test_events_of_a_chat_that_is_being_purged_keep_their_seqs() -> None:
    """Its oldest events are gone and its `close` comes later: the slice says where it begins."""
    events = [msgspec.Raw(b"%d" % seq) for seq in (18, 19, 20)]
    found = Slice(chat="c", after=5, events=events, controls=[], head=300, first=18)
    assert lines_since(found, "ann", 19) == [b"18", b"19"]
    assert payload_of(found).first == 18


def test_of_a_deleted_chat_only_the_last_event_may_be_left() -> None:
    """Its seq is the one of its `close`, whatever was requested."""
    close = Control(seq=20, action="close", users=[])
    found = Slice(chat="c", after=5, events=[msgspec.Raw(b"gone")], controls=[close], head=20)
    assert lines_since(found, "ann", 19) == []
    assert lines_since(found, "ann", 20) == [b"gone"]


def test_close_codes_that_clients_make_up_are_counted_together() -> None:
    """All of our codes and those of RFC 6455 have separate counts."""
    counters = Counters()
    for code in range(1000, 5000):
        counters.end(code)
    ours = {str(code.value) for code in CloseCode}
    registered = {str(code) for code in (*range(1000, 1012), 1015)}
    assert counters.ends.keys() == {*ours, *registered, OTHER_CODE}
    assert counters.ends.total() == 4_000
    assert counters.ends["4008"] == 1
