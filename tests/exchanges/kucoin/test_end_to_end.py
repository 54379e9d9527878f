"""topgun against the fake KuCoin: from the first token to a lost connection and back, with the right rows."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

import topgun
from topgun.errors import InitializeError
from topgun.exchanges.kucoin import EXCHANGE, KuCoinDataStore
from topgun.testing import FakeClock, FakeExchange
from topgun.testing.venues.kucoin import KuCoin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY = 86_400.0
SPOT_TOPICS = ("/market/level2:BTC-USDT", "/spotMarket/level2Depth5:BTC-USDT", "/market/match:BTC-USDT")
SPOT_PRIVATE = ("/spotMarket/tradeOrdersV2", "/account/balance")
FUTURES_TOPICS = ("/contractMarket/level2:XBTUSDTM", "/contractMarket/level2Depth50:XBTUSDTM")
FUTURES_PRIVATE = ("/contractMarket/tradeOrders", "/contract/positionAll", "/contractAccount/wallet")


class Bot:
    """A bot on spot or on futures; time passes only when it says so."""

    def __init__(self, fake: FakeExchange, clock: FakeClock, client: topgun.Client, *, futures: bool) -> None:
        self.fake, self.clock, self.client, self.futures = fake, clock, client, futures
        self.home = f"https://api{'-futures' if futures else ''}.kucoin.com"
        self.symbol = "XBTUSDTM" if futures else "BTC-USDT"
        self.unit = 1 if futures else Decimal("0.001")
        self.book = {"symbol": self.symbol}
        self.store = KuCoinDataStore()
        self.market = fake.market(self.symbol)
        self.sent = 0
        self.wanted: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        return (*FUTURES_TOPICS, *FUTURES_PRIVATE) if self.futures else (*SPOT_TOPICS, *SPOT_PRIVATE)

    async def connect(self, *topics: str, kind: str = "private") -> topgun.ws.WebSocketApp:
        unsigned = {} if kind == "private" else {"auth": None}
        await self.store.initialize(self.client.post(f"{self.home}/api/v1/bullet-{kind}", **unsigned))
        app = self.subscribe(topics or self.topics)
        await self.until(self.is_up)
        return app

    def is_up(self) -> bool:
        """Tell whether a socket is open, and KuCoin has heard of everything that is to be told there."""
        return any(set(link.topics) == set(self.wanted) for link in self.fake.links())

    def subscribe(self, topics: tuple[str, ...]) -> topgun.ws.WebSocketApp:
        self.wanted = topics
        messages = [{"id": n, "type": "subscribe", "topic": topic, "response": True} for n, topic in enumerate(topics)]
        return self.client.ws_connect(self.store.endpoint, send_json=messages, hdlr_json=self.store.onmessage)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0, step: float = 0.25) -> None:
        """Let time pass, so much at a time, until something is so; fail after `seconds` of it."""
        for _ in range(round(seconds / step)):
            for _ in range(6):
                if condition():
                    return
                await asyncio.sleep(0.001)
            await self.clock.advance(step)
        raise TimeoutError(f"{self.fake.connections}, {self.fake.requests}, {self.store.orderbook.status.find()}")

    async def initialize(self) -> None:
        if self.futures:
            orders = self.client.get(f"{self.home}/api/v1/orders", params={"status": "active"})
            await self.store.initialize(orders, self.client.get(f"{self.home}/api/v1/positions"))
        else:
            await self.store.initialize(self.client.get(f"{self.home}/api/v1/hf/orders/active", params=self.book))

    async def send(self, side: str, price: object, units: int) -> str:
        self.sent += 1
        size = units * self.unit
        order = {"clientOid": f"o{self.sent}", "symbol": self.symbol, "side": side, "type": "limit"}
        order |= {"price": str(price), "size": size if self.futures else str(size)}
        path = "/api/v1/orders" if self.futures else "/api/v1/hf/orders"
        result = await self.client.fetch("POST", f"{self.home}{path}", data=order)
        assert result.data["code"] == "200000", result.text
        return str(result.data["data"]["orderId"])

    async def cancel(self, name: str) -> None:
        path = f"/api/v1/orders/{name}" if self.futures else f"/api/v1/hf/orders/{name}?symbol={self.symbol}"
        result = await self.client.fetch("DELETE", f"{self.home}{path}")
        assert result.data["code"] == "200000", result.text

    def open(self) -> dict[str, int]:
        """Return how many units are left of each open order."""
        return {row["orderId"]: int(Decimal(str(row["remainSize"])) / self.unit) for row in self.store.orders}

    def held(self) -> int:
        row = self.store.positions.get(self.book)
        return 0 if row is None else int(row["currentQty"])

    def right(self) -> bool:
        """Tell whether both books are live and the true ones, level by level."""
        whole, limit = (self.store.orderbook50, 50) if self.futures else (self.store.orderbook5, 5)
        return self.is_true(self.store.orderbook, None) and self.is_true(whole, limit)

    def is_true(self, table: Any, limit: int | None) -> bool:
        sides = table.sorted(self.book)
        seen = {
            name: [(Decimal(row["price"]), Decimal(str(row["size"]))) for row in rows] for name, rows in sides.items()
        }
        return table.state(self.book) == "live" and seen == self.market.book(limit)

    def tell(self) -> None:
        """Let something happen on the market, as it always does."""
        self.market.tick()


@asynccontextmanager
async def trading(*, futures: bool = False, **kwargs: Any) -> AsyncIterator[Bot]:
    clock = FakeClock()
    async with (
        FakeExchange("kucoin", clock=clock) as fake,
        topgun.Client(**{"apis": fake.apis, "clock": clock, "exchanges": (EXCHANGE,), **kwargs}) as client,
    ):
        yield Bot(fake, clock, client, futures=futures)


@pytest.mark.parametrize("futures", [False, True], ids=["spot", "futures"])
async def test_a_life_with_a_cut_in_it(futures: bool) -> None:
    """Asked, connected, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(futures=futures) as bot:
        market, store = bot.market, bot.store
        await bot.connect()
        await bot.initialize()
        bot.tell()
        await bot.until(bot.right)
        assert all(request.verified for request in bot.fake.requests)
        assert (bot.open(), bot.held(), store.orders.state()) == ({}, 0, "live")

        market.tick(20)
        await bot.until(bot.right)
        first, second = [await bot.send("buy", market.best_bid, 3) for _ in range(2)]
        third = await bot.send("buy", 50_000, 2)  # so far away that nobody fills it
        await bot.until(lambda: bot.open() == {first: 3, second: 3, third: 2})
        market.fill()
        await bot.until(lambda: bot.open() == {second: 3, third: 2})
        market.fill(bot.unit)
        await bot.until(lambda: bot.open() == {second: 2, third: 2})
        await bot.until(lambda: bot.held() == (4 if futures else 0))
        events = store.balanceevents if futures else store.balance
        assert len(events) > 0
        assert len(store.orderevents) == 3

        bot.fake.drop(lasting=True)
        await bot.until(lambda: store.orderbook.state(bot.book) == "stale" and store.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: 2, third: 2}
        bot.fake.lift()
        await bot.until(bot.is_up)
        bot.tell()
        await bot.until(bot.right)
        assert store.orders.state() == "stale"
        await bot.initialize()
        assert (store.orders.state(), bot.open(), bot.held()) == ("live", {third: 2}, 6 if futures else 0)

        await bot.cancel(third)
        await bot.until(lambda: bot.open() == {})
        if futures:
            closing = await bot.send("sell", market.best_ask, 6)
            await bot.until(lambda: bot.open() == {closing: 6})
            market.fill()
            await bot.until(lambda: (bot.open(), bot.held()) == ({}, 0))
            assert list(store.positions) == []
        market.tick(20)
        await bot.until(bot.right)
        assert all(request.verified for request in bot.fake.requests)
        assert {request.host for request in bot.fake.requests if request.status != 101} == {URL(bot.home).host}


