"""topgun itself against the fake OKJ, V5 and V3: from the first request to a lost connection and back."""

from __future__ import annotations

import asyncio
import zlib
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

    from topgun.ws import WebSocketApp

BTC = "BTC-JPY"
BACKOFF = (0.05, 0.2, 1.5, 0.05)


class Bot5:
    """A bot on V5."""

    fields = ("px", "sz")

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store = client, topgun.OKJDataStore()
        self.book, self.orders, self.group = self.store.books, self.store.orders, {"instId": BTC}

    async def connect(self) -> list[WebSocketApp]:
        channels = {
            "public": [{"channel": "books", "instId": BTC}, {"channel": "trades", "instId": BTC}],
            "private": [{"channel": "orders", "instType": "SPOT"}, {"channel": "account"}],
        }
        apps = [
            await self.client.ws_connect(
                f"wss://ws.okj.com:443/ws/v5/{path}",
                send_json={"op": "subscribe", "args": args},
                hdlr_json=self.store.onmessage,
                backoff=BACKOFF,
            )
            for path, args in channels.items()
        ]
        await asyncio.gather(*(app.ready() for app in apps))
        return apps

    async def initialize(self) -> None:
        await self.store.initialize(
            self.client.get("https://api.okj.com/api/v5/trade/orders-pending", params={"instType": "SPOT"}),
            self.client.get("https://api.okj.com/api/v5/account/balance"),
        )

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {"instId": BTC, "tdMode": "cash", "side": side, "ordType": "limit", "px": str(price), "sz": size}
        result = await self.client.fetch("POST", "https://api.okj.com/api/v5/trade/order", data=order)
        return str(result.data["data"][0]["ordId"])

    async def cancel(self, name: str) -> None:
        await self.client.post("https://api.okj.com/api/v5/trade/cancel-order", data={"instId": BTC, "ordId": name})

    def open(self) -> dict[str, Decimal]:
        """Return what is left of each open order."""
        return {row["ordId"]: Decimal(row["sz"]) - Decimal(row["accFillSz"]) for row in self.orders.find()}

    def held(self) -> Decimal:
        row = self.store.balance.get({"ccy": "BTC"})
        return Decimal(row["cashBal"]) if row else Decimal(0)


class Bot3:
    """A bot on V3."""

    fields = ("price", "size")

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store = client, topgun.OKJDataStore()
        self.book, self.orders, self.group = self.store.v3_depth, self.store.v3_order, {"instrument_id": BTC}
        self.frames: list[bytes] = []

    async def connect(self) -> list[WebSocketApp]:
        channels = [f"spot/{name}:{BTC}" for name in ("depth", "trade", "order")]
        app = await self.client.ws_connect(
            "wss://connect.okcoin.jp:443/ws/v3",
            send_json={"op": "subscribe", "args": [*channels, "spot/account:BTC"]},
            hdlr_json=self.store.onmessage,
            hdlr_bytes=lambda frame, ws: self.frames.append(frame),
            backoff=BACKOFF,
        )
        await app.ready()
        return [app]

    async def initialize(self) -> None:
        await self.store.initialize(
            self.client.get("https://www.okcoin.jp/api/spot/v3/orders_pending", params={"instrument_id": BTC}),
            self.client.get("https://www.okcoin.jp/api/spot/v3/accounts"),
        )

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {"type": "limit", "side": side, "instrument_id": BTC, "price": str(price), "size": size}
        result = await self.client.fetch("POST", "https://www.okj.com/api/spot/v3/orders", data=order)
        return str(result.data["order_id"])

    async def cancel(self, name: str) -> None:
        url = f"https://www.okcoin.jp/api/spot/v3/cancel_orders/{name}"
        await self.client.post(url, data={"instrument_id": BTC})

    def open(self) -> dict[str, Decimal]:
        """Return what is left of each open order."""
        return {row["order_id"]: Decimal(row["size"]) - Decimal(row["filled_size"]) for row in self.orders.find()}

    def held(self) -> Decimal:
        row = self.store.v3_account.get({"currency": "BTC"})
        return Decimal(row["balance"]) if row else Decimal(0)


BOTS = [Bot5, Bot3]


def right(fake: FakeExchange, bot: Any) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    price, size = bot.fields
    sides = bot.book.sorted(bot.group)
    levels = {side: [(Decimal(row[price]), Decimal(row[size])) for row in rows] for side, rows in sides.items()}
    return bool(bot.book.state(bot.group) == "live" and levels == fake.market(BTC).book(400))


