"""topgun and the fake MEXC, on both markets: from the first request to lost sockets and a refused key."""

from __future__ import annotations

import asyncio
import gzip
import logging
import sys
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from topgun.errors import ConfigError, LoginRefused
from topgun.exchanges.mexc import EXCHANGE, MEXCDataStore
from topgun.exchanges.mexc import frames as protobuf
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

API, FUTURES = "https://api.mexc.com/api/v3", "https://api.mexc.com/api/v1"
SPOT_SOCKET, CONTRACT_SOCKET = "wss://wbs-api.mexc.com/ws", "wss://contract.mexc.com/edge"
QUICK = (0.01, 0.02, 1.0, 0.01)  # of reconnecting, s


class Spot:
    """A bot on the spot market: protobuf, and a listenKey in the URL."""

    market, size, half = "BTCUSDT", "0.010000", "0.005"

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store, self.book = client, MEXCDataStore(), {"symbol": self.market}

    async def connect(self) -> None:
        await self.store.initialize(self.client.post(f"{API}/userDataStream"))
        channels = [f"spot@public.aggre.{kind}.v3.api.pb@100ms@BTCUSDT" for kind in ("depth", "deals", "bookTicker")]
        channels += ["spot@public.kline.v3.api.pb@BTCUSDT@Min1", "spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8"]
        private = [f"spot@private.{kind}.v3.api.pb" for kind in ("orders", "deals", "account")]
        self.apps = [
            await self.client.ws_connect(
                url,
                send_json={"method": "SUBSCRIPTION", "params": params},
                hdlr_json=self.store.onmessage,
                backoff=QUICK,
            )
            for url, params in (
                (SPOT_SOCKET, channels),
                (f"{SPOT_SOCKET}?listenKey={self.store.listenkey}", private),
            )
        ]
        await asyncio.gather(*(app.ready() for app in self.apps))

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(get(f"{API}/openOrders", params={"symbol": self.market}), get(f"{API}/account"))

    async def snapshot(self) -> None:
        depth = {"symbol": self.market, "limit": 5000}
        candles = {"symbol": self.market, "interval": "1m"}
        await self.store.initialize(
            self.client.get(f"{API}/depth", params=depth), self.client.get(f"{API}/klines", params=candles)
        )

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {"symbol": self.market, "side": side, "type": "LIMIT", "quantity": size, "price": str(price)}
        result = await self.client.fetch("POST", f"{API}/order", data=order)
        assert result.response.status == 200, result.text
        return str(result.data["orderId"])

    async def cancel_all(self) -> None:
        await self.client.delete(f"{API}/openOrders", params={"symbol": self.market})

    def open(self) -> dict[str, Decimal]:
        """Return what is filled of each open order."""
        return {row["orderId"]: Decimal(row["cumulativeQuantity"]) for row in self.store.orders}

    def held(self) -> Decimal:
        [row] = self.store.account.find({"currency": "BTC"})
        return Decimal(row["balanceAmount"]) + Decimal(row["frozenAmount"]) - 10


class Contracts(Spot):
    """A bot on contracts: JSON, and a login."""

    market, size, half = "BTC_USDT", "10", "5"

    async def connect(self) -> None:
        subscriptions = [{"method": f"sub.{kind}", "param": {"symbol": self.market}} for kind in ("depth", "deal")]
        app = await self.client.ws_connect(
            CONTRACT_SOCKET, send_json=subscriptions, hdlr_json=self.store.onmessage, backoff=QUICK
        )
        self.apps = [app]
        await app.ready()

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(
            get(f"{FUTURES}/private/order/list/open_orders/{self.market}"),
            get("https://contract.mexc.com/api/v1/private/position/open_positions", params={"symbol": self.market}),
            get(f"{FUTURES}/private/account/assets"),
        )

    async def snapshot(self) -> None:
        await self.store.initialize(self.client.get(f"{FUTURES}/contract/depth/{self.market}"))

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {"symbol": self.market, "price": float(price), "vol": int(size), "type": 1, "openType": 1}
        order["side"] = 1 if side == "BUY" else 3
        result = await self.client.fetch("POST", f"{FUTURES}/private/order/submit", data=order)
        assert result.data["success"], result.text
        return str(result.data["data"]["orderId"])

    async def cancel_all(self) -> None:
        await self.client.post(f"{FUTURES}/private/order/cancel_all", data={"symbol": self.market})

    def open(self) -> dict[str, Decimal]:
        return {row["orderId"]: Decimal(str(row["dealVol"])) for row in self.store.orders}

    def held(self) -> Decimal:
        rows = self.store.positions.find(self.book)
        return sum((Decimal(row["holdVol"]) * (3 - 2 * row["positionType"]) for row in rows), Decimal(0))


BOTS = pytest.mark.parametrize("kind", [Spot, Contracts], ids=lambda kind: kind.__name__)


@asynccontextmanager
async def trading(kind: type[Any]) -> AsyncIterator[tuple[FakeExchange, Any]]:
    async with FakeExchange("mexc") as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        yield fake, kind(client)


def right(fake: FakeExchange, bot: Any) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    rows = bot.store.orderbook.sorted(bot.book)
    told = {
        side: [(Decimal(str(row["price"])), Decimal(str(row["quantity"]))) for row in rows[side]]
        for side in ("asks", "bids")
    }
    return bool(bot.store.orderbook.state(bot.book) == "live" and told == fake.market(bot.market).book())


