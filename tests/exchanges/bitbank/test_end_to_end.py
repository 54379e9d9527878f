"""topgun itself against the fake of bitbank: from the first request to a lost connection and back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.helpers.bitbank import fetch_channel_and_token, fetch_subscribe, subscribe_with_callback
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAIR = "btc_jpy"
GROUP = {"pair": PAIR}
ROOMS = ("depth_whole", "depth_diff", "transactions", "ticker", "circuit_break_info")
API = "https://api.bitbank.cc/v1/user"


class Bot:
    """A bot on bitbank, with the older or the newer version of Socket.IO."""

    def __init__(self, fake: FakeExchange, client: topgun.Client, eio: int) -> None:
        self.fake, self.client, self.eio = fake, client, eio
        self.store, self.account = topgun.bitbankDataStore(), topgun.bitbankPrivateDataStore()
        self.market = fake.market(PAIR)

    async def connect(self) -> None:
        self.app = await self.client.ws_connect(
            f"wss://stream.bitbank.cc/socket.io/?EIO={self.eio}&transport=websocket",
            send_str=[f'42["join-room","{room}_{PAIR}"]' for room in ROOMS],
            hdlr_str=self.store.onmessage,
            backoff=(0.1, 0.2, 1.5, 0.1),
        )
        await self.app.ready()
        access = await fetch_channel_and_token(self.client)
        channel, token = access["pubnub_channel"], access["pubnub_token"]
        now = (await fetch_subscribe(self.client, channel, token))["t"]
        self.stream = asyncio.create_task(
            subscribe_with_callback(self.client, self.account.onmessage, channel, token, now["t"], str(now["r"]))
        )

    async def initialize(self) -> None:
        paths = ("assets", "spot/active_orders", "margin/positions")
        await self.account.initialize(*(self.client.get(f"{API}/{path}") for path in paths))

    async def send(self, side: str, price: Any, size: str) -> int:
        order = {**GROUP, "side": side, "type": "limit", "price": str(price), "amount": size}
        result = await self.client.fetch("POST", f"{API}/spot/order", data=order)
        return int(result.data["data"]["order_id"])

    async def cancel(self, *numbers: int) -> None:
        await self.client.post(f"{API}/spot/cancel_orders", data={**GROUP, "order_ids": list(numbers)})

    def open(self) -> dict[int, str]:
        """Return what is left of each open order."""
        return {row["order_id"]: row["remaining_amount"] for row in self.account.spot_order}

    def owned(self) -> str:
        row = self.account.asset.get({"asset": "btc"})
        return str(row and row["onhand_amount"])

    def right(self) -> bool:
        """Tell whether the book is live and the true one, level by level."""
        sides = self.store.depth.sorted(GROUP)
        levels = {
            side: [(Decimal(row["price"]), Decimal(row["amount"])) for row in rows] for side, rows in sides.items()
        }
        return self.store.depth.state(GROUP) == "live" and levels == self.market.book()


@asynccontextmanager
async def trading(eio: int = 4, **apis: Any) -> AsyncIterator[Bot]:
    async with FakeExchange("bitbank") as fake, topgun.Client(apis or fake.apis) as client:
        yield Bot(fake, client, eio)


@pytest.mark.parametrize("eio", [3, 4])
async def test_a_life_with_a_cut_in_it(eio: int) -> None:
    """Asked, connected, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(eio) as bot:
        fake, market = bot.fake, bot.market
        await bot.connect()
        await bot.initialize()
        assert all(request.verified for request in fake.requests)
        await fake.until(bot.right)
        assert (bot.open(), bot.owned(), len(bot.account.margin_position)) == ({}, "10.0000", 0)
        assert bot.store.ticker.get(GROUP)
        assert bot.store.circuit_break_info.get(GROUP)

        market.tick(20)
        await fake.until(bot.right)
        first, second = [await bot.send("buy", market.best_bid, "0.0100") for _ in range(2)]
        third = await bot.send("sell", int(market.best_ask or 0) * 102 // 100, "0.0200")  # nobody fills it
        await fake.until(lambda: bot.open() == {first: "0.0100", second: "0.0100", third: "0.0200"})
        market.fill()
        await fake.until(lambda: bot.open() == {second: "0.0100", third: "0.0200"} and bot.owned() == "10.0100")
        market.fill("0.0050")
        await fake.until(lambda: bot.open() == {second: "0.0050", third: "0.0200"} and bot.owned() == "10.0150")

        broken = fake.fail_request(503, path="/v2/subscribe", times=None)
        fake.drop(lasting=True)
        await fake.until(lambda: bot.store.depth.state(GROUP) == "stale" and bot.account.spot_order.state() == "stale")
        market.fill()  # nobody hears of it for now
        market.tick(20)
        assert bot.open() == {second: "0.0050", third: "0.0200"}
        fake.lift()
        assert broken.used >= 1
        await fake.until(bot.right, timeout=20)
        await fake.until(lambda: bot.open() == {third: "0.0200"})  # PubNub has kept it
        assert bot.account.spot_order.state() == "stale"
        await bot.initialize()
        assert bot.account.spot_order.state() == "live"
        assert (bot.open(), bot.owned()) == ({third: "0.0200"}, "10.0200")

        await bot.cancel(third)
        await fake.until(lambda: bot.open() == {})
        market.tick(20)
        await fake.until(bot.right)
        assert [row["amount"] for row in bot.account.spot_trade] == ["0.0100", "0.0050", "0.0050"]


@pytest.mark.parametrize(("fault", "row"), [("reorder", None), ("corrupt", True), ("corrupt", False)])
async def test_a_spoiled_book_is_noticed_and_mended(fault: str, row: bool | None) -> None:
    """A message that is late or broken costs the book its state; the next whole book brings it back."""
    async with trading() as bot:
        await bot.connect()
        await bot.fake.until(bot.right)
        with bot.store.depth.status.watch() as states:
            getattr(bot.fake, fault)(f"depth_diff_{PAIR}", **({} if row is None else {"row": row}))
            bot.market.tick(20)
            await bot.fake.until(bot.right)
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]