@asynccontextmanager
async def trading(kind: type[Any]) -> AsyncIterator[tuple[FakeExchange, Any]]:
    async with FakeExchange("okj") as fake, topgun.Client(fake.apis) as client:
        yield fake, kind(client)


def exact(**sizes: str) -> dict[str, Decimal]:
    return {name: Decimal(size) for name, size in sizes.items()}


@pytest.mark.parametrize("kind", BOTS)
async def test_a_life_with_a_cut_in_it(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(kind) as (fake, bot):
        market = fake.market(BTC)
        await bot.connect()
        await bot.initialize()
        assert all(request.verified for request in fake.requests)
        await fake.until(lambda: right(fake, bot))
        assert (bot.open(), bot.held(), caplog.records) == ({}, 10, [])

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("buy", market.best_bid, "0.010") for _ in range(2)]
        third = await bot.send("sell", int(market.best_ask) * 102 // 100, "0.020")  # so far away that nobody fills it
        await fake.until(lambda: bot.open() == exact(**{first: "0.010", second: "0.010", third: "0.020"}))
        market.fill()
        await fake.until(lambda: bot.open() == exact(**{second: "0.010", third: "0.020"}))
        market.fill("0.005")
        await fake.until(lambda: bot.open() == exact(**{second: "0.005", third: "0.020"}))
        await fake.until(lambda: bot.held() == Decimal("10.015"))

        fake.drop(lasting=True)
        await fake.until(lambda: bot.book.state(bot.group) == "stale" and bot.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == exact(**{second: "0.005", third: "0.020"})
        fake.lift()
        await fake.until(lambda: right(fake, bot), timeout=20)
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        assert bot.orders.state() == "stale"
        await bot.initialize()
        assert (bot.orders.state(), bot.open(), bot.held()) == ("live", exact(**{third: "0.020"}), Decimal("10.02"))

        await bot.cancel(third)
        await fake.until(lambda: bot.open() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))


@pytest.mark.parametrize("kind", BOTS)
@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt"])
async def test_a_spoiled_book_is_noticed_and_mended(kind: type[Any], fault: str) -> None:
    """A message that is lost, late or broken costs the book its state; to subscribe anew brings it back."""
    async with trading(kind) as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        with bot.book.status.watch() as states:
            getattr(fake, fault)("books:" if kind is Bot5 else "spot/depth:")
            fake.market(BTC).tick(10)
            await fake.until(lambda: right(fake, bot))
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]
        sent = "".join(map(str, fake.frames_received))
        assert sent.index('"unsubscribe"') < sent.rindex('"subscribe"')


@pytest.mark.parametrize("kind", BOTS)
async def test_messages_told_twice(kind: type[Any]) -> None:
    """The book is right again in the end."""
    async with trading(kind) as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        fake.duplicate(times=3)
        fake.market(BTC).tick(10)
        await fake.until(lambda: right(fake, bot))


async def test_compressed_frames() -> None:
    """Handlers of JSON get what a V3 frame says, handlers of bytes get it as it came over the wire."""
    async with trading(Bot3) as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        plain = [zlib.decompress(frame, -zlib.MAX_WBITS).decode() for frame in bot.frames]
        assert any(text.startswith('{"table": "spot/depth", "action": "partial"') for text in plain)
        assert "pong" in plain


@pytest.mark.parametrize("kind", BOTS)
async def test_a_refused_key(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """One clear error from `ready`, one from `initialize`; neither shows a secret."""
    async with (
        FakeExchange("okj") as fake,
        topgun.Client({"okj": ["another-key", "another-secret", "another-pass"]}) as client,
    ):
        bot = kind(client)
        with pytest.raises(LoginRefused, match=r"60009|30006") as refused:
            await bot.connect()
        with pytest.raises(InitializeError, match="Invalid OK-ACCESS-KEY") as caught:
            await bot.initialize()
        for secret in ("another-secret", "another-pass"):
            assert secret not in f"{refused.value} {caught.value} {caplog.text}"
        assert not any(request.verified for request in fake.requests if request.status != 101)


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
        assert {link.api for link in fake.links()} == {"okj"}


@pytest.mark.parametrize("kind", BOTS)
async def test_a_bot_with_a_wrong_clock(kind: type[Any]) -> None:
    """It is refused over HTTP, and can see why."""
    async with trading(kind) as (fake, bot):
        fake.clock_skew(120)
        with pytest.raises(InitializeError, match="Timestamp request expired"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()


@pytest.mark.parametrize("kind", BOTS)
async def test_a_lost_reply(kind: type[Any]) -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading(kind) as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", fake.market(BTC).best_bid, "0.010")
        await bot.initialize()
        assert list(bot.open().values()) == [Decimal("0.010")]
