"""The section of docs/benchmarks.md about whole products. Measures nothing."""

from collections.abc import Mapping
from typing import Final

from loadtest.peers.figures import Rows
from loadtest.peers.products import ACTS, CLIENTS, DELIVERY, MESSAGES

# Requests a second of Campfire in eight languages, by what the routes are called there: the review
# of performance of 7 October 2026 in that repository.
SOURCE: Final = "https://github.com/basecamp/once-campfire-verification"
PUBLISHED: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {
    "post": (
        "post a message",
        {"Rails": 248, "Django": 112, "Laravel": 498, "Express": 2_088, "Elixir": 1_400,
         "Go": 9_073, "Rust": 8_998, "C": 7_460},
    ),
    "page of 50": (
        "messages page",
        {"Rails": 402, "Django": 70, "Laravel": 924, "Express": 3_245, "Elixir": 1_267,
         "Go": 30_746, "Rust": 40_674, "C": 151_564},
    ),
    "list of chats": (
        "sidebar",
        {"Rails": 468, "Django": 229, "Laravel": 1_383, "Express": 34_938, "Elixir": 2_515,
         "Go": 18_586, "Rust": 34_479, "C": 159_850},
    ),
    "search": (
        "search",
        {"Rails": 399, "Django": 118, "Laravel": 1_135, "Express": 6_613, "Elixir": 1_814,
         "Go": 29_765, "Rust": 34_432, "C": 155_456},
    ),
}  # fmt: skip


def describe_products(rows: Rows) -> list[str]:
    """The cost of requests here and in complete, popular products."""
    if not rows.of(ACTS[0], "synapse"):
        return []
    table = [
        "## Beside whole products",
        "",
        f"{CLIENTS} clients, each with one request open, all in the same ten chats of {CLIENTS} "
        f"with {MESSAGES} messages each: CPU over all processes of the product for a request, its "
        "PostgreSQL's too, and how many a second. The clients are one Python process, which shares "
        "the two cores. Both make a commit durable before they answer. What differs: Synapse signs "
        "and hashes events, keeps the state of rooms and could federate; its list is `/sync` with "
        "the newest message of each room, its pages are `/messages` with the state of members. "
        "Both run without limits, Synapse in one process, presence off. Deliveries are of one "
        "message after the other into a chat that all sixteen have open, by the socket and by long "
        "polls of `/sync`; the post is part of their cost. Medians.",
        "",
        "| request | Hubbub, µs | Synapse, µs | times | Hubbub, a second | Synapse, a second |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for act in (*ACTS, DELIVERY):
        us, a_second = (
            [rows.median(act, server, key) or 0.0 for server in ("hubbub", "synapse")]
            for key in ("us", "requests_per_s")
        )
        table.append(
            f"| {act} | {us[0]:,.0f} | {us[1]:,.0f} | {us[1] / us[0]:.1f} "
            f"| {a_second[0]:,.0f} | {a_second[1]:,.0f} |"
        )
    return [*table, "", *_describe_published(rows), ""]


def _describe_published(rows: Rows) -> list[str]:
    names = list(PUBLISHED[ACTS[0]][1])
    table = [
        "What others publish, requests a second: Campfire, a chat of one organisation, in eight "
        f"languages ([review of 7 October 2026]({SOURCE})), "
        f"{CLIENTS} clients too. It was another machine: four cores for the server and four others "
        "for the clients, where Hubbub has two for itself, PostgreSQL, Valkey, the balancer and "
        "the clients. Campfire answers with HTML, which some of the eight keep in memory, from "
        "SQLite in the same process, whose commits need not reach the disk.",
        "",
        "| request here | there | Hubbub | " + " | ".join(names) + " |",
        "| --- | --- |" + " ---: |" * (len(names) + 1),
    ]
    for act in ACTS:
        there, published = PUBLISHED[act]
        own = rows.median(act, "hubbub", "requests_per_s") or 0.0
        figures = " | ".join(f"{published[name]:,}" for name in names)
        table.append(f"| {act} | {there} | {own:,.0f} | {figures} |")
    return table
