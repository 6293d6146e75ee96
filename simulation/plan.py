"""The plan of a run: which users there are, what they do, what breaks and when.

A plan is a value: shrinking removes steps from it, and a stored one can be run again.
"""

import random
from typing import Any, Final, NamedTuple

THEMES: Final = (
    "bus", "bus", "services", "death", "network", "database", "hiccup", "people", "purge", "all",
)  # fmt: skip
LASTING: Final = -1.0  # seconds of a fault that is not healed before the end


class Step(NamedTuple):
    """`at` is in seconds from the moment at which everybody is connected."""

    at: float
    kind: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        words = " ".join(str(a) for a in self.args)
        return f"{self.at:7.3f}  {self.kind} {words}"


class Plan(NamedTuple):
    """`groups` are the members of each initial chat, by number, the owner first; `devices` the user
    of each. `limits` are constants of the product that the run reduces, so that what takes a minute
    or a thousand events happens within it."""

    seed: int
    theme: str
    replicas: dict[str, int]
    users: int
    devices: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    history: tuple[int, ...]  # messages in each group before
    suspension: float
    limits: dict[str, float]
    seconds: float
    steps: tuple[Step, ...]
    checks_leaks: bool

    @property
    def spares_sends(self) -> bool:
        """Nothing is wrong that could excuse refusing a send."""
        return self.theme in ("hiccup", "bus", "people", "death")

    @property
    def loses_messages(self) -> bool:
        """Valkey loses some messages, undetectably."""
        return any(step.kind == "wear" for step in self.steps)

    @property
    def breaks_answers(self) -> bool:
        """A replica of a broken release is running."""
        return any(step.kind == "short" for step in self.steps)


class _Draw:
    """The seed's choices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"{seed} plan")
        self.steps: list[Step] = []
        self.seconds = 0.0
        self.linger = 0.0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def time(self) -> float:
        return round(self.random.uniform(0, self.seconds), 4)

    def add(self, at: float, kind: str, *args: Any) -> None:
        self.steps.append(Step(round(max(0.0, at), 4), kind, args))


def make_plan(seed: int) -> Plan:
    """The seed's plan."""
    draw = _Draw(seed)
    r = draw.random
    theme = r.choice(THEMES)
    replicas = {
        "users": r.choice((1, 1, 2)),
        "chats": r.choice((1, 2, 2)),
        "realtime": r.choice((1, 2, 2)),
        "edge": r.choice((1, 2)),
        "cache": 1,
    }
    users = r.randint(2, 4)
    devices = tuple([*range(users), *(r.randrange(users) for _ in range(r.choice((0, 0, 1))))])
    groups = tuple(
        tuple(r.sample(range(users), r.randint(1, users))) for _ in range(r.randint(1, 3))
    )
    draw.seconds = r.choice((1.5, 2.0, 2.0, 3.0, 3.0, 5.0))
    limits = _draw_limits(draw, theme)
    draw.linger = limits["LINGER_SECONDS"]
    history = tuple(r.choice((0, 0, 1, 5)) for _ in groups)
    _draw_people(draw, theme, users, devices, groups)
    _draw_faults(draw, theme, replicas)
    return Plan(
        seed=seed,
        theme=theme,
        replicas=replicas,
        users=users,
        devices=devices,
        groups=groups,
        history=history,
        suspension=r.choice((0.0, 0.0, 0.02, 0.1, 0.3)),
        limits=limits,
        seconds=draw.seconds,
        steps=tuple(sorted(draw.steps, key=lambda step: step.at)),
        checks_leaks=draw.chance(0.25),
    )


def _draw_limits(draw: _Draw, theme: str) -> dict[str, float]:
    r = draw.random
    limits: dict[str, float] = {
        "LINGER_SECONDS": r.choice((0.3, 1.0, 3.0)),
        "SWEEP_SECONDS": r.choice((0.1, 0.3)),
    }
    if draw.chance(0.5):
        limits["MAX_SLICE_EVENTS"] = r.choice((3, 8))
    if theme == "purge":
        limits |= {
            "PURGE_AFTER_SECONDS": 0.5,
            "JOIN_TIMEOUT_SECONDS": 0.4,  # below it: what a join has counted on is still there
            "CLEANUP_SECONDS": 0.2,
            "_CLEANUP_ROWS": 1,
            "MAX_SLICE_EVENTS": 3,
        }
    return limits


# ---- people

_OFTEN: Final = ("say",) * 8 + ("post",) * 5
_SELDOM: Final = (
    "create", "rename", "add", "add", "remove", "remove", "delete", "events", "events", "newest",
    "messages", "chat", "chat", "type", "twice", "cut_client", "cut_client", "flicker", "flicker",
    "away", "slow_reader", "log_out",
)  # fmt: skip


