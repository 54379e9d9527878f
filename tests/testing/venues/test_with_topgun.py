"""topgun itself against the fakes: from the first request to a lost connection and back, with the right rows."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.errors import LoginRefused
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

FX, BTC = "FX_BTC_JPY", "BTCUSDT"
FLYER = {"product_code": FX}
BYBIT = {"category": "linear", "symbol": BTC}
CHANNELS = (
    f"lightning_board_snapshot_{FX}",
    f"lightning_board_{FX}",
    f"lightning_executions_{FX}",
    "child_order_events",
)
LEVELS = 50


class FlyerBot:
    """A bot on bitFlyer."""

    exchange, market, asks, bids = "bitflyer", FX, "asks", "bids"

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store = client, topgun.bitFlyerDataStore()
        self.book, self.orders, self.group = self.store.board, self.store.childorders, FLYER

    async def connect(self) -> list[WebSocketApp]:
        app = await self.client.ws_connect(
            "wss://ws.lightstream.bitflyer.com/json-rpc",
            send_json=[{"method": "subscribe", "params": {"channel": channel}} for channel in CHANNELS],
            hdlr_json=self.store.onmessage,
        )
        await app.ready()
        return [app]

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(
            get("https://api.bitflyer.com/v1/me/getchildorders", params={**FLYER, "child_order_state": "ACTIVE"}),
            get("https://api.bitflyer.com/v1/me/getpositions", params=FLYER),
            get("https://api.bitflyer.com/v1/me/getcollateral"),
            get("https://api.bitflyer.com/v1/me/getbalance"),
        )

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {**FLYER, "child_order_type": "LIMIT", "side": side.upper(), "price": int(price), "size": float(size)}
        result = await self.client.fetch("POST", "https://api.bitflyer.com/v1/me/sendchildorder", data=order)
        return str(result.data["child_order_acceptance_id"])

    async def cancel_all(self) -> None:
        await self.client.post("https://api.bitflyer.com/v1/me/cancelallchildorders", data=FLYER)

    def level(self, row: Any) -> tuple[Decimal, Decimal]:
        return Decimal(str(row["price"])), Decimal(str(row["size"]))

    def open(self) -> dict[str, str]:
        """Return what is left of each open order."""
        return {row["child_order_acceptance_id"]: f"{row['size']:.3f}" for row in self.orders.find()}

    def held(self) -> float:
        return sum(row["size"] if row["side"] == "BUY" else -row["size"] for row in self.store.positions.find())


class BybitBot:
    """A bot on Bybit."""

    exchange, market, asks, bids = "bybit", BTC, "a", "b"

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store = client, topgun.BybitDataStore()
        self.book, self.orders, self.group = self.store.orderbook, self.store.order, {"s": BTC}

    async def connect(self) -> list[WebSocketApp]:
        topics = {
            "public/linear": [f"orderbook.{LEVELS}.{BTC}", f"publicTrade.{BTC}"],
            "private": ["order.linear", "execution.linear", "position.linear", "wallet"],
        }
        apps = [
            await self.client.ws_connect(
                f"wss://stream.bybit.com/v5/{path}",
                send_json={"op": "subscribe", "args": args},
                hdlr_json=self.store.onmessage,
            )
            for path, args in topics.items()
        ]
        await asyncio.gather(*(app.ready() for app in apps))
        return apps

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(
            get("https://api.bybit.com/v5/order/realtime", params=BYBIT),
            get("https://api.bybit.com/v5/position/list", params=BYBIT),
            get("https://api.bybit.com/v5/account/wallet-balance", params={"accountType": "UNIFIED"}),
        )

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {**BYBIT, "orderType": "Limit", "side": side.title(), "price": str(price), "qty": size}
        result = await self.client.fetch("POST", "https://api.bybit.com/v5/order/create", data=order)
        return str(result.data["result"]["orderId"])

    async def cancel_all(self) -> None:
        await self.client.post("https://api.bybit.com/v5/order/cancel-all", data=BYBIT)

    def level(self, row: Any) -> tuple[Decimal, Decimal]:
        return Decimal(row["p"]), Decimal(row["v"])

    def open(self) -> dict[str, str]:
        """Return what is left of each open order."""
        return {row["orderId"]: row["leavesQty"] for row in self.orders.find()}

    def held(self) -> float:
        rows = self.store.position.find()
        return float(sum(Decimal(row["size"]) * (1 if row["side"] == "Buy" else -1) for row in rows))


BOTS = [FlyerBot, BybitBot]


def right(fake: FakeExchange, bot: Any) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    truth = fake.market(bot.market).book(LEVELS if bot.exchange == "bybit" else None)
    seen = bot.book.sorted(bot.group)
    rows = {"asks": seen[bot.asks], "bids": seen[bot.bids]}
    levels = {side: [bot.level(row) for row in each] for side, each in rows.items()}
    return bool(bot.book.state(bot.group) == "live" and levels == truth)


@asynccontextmanager
async def trading(kind: type[Any]) -> AsyncIterator[tuple[FakeExchange, Any]]:
    async with FakeExchange(kind.exchange) as fake, topgun.Client(fake.apis) as client:
        yield fake, kind(client)


@pytest.mark.parametrize("kind", BOTS)
async def test_a_life_with_a_cut_in_it(kind: type[Any]) -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(kind) as (fake, bot):
        market = fake.market(bot.market)
        await bot.connect()
        await bot.initialize()
        assert all(request.verified for request in fake.requests)
        await fake.until(lambda: right(fake, bot))
        assert (bot.open(), bot.held()) == ({}, 0)

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("buy", market.best_bid, "0.010") for _ in range(2)]
        third = await bot.send("sell", int(market.best_ask) * 102 // 100, "0.020")  # so far away that nobody fills it
        await fake.until(lambda: bot.open() == {first: "0.010", second: "0.010", third: "0.020"})
        market.fill()
        await fake.until(lambda: bot.open() == {second: "0.010", third: "0.020"} and bot.held() == 0.01)
        market.fill("0.005")
        await fake.until(lambda: bot.open() == {second: "0.005", third: "0.020"} and bot.held() == 0.015)

        fake.drop(lasting=True)
        await fake.until(lambda: bot.book.state(bot.group) == "stale" and bot.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: "0.005", third: "0.020"}
        fake.lift()
        await fake.until(lambda: right(fake, bot), timeout=20)
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        assert bot.orders.state() == "stale"
        await bot.initialize()
        assert bot.orders.state() == "live"
        assert bot.open() == {third: "0.020"}
        assert bot.held() == 0.02

        await bot.cancel_all()
        await fake.until(lambda: bot.open() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))


@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt"])
async def test_a_spoiled_book_of_bybit_is_noticed_and_mended(fault: str) -> None:
    """A message that is lost, late or broken costs the book its state; a new snapshot brings it back."""
    async with trading(BybitBot) as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        with bot.book.status.watch() as states:
            getattr(fake, fault)(f"orderbook.{LEVELS}.{BTC}")
            for _ in range(3):
                fake.market(BTC).trade("buy", "0.001")
            await fake.until(lambda: right(fake, bot))
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]


async def test_a_message_told_twice_is_harmless() -> None:
    """The book of Bybit stays live; that of bitFlyer has absolute sizes."""
    for kind in BOTS:
        async with trading(kind) as (fake, bot):
            await bot.connect()
            await fake.until(lambda fake=fake, bot=bot: right(fake, bot))
            fake.duplicate(times=None)
            fake.market(bot.market).tick(10)
            await fake.until(lambda fake=fake, bot=bot: right(fake, bot))


async def test_what_bitflyer_cannot_notice() -> None:
    """A change lost deep in bitFlyer's book stays until a new snapshot is asked for."""
    async with trading(FlyerBot) as (fake, bot):
        [app] = await bot.connect()
        await fake.until(lambda: right(fake, bot))
        fake.gap()
        fake.market(FX).order("buy", 1, 9_000_000)
        fake.market(FX).order("buy", 1, 9_000_001)
        await fake.until(lambda: len(bot.book.find({**FLYER, "price": 9_000_001})) == 1)
        assert bot.book.state(FLYER) == "live"
        assert not right(fake, bot)
        await app.current_ws.send_json({"method": "subscribe", "params": {"channel": CHANNELS[0]}})
        await fake.until(lambda: right(fake, bot))