@BOTS
async def test_a_life_with_a_cut_in_it(kind: type[Any]) -> None:
    """Asked, connected, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(kind) as (fake, bot):
        market, size = fake.market(bot.market), Decimal(bot.size)
        await bot.connect()
        await bot.initialize()
        market.tick(3)
        await bot.snapshot()
        market.tick()
        await fake.until(lambda: right(fake, bot))
        assert (bot.open(), bot.held()) == ({}, 0)
        await fake.until(lambda: len(bot.store.trades) > 0)

        first, second = [await bot.send("BUY", market.best_bid, bot.size) for _ in range(2)]
        third = await bot.send("SELL", int(market.best_ask) * 102 // 100, bot.size)  # nobody fills it
        await fake.until(lambda: bot.open() == dict.fromkeys((first, second, third), Decimal(0)))
        market.fill()
        await fake.until(lambda: bot.open().keys() == {second, third} and bot.held() == size)
        market.fill(bot.half)
        await fake.until(lambda: bot.open().get(second) == Decimal(bot.half))
        await fake.until(lambda: len(bot.store.executions) == 2)

        fake.drop(lasting=True)
        await fake.until(lambda: bot.store.orderbook.state(bot.book) == "stale" and bot.store.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open().keys() == {second, third}
        fake.lift()
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        await asyncio.gather(*(app.ready() for app in bot.apps))
        await bot.initialize()
        assert (bot.open().keys(), bot.held(), bot.store.orders.state()) == ({third}, 2 * size, "live")
        market.tick()
        await bot.snapshot()
        await fake.until(lambda: right(fake, bot))
        await bot.cancel_all()
        await fake.until(lambda: bot.open() == {})
        assert all(request.verified for request in fake.requests)


@BOTS
@pytest.mark.parametrize("fault", ["gap", "corrupt", "row"])
async def test_a_book_heals_itself(kind: type[Any], fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """A lost and a broken change end in the true book, without a word from the bot."""
    async with trading(kind) as (fake, bot):
        market = fake.market(bot.market)
        await bot.connect()
        market.tick()
        await bot.snapshot()
        market.tick()
        await fake.until(lambda: right(fake, bot))
        wrong = fake.corrupt(row=True) if fault == "row" else getattr(fake, fault)()
        market.tick(3)
        await fake.until(lambda: right(fake, bot) and wrong.used == 1)
        market.tick()
        await fake.until(lambda: right(fake, bot))
        said = {"gap": "are missing", "corrupt": "not JSON", "row": "a message cannot be read"}
        assert said[fault] in caplog.text


@BOTS
async def test_a_refused_key(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """There is one clear error, and no secret in it; public data go on."""
    async with (
        FakeExchange("mexc") as fake,
        topgun.Client({"mexc": [fake.apis["mexc"][0], "WRONG-SECRET"]}, exchanges=(EXCHANGE,)) as client,
    ):
        bot = kind(client)
        if kind is Spot:
            await bot.initialize()
            told = [record.getMessage() for record in caplog.records]
            assert len(told) == 2  # one for each request
            assert all("700002" in text for text in told)
            return
        with pytest.raises(LoginRefused):
            await bot.connect()
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert "signature information is incorrect" in record.getMessage()
        fake.market(bot.market).tick()
        await bot.snapshot()
        fake.market(bot.market).tick()
        await fake.until(lambda: right(fake, bot))
    assert "WRONG-SECRET" not in caplog.text


async def test_a_key_that_died_meanwhile() -> None:
    """A lost socket comes back with another listenKey, and its account is told everything again."""
    async with trading(Spot) as (fake, bot):
        await bot.connect()
        key = bot.store.listenkey
        fake.venue("mexc").keys_of_streams.close(key)
        fake.drop()
        fake.lift()
        await fake.until(lambda: bot.store.listenkey != key and len(fake.connections) == 4, timeout=10)
        await asyncio.gather(*(app.ready() for app in bot.apps))
        await fake.until(lambda: all(link.topics for link in fake.venue("mexc").links()))
        await bot.initialize()
        name = await bot.send("BUY", fake.market(bot.market).best_bid, bot.size)
        await fake.until(lambda: bot.open().keys() == {name})


async def test_compressed_pushes() -> None:
    """A contract socket that asked for gzip is read like any other; handlers of bytes get the frame as it came."""
    async with trading(Contracts) as (fake, bot):
        raw: list[bytes] = []
        app = await bot.client.ws_connect(
            CONTRACT_SOCKET,
            send_json={"method": "sub.ticker", "param": {"symbol": "BTC_USDT"}, "gzip": True},
            hdlr_json=bot.store.onmessage,
            hdlr_bytes=lambda data, ws: raw.append(data),
        )
        await app.ready()
        await fake.until(lambda: "gzip" in fake.venue("mexc").links()[0].topics)
        fake.market("BTC_USDT").tick()
        await fake.until(lambda: len(bot.store.ticker) == 1)
        assert b"push.ticker" in gzip.decompress(raw[0])


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A spot socket says what to install, at once; contracts do without it."""
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    protobuf.reader.cache_clear()
    async with trading(Contracts) as (_, bot):
        await bot.connect()
        app = await bot.client.ws_connect(SPOT_SOCKET, hdlr_json=bot.store.onmessage)
        with pytest.raises(ConfigError, match=r"topgun\[mexc\]"):
            await app.ready()
        await app.close()
    assert "topgun[mexc]" in caplog.text
