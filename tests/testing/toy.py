"""A venue made up for the tests of the kit: a book, a stream of trades, a login, one page that executes something."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp

from topgun.testing import FakeExchange, Market
from topgun.testing import venues as venues_module
from topgun.testing.orders import Trade
from topgun.testing.venue import Reply, Request, Venue, hmac_hex
from topgun.testing.view import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from aiohttp import ClientSession, ClientWebSocketResponse

    from topgun.testing import Link
    from topgun.testing.orders import Event

REST, STREAM = "rest.toy.test", "stream.toy.test"
SOCKET = f"wss://{STREAM}/ws"

venues_module.VENUES["toy"] = "tests.testing.toy"


class Toy(Venue):
    """One market ``TOY``; topics ``book`` (a snapshot, then updates) and ``trades`` (events)."""

    name = "toy"
    hosts = (REST, STREAM)
    keys: ClassVar = {"toy": ("toy-key", "toy-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.view = View(self.markets["TOY"])
        self.executed: list[str] = []

    def open_markets(self, seed: int) -> dict[str, Market]:
        terms = {"price": "100", "tick": "1", "lot": "0.1", "minimum": "0.1", "grid": "1", "unit": "0.1"}
        return {"TOY": Market("TOY", seed=seed, depth=10, numbers=self.numbers, **terms)}

    def admits(self, request: Request) -> bool:
        return request.url.path == "/ws"

    def verified(self, request: Request) -> bool:
        return request.headers.get("X-SIGN") == hmac_hex(self.apis["toy"][1], request.target.encode() + request.body)

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        self.executed.append(request.url.path)
        if request.url.path == "/later":
            self.later: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            return self.later
        if request.url.path == "/empty":
            return Reply()
        return Reply({"query": request.query, "body": request.json()}, headers={"X-Seen": "yes"})

    def greet(self, link: Link) -> None:
        super().greet(link)
        if "welcome" in link.query:
            link.send({"welcome": link.number})

    def hear(self, link: Link, frame: str | bytes) -> None:
        match json.loads(frame):
            case {"login": _}:
                answer = link.login_answer()
                if answer != "silent":
                    link.send({"login": answer})
            case {"subscribe": str(topic)}:
                link.topics[topic] = True
                link.send({"subscribed": topic})
                if topic == "book":
                    link.send({"book": self.view.number, "rows": []}, topic=topic)
            case other:
                link.send({"echo": other})

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        trades = [event for event in events if isinstance(event, Trade)]
        changes = self.view.step()
        for link in self.links():
            if changes and "book" in link.topics:
                rows = [[str(price), str(size)] for side in ("sell", "buy") for price, size in changes[side]]
                link.send({"book": self.view.number, "rows": rows}, topic="book", update=True)
            if trades and "trades" in link.topics:
                numbers = [{"number": trade.number} for trade in trades]
                link.send({"trades": numbers}, topic="trades", event=True)


VENUE = Toy


@asynccontextmanager
async def toy(**options: Any) -> AsyncIterator[tuple[FakeExchange, ClientSession]]:
    """Open a fake of the toy venue, and a plain session that leads to it."""
    async with (
        FakeExchange("toy", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, session


async def subscribed(session: ClientSession, *topics: str) -> ClientWebSocketResponse:
    """Open a socket, subscribe to topics, and hear the answers and the snapshot."""
    socket = await session.ws_connect(SOCKET)
    for topic in topics:
        await socket.send_json({"subscribe": topic})
        assert await hear(socket) == {"subscribed": topic}
        if topic == "book":
            assert (await hear(socket))["rows"] == []
    return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    """Return the next message."""
    return json.loads(await socket.receive_str(timeout=5))


async def echoed(socket: ClientWebSocketResponse) -> list[str]:
    """Return the texts that arrive before the answer to a request sent now."""
    await socket.send_json("now")
    texts = []
    while (text := await socket.receive_str(timeout=5)) != '{"echo": "now"}':
        texts.append(text)
    return texts


def numbers(texts: list[str]) -> list[int]:
    """Return the numbers of book messages."""
    return [json.loads(text)["book"] for text in texts]