async def test_a_token_that_ages_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """After 24 hours the socket is cut: it is back with a new token and all subscriptions, without user code."""
    monkeypatch.setattr(KuCoin, "ping_ms", int(DAY) * 2000)  # so that a day passes in one step
    caplog.set_level(logging.DEBUG)
    async with trading() as bot:
        app = await bot.connect()
        await bot.initialize()
        old = URL(app.url).query["token"]
        for _ in range(2):
            before = URL(app.url).query["token"]
            await bot.clock.advance(DAY - 10)
            bot.tell()
            await bot.until(bot.right)
            await bot.clock.advance(11)
            bot.tell()  # which is when the fake cuts it
            await bot.until(lambda before=before: URL(app.url).query["token"] != before and bot.is_up())
            bot.tell()
            await bot.until(bot.right)
            assert set(bot.fake.links()[0].topics) == set(bot.topics)
        fresh = URL(app.url).query["token"]
        assert [request.path for request in bot.fake.requests].count("/api/v1/bullet-private") == 3
        order = await bot.send("buy", bot.market.best_bid, 1)
        await bot.until(lambda: bot.open() == {order: 1})

        store_token = URL(bot.store.endpoint).query["token"]
        assert (store_token, len({old, fresh})) == (old, 2)
        told = [record.getMessage() for record in caplog.records]
        shown = (*told, repr(bot.store), *map(repr, bot.client.apps), *map(repr, asyncio.all_tasks()))
        assert not [each for each in shown if old in each or fresh in each]


