"""`python -m ops top`: one live screen of flow, latency, replicas, circuits and drops.

Reads what Prometheus would read; draws it with rich.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from common.process.symptoms import (
    CANARY_SILENT_SECONDS,
    MOST_IN_DOUBT_SECONDS,
    MOST_SILENT_SECONDS,
    MOST_UNPUBLISHED_SECONDS,
    OPEN_CIRCUIT,
)
from fleet.data.state import FleetState
from fleet.processes.probe import Address, http_body, metrics_path
from fleet.settings import SERVICE_ROLES, FleetSettings
from ops.keys import end_key
from ops.running import find_running
from ops.samples import Reading, Span, read_samples

ROUND_SECONDS: Final = 1.0
MOST_LOSSES: Final = 10  # the largest: a terminal has 24 lines
WIDTH: Final = 80  # if the output is not a terminal
KEYS: Final = "[dim]q ends. A second is between two pictures; lag is the 99th of 100, in ms.[/]"
_COUNTERS: Final = (
    "hubbub_edge_requests_total", "hubbub_chats_batch_messages_sum", "hubbub_calls_given_up_total",
    "hubbub_realtime_sends_total", "hubbub_realtime_deliveries_total",
    "hubbub_realtime_drops_total", "hubbub_realtime_ends_total", "hubbub_realtime_repairs_total",
    "hubbub_chats_sends_refused_total",
)  # fmt: skip
_GAUGES: Final = (
    "hubbub_realtime_sockets", "hubbub_realtime_bus_up", OPEN_CIRCUIT,
    CANARY_SILENT_SECONDS, "hubbub_realtime_unsent_bytes",
    "hubbub_chats_outbox_age_seconds", "hubbub_users_oldest_prepared_seconds",
)  # fmt: skip
_TIMES: Final = (
    "hubbub_edge_request_seconds", "hubbub_realtime_send_seconds", "hubbub_realtime_join_seconds",
    "hubbub_realtime_canary_seconds", "hubbub_chats_batch_seconds", "hubbub_loop_lag_seconds",
)  # fmt: skip
_NAMES: Final = (*_COUNTERS, *_GAUGES, *(f"{name}_bucket" for name in _TIMES))
_PATH: Final = metrics_path(_NAMES)


async def watch(settings: FleetSettings, *, once: bool) -> int:
    """Runs until q is pressed, or shows one screen of one second. Exit code 1 if no fleet runs."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    state = await find_running(settings)
    if state is None:
        print(f"No Hubbub runs on {settings.data}.", file=sys.stderr)
        return 1
    before = await _read(state)
    if once:
        await asyncio.sleep(ROUND_SECONDS)
        console.print(draw(settings.address, state, Span(before, await _read(state))))
        return 0
    with (
        end_key() as ending,
        Live(draw(settings.address, state, Span(before, before)), console=console, screen=True,
             auto_refresh=False) as live,
    ):  # fmt: skip
        while state is not None and not ending.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await ending.wait()
            after = await _read(state)
            live.update(draw(settings.address, state, Span(before, after)), refresh=True)
            before, state = after, await find_running(settings)
    return 0


async def _read(state: FleetState) -> Reading:
    """Reads all service processes that answer."""
    wanted = {
        p.name: Address(p.host, p.metrics)
        for p in state.processes
        if p.role in SERVICE_ROLES and p.metrics is not None
    }
    bodies = await asyncio.gather(*(http_body(address, _PATH) for address in wanted.values()))
    texts = {n: b.decode() for n, b in zip(wanted, bodies, strict=True) if b is not None}
    return read_samples(time.monotonic(), texts)


def draw(address: str, state: FleetState, span: Span) -> Group:
    """The whole screen."""
    screen = Table.grid(expand=True)
    screen.add_column(ratio=49)
    screen.add_column(ratio=31)
    screen.add_row(_latency(span), _flow(span))
    screen.add_row(_replicas(state, span), _losses(span))
    return Group(f"Hubbub at {address}   {_health(span)}", screen, KEYS)


def _health(span: Span) -> str:
    troubles = [
        text
        for is_so, text in (
            (span.highest(CANARY_SILENT_SECONDS) > MOST_SILENT_SECONDS,
             "messages do not come back over the bus"),
            (span.now(OPEN_CIRCUIT) > 0, "a circuit is open"),
            (span.highest("hubbub_chats_outbox_age_seconds") > MOST_UNPUBLISHED_SECONDS,
             "the outbox waits"),
            (span.highest("hubbub_users_oldest_prepared_seconds") > MOST_IN_DOUBT_SECONDS,
             "transactions are in doubt"),
        )
        if is_so
    ]  # fmt: skip
    return f"[bold red]{'; '.join(troubles)}[/]" if troubles else "[green]messages flow[/]"


