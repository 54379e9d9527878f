"""topgun on the fake BitMEX: from the handshake to lost connections and back, with the right rows and no help."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from topgun.errors import HandshakeRefused
from topgun.exchanges.bitmex import EXCHANGE, BitMEXDataStore
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

XBT, ETH = "XBTUSD", "ETHUSDT"
BOOK = {"symbol": XBT}
PUBLIC = [f"{table}:{XBT}" for table in ("orderBookL2", "trade", "quote", "instrument", "liquidation", "orderBook10")]
PRIVATE = ["order", "execution", "position", "margin", "wallet"]
QUICK = (0.01, 0.01, 1.0, 0.01)  # so that a test need not wait for the next connection


class Bot:
    """A bot on BitMEX, or on its testnet."""

    def __init__(self, client: topgun.Client, *, testnet: bool = False) -> None:
        self.client, self.store = client, BitMEXDataStore()
        self.api = f"https://{'testnet' if testnet else 'www'}.bitmex.com/api/v1"
        self.ws = f"wss://ws{'.testnet' if testnet else ''}.bitmex.com/realtime"
        self.book, self.orders = self.store.orderbook, self.store.order

    async def open(self, *topics: str, url: str = "") -> WebSocketApp:
        app = await self.client.ws_connect(
            url or self.ws,
            send_json={"op": "subscribe", "args": list(topics)} if topics else None,
            hdlr_json=self.store.onmessage,
            backoff=QUICK,
        )
        await app.ready()
        return app

    async def send(self, side: str, price: Any, size: int = 200) -> str:
        order = {**BOOK, "side": side, "orderQty": size, "price": float(price)}
        reply = await self.client.fetch("POST", f"{self.api}/order", data=order)
        return str(reply.data["orderID"])

    async def cancel(self, ident: str) -> None:
        await self.client.fetch("DELETE", f"{self.api}/order", data={"orderID": ident})

    def left(self) -> dict[str, int]:
        """Return what is left of each open order."""
        return {row["orderID"]: row["leavesQty"] for row in self.orders}

    def held(self) -> dict[str, int]:
        return {row["symbol"]: row["currentQty"] for row in self.store.position}


def right(fake: FakeExchange, bot: Bot, symbol: str = XBT, limit: int | None = None) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    truth = fake.market(symbol).book(limit)
    told = [[(float(price), int(size)) for price, size in truth[side]] for side in ("asks", "bids")]
    seen = [[(row["price"], row["size"]) for row in rows] for rows in bot.book.sorted({"symbol": symbol}).values()]
    return bot.book.state({"symbol": symbol}) == "live" and seen == told


@asynccontextmanager
async def trading(*, testnet: bool = False) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("bitmex") as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        yield fake, Bot(client, testnet=testnet)


@pytest.mark.parametrize("testnet", [False, True])
async def test_a_life_with_a_cut_in_it(testnet: bool) -> None:
    """Connected, traded, cut off, back again: at every stage the tables hold the right rows, without a request."""
    async with trading(testnet=testnet) as (fake, bot):
        market = fake.market(XBT)
        await bot.open(*PUBLIC, *PRIVATE)
        assert [link.api for link in fake.links()] == ["bitmex_testnet" if testnet else "bitmex"]
        await fake.until(lambda: right(fake, bot) and bot.orders.state() == "live" and len(bot.store.wallet) == 2)
        assert (bot.left(), bot.held()) == ({}, {})

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("Buy", market.best_bid) for _ in range(2)]
        third = await bot.send("Sell", 61000, 300)
        await fake.until(lambda: bot.left() == {first: 200, second: 200, third: 300})
        market.fill()
        await fake.until(lambda: bot.left() == {second: 200, third: 300} and bot.held() == {XBT: 200})
        market.fill(100)
        await fake.until(lambda: bot.left() == {second: 100, third: 300} and bot.held() == {XBT: 300})
        assert [row["lastQty"] for row in bot.store.execution] == [200, 100]

        fake.drop(lasting=True)
        await fake.until(lambda: bot.book.state(BOOK) == bot.orders.state() == bot.store.position.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(200)  # prices go elsewhere
        assert bot.left() == {second: 100, third: 300}
        fake.lift()
        await fake.until(lambda: right(fake, bot) and bot.left() == {third: 300} and bot.held() == {XBT: 400})
        asks, bids = bot.book.sorted(BOOK).values()
        assert asks[0]["price"] > bids[0]["price"]
        await fake.until(lambda: bot.store.wallet.state() == "live")

        await bot.cancel(third)
        await fake.until(lambda: bot.left() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        assert all(request.verified for request in fake.requests)
        bot.book._check()


@pytest.mark.parametrize("url", ["wss://ws.bitmex.com/realtime", "wss://www.bitmex.com/realtime"])
async def test_subscribing_by_the_address(url: str) -> None:
    """Both hosts are logged in by the handshake, so private topics in the query are answered."""
    async with trading() as (fake, bot):
        await bot.open(url=f"{url}?subscribe=order,orderBookL2_25:{XBT}")
        await bot.send("Buy", 50000)
        await fake.until(lambda: len(bot.left()) == 1 and right(fake, bot, limit=25))
        fake.market(XBT).tick(20)
        await fake.until(lambda: right(fake, bot, limit=25))


async def test_a_lost_change_is_mended_as_soon_as_it_shows() -> None:
    """A level whose insert was lost changes: the topic is subscribed to anew, which brings the whole book."""
    async with trading() as (fake, bot):
        await bot.open(f"orderBookL2:{XBT}")
        await fake.until(lambda: right(fake, bot))
        with bot.book.status.watch() as states:
            fake.gap(f"orderBookL2:{XBT}")
            fake.market(XBT).order("buy", 100, 59000)
            fake.market(XBT).order("buy", 100, 59000)
            await fake.until(lambda: right(fake, bot))
            assert [(await states.get()).data["state"] for _ in range(2)] == ["syncing", "live"]
        assert [frame for frame in fake.frames_received[1:] if "subscribe" in str(frame)] == [
            f'{{"op": "{op}", "args": ["orderBookL2:{XBT}"]}}' for op in ("unsubscribe", "subscribe")
        ]
        fake.market(XBT).tick(20)
        await fake.until(lambda: right(fake, bot))


async def test_lost_deletions_do_not_leave_a_crossed_book() -> None:
    """What was taken from the asks stays in the book, until the bids are above it for ten messages."""
    async with trading() as (fake, bot):
        market = fake.market(XBT)
        await bot.open(f"orderBookL2:{XBT}")
        await fake.until(lambda: right(fake, bot))
        missing = fake.gap(times=None)
        market.trade("buy", sum(size for _, size in market.book(8)["asks"]))
        missing.lift()
        market.order("buy", 100, bot.book.sorted(BOOK)["Sell"][4]["price"])
        for step in range(10):
            market.order("buy", 100, 50000 + step)
        await fake.until(lambda: right(fake, bot))
        assert "unsubscribe" in str(fake.frames_received)


async def test_a_damaged_change_and_one_that_comes_twice() -> None:
    """The first makes the book anew, the second does no harm."""
    async with trading() as (fake, bot):
        await bot.open("orderBookL2")
        for name in (XBT, ETH):
            await fake.until(lambda name=name: right(fake, bot, name))  # type: ignore[misc]
        fake.corrupt("orderBookL2", row=True)
        fake.tick(3)
        await fake.until(lambda: right(fake, bot) and right(fake, bot, ETH))
        fake.duplicate("orderBookL2", times=5)
        fake.tick(20)
        await fake.until(lambda: right(fake, bot) and right(fake, bot, ETH))


async def test_switching_to_the_other_book() -> None:
    """After an unsubscribe the book is stale; the other table takes it over."""
    async with trading() as (fake, bot):
        app = await bot.open(f"orderBookL2:{XBT}")
        await fake.until(lambda: right(fake, bot))
        await app.unsubscribe({"op": "unsubscribe", "args": [f"orderBookL2:{XBT}"]})
        await fake.until(lambda: bot.book.state(BOOK) == "stale")
        await app.subscribe({"op": "subscribe", "args": [f"orderBookL2_25:{XBT}"]})
        await fake.until(lambda: right(fake, bot, limit=25))
        fake.drop()
        await fake.until(lambda: len(fake.connections) == 2 and right(fake, bot, limit=25))
        assert list(fake.links()[0].topics) == [f"orderBookL2_25:{XBT}"]


async def test_a_refused_key(caplog: pytest.LogCaptureFixture) -> None:
    """One clear error by socket, and the answer by HTTP; the secret shows nowhere."""
    async with FakeExchange("bitmex") as fake:
        apis = {"bitmex": [fake.apis["bitmex"][0], "wrong-secret"]}
        async with topgun.Client(apis, exchanges=(EXCHANGE,)) as client:
            bot = Bot(client)
            with pytest.raises(HandshakeRefused, match="401") as caught:
                await bot.open(*PRIVATE)
            reply = await client.fetch("GET", f"{bot.api}/order")
            assert (reply.response.status, reply.data["error"]["message"]) == (401, "Signature not valid.")
            assert len(fake.connections) == 0
            assert len([record for record in caplog.records if record.levelname == "ERROR"]) <= 1
            assert "wrong-secret" not in f"{caplog.text}{caught.value}"


async def test_private_topics_without_a_key(caplog: pytest.LogCaptureFixture) -> None:
    """They are refused with a warning; public ones of the same socket flow."""
    async with FakeExchange("bitmex") as fake, topgun.Client(exchanges=(EXCHANGE,)) as client:
        bot = Bot(client)
        await bot.open("order", f"orderBookL2:{XBT}")
        await fake.until(lambda: right(fake, bot))
        assert len([text for text in caplog.messages if text.startswith("BitMEX refuses: ")]) == 1
        assert bot.orders.state() == "stale"


async def test_a_bot_with_a_wrong_clock() -> None:
    """Its requests have expired before they arrive, and it can see why."""
    async with trading() as (fake, bot):
        fake.clock_skew(60)
        reply = await bot.client.fetch("GET", f"{bot.api}/order")
        assert "This request has expired" in reply.data["error"]["message"]
        fake.clock_skew(0)
        assert (await bot.client.fetch("GET", f"{bot.api}/order")).data == []


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: the stream tells."""
    async with trading() as (fake, bot):
        await bot.open(*PRIVATE)
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("Buy", 50000)
        await fake.until(lambda: list(bot.left().values()) == [200])
