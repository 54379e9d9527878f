"""topgun against the fake of Hyperliquid: a life with a cut in it, a thousand orders at once, faults, refusals."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from tests.support import FakeLink
from topgun.clock import RisingInstants, SystemClock
from topgun.credentials import Credential
from topgun.exchanges.hyperliquid import EXCHANGE, HyperliquidDataStore
from topgun.exchanges.hyperliquid.stream import sign_message
from topgun.testing import FakeExchange
from topgun.testing.venues.hyperliquid.gate import Wallet, recovered

try:
    import coincurve
except ImportError:
    coincurve = None

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

API = "https://api.hyperliquid.xyz"
STREAM = "wss://api.hyperliquid.xyz/ws"
COIN, ASSET = "ETH", 1
BOOK = {"coin": COIN}
SOON = (0.01, 0.02, 1.0, 0.01)  # s between connections
CHANNELS = ("orderUpdates", "openOrders", "userFills", "userEvents", "clearinghouseState", "spotState")
MANY = 1_000 if coincurve else 50  # orders at once: eth-account needs thirty times as long to sign and to check one


def order(side: str, price: Any, size: str, tif: str = "Gtc", *, reduce: bool = False) -> dict[str, Any]:
    wire = {
        "a": ASSET,
        "b": side == "buy",
        "p": f"{Decimal(str(price)).normalize():f}",
        "s": size,
        "r": reduce,
        "t": {"limit": {"tif": tif}},
    }
    return {"type": "order", "orders": [wire], "grouping": "na"}


class Bot:
    """A bot with one socket."""

    def __init__(self, fake: FakeExchange, client: topgun.Client, key: str) -> None:
        self.fake, self.client = fake, client
        self.user = Wallet.from_key(key).address
        self.store = HyperliquidDataStore(unique=True)
        self.market = fake.market(COIN)

    async def connect(self) -> WebSocketApp:
        wanted = [
            {"type": "l2Book", "coin": COIN},
            {"type": "trades", "coin": COIN},
            *({"type": name, "user": self.user.lower()} for name in CHANNELS),
        ]
        app = await self.client.ws_connect(
            STREAM,
            send_json=[{"method": "subscribe", "subscription": each} for each in wanted],
            hdlr_json=self.store.onmessage,
            backoff=SOON,
        )
        await app.ready()
        return app

    async def initialize(self) -> None:
        kinds = ("openOrders", "clearinghouseState", "spotClearinghouseState", "userFills")
        await self.store.initialize(
            *(self.client.post(f"{API}/info", data={"type": kind, "user": self.user}) for kind in kinds)
        )

    async def act(self, action: dict[str, Any], **more: Any) -> Any:
        reply = await self.client.fetch("POST", f"{API}/exchange", data={"action": action, **more})
        return reply.data

    async def send(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        told = await self.act(order(*args, **kwargs))
        [status] = told["response"]["data"]["statuses"]
        return dict(status)

    async def cancel(self, *oids: int) -> list[Any]:
        told = await self.act({"type": "cancel", "cancels": [{"a": ASSET, "o": oid} for oid in oids]})
        return list(told["response"]["data"]["statuses"])

    def open(self) -> dict[int, str]:
        """Return what is left of each open order; both tables must say the same."""
        left = {row["oid"]: row["sz"] for row in self.store.order_updates}
        assert left == {row["oid"]: row["sz"] for row in self.store.open_orders}
        return left

    def right(self) -> bool:
        """Tell whether the book is live, and the exchange's own."""
        if self.store.l2_book.state(BOOK) != "live":
            return False
        told = self.store.l2_book.sorted(BOOK)
        levels = {
            name: [(Decimal(row["px"]), Decimal(row["sz"])) for row in told[side]]
            for name, side in (("asks", "A"), ("bids", "B"))
        }
        return levels == self.market.book(20)


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("hyperliquid", **options) as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client,
    ):
        yield fake, Bot(fake, client, fake.apis["hyperliquid"][0])


