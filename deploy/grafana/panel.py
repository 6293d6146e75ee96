"""A panel of a dashboard: its Prometheus queries, and what to do when it looks wrong.

One value serves Grafana's JSON, the tests that run each query, and the images in the docs.
"""

from typing import Literal, NamedTuple

Unit = Literal["s", "reqps", "short", "bytes", "Bps", "percentunit", "ops"]


class Query(NamedTuple):
    """PromQL; `legend` names its series: `{{label}}` is replaced by the label's value."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """`advice` is one sentence: what to do when this looks wrong."""

    title: str
    unit: Unit
    advice: str
    queries: tuple[Query, ...]


class Dashboard(NamedTuple):
    uid: str
    title: str
    panels: tuple[Panel, ...]


def rate(counter: str, by: str = "") -> str:
    """The rate per second, summed over all labels but `by`."""
    return f"sum{f' by ({by})' if by else ''} (rate({counter}[$__rate_interval]))"


def quantiles(histogram: str, match: str = "") -> tuple[Query, ...]:
    """The median and the 99th percentile."""
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by (le)"
            f" (rate({histogram}_bucket{match}[$__rate_interval])))",
            name,
        )
        for share, name in ((0.5, "half"), (0.99, "99 of 100"))
    )


def lag(role: str) -> Panel:
    """A panel that every tier has."""
    return Panel(
        "Loop lag",
        "s",
        f"Above 50 ms all of {role} is late: give it another process, or find what blocks its loop "
        "in the logs of that moment.",
        (
            Query(
                "histogram_quantile(0.99, sum by (le, instance)"
                f' (rate(hubbub_loop_lag_seconds_bucket{{role="{role}"}}[$__rate_interval])))',
                "{{instance}}",
            ),
        ),
    )


def calls_served(role: str) -> tuple[Panel, ...]:
    """The answers of a service, their latency, and its database connections."""
    match = f'{{role="{role}"}}'
    return (
        Panel(
            "Calls served",
            "reqps",
            "A call that is asked for much more than usual has a caller that repeats it: look at "
            "the calls of edge and realtime.",
            (Query(rate(f"hubbub_served_calls_total{match}", "call"), "{{call}}"),),
        ),
        Panel(
            "Calls answered with 5xx",
            "reqps",
            f"Anything but 0: read the lines with level error in the logs of {role}, and ask the "
            "doctor about its database.",
            (
                Query(
                    rate(f'hubbub_served_calls_total{{role="{role}",status=~"5.."}}')
                    + " or vector(0)",
                    "5xx",
                ),
            ),
        ),
        Panel(
            "Time of a call",
            "s",
            "When it rises with the waits for connections below, the database is the slow part; "
            "else the processes have too much to do.",
            quantiles("hubbub_served_call_seconds", match),
        ),
        Panel(
            "Wait for a connection",
            "s",
            "Above 10 ms all connections are held: look for slow statements, then raise the pool.",
            (
                Query(
                    f"{rate(f'hubbub_pool_waited_seconds_total{match}')}"
                    f" / {rate(f'hubbub_pool_uses_total{match}')}",
                    "mean",
                ),
            ),
        ),
        Panel(
            "Connections",
            "short",
            "Free ones at 0 for minutes: as for the wait beside it.",
            tuple(
                Query(f"sum (hubbub_pool_{name}{match})", name)
                for name in ("connections", "free", "waiting")
            ),
        ),
        Panel(
            "Time a connection is held",
            "s",
            "A rise means slower statements: look for long transactions (a backup?), and at the "
            "database's disk.",
            (
                Query(
                    f"{rate(f'hubbub_pool_held_seconds_total{match}')}"
                    f" / {rate(f'hubbub_pool_uses_total{match}')}",
                    "mean",
                ),
            ),
        ),
    )
