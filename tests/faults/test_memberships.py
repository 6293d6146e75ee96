"""Ten people create, delete, join and leave at random while users and chats die: the two databases
agree."""

import asyncio
import random
import time
import uuid
from collections import Counter

import aiohttp
import pytest

from tests.faults.checker import judge_content, judge_logs, judge_memberships, judge_views
from tests.faults.results import FOLDER, sum_up
from tests.faults.streams import judge_sockets
from tests.faults.verdict import Violation
from tests.fixtures.busy import bound
from tests.fixtures.device import Device, WaitedInVain
from tests.fixtures.history import Fault, History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Answer, NoAnswer, Person

PEOPLE = 10
# A busy machine starts a process late, and with it the resolver.
RESOLVED_AFTER_SECONDS = 8.0
RESOLVED_WITHIN_SECONDS = bound(8.0, 60.0)
COMPLETE_AFTER_SECONDS = bound(15.0, 60.0)
PAUSE_SECONDS = 0.02
# Valid answers to a random change: another one was quicker, or the outcome is unknown.
RIGHT = frozenset({200, 201, 400, 403, 404, 503})


class _Storm:
    def __init__(self, people: list[Person], pace: random.Random) -> None:
        self._people, self._pace = people, pace
        self.chats: list[str] = []
        self.told: Counter[str] = Counter()
        self.is_over = False

    @property
    def is_enough(self) -> bool:
        return self.told["create 201"] > 10 and sum(self.told.values()) > 50

    async def change_things(self, person: Person) -> None:
        while not self.is_over:
            try:
                what, answer = await self._change_one(person)
            except NoAnswer:
                self.told["no answer"] += 1
                continue
            assert answer.status in RIGHT, f"{what}: {answer}"
            self.told[f"{what} {answer.status}"] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _change_one(self, person: Person) -> tuple[str, Answer]:
        other = self._pace.choice(self._people)
        chance = self._pace.random()
        if not self.chats or chance < 0.3:
            others = self._pace.sample([p.id for p in self._people], self._pace.randint(0, 5))
            body = {"participants": others, "chatName": "storm"}
            answer = await person.ask(
                "POST", "/api/chat", body, key=str(uuid.uuid4()), retry_seconds=5
            )
            if answer.status == 201:
                self.chats.append(answer.body["chat"]["id"])
            return "create", answer
        chat = self._pace.choice(self.chats[-20:])
        if chance < 0.4:
            return "delete", await person.ask("DELETE", f"/api/chat/{chat}")
        path = f"/api/chat/{chat}/participant"
        if chance < 0.7:
            body = {"userIds": [other.id]}
            key = str(uuid.uuid4())
            return "add", await person.ask("POST", path, body, key=key, retry_seconds=5)
        gone = person if chance < 0.85 else other
        return "remove", await person.ask("DELETE", f"{path}/{gone.id}")


async def _kill_at_random(
    system: Hubbub, history: History, pace: random.Random, seconds: float, storm: _Storm
) -> None:
    end = time.monotonic() + seconds
    at_the_latest = end + bound(0.0, 60.0)
    while (now := time.monotonic()) < end or (not storm.is_enough and now < at_the_latest):
        role = pace.choice(("users", "chats"))
        await system.kill_one_that_lives(role, pace.choice)
        history.faults.append(Fault(time.monotonic(), time.monotonic(), f"kill {role}"))
        await asyncio.sleep(pace.uniform(0.5, 1.5))
    assert storm.is_enough, storm.told


@pytest.mark.parametrize("seconds", [8.0, pytest.param(30.0, marks=pytest.mark.long)])
async def test_memberships_agree_after_a_storm(seconds: float, system: Hubbub, seed: int) -> None:
    """Each person's own record in users equals the participants in chats, no socket saw a gap, a
    duplicate or an event above a removal, and each device has all of its chats."""
    pace, history = random.Random(seed), History(seed=seed)
    async with aiohttp.ClientSession() as http:
        people = [await Person.sign_up(http, system.origin) for _ in range(PEOPLE)]
        storm = _Storm(people, pace)
        devices = [Device(person, history, name=person.username, pace=pace) for person in people]
        async with asyncio.TaskGroup() as everybody:
            for device in devices:
                await device.__aenter__()
            for person in people:
                everybody.create_task(storm.change_things(person))
            await _kill_at_random(system, history, pace, seconds, storm)
            storm.is_over = True
        deadline = time.monotonic() + RESOLVED_WITHIN_SECONDS
        await asyncio.sleep(RESOLVED_AFTER_SECONDS)
        await _read_both_sides(people, history)
        while [*judge_memberships(history)] and time.monotonic() < deadline:
            await _read_both_sides(people, history)
        late = await _wait_for_all(devices, history)
        history.connected = [device.name for device in devices]
        for device in devices:
            await device.__aexit__()
    violations = [
        *(Violation("gap", sentence) for sentence in late),
        *judge_logs(history),
        *judge_content(history),
        *judge_memberships(history),
        *judge_sockets(history),
        *judge_views(history),
    ]
    fault = f"4 membership changes while users and chats die, {seconds:.0f} s"
    sum_up(fault, "I9, I13, I23", history, violations, 0.0).save(f"memberships-{seconds:.0f}")
    if violations:
        history.save(FOLDER / f"memberships-{seconds:.0f}.history.json")
    assert not violations, f"seed {seed}:\n" + "\n".join(map(str, violations[:10]))


async def _wait_for_all(devices: list[Device], history: History) -> list[str]:
    """Waits until each device has all chats of its user completely; returns a sentence for each
    that has not."""
    late = []
    deadline = time.monotonic() + COMPLETE_AFTER_SECONDS
    for device in devices:
        for chat in history.memberships[device.person.id]:
            try:
                await device.until_seq(
                    chat, len(history.logs[chat]), max(0.2, deadline - time.monotonic())
                )
            except WaitedInVain as error:
                late.append(f"{chat} did not reach {len(history.logs[chat])}: {error}")
    return late


async def _read_both_sides(people: list[Person], history: History) -> None:
    """Through the public API only."""
    history.participants.clear()
    history.logs.clear()
    for person in people:
        me = await person.ask("GET", "/api/user/me", retry_seconds=10)
        history.memberships[person.id] = me.body["user"]["chats"]
        page = "/api/chat?limit=200"
        while page:
            answer = await person.ask("GET", page, retry_seconds=10)
            assert answer.status == 200, answer
            for chat in answer.body["chats"]:
                history.participants[chat["id"]] = chat["participants"]
                history.logs[chat["id"]] = await person.events(chat["id"])
            oldest = answer.body["next"]
            page = f"/api/chat?limit=200&before={oldest}" if oldest else ""