def _draw_people(
    draw: _Draw,
    theme: str,
    users: int,
    devices: tuple[int, ...],
    groups: tuple[tuple[int, ...], ...],
) -> None:
    r = draw.random
    chats = len(groups)
    busy = {"people": 40, "purge": 25}.get(theme, 25)
    for _ in range(r.randint(busy // 3, busy)):
        at, device, chat = draw.time(), r.randrange(len(devices)), r.randrange(chats)
        kind = r.choice(_SELDOM if draw.chance(0.4) else _OFTEN)
        _draw_doing(draw, kind, at, device, chat, users)
        if kind == "create":
            draw.steps[-1] = draw.steps[-1]._replace(args=(device, chats, *draw.steps[-1].args[2:]))
            chats += 1
    if theme in ("people", "all"):
        _draw_race(draw, users, devices, chats)
    if theme == "purge":
        for chat in range(len(groups)):
            owner = groups[chat][0]
            end = draw.seconds * 0.3
            draw.add(end, "delete", owner, chat)
            for _ in range(r.randint(4, 20)):  # more than a node that is cut off has received
                draw.add(end - r.random() * 0.2, "post", owner, chat, 1)


def _draw_doing(draw: _Draw, kind: str, at: float, device: int, chat: int, users: int) -> None:
    r = draw.random
    if kind in ("say", "post"):
        size = r.choice((1, 1, 1, 30, 2000))
        draw.add(at, kind, device, chat, size)
        if draw.chance(0.3):  # a burst
            for _ in range(r.randint(1, 5)):
                draw.add(at + r.random() * 0.01, kind, device, chat, 1)
    elif kind == "create":
        draw.add(at, kind, device, chat, tuple(r.sample(range(users), r.randint(1, users))))
    elif kind in ("add", "remove"):
        user = r.randrange(users)
        draw.add(at, kind, device, chat, user)
        if draw.chance(0.5):  # and back
            other = "remove" if kind == "add" else "add"
            draw.add(at + r.choice((0.005, 0.05, 0.5)), other, device, chat, user)
    elif kind == "away":
        draw.add(at, kind, device, r.choice((0.2, 0.5, 1.5)))
    elif kind == "slow_reader":
        draw.add(at, kind, device, r.choice((0.5, 2.0)))
    elif kind == "flicker":
        draw.add(at, kind, device, r.choice((1, 3)))
    elif kind in ("cut_client", "log_out"):
        draw.add(at, kind, device)
    else:
        draw.add(at, kind, device, chat)


def _draw_race(draw: _Draw, users: int, devices: tuple[int, ...], chats: int) -> None:
    """Removals amid reads, sends and reconnects, within a few milliseconds."""
    r = draw.random
    for _ in range(r.randint(1, 4)):
        at, chat, victim = draw.time(), r.randrange(chats), r.randrange(users)
        width = r.choice((0.004, 0.02, 0.1))
        for kind in r.choices(("remove", "add", "say", "post", "events", "cut_client"), k=8):
            when = at + r.random() * width
            device = r.randrange(len(devices))
            if kind in ("remove", "add"):
                draw.add(when, kind, device, chat, victim)
            elif kind in ("say", "post"):
                draw.add(when, kind, device, chat, 1)
            elif kind == "events":
                draw.add(when, kind, victim, chat)
            else:
                draw.add(when, kind, victim)


# ---- faults


def _draw_faults(draw: _Draw, theme: str, replicas: dict[str, int]) -> None:
    r = draw.random
    kinds = {
        "bus": (_bus,),
        "services": (_services,),
        "death": (_none,),
        "network": (_network,),
        "database": (_database,),
        "hiccup": (_hiccup,),
        "people": (_none,),
        "purge": (_purge,),
        "all": (_bus, _services, _network, _database, _clocks),
    }[theme]
    if theme == "death":
        _death(draw, replicas)
    for _ in range(r.randint(1, 4)):
        r.choice(kinds)(draw, replicas)


def _hosts(replicas: dict[str, int], *roles: str) -> list[str]:
    return [f"{role}-{n}" for role in roles for n in range(replicas[role])]


def _length(draw: _Draw) -> float:
    return round(draw.random.choice((0.05, 0.3, 1.0, 2.0, 6.0)) * draw.random.uniform(0.5, 1.2), 3)


def _none(_: _Draw, __: dict[str, int]) -> None:
    pass


def _bus(draw: _Draw, replicas: dict[str, int]) -> None:
    r = draw.random
    chats = tuple(_hosts(replicas, "chats"))
    nodes = _hosts(replicas, "realtime")
    hosts = r.choice((chats, chats, (r.choice(chats),), (r.choice(nodes),)))
    seconds = LASTING if draw.chance(0.3) else _length(draw)
    kind = r.choice(("cut_bus", "deaf", "refuse", "wear", "wear", "wear", "valkey"))
    if kind == "valkey":
        draw.add(draw.time(), "valkey", r.choice(("restart", "failover")), _length(draw))
    elif kind == "wear":
        shares = r.choice(((0.3, 0.0, 0.0), (0.2, 0.2, 0.3), (0.0, 0.3, 0.5), (0.9, 0.0, 0.0)))
        at, node, seconds = draw.time(), r.choice(nodes), _length(draw)
        draw.add(at, "wear", node, *shares, seconds)
        if draw.chance(0.7):  # and its repairs are slow while more arrives
            slowness = r.choice((0.05, 0.1))
            for host in chats:
                draw.add(at, "crawl", node, host, slowness, seconds)
            for _ in range(r.randint(10, 30)):
                when = at + r.random() * min(seconds, 0.4)
                draw.add(when, r.choice(("say", "post")), r.randrange(2), 0, 1)
        if draw.chance(0.5):
            _come_back_late(draw, at)
    elif kind == "cut_bus":
        for host in hosts:
            draw.add(draw.time(), "cut", host, "valkey", r.choice(("both", "there")), seconds)
    else:
        draw.add(draw.time(), kind, hosts, seconds)


def _come_back_late(draw: _Draw, at: float) -> None:
    """Everybody is away for as long as a room lingers, and misses what is posted meanwhile."""
    r = draw.random
    draw.seconds = max(draw.seconds, at + draw.linger + 0.5)
    for device in range(2):
        draw.add(at, "away", device, round(draw.linger + r.uniform(-0.1, 0.3), 3))
    for _ in range(r.randint(2, 8)):
        draw.add(at + r.random() * draw.linger, "hand_in", r.randrange(2), r.randrange(2))


def _services(draw: _Draw, replicas: dict[str, int]) -> None:
    r = draw.random
    host = r.choice(_hosts(replicas, "users", "chats", "realtime", "edge", "cache"))
    kind = r.choice(("kill", "kill", "stop", "terminate", "short", "vanish"))
    if kind == "short":
        host = r.choice(_hosts(replicas, "chats"))
    draw.add(draw.time(), kind, host, _length(draw))


def _death(draw: _Draw, replicas: dict[str, int]) -> None:
    """Of one process, which is back in two seconds: no send needs to fail for it."""
    host = draw.random.choice(_hosts(replicas, "users", "chats", "chats", "cache"))
    draw.add(draw.time(), "kill", host, draw.random.choice((0.2, 1.0, 2.0)))


def _network(draw: _Draw, replicas: dict[str, int]) -> None:
    r = draw.random
    one = r.choice(_hosts(replicas, "realtime", "realtime", "edge", "users"))
    others = [*_hosts(replicas, "chats"), "valkey", *_hosts(replicas, "users", "cache")]
    kind = r.choice(("cut", "cut", "island", "crawl"))
    at = draw.time()
    if kind == "island":
        node, seconds = r.choice(_hosts(replicas, "realtime")), r.choice((1.0, 5.5, 7.0))
        for other in [*_hosts(replicas, "chats"), "valkey"]:
            draw.add(at, "cut", node, other, "both", seconds)
        _join_while_away(draw, at, seconds)
    elif kind == "crawl":
        draw.add(at, "crawl", one, r.choice(others), r.choice((0.01, 0.1)), _length(draw))
    else:
        way = r.choice(("both", "there", "back"))
        draw.add(at, "cut", one, r.choice(others), way, _length(draw))


def _join_while_away(draw: _Draw, at: float, seconds: float) -> None:
    """A user is added early in an outage, and the run goes on until it is over."""
    draw.seconds = max(draw.seconds, at + seconds + 0.3)
    draw.add(at + 0.1, "add_everybody", 0)


def _database(draw: _Draw, _: dict[str, int]) -> None:
    r = draw.random
    host = r.choice(("postgres-chats", "postgres-chats", "postgres-users"))
    kind = r.choice(("db_restart", "db_down", "db_slow", "hiccup"))
    if kind == "hiccup":
        draw.add(draw.time(), kind, host, r.choice((0.1, 0.5)), _length(draw))
    elif kind == "db_slow":
        draw.add(draw.time(), kind, host, r.choice((0.02, 0.2)), _length(draw))
    else:
        draw.add(draw.time(), kind, host, _length(draw))


def _hiccup(draw: _Draw, _: dict[str, int]) -> None:
    """Short, so that no send needs to fail for it."""
    if draw.chance(0.5):
        share, seconds = draw.random.choice((0.1, 0.3)), draw.random.choice((0.3, 1.0))
        draw.add(draw.time(), "hiccup", "postgres-chats", share, seconds)
    else:
        draw.add(draw.time(), "db_restart", "postgres-chats", 0.0)


def _purge(draw: _Draw, replicas: dict[str, int]) -> None:
    """A node misses a chat's end until the chat is being purged, slowly."""
    at = draw.seconds * 0.3 - 0.2
    node = draw.random.choice(_hosts(replicas, "realtime"))
    seconds = draw.random.uniform(0.6, 1.6)
    for other in [*_hosts(replicas, "chats"), "valkey"]:
        draw.add(at, "cut", node, other, "both", round(seconds, 3))
    draw.add(at, "db_slow", "postgres-chats", draw.random.choice((0.01, 0.05)), 4.0)
    draw.seconds = max(draw.seconds, at + seconds + 0.3)


def _clocks(draw: _Draw, replicas: dict[str, int]) -> None:
    host = draw.random.choice(_hosts(replicas, "users", "chats", "realtime", "edge"))
    draw.add(draw.time(), "skew", host, draw.random.choice((-3.0, -0.5, 0.5, 3.0)))