async def test_a_life_with_a_cut_in_it() -> None:
    """Orders rest, are filled and cancelled; after a cut everything is live again, with the right rows."""
    async with trading() as (fake, bot):
        app = await bot.connect()
        await bot.initialize()
        await fake.until(bot.right)
        store, market = bot.store, bot.market
        assert (store.order_updates.state(), bot.open()) == ("live", {})
        far, near = market.best_bid - 5, market.best_bid + Decimal("0.1")
        [first, second] = [(await bot.send("buy", price, "0.5"))["resting"]["oid"] for price in (far, near)]
        await fake.until(lambda: bot.open() == {first: "0.5", second: "0.5"})
        market.trade("sell", "0.2")
        await fake.until(lambda: bot.open() == {first: "0.5", second: "0.3"})
        await fake.until(lambda: [row["szi"] for row in store.positions] == ["0.2"])
        assert [(row["oid"], row["sz"], row["crossed"]) for row in store.user_fills] == [(second, "0.2", False)]
        assert [row["type"] for row in store.user_events] == ["fills"]
        assert await bot.cancel(first, first) == [
            "success",
            {"error": "Order was never placed, already canceled, or filled."},
        ]
        await fake.until(lambda: bot.open() == {second: "0.3"})

        fake.drop()
        await fake.until(lambda: store.order_updates.state() == store.l2_book.state(BOOK) == "stale")
        market.trade("sell", "0.3")
        await app.ready()
        await bot.initialize()
        await fake.until(lambda: bot.right() and store.order_updates.state() == "live")
        assert bot.open() == {}
        assert [row["szi"] for row in store.positions] == ["0.5"]
        assert sum(Decimal(row["sz"]) for row in store.user_fills) == Decimal("0.5")
        assert (await bot.send("sell", market.best_bid, "0.5", "Ioc", reduce=True))["filled"]["totalSz"] == "0.5"
        await fake.until(lambda: not len(store.positions))
        assert all(request.verified for request in fake.requests)


async def test_orders_over_a_socket() -> None:
    """A post is signed on its way out; the answer comes on the same socket."""
    async with trading() as (fake, bot):
        app = await bot.connect()
        heard: list[Any] = []
        second = await bot.client.ws_connect(STREAM, hdlr_json=lambda msg, ws: heard.append(msg))
        await second.ready()
        action = order("buy", bot.market.best_bid - 5, "0.5")
        message = {"method": "post", "id": 7, "request": {"type": "action", "payload": {"action": action}}}
        for app_ws in (second.current_ws, app.current_ws):
            assert app_ws is not None
            await app_ws.send_json(message)
        await fake.until(lambda: len(bot.store.order_updates) == 2)
        await fake.until(lambda: [msg for msg in heard if msg["channel"] == "post"])
        [told] = [msg["data"] for msg in heard if msg["channel"] == "post"]
        assert (told["id"], told["response"]["payload"]["status"]) == (7, "ok")
        assert "nonce" not in message["request"]["payload"]  # type: ignore[operator]


async def test_a_thousand_orders_at_once() -> None:
    """Each has a nonce of its own, all rise, and every signature is that of the account."""
    started = time.process_time()
    async with trading() as (fake, bot):
        answers: list[Any] = []
        app = await bot.client.ws_connect(STREAM, hdlr_json=lambda msg, ws: answers.append(msg))
        await app.ready()
        ws = app.current_ws
        assert ws is not None
        action = order("buy", bot.market.best_bid - 5, "0.5", "Ioc")  # the exchange keeps none of them
        request = {"type": "action", "payload": {"action": action}}
        messages = [{"method": "post", "id": number, "request": request} for number in range(MANY)]
        await asyncio.gather(*map(ws.send_json, messages))
        await fake.until(lambda: len([msg for msg in answers if msg["channel"] == "post"]) == MANY, timeout=60)
        venue: Any = fake._venues[0]
        assert [*venue.gate.nonces] == [bot.user.lower()]
        nonces = venue.gate.nonces[bot.user.lower()]
        assert (len(nonces), nonces) == (MANY, sorted(set(nonces)))
        assert len(venue.accounts["hyperliquid"].orders) == MANY
        assert all(message["request"] is request for message in messages)
        assert "nonce" not in str(request)
    print(f"{MANY} orders: {time.process_time() - started:.2f} s of CPU")


def test_a_thousand_orders_in_one_millisecond() -> None:
    """The nonces are those of as many milliseconds, and so is every signature by itself."""

    class Frozen(SystemClock):
        def now(self) -> topgun.clock.Instant:  # type: ignore[name-defined]  # a module of the package
            return topgun.clock.Instant(1_713_825_891_591_000_000)  # type: ignore[attr-defined]

    key = f"0x{7:064x}"
    instants = RisingInstants(Frozen())
    link = FakeLink(STREAM, Credential(key))
    link.instant = lambda: instants.now(key, 1_000_000)  # type: ignore[method-assign]
    payload = {"action": order("buy", "3000", "0.5")}
    message = {"method": "post", "id": 1, "request": {"type": "action", "payload": payload}}
    bodies = [sign_message(message, link)["request"]["payload"] for _ in range(MANY)]  # type: ignore[arg-type]
    assert [body["nonce"] for body in bodies] == [1_713_825_891_591 + number for number in range(MANY)]
    assert len({body["signature"]["r"] for body in bodies}) == MANY
    address = Wallet.from_key(key).address.lower()
    assert all(recovered(json.dumps(body), mainnet=True) == address for body in bodies)


