"""topgun itself against the fake of Bitget: from the first request to a lost connection and back, right all the way."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.errors import InitializeError, LoginRefused
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

API = "https://api.bitget.com"
FUTURES = {"symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginMode": "crossed", "marginCoin": "USDT"}
SPOT = {"symbol": "BTCUSDT"}


class Futures:
    """A bot on USDT perpetuals."""

    kind, market, zeros = "USDT-FUTURES", "BTCUSDT", "0.0100"
    place, cancel = "/api/v2/mix/order/place-order", "/api/v2/mix/order/cancel-all-orders"
    names: dict[str, str] = FUTURES
    answers = (
        "/api/v2/mix/order/orders-pending?productType=USDT-FUTURES",
        "/api/v2/mix/position/all-position?productType=USDT-FUTURES",
        "/api/v2/mix/account/accounts?productType=USDT-FUTURES",
    )
    private = ("orders", "positions", "fill", "positions-history")


class Spot:
    """A bot on spot."""

    kind, market, zeros = "SPOT", "spot BTCUSDT", "0.010000"
    place, cancel = "/api/v2/spot/trade/place-order", "/api/v2/spot/trade/cancel-symbol-order"
    names: dict[str, str] = SPOT
    answers = ("/api/v2/spot/trade/unfilled-orders?symbol=BTCUSDT", "/api/v2/spot/account/assets")
    private = ("orders", "fill")


class Bot:
    """A bot on either, real or demo."""

    def __init__(self, client: topgun.Client, where: type[Futures | Spot], *, demo: bool = False) -> None:
        self.client, self.where, self.demo = client, where, demo
        self.store = topgun.BitgetV2DataStore()
        self.group = {"instType": where.kind, "instId": "BTCUSDT"}
        self.headers = {"paptrading": "1"} if demo else {}

    async def connect(self) -> None:
        head = {"instType": self.where.kind}
        channels: dict[str, list[dict[str, str]]] = {
            "public": [{**head, "channel": name, "instId": "BTCUSDT"} for name in ("books", "trade", "ticker")],
            "private": [
                {**head, "channel": "account", "coin": "default"},
                *({**head, "channel": name, "instId": "default"} for name in self.where.private),
            ],
        }
        apps = [
            await self.client.ws_connect(
                f"wss://{'wspap' if self.demo else 'ws'}.bitget.com/v2/ws/{path}",
                send_json={"op": "subscribe", "args": args},
                hdlr_json=self.store.onmessage,
                backoff=(0.1, 1.0, 1.618, 0.1),
            )
            for path, args in channels.items()
        ]
        await asyncio.gather(*(app.ready() for app in apps))

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(*(get(f"{API}{target}", headers=self.headers) for target in self.where.answers))

    async def send(self, side: str, price: Any, size: str = "0.01") -> str:
        order = {
            **self.where.names,
            "orderType": "limit",
            "side": side,
            "price": str(price),
            "size": size,
            "force": "gtc",
        }
        result = await self.client.fetch("POST", f"{API}{self.where.place}", data=order, headers=self.headers)
        return str(result.data["data"]["orderId"])

    async def cancel_all(self) -> None:
        await self.client.post(f"{API}{self.where.cancel}", data=self.where.names, headers=self.headers)

    def open(self) -> dict[str, str]:
        """Return what is filled of each open order."""
        return {row["orderId"]: row["accBaseVolume"] for row in self.store.orders.find()}

    def held(self) -> float:
        """Return the position, or what was bought on spot."""
        if self.where is Futures:
            return float(sum(Decimal(row["total"]) for row in self.store.positions.find()))
        row = self.store.account.get({"instType": "SPOT", "coin": "BTC"}) or {"available": "10", "frozen": "0"}
        return float(Decimal(row["available"]) + Decimal(row["frozen"]) - 10)


def right(fake: FakeExchange, bot: Bot) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    seen = bot.store.book.sorted(bot.group)
    levels = {side: [(Decimal(row["price"]), Decimal(row["amount"])) for row in rows] for side, rows in seen.items()}
    return bot.store.book.state(bot.group) == "live" and levels == fake.market(bot.where.market).book()


@asynccontextmanager
async def trading(
    where: type[Futures | Spot] = Futures, *, demo: bool = False, apis: Any = None
) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("bitget") as fake, topgun.Client(apis or fake.apis) as client:
        yield fake, Bot(client, where, demo=demo)


@pytest.mark.parametrize(
    ("where", "demo"), [(Futures, False), (Spot, False), (Futures, True)], ids=["futures", "spot", "demo"]
)
async def test_a_life_with_a_cut_in_it(where: type[Futures | Spot], demo: bool) -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(where, demo=demo) as (fake, bot):
        market, store = fake.market(where.market), bot.store
        await bot.connect()
        await bot.initialize()
        assert all(request.verified for request in fake.requests)
        assert {link.api for link in fake.links()} == {None, "bitget_demo" if demo else "bitget"}
        await fake.until(lambda: right(fake, bot))
        assert (bot.open(), bot.held()) == ({}, 0)
        assert store.orders.state() == store.account.state() == "live"

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("buy", market.best_bid) for _ in range(2)]
        third = await bot.send("sell", int(market.best_ask or 0) * 102 // 100, "0.02")  # so far away that it rests
        none = where.zeros.replace("1", "0")
        await fake.until(lambda: bot.open() == {first: none, second: none, third: none})
        market.fill()
        await fake.until(lambda: bot.open() == {second: none, third: none} and bot.held() == 0.01)
        market.fill("0.005")
        half = where.zeros.replace("10", "05", 1)
        await fake.until(lambda: bot.open() == {second: half, third: none} and bot.held() == 0.015)
        await fake.until(lambda: len(store.fill) == 2)

        fake.drop(lasting=True)
        await fake.until(lambda: store.book.state(bot.group) == "stale" and store.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: half, third: none}
        fake.lift()
        await fake.until(lambda: right(fake, bot), timeout=20)
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        assert store.orders.state() == "stale"
        await bot.initialize()
        assert store.orders.state() == "live"
        assert bot.open() == {third: none}
        await fake.until(lambda: bot.held() == 0.02)

        await bot.cancel_all()
        await fake.until(lambda: bot.open() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))


@pytest.mark.parametrize("where", [Futures, Spot])
@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt"])
async def test_a_spoiled_book_is_noticed_and_mended(where: type[Futures | Spot], fault: str) -> None:
    """A message that is lost, late or broken costs the book its state; a new snapshot brings it back."""
    async with trading(where) as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        with bot.store.book.status.watch() as states:
            getattr(fake, fault)("books.BTCUSDT")
            market = fake.market(where.market)
            best = market.best_bid or Decimal(0)
            for tick in range(3):  # each at a price of its own: the size of a level mends what was lost of it
                market.order("buy", "0.001", best - tick * Decimal("0.1") - Decimal("0.2"))
            await fake.until(lambda: right(fake, bot))
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]
        fake.duplicate(times=None)  # what is told twice is harmless
        fake.market(where.market).tick(5)
        await fake.until(lambda: right(fake, bot))


async def test_a_refused_key_is_one_error(caplog: pytest.LogCaptureFixture) -> None:
    """`ready` raises what Bitget said; one line of the log says it too, with no secret in it."""
    caplog.set_level(logging.INFO)
    wrong = {"bitget": ["fake-bitget-key", "not-the-secret", "fake-bitget-passphrase"]}
    async with trading(apis=wrong) as (_, bot):
        with pytest.raises(LoginRefused, match="Invalid sign"):
            await bot.connect()
        said = [record.getMessage() for record in caplog.records if "Invalid sign" in record.getMessage()]
        assert len(said) == 1
        with pytest.raises(InitializeError, match="sign signature error"):
            await bot.initialize()
    assert "not-the-secret" not in caplog.text
    assert "passphrase" not in caplog.text


async def test_a_bot_with_a_wrong_clock() -> None:
    """It is refused over HTTP, and can see why."""
    async with trading() as (fake, bot):
        fake.clock_skew(120)
        with pytest.raises(InitializeError, match="timestamp"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", fake.market("BTCUSDT").best_bid)
        await bot.initialize()
        assert list(bot.open().values()) == ["0.0000"]


async def test_orders_over_the_private_socket() -> None:
    """A message of the user goes out as it is; what becomes of the order is told by the channel."""
    async with trading() as (fake, bot):
        await bot.connect()
        queue = topgun.WebSocketQueue()
        app = await bot.client.ws_connect("wss://ws.bitget.com/v2/ws/private", hdlr_json=queue.onmessage)
        await app.ready()
        params = {"orderType": "limit", "side": "buy", "price": "50000", "size": "0.01", "force": "gtc"}
        names = {"instType": "USDT-FUTURES", "instId": "BTCUSDT", "channel": "place-order"}
        more = {"marginMode": "crossed", "marginCoin": "USDT"}
        await app.current_ws.send_json({"op": "trade", "args": [{"id": "a1", **names, "params": {**params, **more}}]})
        async for message in queue:
            if message.get("event") == "trade":
                break
        assert message["code"] == 0
        await fake.until(lambda: list(bot.open()) == [message["arg"][0]["params"]["orderId"]])


async def test_many_messages_leave_at_their_pace() -> None:
    """Eight messages leave at once, the ninth waits; with ping and login no second sees more than ten."""
    clock = topgun.testing.FakeClock()
    async with FakeExchange("bitget", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        app = await client.ws_connect("wss://ws.bitget.com/v2/ws/private", hdlr_json=lambda _msg, _ws: None)
        await app.ready()
        args = [{"instType": "SPOT", "channel": "fill", "instId": f"{number}"} for number in range(12)]
        sending = [asyncio.create_task(app.current_ws.send_json({"op": "subscribe", "args": [arg]})) for arg in args]
        link = fake.connections[0]
        await fake.until(lambda: len(link.received) == 10)
        assert sum(task.done() for task in sending) == 8
        await clock.advance(0.99)
        assert len(link.received) == 10
        await clock.advance(0.02)
        await asyncio.gather(*sending)
        await fake.until(lambda: len(link.received) == 14)