@pytest.mark.parametrize("fault", ["gap", "duplicate"])
async def test_a_book_that_is_mended_without_a_word(fault: str) -> None:
    """A message that comes twice is harmless; one that is lost cannot be noticed, and the next whole book mends it."""
    async with trading() as bot:
        await bot.connect()
        await bot.fake.until(bot.right)
        getattr(bot.fake, fault)(f"depth_diff_{PAIR}")
        bot.market.tick(20)
        await bot.fake.until(bot.right)


async def test_a_refused_key(caplog: pytest.LogCaptureFixture) -> None:
    """The private stream raises what bitbank has answered; answers are skipped with one warning, nothing is live."""
    async with trading(bitbank=["a key that is", "not known"]) as bot:
        with pytest.raises(ValueError, match="20003"):
            await bot.connect()
        assert caplog.records == []
        await bot.account.initialize(bot.client.get(f"{API}/assets"))
        [record] = caplog.records
        assert "20003" in record.getMessage()
        assert bot.account.asset.state() == "stale"


async def test_a_wrong_clock() -> None:
    """A clock that is more than a second fast, or five slow, is refused; a longer window helps the slow one."""
    async with trading() as bot:
        for skew, headers, accepted in (
            (-0.9, {}, True),
            (-1.5, {}, False),
            (4.9, {}, True),
            (5.5, {}, False),
            (5.5, {"ACCESS-TIME-WINDOW": "60000"}, True),
            (0.0, {"ACCESS-TIME-WINDOW": "60001"}, False),
        ):
            bot.fake.clock_skew(skew)
            result = await bot.client.fetch("GET", f"{API}/assets", headers=headers)
            assert result.data["success"] == int(accepted), skew


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: the stream tells, or asking does."""
    async with trading() as bot:
        bot.fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", bot.market.best_bid, "0.0100")
        await bot.initialize()
        assert list(bot.open().values()) == ["0.0100"]