@pytest.mark.parametrize("kind", BOTS)
async def test_a_refused_login(kind: type[Any]) -> None:
    """`ready` raises; the next connection is welcome."""
    async with trading(kind) as (fake, bot):
        fake.refuse_login()
        with pytest.raises(LoginRefused):
            await bot.connect()
        fake.drop()
        apps = bot.client.apps
        await fake.until(lambda: all(app.login_error is None and app.state.value == "open" for app in apps))
        assert [link.api for link in fake.links() if "public" not in link.path] == [kind.exchange]


@pytest.mark.parametrize("kind", BOTS)
async def test_a_bot_with_a_wrong_clock(kind: type[Any]) -> None:
    """It is refused over HTTP, and can see why."""
    async with trading(kind) as (fake, bot):
        fake.clock_skew(120)
        with pytest.raises(topgun.errors.InitializeError, match="timestamp"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()


@pytest.mark.parametrize("kind", BOTS)
async def test_a_lost_reply(kind: type[Any]) -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading(kind) as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", fake.market(bot.market).best_bid, "0.010")
        await bot.initialize()
        assert list(bot.open().values()) == ["0.010"]


async def test_orders_over_the_trade_socket() -> None:
    """A message without a header is stamped by topgun and accepted."""
    async with trading(BybitBot) as (fake, bot):
        await bot.connect()
        queue = topgun.WebSocketQueue()
        app = await bot.client.ws_connect("wss://stream.bybit.com/v5/trade", hdlr_json=queue.onmessage)
        await app.ready()
        order = {**BYBIT, "orderType": "Limit", "side": "Buy", "price": "50000", "qty": "0.010"}
        await app.current_ws.send_json({"reqId": "r-1", "op": "order.create", "args": [order]})
        async for message in queue:
            if message.get("reqId") == "r-1":
                break
        assert message["retCode"] == 0
        await fake.until(lambda: list(bot.open()) == [message["data"]["orderId"]])
