"""The reported state of containers, from Docker's DNS and their metrics."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter

from fleet.data.state import FleetState, ProcessState, State, WantedState
from fleet.metrics import FleetMetrics
from fleet.processes.probe import Address, http_body, http_status
from fleet.settings import read_settings
from ops.containers import count_engines, number_of, start_of
from ops.kubernetes import ApiRefused
from ops.pages import serve_pages
from ops.starts import engine_start
from ops.watch import Memory, watch_containers
from tests.fixtures.servers import ValkeyServer


def edge(started: float, state: State = "ready", number: int = 1) -> ProcessState:
    return ProcessState("edge", number, 0, 8001, 8001, started, state, "10.0.0.1")


@pytest.mark.parametrize(
    ("service", "name", "number"),
    [
        ("edge", "hubbub-edge-12.hubbub_inner", 12),
        ("edge", "my-2-hubbub-edge-3", 3),
        ("edge", "0a1b2c3d4e5f", 77),
        ("chats-database", "hubbub-chats-database-1.hubbub_chats-data", 2),
        ("cache-3", "hubbub-cache-3-1.hubbub_cache", 3),
    ],
)
def test_a_container_has_the_number_that_docker_gave_it(
    service: str, name: str, number: int
) -> None:
    """It survives a restart; without a name, the address tells containers apart."""
    assert number_of(service, name, "172.18.0.77") == number


def test_a_container_that_was_started_again_died() -> None:
    """Unless it had drained, or is another container."""
    memory = Memory()
    assert memory.note([edge(10.0)], 1.0) == []
    assert memory.note([edge(10.0)], 2.0) == []
    assert memory.note([edge(0.0, "starting")], 3.0) == []  # it does not answer
    assert memory.note([edge(30.0), edge(31.0, number=2)], 4.0) == ["edge"]
    assert [death.at for death in memory.deaths["edge-1"]] == [4.0]
    assert memory.note([edge(30.0, "draining"), edge(31.0, number=2)], 5.0) == []
    assert memory.note([edge(50.0), edge(31.0, number=2)], 6.0) == []


def test_an_engine_that_was_started_again_died_too() -> None:
    """Its reported start time may be off by a second."""
    memory = Memory()

    def cache(started: float) -> ProcessState:
        return ProcessState("cache", 2, 0, 6379, None, started, "ready", "10.0.0.2")

    assert memory.note([cache(100.9)], 1.0) == []
    assert memory.note([cache(99.8)], 2.0) == []
    assert memory.note([cache(140.0)], 3.0) == ["cache"]
    assert list(memory.deaths) == ["cache-2"]


async def test_a_valkey_tells_since_when_it_runs(valkey: ValkeyServer) -> None:
    """A server without ACL users, as a cache; for one that is gone the time is unknown."""
    port = int(valkey.url.rpartition(":")[2])
    started = await engine_start("cache-1", "cache", Address("127.0.0.1", port))
    assert time.time() - 3600 < started < time.time() + 2
    assert await engine_start("cache-1", "cache", Address("127.0.0.1", 1)) == 0.0


def test_the_start_is_what_the_process_says() -> None:
    """And 0 if it reports none."""
    name = "process_start_time_seconds"
    assert start_of(f"# TYPE {name} gauge\n{name} 5.5\n") == 5.5
    assert start_of("") == 0.0


def test_what_is_missing_is_a_figure_though_its_series_is_gone() -> None:
    """For services and engines; back to 0 once it has returned."""
    registry = CollectorRegistry()
    metrics = FleetMetrics(registry)
    wanted = {"edge": WantedState(2, 2, 2)}

    def missing(role: str) -> float | None:
        return registry.get_sample_value("hubbub_fleet_missing_replicas", {"of": role})

    metrics.note_state(FleetState(0, [edge(1.0)], wanted), count_engines(read_settings({})))
    assert (missing("edge"), missing("postgres"), missing("cache")) == (1.0, 2.0, 3.0)
    metrics.note_state(FleetState(0, [edge(1.0), edge(1.0, number=2)], wanted), {"cache": 0})
    assert (missing("edge"), missing("cache")) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("where", "hangs"), [("kubernetes", False), ("containers", False), ("containers", True)]
)
async def test_figures_end_when_nothing_can_be_seen_any_more(
    monkeypatch: pytest.MonkeyPatch, where: str, hangs: bool
) -> None:
    """As when Kubernetes refuses the account, or what is asked hangs: then the alert NobodyWatches
    fires. They come back with the first look that succeeds. The disk is that of volumes only beside
    containers."""
    looks = [FleetState(0, [edge(1.0)], {"edge": WantedState(2, 2, 2)}), None] * 2
    seen: list[float | None] = []

    @asynccontextmanager
    async def serve(
        _host: str, _port: int, registry: CollectorRegistry, _tell: object
    ) -> AsyncIterator[int]:
        registries.append(registry)
        yield 0

    async def look(*_: object) -> tuple[FleetState, dict[str, int]]:
        (registry,) = registries
        labels = {"of": "edge"}
        seen.append(registry.get_sample_value("hubbub_fleet_wanted_replicas", labels))
        if not looks:
            raise asyncio.CancelledError
        if (state := looks.pop()) is None:
            if hangs:
                await asyncio.Event().wait()
            raise ApiRefused("Kubernetes answers 401 to GET /pods.")
        return state, {}

    registries: list[CollectorRegistry] = []
    for name, value in {
        "serve_pages": serve, "look": look, "ROUND_SECONDS": 0.0, "set_up_logs": print,
        "LOOK_SECONDS": 0.1,
    }.items():  # fmt: skip
        monkeypatch.setattr(f"ops.watch.{name}", value)
    with pytest.raises(asyncio.CancelledError):
        await watch_containers(read_settings({"HUBBUB_WHERE": where}))
    assert seen == [None, None, 2.0, None, 2.0]
    free = registries[0].get_sample_value("hubbub_disk_free_bytes")
    assert (free is not None) == (where == "containers")


async def test_figures_and_state_are_served() -> None:
    """To Prometheus and the doctor; other paths are not found, malformed requests do no harm."""
    registry = CollectorRegistry()
    Counter("talks", "Talks.", registry=registry).inc(3)
    state = json.dumps({"parent": 0}).encode()

    def tell(path: str) -> bytes | None:
        return state if path == "/state" else None

    async with serve_pages("127.0.0.1", 0, registry, tell) as port:
        address = Address("127.0.0.1", port)
        assert b"talks_total 3.0\n" in (await http_body(address, "/metrics?x=1") or b"")
        assert await http_body(address, "/state") == state
        assert await http_status(address, "/other") == 404
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\xff\r\n\r\n")
        writer.close()
        assert await http_body(address, "/state") == state