async def test_http_and_socket_share_their_nonces() -> None:
    """Requests and posts of one key, sent at the same time, never use one nonce twice."""
    async with trading() as (fake, bot):
        app = await bot.connect()
        ws = app.current_ws
        assert ws is not None
        noop = {"action": {"type": "noop"}}
        posts = [
            {"method": "post", "id": number, "request": {"type": "action", "payload": noop}} for number in range(20)
        ]
        await asyncio.gather(*(bot.act({"type": "noop"}) for _ in range(20)), *(ws.send_json(post) for post in posts))
        venue: Any = fake._venues[0]
        nonces = venue.gate.nonces[bot.user.lower()]
        await fake.until(lambda: len(nonces) == 40)
        assert len({*nonces}) == 40


async def test_an_agent_signs_for_the_account() -> None:
    """An approved wallet may trade; what it does belongs to the account."""
    agent = f"0x{9:064x}"
    async with trading() as (fake, bot), topgun.Client({"hyperliquid": [agent]}, exchanges=(EXCHANGE,)) as client:
        other = Bot(fake, client, agent)
        refused = await other.act({"type": "noop"})
        assert refused == {"status": "err", "response": f"User or API Wallet {other.user.lower()} does not exist."}
        approval = {"type": "approveAgent", "agentAddress": other.user, "agentName": "bot"}
        assert (await bot.act(approval))["status"] == "ok"
        oid = (await other.send("buy", bot.market.best_bid - 5, "0.5"))["resting"]["oid"]
        await bot.initialize()
        assert bot.open() == {oid: "0.5"}
        await other.initialize()
        assert other.open() == {}


async def test_a_refused_key(caplog: pytest.LogCaptureFixture) -> None:
    """A key that nobody knows is one clear answer by HTTP, and one warning by socket."""
    key = f"0x{0xBAD:064x}"
    async with (
        FakeExchange("hyperliquid") as fake,
        topgun.Client({"hyperliquid": [key]}, exchanges=(EXCHANGE,)) as client,
    ):
        bot = Bot(fake, client, key)
        assert "does not exist" in (await bot.act({"type": "noop"}))["response"]
        app = await bot.connect()
        ws = app.current_ws
        assert ws is not None
        payload = {"action": {"type": "noop"}}
        await ws.send_json({"method": "post", "id": 1, "request": {"type": "action", "payload": payload}})
        await fake.until(lambda: caplog.records)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "does not exist" in caplog.text
        assert key.removeprefix("0x") not in caplog.text


async def test_a_key_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is sent, and the text of the error does not show it."""
    apis = {"hyperliquid": ["my secret words"]}
    async with FakeExchange("hyperliquid") as fake, topgun.Client(apis, exchanges=(EXCHANGE,)) as client:
        with pytest.raises(topgun.errors.SigningError, match="64 hex digits") as caught:
            await client.post(f"{API}/exchange", data={"action": {"type": "noop"}})
        assert "secret" not in str(caught.value)
        assert fake.requests == []


async def test_a_clock_that_is_wrong() -> None:
    """A nonce from the day before yesterday is refused."""
    async with trading() as (fake, bot):
        fake.skew = 3 * 86_400
        assert "Invalid nonce" in (await bot.act({"type": "noop"}))["response"]


async def test_a_damaged_message_is_noticed_and_mended() -> None:
    """The book is not live until it is told again, by HTTP if nothing moves."""
    async with trading() as (fake, bot):
        await bot.connect()
        await fake.until(bot.right)
        fake.corrupt("l2Book:ETH", row=True)
        bot.market.order("buy", 1, 2_000)
        bot.market.order("buy", 1, bot.market.best_bid)
        await fake.until(lambda: bot.store.l2_book.state(BOOK) == "live" and bot.right())
        assert [request.body for request in fake.requests if request.path == "/info"]
        fake.duplicate(times=3)
        fake.reorder()
        for _ in range(6):
            bot.market.order("buy", 1, bot.market.best_bid)
        await fake.until(bot.right)


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", bot.market.best_bid - 5, "0.5")
        await bot.initialize()
        assert list(bot.open().values()) == ["0.5"]
