"""topgun against the fake GMO Coin: from the first token to a lost connection and back, with the right rows."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.errors import HandshakeRefused, InitializeError
from topgun.exchanges.gmocoin import EXCHANGE, GMOCoinDataStore
from topgun.exchanges.gmocoin.stream import token_of
from topgun.helpers import GMOCoinHelper, GMOCoinResponseError
from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HOST = "api.coin.z.com"
SYMBOL = "BTC_JPY"
BOOK = {"symbol": SYMBOL}
EVENTS = ("executionEvents", "orderEvents", "positionEvents", "positionSummaryEvents")
MAINTENANCE = '{"status": 5, "messages": [{"message_code": "ERR-5201", "message_string": "MAINTENANCE"}]}'
HOUR = 3600.0


class Bot:
    """A bot on the leverage market of GMO Coin, or on a pair of FX; time passes only when it says so."""

    def __init__(self, fake: FakeExchange, clock: FakeClock, client: topgun.Client, *, fx: bool) -> None:
        self.fake, self.clock, self.client, self.fx = fake, clock, client, fx
        self.host = f"forex-{HOST}" if fx else HOST
        self.symbol = "USD_JPY" if fx else SYMBOL
        self.unit = 100 if fx else Decimal("0.01")
        self.helper = GMOCoinHelper(client, host=self.host)
        self.store = GMOCoinDataStore()
        self.market = fake.market(self.symbol)
        self.token = ""

    async def connect(self) -> list[Any]:
        self.token = await self.helper.create_access_token()
        public = ["ticker"] if self.fx else ["orderbooks", "trades", "ticker"]
        messages = {
            "public/v1": [{"command": "subscribe", "channel": name, "symbol": self.symbol} for name in public],
            f"private/v1/{self.token}": [{"command": "subscribe", "channel": name} for name in EVENTS],
        }
        apps = [
            self.client.ws_connect(f"wss://{self.host}/ws/{path}", send_json=each, hdlr_json=self.store.onmessage)
            for path, each in messages.items()
        ]
        await self.until(self.is_open)
        return apps

    def is_open(self) -> bool:
        return all(app.state.value == "open" for app in self.client.apps)

    async def until(self, condition: Callable[[], object], seconds: float = 120.0, step: float = 0.25) -> None:
        """Let time pass, so much at a time, until something is so; fail after `seconds` of it."""
        for _ in range(round(seconds / step)):
            for _ in range(5):
                if condition():
                    return
                await asyncio.sleep(0.001)
            await self.clock.advance(step)
        raise TimeoutError(f"{self.fake.connections}, {self.fake.requests}")

    async def initialize(self) -> None:
        url, params = f"https://{self.host}/private/v1/", {"symbol": self.symbol}
        names = ("activeOrders", "openPositions", "positionSummary", "latestExecutions")
        await self.store.initialize(*(self.client.get(url + name, params=params) for name in names))

    async def post(self, path: str, **values: Any) -> Any:
        result = await self.client.fetch("POST", f"https://{self.host}/private/v1/{path}", data=values)
        assert result.data["status"] == 0, result.text
        return result.data["data"]

    async def send(self, side: str, price: object, units: int, path: str = "order") -> int:
        size, name = str(units * self.unit), "limitPrice" if self.fx else "price"
        values = {"symbol": self.symbol, "side": side, "executionType": "LIMIT", name: str(price), "size": size}
        answer = await self.post(path, **values)
        return int(answer[0]["orderId"] if self.fx else answer)

    def open(self) -> dict[int, int]:
        """Return how many units are left of each open order."""
        rows = self.store.orders.find()
        left = {row["orderId"]: Decimal(row.get("orderSize", row.get("size"))) - self.executed(row) for row in rows}
        return {name: int(size / self.unit) for name, size in left.items()}

    def executed(self, row: Any) -> Decimal:
        return Decimal(row.get("orderExecutedSize", row.get("executedSize", "0")))

    def held(self) -> int:
        rows = self.store.positions.find()
        return int(sum(Decimal(row["size"]) * (1 if row["side"] == "BUY" else -1) for row in rows) / self.unit)

    def total(self) -> int:
        """Return the same, by the table of sums."""
        rows = self.store.position_summary.find({"side": "BUY"})
        return int(sum(Decimal(row.get("sumPositionQuantity") or row["sumPositionSize"]) for row in rows) / self.unit)

    def right(self) -> bool:
        """Tell whether the book is live and the true one, level by level."""
        sides = self.store.orderbooks.sorted(BOOK)
        seen = {name: [(Decimal(row["price"]), Decimal(row["size"])) for row in rows] for name, rows in sides.items()}
        return self.store.orderbooks.state(BOOK) == "live" and seen == self.market.book()


@asynccontextmanager
async def trading(*, fx: bool = False, **kwargs: Any) -> AsyncIterator[Bot]:
    clock = FakeClock()
    async with (
        FakeExchange("gmocoin", clock=clock) as fake,
        topgun.Client(**{"apis": fake.apis, "clock": clock, "exchanges": (EXCHANGE,), **kwargs}) as client,
    ):
        yield Bot(fake, clock, client, fx=fx)


async def test_a_life_with_a_cut_in_it() -> None:
    """Asked, connected, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading() as bot:
        market, store = bot.market, bot.store
        await bot.connect()
        await bot.initialize()
        assert all(request.verified for request in bot.fake.requests)
        await bot.until(bot.right)
        assert (bot.open(), bot.held(), store.orders.state()) == ({}, 0, "live")

        market.tick(20)
        await bot.until(bot.right)
        first, second = [await bot.send("BUY", market.best_bid, 3) for _ in range(2)]
        third = await bot.send("BUY", 9_000_000, 2)  # so far away that nobody fills it
        await bot.until(lambda: bot.open() == {first: 3, second: 3, third: 2})
        market.fill()
        await bot.until(lambda: bot.open() == {second: 3, third: 2} and bot.held() == bot.total() == 3)
        market.fill("0.01")
        await bot.until(lambda: bot.open() == {second: 2, third: 2} and bot.held() == bot.total() == 4)
        assert len(store.executions) == 2

        bot.fake.drop(lasting=True)
        await bot.until(lambda: store.orderbooks.state(BOOK) == "stale" and store.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: 2, third: 2}
        bot.fake.lift()
        await bot.until(lambda: bot.right() and bot.is_open())
        assert store.orders.state() == "stale"
        await bot.initialize()
        assert {table.state() for table in (store.orders, store.positions, store.position_summary)} == {"live"}
        assert (bot.open(), bot.held(), bot.total(), len(store.executions)) == ({third: 2}, 6, 6, 3)

        await bot.post("cancelBulkOrder", symbols=[SYMBOL])
        await bot.until(lambda: bot.open() == {})
        closing = await bot.send("SELL", market.best_ask, 6, "closeBulkOrder")
        await bot.until(lambda: bot.open() == {closing: 6})
        market.fill()
        await bot.until(lambda: (bot.open(), bot.held(), bot.total()) == ({}, 0, 0))
        assert list(store.positions) == []
        market.tick(20)
        await bot.until(bot.right)
        assert not any("error" in str(frame) for link in bot.fake.connections for frame in link.received)


