"""Requests that are given once and repeated whenever a connection was lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import topgun
from tests.support import FakeSocket, respond, until
from topgun.errors import InitializeError
from topgun.store import DataStore, DataStoreCollection, Topic
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from yarl import URL

    from topgun.exchange import Requester

API = "https://api.example.test"


class Rows(DataStore):
    """What the last answer listed."""

    _KEYS = ("id",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(msg["rows"])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._clear()
        self._insert(data)


class Shop(DataStoreCollection):
    """Two tables that answers fill."""

    orders = Topic(Rows, "orders")
    positions = Topic(Rows, "positions")
    _RESPONSES: ClassVar = {"/orders": "orders", "/positions": "positions"}

    def _topic(self, msg: Any) -> Sequence[str]:
        return (msg["table"],)

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, list)


class Socket(FakeSocket):
    """A socket that is subscribed when it is told so; what it spawns runs."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed = False
        self._wanting: list[Callable[[Any], object]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.requester.spawn = self._spawn  # type: ignore[method-assign]

    def on_subscribed(self, callback: Callable[[Any], object]) -> None:
        self._wanting.append(callback)

    def subscribe(self) -> None:
        self.subscribed = True
        for callback in self._wanting:
            callback(self)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))


class Server:
    """Answers with what there is at that moment."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lists: dict[str, Any] = {"orders": [{"id": 1}], "positions": [{"id": 2}]}

    async def get(self, name: str) -> Any:
        self.asked.append(name)
        await asyncio.sleep(0)
        answer = self.lists[name]
        if isinstance(answer, Exception):
            raise answer
        return await respond("GET", f"{API}/{name}", answer)


def connected(store: Shop) -> Socket:
    ws = Socket()
    store._onconnect(ws)
    ws.subscribe()
    return ws


async def done(*sockets: Socket) -> None:
    await asyncio.gather(*(task for ws in sockets for task in ws.tasks))


async def test_given_once_and_repeated() -> None:
    """A function is called now, and again after a loss; what was given as a request is not."""
    server, store = Server(), Shop()
    ws = connected(store)
    await store.initialize(partial(server.get, "orders"), server.get("positions"))
    assert server.asked == ["orders", "positions"]
    assert ws.tasks == []  # nothing was lost so far
    ws.lose()
    assert store.orders.state() == "stale"
    server.lists["orders"] = [{"id": 7}]
    again = Socket()
    store._onconnect(again)
    assert again.tasks == []  # not before it is subscribed: what happens until then would be missed
    again.subscribe()
    await done(again)
    assert server.asked == ["orders", "positions", "orders"]
    assert (store.orders.find(), store.orders.state()) == ([{"id": 7}], "live")
    assert store.positions.state() == "stale"


async def test_without_functions_nothing_is_repeated() -> None:
    """Requests that were given as such are the user's own business, as ever."""
    server, store = Server(), Shop()
    ws = connected(store)
    await store.initialize(server.get("orders"))
    ws.lose()
    assert connected(store).tasks == []


async def test_what_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """With growing waits by the client's clock, until the tables are live or the socket is lost."""
    server, store = Server(), Shop()
    connected(store).lose()
    server.lists["positions"] = {"error": 1}
    with pytest.raises(InitializeError):
        await store.initialize(partial(server.get, "orders"), partial(server.get, "positions"))
    server.asked.clear()
    ws = connected(store)
    clock = ws.clock
    for number in range(1, 9):
        await until(lambda number=number: len(clock.sleeps) == number)  # type: ignore[misc]  # bound early
        if number == 7:
            server.lists["positions"] = TimeoutError()
        await clock.advance(clock.sleeps[-1])  # type: ignore[attr-defined]
    assert clock.sleeps[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]  # type: ignore[attr-defined]
    assert server.asked.count("orders") == 1
    assert "Shop: not initialized again: InitializeError" in caplog.text
    assert "Shop: not initialized again: TimeoutError" in caplog.text
    server.lists["positions"] = []
    await until(lambda: len(clock.sleeps) == 9)  # type: ignore[attr-defined]
    await clock.advance(60.0)  # type: ignore[attr-defined]
    await done(ws)
    assert store.positions.state() == "live"


async def test_what_fills_no_table_is_not_repeated() -> None:
    """A request that no table knows of is done with once it was answered."""
    server, store = Server(), Shop()
    server.lists["weather"] = []
    ws = connected(store)
    await store.initialize(partial(server.get, "weather"))
    ws.lose()
    await done(connected(store))
    assert server.asked == ["weather"]


async def test_a_lost_socket_ends_it() -> None:
    """The socket that replaces a lost one repeats what the lost one could not."""
    server, store = Server(), Shop()
    server.lists["orders"] = ConnectionError()
    with pytest.raises(ConnectionError):
        await store.initialize(partial(server.get, "orders"))
    connected(store).lose()
    ws = connected(store)
    await until(lambda: len(ws.clock.sleeps) == 1)  # type: ignore[attr-defined]
    ws.lose()
    await ws.clock.advance(1.0)  # type: ignore[attr-defined]
    await done(ws)
    server.lists["orders"] = []
    await done(connected(store))
    assert store.orders.state() == "live"


async def test_two_sockets_that_come_back_together() -> None:
    """Nothing is asked for twice."""
    server, store = Server(), Shop()
    one, two = connected(store), connected(store)
    await store.initialize(partial(server.get, "orders"))
    one.lose()
    two.lose()
    one, two = connected(store), connected(store)
    await done(one, two)
    assert server.asked == ["orders", "orders"]
    assert store.orders.state() == "live"


async def test_over_real_sockets() -> None:
    """A bot that gave its requests once has its tables back after a cut, without a line of its own."""
    store = topgun.BybitDataStore()
    async with FakeExchange("bybit") as fake, topgun.Client(fake.apis, base_url="https://api.bybit.com") as client:
        app = await client.ws_connect(
            "wss://stream.bybit.com/v5/private",
            send_json={"op": "subscribe", "args": ["order", "position"]},
            hdlr_json=store.onmessage,
            backoff=(0.01, 0.02, 1.5, 0.01),
        )
        await app.ready()
        query = {"category": "linear", "symbol": "BTCUSDT"}
        await store.initialize(
            partial(client.get, "/v5/order/realtime", params=query),
            partial(client.get, "/v5/position/list", params=query),
        )
        assert (store.order.state(), store.position.state()) == ("live", "live")
        fake.drop()
        await fake.until(lambda: store.order.state() == "stale")
        await fake.until(lambda: (store.order.state(), store.position.state()) == ("live", "live"))
