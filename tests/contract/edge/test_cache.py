"""The cache: never wrong, whichever edge one reads from, and never waited for."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from edge.cache import nodes as cache_nodes
from edge.cache.nodes import CacheNodes
from tests.contract.edge.conftest import Person, Services
from tests.fixtures.servers import ValkeyServer

# Ten times the product's, so that a working node answers in time even on a busy machine.
WAIT_SECONDS = 0.2
SLACK_SECONDS = 0.5


@pytest.fixture
def nodes(make_valkey: Callable[[], ValkeyServer]) -> list[ValkeyServer]:
    """Three cache nodes for one test."""
    return [make_valkey() for _ in range(3)]


@pytest.fixture
async def cache(
    nodes: list[ValkeyServer], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CacheNodes]:
    """The cache on them, as used by an edge."""
    monkeypatch.setattr(cache_nodes, "MAX_WAIT_SECONDS", WAIT_SECONDS)
    cache = CacheNodes(node.url for node in nodes)
    watching = asyncio.create_task(cache.watch())
    yield cache
    watching.cancel()
    await cache.close()


async def count_held(cache: CacheNodes, keys: list[str]) -> int:
    return sum([await cache.get(key) is not None for key in keys])


async def put_all(cache: CacheNodes, keys: list[str]) -> None:
    """Repeats until all are stored: a busy machine may answer too late for one."""
    deadline = time.monotonic() + 30
    while await count_held(cache, keys) < len(keys):
        assert time.monotonic() < deadline
        for key in keys:
            await cache.put(key, key.encode())


async def test_keys_of_a_dead_node_go_to_the_others_and_come_back(
    cache: CacheNodes, nodes: list[ValkeyServer]
) -> None:
    """The other nodes keep their entries; what is put while it is dead is found at once; the node
    serves again once it is back."""
    keys = [f"person:{number}" for number in range(60)]
    await put_all(cache, keys)
    nodes[0].kill()
    kept = await count_held(cache, keys)
    assert 0 < kept < 60
    await put_all(cache, keys)
    nodes[0].start()
    deadline = time.monotonic() + 30
    while await count_held(cache, keys) == 60:  # it is asked for its keys, and has lost them
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    await put_all(cache, keys)


async def test_nobody_waits_for_a_node_that_hangs(
    cache: CacheNodes, nodes: list[ValkeyServer]
) -> None:
    """The first read that meets it times out, and the others avoid it; otherwise a third of them
    would meet it."""
    keys = [f"person:{number}" for number in range(300)]
    slowest = []
    for node in nodes:
        await put_all(cache, keys)
        node.pause()
        waits = []
        for key in keys:
            started = time.monotonic()
            await cache.get(key)
            waits.append(time.monotonic() - started)
        node.go_on()
        slowest.append(max(waits))
        assert sum(wait >= WAIT_SECONDS for wait in waits) < len(keys) / 10
    assert min(slowest) < WAIT_SECONDS + SLACK_SECONDS


async def test_without_any_node_everything_is_a_miss(
    cache: CacheNodes, nodes: list[ValkeyServer]
) -> None:
    """No call raises, and none waits."""
    for node in nodes:
        node.kill()
    started = time.monotonic()
    await cache.put("a", b"1")
    for number in range(100):
        assert await cache.get(f"{number}") is None
    assert time.monotonic() - started < 50 * WAIT_SECONDS


@pytest.fixture(scope="module")
def edge_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ValkeyServer]]:
    """Three cache nodes for the edges; a test that kills one restarts it."""
    servers = [ValkeyServer(tmp_path_factory.mktemp("cache")) for _ in range(3)]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def edges(
    services: Services, edge_url: str, edge_nodes: list[ValkeyServer]
) -> Iterator[list[httpx.Client]]:
    """Three edges: two with cache nodes, and one without a cache in memory."""
    shared = {
        "HUBBUB_RATE_LIMITS": "high",
        "HUBBUB_CACHE_URLS": ",".join(node.url for node in edge_nodes),
    }
    small = {"HUBBUB_EDGE_CACHE_BYTES": "1"}
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                httpx.Client(
                    base_url=stack.enter_context(
                        services.running("edge", number, **shared, **variables)
                    ),
                    timeout=30,
                )
            )
            for number, variables in ((21, {}), (22, {}), (23, small))
        ]


def read(edges: list[httpx.Client], person: Person, path: str) -> list[Any]:
    """Status and body from each edge, all at once."""
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda edge: edge.get(path, headers=person.headers), edges))
    return [(answer.status_code, answer.json()) for answer in answers]


def test_whoever_is_removed_reads_nothing_through_any_edge(
    edges: list[httpx.Client], make_person: Callable[[], Person]
) -> None:
    """Every edge has cached and just returned the chat; from the answer to the removal on, none
    returns it."""
    ann, ben = make_person(), make_person()
    chat = ann.create_chat(ben.id)
    ann.ask("POST", f"/api/chat/{chat}/message", json={"message": "hello"})
    paths = [f"/api/chat/{chat}", f"/api/chat/{chat}/message"]
    for path in paths * 2:
        assert [status for status, _ in read(edges, ben, path)] == [200] * 3
    assert ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}").status_code == 200
    for path in paths * 2:
        assert [status for status, _ in read(edges, ben, path)] == [404] * 3
        assert [status for status, _ in read(edges, ann, path)] == [200] * 3
    ann.ask("POST", f"/api/chat/{chat}/participant", json={"userId": ben.id})
    for path in paths:
        assert [status for status, _ in read(edges, ben, path)] == [200] * 3


def test_every_edge_shows_what_was_just_written(
    edges: list[httpx.Client], client: httpx.Client, make_person: Callable[[], Person]
) -> None:
    """After each answer to a change, all edges return the same, which is what chats itself
    returns."""
    ann, ben = make_person(), make_person()
    chat = ann.create_chat(ben.id)
    for number in range(12):
        if number % 3 == 2:
            ann.ask("PATCH", f"/api/chat/{chat}", json={"chatName": f"name {number}"})
        else:
            ann.ask("POST", f"/api/chat/{chat}/message", json={"message": f"message {number}"})
        (_, shown), *others = read(edges, ben, f"/api/chat/{chat}")
        assert all(other == (200, shown) for other in others)
        assert (shown["seq"], shown["participants"]) == (number + 2, [ben.id, ann.id])
        if number % 3 == 2:
            assert shown["chatName"] == f"name {number}"
        (_, page), *others = read(edges, ben, f"/api/chat/{chat}/message?limit=5")
        assert all(other == (200, page) for other in others)
        older = ben.ask("GET", f"/api/chat/{chat}/message?limit=5&before={number + 3}").json()
        assert page == older


def test_reads_go_on_while_cache_nodes_die(
    edges: list[httpx.Client], edge_nodes: list[ValkeyServer], make_person: Callable[[], Person]
) -> None:
    """One, then all, then restarted: no read fails and none is wrong."""
    people = [make_person() for _ in range(12)]
    chat = people[0].create_chat(*[person.id for person in people[1:]])

    def read_all() -> None:
        for person in people:
            person_shown = {
                "id": person.id, "username": person.name, "displayName": None, "status": None,
                "avatar": None,
            }  # fmt: skip
            expected = (200, person_shown)
            assert read(edges, people[0], f"/api/user/{person.id}") == [expected] * 3
        shown = read(edges, people[1], f"/api/chat/{chat}")
        assert [(status, body["id"]) for status, body in shown] == [(200, chat)] * 3

    read_all()
    edge_nodes[0].kill()
    read_all()
    for node in edge_nodes[1:]:
        node.kill()
    read_all()
    for node in edge_nodes:
        node.start()
    read_all()


def test_a_profile_is_shown_as_it_is_now(
    edges: list[httpx.Client], make_person: Callable[[], Person]
) -> None:
    """Every edge has just returned it; after the answer to a change or a deletion none returns the
    old one."""
    ann, ben = make_person(), make_person()
    place = f"/api/user/{ann.id}"
    for name in ("Ann", "Anna", None):
        assert ann.ask("PATCH", "/api/user/me", json={"displayName": name}).status_code == 200
        assert [shown["displayName"] for _, shown in read(edges, ben, place)] == [name] * 3
    assert ann.ask("POST", "/api/user/me/delete").status_code == 200
    for _, shown in read(edges, ben, place):
        assert shown["username"].startswith("deleted-")


def test_nobody_is_found_under_an_id_that_nobody_has(
    edges: list[httpx.Client], make_person: Callable[[], Person]
) -> None:
    """First and again, from every edge."""
    ann = make_person()
    missing = "01890000-0000-7000-8000-000000000000"
    for _ in range(3):
        assert [status for status, _ in read(edges, ann, f"/api/user/{missing}")] == [404] * 3