async def test_fx() -> None:
    """The same store and helper serve GMO Coin FX, with its own key: orders, positions and prices."""
    async with trading(fx=True) as bot:
        await bot.connect()
        await bot.initialize()
        await bot.until(lambda: len(bot.store.ticker) == 1)
        order, other = [await bot.send("BUY", bot.market.best_bid, 2) for _ in range(2)]
        await bot.until(lambda: bot.open() == {order: 2, other: 2})
        bot.market.fill()
        await bot.until(lambda: bot.open() == {other: 2} and bot.held() == bot.total() == 2)
        await bot.initialize()
        assert (bot.open(), bot.held(), bot.total()) == ({other: 2}, 2, 2)
        await bot.post("cancelOrders", rootOrderIds=[other])
        await bot.until(lambda: bot.open() == {})
        assert {request.host for request in bot.fake.requests} == {f"forex-{HOST}"}
        assert all(request.verified for request in bot.fake.requests)


@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt", "duplicate"])
@pytest.mark.parametrize("row", [False, True])
async def test_a_spoiled_book_is_right_again(fault: str, row: bool) -> None:
    """Whatever happens to a message, the next one makes the book right; meanwhile it is not called live if it broke."""
    async with trading() as bot:
        await bot.connect()
        await bot.until(bot.right)
        with bot.store.orderbooks.status.watch() as states:
            getattr(bot.fake, fault)("orderbooks", **({"row": row} if fault == "corrupt" else {}))
            for _ in range(3):
                bot.market.trade("buy", "0.01")
            await bot.until(bot.right)
            if fault == "corrupt" and row:
                assert (await asyncio.wait_for(states.get(), 5)).data["state"] == "syncing"
            bot.market.tick()
            await bot.until(bot.right)


async def test_a_token_that_ends_during_maintenance(caplog: pytest.LogCaptureFixture) -> None:
    """The private socket is back with a new token, without user code; nothing that was said shows a token."""
    caplog.set_level(logging.DEBUG)
    async with trading() as bot:
        _, private = await bot.connect()
        await bot.initialize()
        bot.fake.drop(lasting=True)
        bot.fake.refuse_handshake(503, times=None)
        bot.fake.fail_request(200, body=MAINTENANCE, times=None)
        await bot.until(lambda: bot.store.orders.state() == "stale")
        for _ in range(28):
            await bot.clock.advance(150)
            await asyncio.sleep(0.002)
        assert private.state.value in {"waiting", "connecting"}
        assert token_of(private.url) == bot.token
        bot.fake.lift()
        await bot.until(bot.is_open, step=2.0)
        fresh = token_of(private.url)
        assert fresh not in {"", bot.token}
        assert [link.api for link in bot.fake.links() if link.path.endswith(fresh)] == ["gmocoin"]

        order = await bot.send("BUY", bot.market.best_bid, 1)
        await bot.until(lambda: bot.open() == {order: 1})
        told = [record.getMessage() for record in caplog.records]
        assert any("ERR-5201" in text for text in told)
        for each in (*told, *map(repr, bot.client.apps), *map(repr, asyncio.all_tasks())):
            assert bot.token not in each
            assert fresh not in each


