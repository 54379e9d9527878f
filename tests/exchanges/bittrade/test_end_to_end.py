"""topgun itself against the fake of BitTrade: requests, three sockets, a life with a cut in it, refusals, pings."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from tests.support import until_moved
from topgun.errors import InitializeError, LoginRefused
from topgun.testing import FakeExchange
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

API = "https://api-cloud.bittrade.co.jp"
PUBLIC, PRIVATE, RETAIL = (f"wss://api-cloud.bittrade.co.jp{path}" for path in ("/ws", "/ws/v2", "/retail/ws"))
MARKET = "btcjpy"
TOPIC = f"market.{MARKET}.mbp.150"
GROUP = {"symbol": MARKET}
DEPTH = {"symbol": MARKET, "type": "step0"}
ACCOUNT = "100009"
SOON = (0.05, 0.2, 1.5, 0.05)  # s between two attempts to connect


class Bot:
    """A bot on BitTrade."""

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store = client, topgun.BitTradeDataStore()
        self.book, self.orders = self.store.mbp, self.store.orders

    async def connect(self) -> list[WebSocketApp]:
        market = await self.client.ws_connect(
            PUBLIC,
            send_json=[
                {"sub": TOPIC}, {"req": TOPIC}, {"sub": f"market.{MARKET}.trade.detail"},
                {"sub": f"market.{MARKET}.depth.step0"},
            ],
            hdlr_json=self.store.onmessage,
            backoff=SOON,
        )  # fmt: skip
        account = await self.client.ws_connect(
            PRIVATE,
            send_json=[{"action": "sub", "ch": topic} for topic in (f"orders#{MARKET}", "accounts.update#2")],
            hdlr_json=self.store.onmessage,
            backoff=SOON,
        )
        await asyncio.gather(market.ready(), account.ready())
        return [market, account]

    async def initialize(self) -> None:
        get = self.client.get
        await self.store.initialize(
            get(f"{API}/v1/order/openOrders", params={"account-id": ACCOUNT, "symbol": MARKET}),
            get(f"{API}/v1/account/accounts/{ACCOUNT}/balance"),
        )

    async def send(self, kind: str, price: Any, amount: str) -> int:
        order = {"account-id": ACCOUNT, "symbol": MARKET, "type": kind, "price": str(price), "amount": amount}
        result = await self.client.fetch("POST", f"{API}/v1/order/orders/place", data=order)
        return int(result.data["data"])

    async def cancel(self, number: int) -> None:
        await self.client.post(f"{API}/v1/order/orders/{number}/submitcancel")

    def open(self) -> dict[int, str]:
        """Return how much of each open order is filled."""
        return {row["orderId"]: row.get("execAmt", "0") for row in self.orders.find()}

    def held(self) -> Decimal:
        """Return the bitcoins that were there at first, and those that were bought."""
        [row] = self.store.accounts.find({"currency": "btc"})
        return Decimal(row["balance"])


def levels(rows: Any) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(str(row["price"])), Decimal(str(row["size"]))) for row in rows]


def right(fake: FakeExchange, bot: Bot) -> bool:
    """Tell whether both of the bot's books are live and the true one, level by level."""
    truth = fake.market(MARKET).book(150)
    return all(
        book.state(group) == "live" and {side: levels(rows) for side, rows in book.sorted(group).items()} == truth
        for book, group in ((bot.book, GROUP), (bot.store.depth, DEPTH))
    )


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("bittrade", **options) as fake, topgun.Client(fake.apis) as client:
        yield fake, Bot(client)


