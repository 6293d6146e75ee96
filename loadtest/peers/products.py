"""Hubbub compared with whole products: the same sixteen clients send, read a page, list their
chats, search and receive messages, on the same cores.

The clients are in this process, which both servers pay alike; what is compared is the CPU of all of
a product's processes for a request. A product answers in its own form: Matrix's list
comes with members and events whole, its pages with the state that they need.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
import uvloop

from loadtest.peers import matrix
from loadtest.peers.calling import percentiles
from loadtest.peers.delivering import Listen, Take, deliver
from loadtest.peers.exchanging import connect, encode_request, exchange_for
from loadtest.peers.growing import SEED
from loadtest.peers.hubbub import ONE_OF_EACH, Hubbub, running_hubbub
from loadtest.peers.machine import Found, cpu_seconds, machine_busy_seconds, wait_for_quiet
from loadtest.peers.people import People
from loadtest.peers.process import LOOPBACK
from loadtest.sockets.chat_socket import ChatSocket

CLIENTS: Final = 16  # all of them in each chat
CHATS: Final = 10
MESSAGES: Final = 100  # in each chat before anything is measured
PAGE: Final = 50
FOUND: Final = 20
WORDS: Final = 1_000
WORDS_A_MESSAGE: Final = 12
ACTS: Final = ("post", "page of 50", "list of chats", "search")
DELIVERY: Final = "delivery to each of 16"  # of one message after the other, its post included
QUIET_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Product:
    """`act` gives what a client asks next, by one of ACTS and the client's number, and `post` asks
    for a text in the chat that `listen` listens to. `cpu` gives the seconds that all of its
    processes have used."""

    port: int
    cpu: Callable[[], float]
    act: Callable[[str, int], bytes]
    post: Callable[[str], bytes]
    listen: Listen


def measure_products(rounds: int, seconds: float) -> Iterator[tuple[str, str, int, Found]]:
    """Yields what was done, by whom, the round, and what it took."""
    with running_hubbub(ONE_OF_EACH) as hubbub, matrix.running_synapse() as synapse:
        products = {"hubbub": _hubbub(hubbub), "synapse": _synapse(synapse)}
        for product in products.values():
            _fill(product)
        for round_ in range(rounds):
            for act in (*ACTS, DELIVERY):
                for name in sorted(products, reverse=round_ % 2 == 1):
                    wait_for_quiet(QUIET_SECONDS)
                    yield act, name, round_, _measure(products[name], act, seconds)


def _hubbub(hubbub: Hubbub) -> Product:
    people = People(hubbub.port)
    crowd = people.sign_up(CLIENTS)
    chats = people.make_chats([crowd] * CHATS)

    def act(kind: str, client: int) -> bytes:
        person, chat, words = crowd[client], random.choice(chats), _words()  # noqa: S311
        if kind == "post":
            body = {"message": " ".join(words)}
            return encode_request("POST", f"/api/chat/{chat}/message", person.token, body)
        path = {
            "page of 50": f"/api/chat/{chat}/message?limit={PAGE}",
            "list of chats": "/api/chat?limit=200&order=activity",
            "search": f"/api/search?q={words[0]}&limit={FOUND}",
        }[kind]
        return encode_request("GET", path, person.token)

    def post(text: str) -> bytes:
        path = f"/api/chat/{chats[0]}/message"
        return encode_request("POST", path, crowd[0].token, {"message": text})

    async def listen(client: int, take: Take) -> Callable[[], None]:
        is_ready = asyncio.get_running_loop().create_future()

        def hear(frame: bytes) -> None:
            if not is_ready.done():
                is_ready.set_result(None)
            take(frame)

        socket = await ChatSocket.open(f"http://{LOOPBACK}:{hubbub.port}", hear)
        socket.send(msgspec.json.encode({"type": "connect", "token": crowd[client].token}))
        await is_ready
        return socket.abort

    return Product(hubbub.port, lambda: sum(hubbub.cpu().values()), act, post, listen)


def _synapse(synapse: matrix.Synapse) -> Product:
    tokens = [synapse.sign_up(f"user{number}") for number in range(CLIENTS)]
    rooms = [synapse.make_room(tokens) for _ in range(CHATS)]

    def act(kind: str, client: int) -> bytes:
        token, room, words = tokens[client], random.choice(rooms), _words()  # noqa: S311
        match kind:
            case "post":
                return matrix.send(token, room, " ".join(words))
            case "page of 50":
                return matrix.read_page(token, room, PAGE)
            case "list of chats":
                return matrix.list_rooms(token)
        return matrix.search(token, words[0], FOUND)

    def post(text: str) -> bytes:
        return matrix.send(tokens[0], rooms[0], text)

    def listen(client: int, take: Take) -> Awaitable[Callable[[], None]]:
        return matrix.listen(synapse.port, tokens[client], take)

    return Product(synapse.port, synapse.cpu, act, post, listen)


def _words() -> list[str]:
    return [f"word{random.randrange(WORDS)}" for _ in range(WORDS_A_MESSAGE)]  # noqa: S311


def _fill(product: Product) -> None:
    random.seed(SEED)
    uvloop.run(_post_some(product))


async def _post_some(product: Product) -> None:
    async def work(client: int) -> None:
        connection = await connect(product.port)
        for _ in range(CHATS * MESSAGES // CLIENTS):
            await connection.exchange(product.act("post", client))
        connection.close()

    await asyncio.gather(*map(work, range(CLIENTS)))


def _measure(product: Product, act: str, seconds: float) -> Found:
    used, started = product.cpu(), time.monotonic()
    busy, own = machine_busy_seconds(), cpu_seconds(os.getpid())
    if act == DELIVERY:
        work = deliver(product.port, product.listen, product.post, CLIENTS, seconds)
    else:
        work = _repeat(product, act, seconds)
    times = uvloop.run(work)
    took, used = time.monotonic() - started, product.cpu() - used
    own = cpu_seconds(os.getpid()) - own
    return {
        "us": used / len(times) * 1e6,
        "requests_per_s": len(times) / took,
        "others_cores": max(0.0, (machine_busy_seconds() - busy - used - own) / took),
        **percentiles(times),
    }


async def _repeat(product: Product, act: str, seconds: float) -> list[float]:
    """Milliseconds of each."""
    connections = [await connect(product.port) for _ in range(CLIENTS)]
    times, _ = await exchange_for(connections, partial(product.act, act), seconds)
    for connection in connections:
        connection.close()
    return times
