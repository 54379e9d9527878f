"""topgun against the fake of Coincheck: a life with a cut in it, the nonces of many tasks, faults, refusals."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import topgun
from topgun.errors import LoginRefused
from topgun.exchanges.coincheck import EXCHANGE, CoincheckDataStore, CoincheckPrivateDataStore
from topgun.testing import FakeExchange
from topgun.testing.truth import Feed, Truth
from topgun.testing.venues.coincheck import Coincheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

API = "https://coincheck.com/api"
PAIR = "btc_jpy"
GROUP = {"pair": PAIR}
SOON = (0.01, 0.02, 1.0, 0.01)  # s between connections
FORMS = ("orderbook", "limit-range-orderbook")


class Bot:
    """A bot with both sockets."""

    def __init__(self, fake: FakeExchange, client: topgun.Client) -> None:
        self.fake, self.client = fake, client
        self.public, self.private = CoincheckDataStore(), CoincheckPrivateDataStore()
        self.market = fake.market(PAIR)

    async def connect(self, form: str) -> None:
        channels = [f"{PAIR}-{name}" for name in (form, "trades")]
        market = await self.client.ws_connect(
            "wss://ws-api.coincheck.com/",
            send_json=[{"type": "subscribe", "channel": channel} for channel in channels],
            hdlr_json=self.public.onmessage,
            backoff=SOON,
        )
        await asyncio.gather(market.ready(), (await self.log_in()).ready())

    async def log_in(self) -> WebSocketApp:
        return await self.client.ws_connect(
            "wss://stream.coincheck.com",
            send_json={"type": "subscribe", "channels": ["order-events", "execution-events"]},
            hdlr_json=self.private.onmessage,
            backoff=SOON,
        )

    async def initialize(self) -> None:
        await self.private.initialize(self.client.get(f"{API}/exchange/orders/opens"))

    async def send(self, side: str, rate: Any, amount: str) -> int:
        order = {"pair": PAIR, "order_type": side, "rate": str(rate), "amount": amount}
        reply = await self.client.fetch("POST", f"{API}/exchange/orders", data=order)
        self.private.order.feed_response(reply.data)
        return int(reply.data["id"])

    def right(self) -> bool:
        """Tell whether the book is live and the true one, level by level."""
        sides = self.public.orderbook.sorted(GROUP)
        seen = {name: [(Decimal(row["rate"]), Decimal(row["amount"])) for row in side] for name, side in sides.items()}
        return self.public.orderbook.state(GROUP) == "live" and seen == self.market.book()

    def open(self) -> dict[int, str]:
        """Return what is left of each order."""
        return {row["id"]: row["pending_amount"] for row in self.private.order}

    def held(self) -> Decimal:
        return sum((Decimal(row["funds"]["btc"]) for row in self.private.execution), Decimal(0))

    async def settled(self) -> None:
        """Let the market move until the book is live and right: it begins with a first change."""

        def moved() -> bool:
            return self.right() or bool(self.market.tick())

        await self.fake.until(moved)


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("coincheck", **options) as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        yield fake, Bot(fake, client)


@pytest.mark.parametrize("form", FORMS)
async def test_a_life_with_a_cut_in_it(form: str) -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading() as (fake, bot):
        market = bot.market
        await bot.connect(form)
        await bot.initialize()
        assert (bot.open(), bot.held(), bot.private.order.state()) == ({}, 0, "live")
        market.tick(10)
        await fake.until(bot.right)
        assert bot.public.orderbook.initialized[PAIR] is (form != "orderbook")

        first, second = [await bot.send("buy", market.best_bid, "0.010") for _ in range(2)]
        third = await bot.send("sell", int(market.best_ask or 0) * 102 // 100, "0.020")  # where nobody fills it
        assert bot.open() == {first: "0.01", second: "0.01", third: "0.02"}
        market.fill()
        await fake.until(lambda: bot.open() == {second: "0.01", third: "0.02"} and bot.held() == Decimal("0.01"))
        market.fill("0.004")
        await fake.until(lambda: bot.open() == {second: "0.006", third: "0.02"} and bot.held() == Decimal("0.014"))
        await fake.until(bot.right)
        assert len(bot.public.trades)

        fake.drop(lasting=True)
        await fake.until(lambda: (bot.public.orderbook.state(GROUP), bot.private.order.state()) == ("stale", "stale"))
        market.fill()  # nobody hears of it
        market.tick(20)
        fake.lift()
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        assert (bot.open(), bot.private.order.state()) == ({second: "0.006", third: "0.02"}, "stale")
        await bot.initialize()
        assert (bot.open(), bot.private.order.state()) == ({third: "0.02"}, "live")
        await bot.settled()

        await bot.client.delete(f"{API}/exchange/orders/{third}")
        await fake.until(lambda: bot.open() == {})
        market.tick(10)
        await fake.until(bot.right)
        assert all(request.verified for request in fake.requests)
        assert {request.status for request in fake.requests} == {101, 200}


async def test_orders_that_end_before_their_answer() -> None:
    """An order that is filled at once: its events come first, and feeding its answer leaves no dead order."""
    async with trading() as (fake, bot):
        await bot.connect("orderbook")
        fake.slow_reply(0.05, path="/api/exchange/orders")
        sent = await bot.send("buy", bot.market.best_ask, "0.001")
        await fake.until(lambda: bot.private.execution.find({"order_id": sent}))
        assert bot.open() == {}


async def test_two_hundred_tasks_and_a_login() -> None:
    """Nonces rise strictly in the order of arrival, over private and public requests and the login: none is refused."""
    async with trading() as (fake, bot):

        async def ask(number: int) -> int:
            path = ("accounts/balance", "ticker", "exchange/orders/opens", "order_books?pair=btc_jpy")[number % 4]
            reply = await bot.client.fetch("GET", f"{API}/{path}")
            return reply.response.status

        async def send(number: int) -> int:
            order = {"pair": PAIR, "order_type": "buy", "rate": "5000000", "amount": "0.001"}
            return (await bot.client.fetch("POST", f"{API}/exchange/orders", data=order)).response.status

        async def log_in() -> int:
            await (await bot.log_in()).ready()
            return 200

        work = [send(number) if number % 5 == 0 else ask(number) for number in range(200)]
        work.insert(100, log_in())
        assert await asyncio.gather(*work) == [200] * 201
        venue: Any = fake._venues[0]
        nonces = venue.gate.nonces["coincheck"]
        assert len(nonces) == 201
        assert nonces == sorted(set(nonces))
        assert [link.api for link in fake.links()] == ["coincheck"]


async def test_what_topgun_asks_by_itself_uses_no_nonce() -> None:
    """The snapshots of books are public, and are asked for without a signature."""
    async with trading() as (fake, bot):
        await bot.connect("limit-range-orderbook")
        await bot.settled()
        venue: Any = fake._venues[0]
        assert len(venue.gate.nonces["coincheck"]) == 1  # the login
        assert [request.query for request in fake.requests if request.path == "/api/order_books"] == [
            {"pair": PAIR, "version": "1.0"}
        ]


@pytest.mark.parametrize("form", FORMS)
async def test_a_broken_message_is_noticed_and_mended(form: str) -> None:
    """A level that is none costs the book its state; a new snapshot brings it back."""
    async with trading() as (fake, bot):
        await bot.connect(form)
        await bot.settled()
        with bot.public.orderbook.status.watch() as states:
            fake.corrupt(f"{PAIR}-{form}", row=True)
            bot.market.tick(3)
            await fake.until(bot.right)
            seen = [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in range(2)]
        assert seen == ["syncing", "live"]


async def test_what_nobody_can_notice() -> None:
    """A change that is lost stays so, since numbers have gaps, until somebody initializes again."""
    async with trading() as (fake, bot):
        await bot.connect("limit-range-orderbook")
        await bot.settled()
        fake.gap()
        bot.market.order("buy", 1, 9_000_000)
        bot.market.order("buy", 1, 9_000_001)
        await fake.until(lambda: bot.public.orderbook.find({**GROUP, "rate": "9000001.0"}))
        assert (bot.public.orderbook.state(GROUP), bot.right()) == ("live", False)
        await bot.public.initialize(bot.client.get(f"{API}/order_books", params={"pair": PAIR, "version": "1.0"}))
        assert bot.right()


async def test_a_late_message_is_noticed_and_mended() -> None:
    """Numbers that go back show it; a message that comes twice is harmless."""
    async with trading() as (fake, bot):
        await bot.connect("limit-range-orderbook")
        await bot.settled()
        fake.duplicate(times=5)
        bot.market.tick(5)
        await fake.until(bot.right)
        with bot.public.orderbook.status.watch() as states:
            fake.reorder()
            bot.market.tick(3)
            assert (await asyncio.wait_for(states.get(), 5)).data["state"] == "syncing"
        await fake.until(bot.right)


async def test_a_snapshot_that_fails_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    """Until it comes the book is not live."""
    async with trading() as (fake, bot):
        fake.fail_request(503, path="/api/order_books")
        await bot.connect("limit-range-orderbook")
        bot.market.tick()
        await fake.until(lambda: [each for each in fake.requests if each.path == "/api/order_books"])
        assert bot.public.orderbook.state(GROUP) == "stale"
        bot.market.tick()
        await fake.until(bot.right)
        assert len([each for each in fake.requests if each.path == "/api/order_books"]) == 2
        assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_refused_key(caplog: pytest.LogCaptureFixture) -> None:
    """One clear error over HTTP and one at the login, without the secret."""
    async with FakeExchange("coincheck") as fake, topgun.Client({"coincheck": ["wrong-key", "some-secret"]}) as client:
        bot = Bot(fake, client)
        await bot.initialize()
        assert "invalid authentication" in caplog.text
        assert bot.private.order.state() == "stale"
        caplog.clear()
        app = await bot.log_in()
        with pytest.raises(LoginRefused, match="invalid authentication"):
            await app.ready()
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1
        assert "some-secret" not in caplog.text


async def test_a_refused_login() -> None:
    """`ready` raises; the next connection is welcome."""
    async with trading() as (fake, bot):
        fake.refuse_login()
        app = await bot.log_in()
        with pytest.raises(LoginRefused):
            await app.ready()
        fake.drop()
        await fake.until(lambda: app.login_error is None and app.state.value == "open")
        assert [link.api for link in fake.links()] == ["coincheck"]


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", bot.market.best_bid, "0.010")
        await bot.initialize()
        assert list(bot.open().values()) == ["0.01"]


# --- every move between the exchange and the store in the hands of the test ---

FEED = Feed(
    venue=Coincheck,
    url="wss://ws-api.coincheck.com/",
    collection=CoincheckDataStore,
    messages=[{"type": "subscribe", "channel": f"{pair}-limit-range-orderbook"} for pair in (PAIR, "eth_jpy")],
    book="orderbook",
    price="rate",
    size="amount",
    markets={pair: {"pair": pair} for pair in (PAIR, "eth_jpy")},
)
UNSEEN = ("lose", "swap")  # with gaps between numbers nothing shows a change that is missing, until it comes late
MOVES = st.lists(
    st.tuples(st.sampled_from([move for move in Truth.MOVES if move not in UNSEEN]), st.integers(0, 7)), max_size=25
)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(MOVES, st.integers(0, 3))
@example([("tick", 0), ("deliver", 7), ("look", 0), ("tick", 0), ("answer", 0), ("cut", 0), ("tick", 0)], 0)
def test_a_live_book_is_one_that_there_was(case: list[tuple[str, int]], seed: int) -> None:
    """Whatever is repeated, damaged, cut or not answered: a live numbered book is the exchange's, and comes back."""
    Truth(FEED, seed).play(case)