async def test_a_life_with_a_cut_in_it() -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading() as (fake, bot):
        market = fake.market(MARKET)
        await bot.connect()
        await bot.initialize()
        await fake.until(lambda: right(fake, bot))
        assert (bot.open(), bot.held()) == ({}, 10)

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("buy-limit", market.best_bid, "0.01") for _ in range(2)]
        third = await bot.send("sell-limit", int(market.best_ask or 0) * 102 // 100, "0.02")
        await fake.until(lambda: bot.open() == {first: "0", second: "0", third: "0"})
        market.fill()
        await fake.until(lambda: bot.open() == {second: "0", third: "0"} and bot.held() == Decimal("10.01"))
        market.fill("0.005")
        await fake.until(lambda: bot.open() == {second: "0.005", third: "0"} and bot.held() == Decimal("10.015"))

        fake.drop(lasting=True)
        await fake.until(lambda: bot.book.state(GROUP) == bot.store.depth.state(DEPTH) == bot.orders.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open() == {second: "0.005", third: "0"}
        fake.lift()
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        await until_moved(market, lambda: right(fake, bot))
        assert bot.orders.state() == "stale"
        await bot.initialize()
        assert bot.orders.state() == bot.store.accounts.state() == "live"
        assert (bot.open(), bot.held()) == ({third: "0"}, Decimal("10.02"))

        await bot.cancel(third)
        await fake.until(lambda: bot.open() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        assert all(request.verified for request in fake.requests)


@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt"])
async def test_a_spoiled_book_is_noticed_and_mended(fault: str) -> None:
    """A message that is lost, late or broken costs the book its state; the answer to a ``req`` brings it back."""
    async with trading() as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        with bot.book.status.watch() as states:
            getattr(fake, fault)(TOPIC)
            for _ in range(3):
                fake.market(MARKET).trade("buy", "0.01")
            await fake.until(lambda: right(fake, bot))
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]
        asked = [json.loads(frame) for frame in fake.frames_received]
        assert {"req": TOPIC, "id": TOPIC} in asked


async def test_a_message_told_twice_is_harmless() -> None:
    """Both books stay live."""
    async with trading() as (fake, bot):
        await bot.connect()
        await fake.until(lambda: right(fake, bot))
        with bot.book.status.watch() as states:
            fake.duplicate(times=None)
            fake.market(MARKET).tick(10)
            await fake.until(lambda: right(fake, bot))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(states.get(), 0.01)


async def test_who_only_subscribes() -> None:
    """The store asks for the snapshot by itself."""
    async with trading() as (fake, bot):
        app = await bot.client.ws_connect(PUBLIC, send_json={"sub": TOPIC}, hdlr_json=bot.store.onmessage)
        await app.ready()
        await fake.until(lambda: fake.links()[0].topics)
        fake.market(MARKET).tick()
        await bot.book.wait_for(lambda book: book.state(GROUP) == "live", timeout=5)
        assert len(bot.book) > 100


async def test_refused_keys(caplog: pytest.LogCaptureFixture) -> None:
    """A login that is refused, and a request that is, are one clear error each, without the key; public data go on."""
    caplog.set_level(logging.WARNING)
    async with FakeExchange("bittrade") as fake, topgun.Client({"bittrade": ["wrong-key", "wrong-secret"]}) as client:
        bot = Bot(client)
        with pytest.raises(LoginRefused, match=r"auth\.fail") as refused:
            await bot.connect()
        with pytest.raises(InitializeError, match="Signature not valid") as failed:
            await bot.store.initialize(client.get(f"{API}/v1/account/accounts/{ACCOUNT}/balance"))
        await fake.until(lambda: right(fake, bot))
        logins = [record for record in caplog.records if "login refused" in record.getMessage()]
        assert len(logins) == 1
        told = f"{refused.value} {failed.value} {caplog.text}"
        assert "wrong-key" not in told
        assert "wrong-secret" not in told
        assert [request.verified for request in fake.requests] == [True, True, False]


async def test_only_the_private_socket_is_logged_in() -> None:
    """With keys given, the others subscribe at once; no handshake carries anything of the keys, no login goes out."""
    async with trading() as (fake, bot):
        seen: list[Any] = []
        for url, message in ((PUBLIC, {"sub": TOPIC}), (RETAIL, {"action": 1, "topic": 1})):
            app = await bot.client.ws_connect(url, send_json=message, hdlr_json=lambda msg, ws: seen.append(msg))
            await app.ready()
        await fake.until(lambda: any("offer" in str(message) for message in seen))
        private = await bot.client.ws_connect(PRIVATE, send_json={"action": "sub", "ch": "orders#btcjpy"})
        await private.ready()
        assert [(link.path, link.api) for link in fake.links()] == [
            ("/ws", None), ("/retail/ws", None), ("/ws/v2", "bittrade"),
        ]  # fmt: skip
        assert all(link.query == {} for link in fake.links())
        logins = [[frame for frame in link.received if "auth" in str(frame)] for link in fake.links()]
        assert [len(each) for each in logins] == [0, 0, 1]


async def test_frames_as_they_come() -> None:
    """A handler of bytes gets the packed frames, one of messages the unpacked ones; the account's frames are texts."""
    async with trading() as (fake, bot):
        raw: list[bytes] = []
        plain: list[Any] = []
        texts: list[str] = []
        public = await bot.client.ws_connect(
            PUBLIC,
            send_json={"sub": TOPIC, "id": "1"},
            hdlr_bytes=lambda frame, ws: raw.append(frame),
            hdlr_json=lambda message, ws: plain.append(message),
        )
        private = await bot.client.ws_connect(
            PRIVATE,
            send_json={"action": "sub", "ch": "orders#btcjpy"},
            hdlr_str=lambda text, ws: texts.append(text),
        )
        await asyncio.gather(public.ready(), private.ready())
        fake.market(MARKET).tick()
        await fake.until(lambda: len(plain) >= 2 and texts)
        assert all(frame.startswith(b"\x1f\x8b") for frame in raw)
        assert [json.loads(gzip.decompress(frame)) for frame in raw] == plain
        assert json.loads(texts[0])["ch"] == "orders#btcjpy"


@pytest.mark.parametrize(("url", "every"), [(PUBLIC, 5), (PRIVATE, 20)])
async def test_pings_of_the_venue(url: str, every: int) -> None:
    """Each is answered with its own value, also where nobody listens; so the socket stays open."""
    clock = FakeClock(1_700_000_000)
    async with FakeExchange("bittrade", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        app = await client.ws_connect(url, heartbeat=None)
        await app.ready()
        [link] = fake.links()
        for _ in range(6):
            await clock.advance(every)
            fake.tick()
            value = clock.now().ms
            pong = {"action": "pong", "data": {"ts": value}} if url == PRIVATE else {"pong": value}
            await fake.until(lambda pong=pong: json.dumps(pong) in link.received)
        assert fake.links() == [link]


async def test_requests_for_data_keep_the_limit() -> None:
    """Of thirty in a burst none is refused: ten go out, the others wait their turn."""
    clock = FakeClock(1_700_000_000)
    async with FakeExchange("bittrade", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        answers: list[Any] = []
        app = await client.ws_connect(
            PUBLIC,
            send_json=[{"req": TOPIC, "id": f"{number}"} for number in range(30)],
            hdlr_json=lambda message, ws: answers.append(message),
        )
        for sent in (10, 20, 30):
            await fake.until(lambda sent=sent: sum("pong" not in answer for answer in answers) == sent)
            await clock.advance(1.0)
        await app.ready()
        assert {answer["status"] for answer in answers if "rep" in answer} == {"ok"}


async def test_a_bot_with_a_wrong_clock() -> None:
    """It is refused over HTTP, and can see why."""
    async with trading() as (fake, bot):
        fake.clock_skew(600)
        with pytest.raises(InitializeError, match="timestamp"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy-limit", fake.market(MARKET).best_bid, "0.01")
        await bot.initialize()
        assert list(bot.open().values()) == ["0"]