async def test_an_endpoint_that_is_old_before_it_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """The first connection is refused with one clear error, the next one has a new token."""
    async with trading() as bot:
        await bot.store.initialize(bot.client.post(f"{bot.home}/api/v1/bullet-private"))
        old = URL(bot.store.endpoint).query["token"]
        await bot.clock.advance(DAY)
        app = bot.subscribe(bot.topics)
        await bot.until(bot.is_up)
        bot.tell()
        await bot.until(bot.right)
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        [error] = errors
        assert "401 token is invalid" in error
        assert old not in caplog.text
        assert URL(app.url).query["token"] != old


async def test_an_endpoint_made_by_hand() -> None:
    """A token that no `initialize` got is replaced as well, on the socket of the product that its host names."""
    async with trading(futures=True) as bot:
        result = await bot.client.fetch("POST", f"{bot.home}/api/v1/bullet-private")
        token = result.data["data"]["token"]
        app = bot.client.ws_connect(
            f"wss://ws-api-futures.kucoin.com/?token={token}&connectId=1",
            send_json=[{"id": 1, "type": "subscribe", "topic": topic} for topic in FUTURES_PRIVATE],
            hdlr_json=bot.store.onmessage,
        )
        bot.wanted = FUTURES_PRIVATE
        await bot.until(bot.is_up)
        bot.fake.drop()
        await bot.until(lambda: token not in app.url and bot.is_up())
        order = await bot.send("buy", bot.market.best_bid, 1)
        await bot.until(lambda: bot.open() == {order: 1})


async def test_whatever_host_kucoin_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets are welcomed, kept alive as often as was asked for, and get new tokens, wherever they are."""
    servers = {**KuCoin.servers, "spot": ["wss://ws-api-7.kucoin.cloud/endpoint"]}
    monkeypatch.setattr(KuCoin, "servers", servers)
    monkeypatch.setattr(KuCoin, "ping_ms", 7_000)
    async with trading() as bot:
        app = await bot.connect()
        assert bot.store.endpoint.startswith("wss://ws-api-7.kucoin.cloud/endpoint?token=")
        link = bot.fake.links()[0]

        def pings() -> int:
            return sum(json.loads(frame)["type"] == "ping" for frame in link.received)

        start = bot.clock.monotonic()
        await bot.until(lambda: pings() == 4)
        assert 20.5 <= bot.clock.monotonic() - start <= 21.5
        before = app.url
        bot.fake.drop()
        await bot.until(lambda: app.url != before and bot.is_up())
        bot.tell()
        await bot.until(bot.right)


async def test_a_server_that_is_silent() -> None:
    """Without a pong the connection is made anew."""
    async with trading() as bot:
        await bot.connect()
        bot.fake.half_open()
        await bot.until(lambda: len(bot.fake.connections) == 2, 40)
        bot.fake.lift()
        await bot.until(bot.is_up)
        bot.tell()
        await bot.until(bot.right)


async def test_without_a_key() -> None:
    """A public token and a part of the book are enough to see the market; nothing but that question was refused."""
    async with trading(apis={}) as bot:
        await bot.connect(*SPOT_TOPICS, kind="public")
        bot.tell()
        await bot.until(bot.right)
        refused = [request.path for request in bot.fake.requests if request.status == 401]
        assert refused == ["/api/v3/market/orderbook/level2"]
        bot.fake.drop()
        await bot.until(lambda: len(bot.fake.connections) == 2 and bot.is_up())
        bot.market.tick(3)
        await bot.until(bot.right)
        assert [request.path for request in bot.fake.requests].count("/api/v1/bullet-public") == 2


@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt", "duplicate", "snapshot"])
@pytest.mark.parametrize("futures", [False, True], ids=["spot", "futures"])
async def test_a_spoiled_book_is_right_again(fault: str, futures: bool) -> None:
    """Whatever happens to a message or to a snapshot, both books become right again."""
    async with trading(futures=futures) as bot:
        await bot.connect()
        if fault == "snapshot":
            bot.fake.fail_request(503, times=2)
            bot.fake.lose_reply()
        bot.tell()
        await bot.until(bot.right)
        if fault != "snapshot":
            for topic in (FUTURES_TOPICS if futures else SPOT_TOPICS)[:2]:
                getattr(bot.fake, fault)(topic, **({"row": not futures} if fault == "corrupt" else {}))
            for _ in range(4):
                bot.market.trade("buy", bot.unit)
            await bot.until(bot.right)
        bot.tell()
        await bot.until(bot.right)


async def test_a_refused_key() -> None:
    """One clear error, for a token as for an answer."""
    async with trading(apis={"kucoin": ["a-key-of-somebody", "a-secret", "a-passphrase"]}) as bot:
        with pytest.raises(RuntimeError, match="KC-API-KEY not exists"):
            await bot.connect()
        with pytest.raises(InitializeError, match="400003"):
            await bot.initialize()
        assert list(bot.store.orders) == []


async def test_a_wrong_clock() -> None:
    """It is refused, and one can see why."""
    async with trading() as bot:
        bot.fake.clock_skew(120)
        with pytest.raises(InitializeError, match="400002"):
            await bot.initialize()
