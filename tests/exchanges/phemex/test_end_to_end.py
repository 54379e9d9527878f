"""topgun itself against the fake of Phemex: from the first request to a lost connection and back, right all the way."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.errors import LoginRefused
from topgun.exchanges.phemex import PhemexDataStore
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SYMBOL = {"symbol": "BTCUSDT"}
SOCKETS = {
    "ws.phemex.com": ("wss://ws.phemex.com", "https://api.phemex.com", "phemex"),
    "vapi.phemex.com": ("wss://vapi.phemex.com/ws", "https://vapi.phemex.com", "phemex"),
    "testnet-api.phemex.com": ("wss://testnet-api.phemex.com/ws", "https://testnet-api.phemex.com", "phemex_testnet"),
}
CHANNELS = [("orderbook_p", "BTCUSDT"), ("trade_p", "BTCUSDT"), ("perp_market24h_pack_p",), ("aop_p",)]
BACKOFF = (0.1, 1.0, 1.618, 0.1)


class Bot:
    """A bot of one environment."""

    def __init__(self, client: topgun.Client, host: str) -> None:
        self.client = client
        self.stream, self.api, self.key = SOCKETS[host]
        self.store = PhemexDataStore()
        self.app: Any = None

    async def connect(self) -> None:
        messages = [
            {"id": number, "method": f"{name}.subscribe", "params": params}
            for number, (name, *params) in enumerate(CHANNELS, start=1)
        ]
        self.app = await self.client.ws_connect(
            self.stream, send_json=messages, hdlr_json=self.store.onmessage, backoff=BACKOFF
        )
        await self.app.ready()

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(
            get(f"{self.api}/g-orders/activeList", params=SYMBOL),
            get(f"{self.api}/g-accounts/accountPositions", params={"currency": "USDT"}),
        )

    async def send(self, side: str, price: Any, **more: str) -> str:
        params = {**SYMBOL, "side": side, "priceRp": str(price), "orderQtyRq": "0.01", "ordType": "Limit", **more}
        result = await self.client.fetch("PUT", f"{self.api}/g-orders/create", params=params)
        assert result.data["code"] == 0, result.data
        return str(result.data["data"]["orderID"])

    async def cancel(self, ident: str) -> None:
        params = {**SYMBOL, "orderID": ident, "posSide": "Merged"}
        await self.client.delete(f"{self.api}/g-orders/cancel", params=params)

    def open(self) -> dict[str, Decimal]:
        """Return what is filled of each open order."""
        return {row["orderID"]: Decimal(row["cumQty"]) for row in self.store.orders}

    def held(self, side: str = "Merged") -> Decimal:
        """Return the size of a position."""
        rows = self.store.positions.find({**SYMBOL, "posSide": side})
        return sum((Decimal(row["size"]) for row in rows), Decimal(0))


def right(fake: FakeExchange, bot: Bot) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    seen = bot.store.orderbook.sorted(SYMBOL)
    levels = {side: [(Decimal(row["priceEp"]), Decimal(row["qty"])) for row in rows] for side, rows in seen.items()}
    return bot.store.orderbook.state(SYMBOL) == "live" and levels == fake.market("BTCUSDT").book(30)


@asynccontextmanager
async def trading(host: str = "ws.phemex.com", apis: Any = None) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("phemex") as fake, topgun.Client(apis or fake.apis) as client:
        yield fake, Bot(client, host)


@pytest.mark.parametrize("host", SOCKETS)
async def test_a_life_with_a_cut_in_it(host: str) -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(host) as (fake, bot):
        market, store = fake.market("BTCUSDT"), bot.store
        await bot.initialize()
        assert store.orders.state() == store.positions.state() == store.accounts.state() == "live"
        await bot.connect()
        assert [link.api for link in fake.links()] == [bot.key]
        await fake.until(lambda: right(fake, bot) and len(store.market24h) == 2 and len(store.trade))
        market.tick(20)
        await fake.until(lambda: right(fake, bot))

        first, second = [await bot.send("Buy", market.best_bid) for _ in range(2)]
        third = await bot.send("Sell", int(market.best_ask or 0) * 102 // 100)  # so far away that it rests
        await fake.until(lambda: bot.open() == {first: 0, second: 0, third: 0})
        market.fill()
        await fake.until(lambda: bot.open() == {second: 0, third: 0} and bot.held() == Decimal("0.01"))
        market.fill("0.005")
        await fake.until(lambda: bot.open() == {second: Decimal("0.005"), third: 0})
        await bot.cancel(third)
        await fake.until(lambda: bot.open() == {second: Decimal("0.005")})
        fourth = await bot.send("Sell", int(market.best_ask or 0) * 102 // 100)
        await fake.until(lambda: fourth in bot.open())

        fake.drop(lasting=True)
        await fake.until(lambda: store.orderbook.state(SYMBOL) == store.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: Decimal("0.005"), fourth: 0}
        fake.lift()
        await fake.until(lambda: right(fake, bot) and store.orders.state() == "live", timeout=20)  # by its snapshot
        assert bot.open() == {fourth: 0}
        assert bot.held() == Decimal("0.02")
        assert store.positions.state() == store.accounts.state() == "live"
        await bot.initialize()
        assert bot.open() == {fourth: 0}
        await bot.cancel(fourth)
        await fake.until(lambda: bot.open() == {})
        await bot.initialize()  # an empty list is an error of Phemex's
        assert (bot.open(), store.orders.state()) == ({}, "live")
        assert all(request.verified for request in fake.requests)


async def test_the_query_is_signed_as_it_is_sent() -> None:
    """A name with characters that are escaped on the wire is taken by a server that checks what it received."""
    async with trading() as (fake, bot):
        await bot.connect()
        name = "a b+c/d&e=解"
        ident = await bot.send("Buy", 50000, clOrdID=name)
        await fake.until(lambda: ident in bot.open())
        assert [row["clOrdID"] for row in bot.store.orders] == [name]


async def test_hedged_positions() -> None:
    """In hedged mode there is a row for each side, on the stream, in answers and after a cut."""
    async with trading() as (fake, bot):
        market, mode = fake.market("BTCUSDT"), {**SYMBOL, "targetPosMode": "Hedged"}
        await bot.connect()
        await fake.until(lambda: bot.store.positions.find(SYMBOL))
        assert [row["posSide"] for row in bot.store.positions.find(SYMBOL)] == ["Merged"]
        await bot.client.put(f"{bot.api}/g-positions/switch-pos-mode-sync", params=mode)
        await fake.until(lambda: len(bot.store.positions.find(SYMBOL)) == 2)
        await bot.send("Buy", market.best_bid, posSide="Long")
        market.fill()
        await fake.until(lambda: bot.held("Long") == Decimal("0.01"))
        await bot.send("Sell", market.best_ask, posSide="Short")
        market.fill("0.004")
        await fake.until(lambda: bot.held("Short") == Decimal("0.004"))
        rows = {row["posSide"]: row["side"] for row in bot.store.positions.find(SYMBOL)}
        assert rows == {"Long": "Buy", "Short": "Sell"}
        fake.drop()
        await fake.until(lambda: bot.store.positions.state() == "stale")
        market.fill()
        await fake.until(lambda: bot.store.positions.state() == "live", timeout=10)
        assert (bot.held("Long"), bot.held("Short")) == (Decimal("0.01"), Decimal("0.01"))
        account = bot.store.accounts.find()[0]["accountID"]
        row = bot.store.positions.get({"accountID": account, **SYMBOL})
        assert (row or {})["posSide"] == "Short"
        await bot.initialize()
        assert (bot.held("Long"), bot.held("Short")) == (Decimal("0.01"), Decimal("0.01"))


@pytest.mark.parametrize("fault", ["reorder", "corrupt"])
async def test_a_spoiled_book_is_noticed_and_mended(fault: str) -> None:
    """A message that is late or broken costs the book its state; a new snapshot brings it back."""
    async with trading() as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        market = fake.market("BTCUSDT")
        best = market.best_bid or Decimal(0)
        with bot.store.orderbook.status.watch() as states:
            how = {"row": True} if fault == "corrupt" else {}
            getattr(fake, fault)("orderbook_p.BTCUSDT", **how)
            for step in range(3):
                market.order("buy", "0.001", best - step * Decimal("0.1") - Decimal("0.2"))
            await fake.until(lambda: right(fake, bot))
            told = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert told == ["syncing", "live"]
        fake.duplicate(times=None)  # what is told twice is harmless
        market.tick(5)
        await fake.until(lambda: right(fake, bot))


async def test_a_lost_message_does_not_stay_lost() -> None:
    """Nothing shows a lost message; the next snapshot, at most 60 s later, puts the book right."""
    clock = topgun.testing.FakeClock()
    async with FakeExchange("phemex", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        bot = Bot(client, "ws.phemex.com")
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        market = fake.market("BTCUSDT")
        best = market.best_bid or Decimal(0)
        market.order("buy", "0.001", best - Decimal("0.2"))
        await fake.until(lambda: right(fake, bot))
        fake.gap("orderbook_p.BTCUSDT")
        for step in (3, 4):
            market.order("buy", "0.001", best - step * Decimal("0.1"))
        await fake.until(lambda: Decimal(bot.store.orderbook.timestamp) > 0)
        assert not right(fake, bot)
        await clock.advance(60)
        market.order("buy", "0.001", best - Decimal("0.5"))
        await fake.until(lambda: right(fake, bot))


async def test_ping_and_login_do_not_get_in_each_others_way() -> None:
    """On the host of VIPs, which answers both, nothing is subscribed to before the login is answered."""
    async with trading("vapi.phemex.com") as (fake, bot):
        fake.silent_login()
        connecting = asyncio.create_task(bot.connect())
        await fake.until(lambda: fake.connections and len(fake.connections[0].received) == 2)
        await asyncio.sleep(0.05)  # the pong is there
        heard = [json.loads(frame) for frame in fake.connections[0].received]
        assert sorted(message["method"] for message in heard) == ["server.ping", "user.auth"]
        assert len({message["id"] for message in heard}) == 2
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)


async def test_a_refused_key_is_one_error(caplog: pytest.LogCaptureFixture) -> None:
    """`ready` raises what Phemex said; one line of the log says it too, with no secret in it."""
    caplog.set_level(logging.INFO)
    async with trading(apis={"phemex": ["fake-phemex-key", "not-the-secret"]}) as (_, bot):
        with pytest.raises(LoginRefused, match="invalid login token"):
            await bot.connect()
        said = [record for record in caplog.records if "invalid login token" in record.getMessage()]
        assert len(said) == 1
        await bot.initialize()
        refused = [record for record in caplog.records if "Phemex refuses /g-" in record.getMessage()]
        assert len(refused) == 2
        assert all("signature" in record.getMessage().lower() for record in refused)
        assert bot.store.orders.state() == "stale"
    assert "not-the-secret" not in caplog.text


async def test_a_bot_with_a_wrong_clock(caplog: pytest.LogCaptureFixture) -> None:
    """It is refused over HTTP, and can see why."""
    async with trading() as (fake, bot):
        fake.clock_skew(120)
        await bot.initialize()
        assert "expired" in caplog.text
        assert bot.store.orders.state() == "stale"
        fake.clock_skew(0)
        await bot.initialize()
        assert bot.store.orders.state() == "live"


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("Buy", fake.market("BTCUSDT").best_bid)
        await bot.initialize()
        assert list(bot.open().values()) == [0]  # sent by PUT, which aiohttp would have sent again
        assert [request.method for request in fake.requests].count("PUT") == 1