def _flow(span: Span) -> Panel:
    asked = _of_api(span).rate("hubbub_edge_requests_total")
    return _panel(
        "Flow",
        (
            ("requests a second", f"{asked:,.1f}"),
            ("sends a second", f"{span.rate('hubbub_realtime_sends_total'):,.1f}"),
            ("stored a second", f"{span.rate('hubbub_chats_batch_messages_sum'):,.1f}"),
            ("deliveries a second", f"{span.rate('hubbub_realtime_deliveries_total'):,.1f}"),
            ("sockets", f"{span.now('hubbub_realtime_sockets'):,.0f}"),
            ("unsent, kB", f"{span.now('hubbub_realtime_unsent_bytes') / 1000:,.0f}"),
        ),
    )


def _of_api(span: Span) -> Span:
    """Without health checks, which come all the time, and files of the page."""
    return span.beginning("route", "/api/")


def _latency(span: Span) -> Panel:
    times = [
        ("REST request", _of_api(span), "hubbub_edge_request_seconds"),
        *(
            (text, span, name)
            for text, name in (
                ("send on a socket", "hubbub_realtime_send_seconds"),
                ("a batch's transaction", "hubbub_chats_batch_seconds"),
                ("join", "hubbub_realtime_join_seconds"),
                ("canary, the whole way", "hubbub_realtime_canary_seconds"),
                ("loop lag", "hubbub_loop_lag_seconds"),
            )
        ),
    ]
    return _panel(
        "Latency in ms: median, 99th",
        (
            (text, f"{_ms(seen.quantile(name, 0.5))} {_ms(seen.quantile(name, 0.99))}")
            for text, seen, name in times
        ),
    )


def _ms(seconds: float | None) -> str:
    return f"{'-':>8}" if seconds is None else f"{seconds * 1000:>8,.1f}"


def _replicas(state: FleetState, span: Span) -> Panel:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0))
    for heading in ("role", "want", "ready", "start", "drain", "lag", "calls"):
        table.add_column(heading, justify="left" if heading == "role" else "right", no_wrap=True)
    engines = {p.role for p in state.processes} - set(SERVICE_ROLES)
    for role in (*SERVICE_ROLES, *sorted(engines)):
        states = [p.state for p in state.processes if p.role == role]
        wanted = state.wanted[role].replicas if role in state.wanted else len(states)
        ready = states.count("ready")
        counts = (
            str(wanted),
            str(ready) if ready >= wanted else f"[red]{ready}[/]",
            str(states.count("starting")),
            str(states.count("draining")),
        )
        table.add_row(role, *counts, *(_calls(role, span) if role in SERVICE_ROLES else ()))
    return Panel(table, title="Replicas and engines")


def _calls(role: str, span: Span) -> tuple[str, str]:
    """Event loop lag, and services whose circuit is open."""
    lag = span.quantile("hubbub_loop_lag_seconds", 0.99, role=role)
    is_open = span.now(OPEN_CIRCUIT, role=role)
    return _ms(lag).strip(), "[red]open[/]" if is_open else "ok"


def _losses(span: Span) -> Panel:
    errors = span.totals("hubbub_edge_requests_total", "status")
    rows = [
        ("answers 5xx", sum(count for status, count in errors.items() if status[:1] == "5")),
        ("calls given up", span.now("hubbub_calls_given_up_total")),
        ("sends refused", span.now("hubbub_chats_sends_refused_total")),
        ("gaps fetched", span.now("hubbub_realtime_repairs_total")),
    ]
    ends = span.totals("hubbub_realtime_ends_total", "code").items()
    others = [
        *span.totals("hubbub_realtime_drops_total", "reason").items(),
        *((f"sockets ended {code}", count) for code, count in sorted(ends)),
    ]
    others.sort(key=lambda row: row[1], reverse=True)
    rows += others[: MOST_LOSSES - len(rows)]
    return _panel("Losses since the start", ((text, f"{n:,.0f}") for text, n in rows))


def _panel(title: str, rows: Iterable[tuple[str, str]]) -> Panel:
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right")
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=title)