async def test_maintenance_beside_the_helper() -> None:
    """`manage_ws_token` and the socket agree on one token: what the one has got, the other extends."""
    async with trading() as bot:
        _, private = await bot.connect()
        managing = asyncio.create_task(bot.helper.manage_ws_token(private, bot.token))
        bot.fake.drop(lasting=True)
        bot.fake.refuse_handshake(503, times=None)
        bot.fake.fail_request(200, body=MAINTENANCE, times=None)
        for _ in range(28):
            await bot.clock.advance(150)
            await asyncio.sleep(0.002)
        bot.fake.lift()
        await bot.until(bot.is_open, step=2.0)
        fresh, seen = token_of(private.url), len(bot.fake.requests)
        assert fresh not in {"", bot.token}
        for _ in range(8):
            await bot.clock.advance(HOUR / 4)
            await asyncio.sleep(0.005)
        assert not managing.done()
        managing.cancel()
        later = bot.fake.requests[seen:]
        assert {request.method for request in later} == {"PUT"}
        assert all(fresh.encode() in request.body and request.verified for request in later)
        assert private.state.value == "open"


async def test_a_socket_outlives_its_token() -> None:
    """Without any helper the token is extended as long as the socket is open; with another key it would be cut."""
    async with trading() as bot:
        await bot.connect()
        sockets = len(bot.fake.connections)
        for _ in range(16):
            await bot.clock.advance(HOUR / 4)
            await asyncio.sleep(0.005)
            bot.market.tick()
        assert (len(bot.fake.links()), len(bot.fake.connections)) == (2, sockets)
        order = await bot.send("BUY", bot.market.best_bid, 1)
        await bot.until(lambda: bot.open() == {order: 1})


async def test_one_message_a_second_for_all_sockets() -> None:
    """However many sockets subscribe at once, GMO Coin refuses nothing, and is not asked for its time."""
    async with trading() as bot:
        start = bot.clock.monotonic()
        for _ in range(2):
            for _ in range(3):
                channel = {"command": "subscribe", "channel": "ticker", "symbol": SYMBOL}
                bot.client.ws_connect(f"wss://{HOST}/ws/public/v1", send_json=channel, hdlr_json=bot.store.onmessage)
            await bot.until(bot.is_open)
        assert 5.0 <= bot.clock.monotonic() - start < 8.0
        assert [len(link.topics) for link in bot.fake.links()] == [1] * 6
        assert "/public/v1/status" not in {request.path for request in bot.fake.requests}


async def test_a_subscription_of_another_program() -> None:
    """One that is refused because somebody else was quicker is sent again, with all the others."""
    async with trading() as bot, aiohttp.ClientSession(connector=bot.fake.connector()) as other:
        socket = await other.ws_connect(f"wss://{HOST}/ws/public/v1")
        await socket.send_str("{}")
        await bot.fake.until(lambda: bot.fake.frames_received)
        await bot.connect()
        await bot.until(lambda: bot.right() and bot.is_open() and len(bot.fake.links()) == 3)
        assert sorted(len(link.topics) for link in bot.fake.links()) == [0, 3, 4]
        assert len(bot.fake.connections) == 4


async def test_a_refused_key() -> None:
    """One clear error, for a token as for an answer."""
    apis = {"gmocoin": ["a-key-of-somebody", "a-secret-of-somebody"]}
    async with trading(apis=apis) as bot:
        with pytest.raises(GMOCoinResponseError, match="ERR-5012"):
            await bot.connect()
        with pytest.raises(InitializeError, match="ERR-5012"):
            await bot.initialize()
        assert list(bot.store.orders) == []


async def test_a_wrong_clock() -> None:
    """It is refused, and can see why."""
    async with trading() as bot:
        bot.fake.clock_skew(120)
        with pytest.raises(InitializeError, match="ERR-5008"):
            await bot.initialize()
        bot.fake.clock_skew(0)
        await bot.initialize()


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as bot:
        bot.fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("BUY", bot.market.best_bid, 1)
        await bot.initialize()
        assert list(bot.open().values()) == [1]


async def test_a_token_that_was_never_valid() -> None:
    """The very first handshake is refused for good, and the error does not show the token."""
    async with trading() as bot:
        with pytest.raises(HandshakeRefused, match="401") as caught:
            await bot.client.ws_connect(f"wss://{HOST}/ws/private/v1/no-token")
        assert "no-token" not in f"{caught.value}{caught.value!r}"
