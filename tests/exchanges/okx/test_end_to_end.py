"""topgun on the fake OKX: from the first request to lost connections and back, with the right rows and no help."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from tests.books.cases import random_case
from tests.books.feeds import FEEDS
from topgun.errors import InitializeError, LoginRefused
from topgun.testing import FakeExchange
from topgun.testing.truth import Truth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topgun.ws import WebSocketApp

SWAP, SPOT = "BTC-USDT-SWAP", "BTC-USDT"
GROUP = {"instId": SWAP}
BOOK = {"channel": "books", "instId": SWAP}
ORDER = {"instId": SWAP, "tdMode": "cross", "ordType": "limit"}
QUICK = (0.01, 0.01, 1.0, 0.01)  # so that a test need not wait for the next connection
SITES = {"": ("www", "ws"), "eea": ("eea", "wseea"), "us": ("us", "wsus"), "openapi": ("openapi", "ws")}
PAPER = {"": ("www", "wspap"), "eea": ("eea", "wseeapap"), "us": ("us", "wsuspap")}


class Bot:
    """A bot on one site of OKX."""

    def __init__(self, client: topgun.Client, site: str = "", *, demo: bool = False) -> None:
        rest, ws = (PAPER if demo else SITES)[site]
        self.client, self.store = client, topgun.OKXDataStore()
        self.api, self.ws = f"https://{rest}.okx.com/api/v5", f"wss://{ws}.okx.com:8443/ws/v5"
        self.books, self.orders = self.store.books, self.store.orders

    async def open(self, path: str, *channels: dict[str, str]) -> WebSocketApp:
        app = await self.client.ws_connect(
            f"{self.ws}/{path}",
            send_json={"op": "subscribe", "args": list(channels)},
            hdlr_json=self.store.onmessage,
            backoff=QUICK,
        )
        await app.ready()
        return app

    async def connect(self) -> list[WebSocketApp]:
        account = [{"channel": "account"}, {"channel": "balance_and_position"}]
        held = [{"channel": channel, "instType": "ANY"} for channel in ("orders", "positions")]
        return [
            await self.open("public", BOOK, {"channel": "trades", "instId": SWAP}),
            await self.open("private", *held, *account),
            await self.open("business", {"channel": "candle1m", "instId": SWAP}, {"channel": "orders-algo", **ANY}),
        ]

    async def initialize(self) -> None:
        algos = (f"{self.api}/trade/orders-algo-pending?ordType={kind}" for kind in ("conditional,oco", "twap"))
        await self.store.initialize(*map(self.client.get, (f"{self.api}/trade/orders-pending", *algos)))

    async def send(self, side: str, price: Any, size: str) -> str:
        order = {**ORDER, "side": side, "px": str(price), "sz": size}
        reply = await self.client.fetch("POST", f"{self.api}/trade/order", data=order)
        return str(reply.data["data"][0]["ordId"])

    async def cancel(self, ident: str) -> None:
        await self.client.post(f"{self.api}/trade/cancel-order", data={"instId": SWAP, "ordId": ident})

    def left(self) -> dict[str, str]:
        """Return what is left of each open order."""
        return {row["ordId"]: str(Decimal(row["sz"]) - Decimal(row["accFillSz"])) for row in self.orders}

    def held(self) -> dict[str, str]:
        return {row["instId"]: row["pos"] for row in self.store.positions}


ANY = {"instType": "ANY"}


def right(fake: FakeExchange, bot: Bot, inst: str = SWAP) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    seen = bot.books.sorted({"instId": inst})
    levels = {side: [(Decimal(row["px"]), Decimal(row["sz"])) for row in rows] for side, rows in seen.items()}
    return bot.books.state({"instId": inst}) == "live" and levels == fake.market(inst).book(400)


@asynccontextmanager
async def trading(site: str = "", *, demo: bool = False) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    headers = {"x-simulated-trading": "1"} if demo else None
    async with FakeExchange("okx") as fake, topgun.Client(fake.apis, headers=headers) as client:
        yield fake, Bot(client, site, demo=demo)


async def test_a_life_with_a_cut_in_it() -> None:
    """Asked, connected, logged in, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading() as (fake, bot):
        market = fake.market(SWAP)
        await bot.connect()
        assert [link.api for link in fake.links()] == ["okx"] * 3
        await bot.initialize()
        assert all(request.verified for request in fake.requests)
        await fake.until(lambda: right(fake, bot))
        assert (bot.left(), bot.held()) == ({}, {})

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        assert (len(bot.store.trades) > 0, len(bot.store.candle)) == (True, 1)
        first, second = [await bot.send("buy", market.best_bid, "2") for _ in range(2)]
        third = await bot.send("sell", "61000", "3")
        await fake.until(lambda: bot.left() == {first: "2", second: "2", third: "3"})
        market.fill()
        await fake.until(lambda: bot.left() == {second: "2", third: "3"} and bot.held() == {SWAP: "2"})
        market.fill(1)
        await fake.until(lambda: bot.left() == {second: "1", third: "3"} and bot.held() == {SWAP: "3"})
        assert [row["pos"] for row in bot.store.balance_and_position.position] == ["3"]

        fake.drop(lasting=True)
        await fake.until(lambda: bot.books.state(GROUP) == bot.orders.state() == bot.store.positions.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.left() == {second: "1", third: "3"}
        fake.lift()
        await fake.until(lambda: right(fake, bot))
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps))
        await fake.until(lambda: bot.held() == {SWAP: "4"} and bot.store.positions.state() == "live")
        assert bot.orders.state() == "stale"
        await bot.initialize()
        assert (bot.orders.state(), bot.left()) == ("live", {third: "3"})

        await bot.cancel(third)
        await fake.until(lambda: bot.left() == {})
        market.tick(20)
        await fake.until(lambda: right(fake, bot))


@pytest.mark.parametrize("site", ["openapi", "eea", "us"])
async def test_sites(site: str) -> None:
    """The hosts of Europe and of the United States, and the newer one of all: signed, logged in, kept alive."""
    async with trading(site) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        ident = await bot.send("buy", "50000", "1")
        await fake.until(lambda: bot.left() == {ident: "1"} and right(fake, bot))
        assert all(request.verified for request in fake.requests)
        assert {link.received[0] for link in fake.links()} == {"ping"}


@pytest.mark.parametrize("site", PAPER)
async def test_demo_trading(site: str) -> None:
    """The header of the client chooses the demo keys for requests, the host of a socket does for logins."""
    async with trading(site, demo=True) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        ident = await bot.send("buy", "50000", "1")
        await fake.until(lambda: bot.left() == {ident: "1"})
        assert [link.api for link in fake.links()] == ["okx_demo"] * 3
        assert all(request.verified for request in fake.requests)


async def test_a_gap_a_new_count_and_a_keep_alive() -> None:
    """The two exceptions pass; the gap is noticed by the next change, and mended without any code of the user."""
    async with trading() as (fake, bot):
        await bot.open("public", BOOK)
        market, venue = fake.market(SWAP), fake.venue("okx")
        with bot.books.status.watch() as states:
            await fake.until(lambda: right(fake, bot))
            for _ in range(3):
                market.tick()
                venue.keep_alive(SWAP)
                venue.reset(SWAP)
            await fake.until(lambda: right(fake, bot))
            assert [(await states.get()).data["state"] for _ in range(len(states))] == ["live"]
            fake.gap(f"books.{SWAP}")
            market.order("buy", 1, "59000")  # lost
            market.order("buy", 1, "59000.5")
            await fake.until(lambda: right(fake, bot))
            assert [(await states.get()).data["state"] for _ in range(2)] == ["syncing", "live"]


@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt", "duplicate"])
async def test_a_spoiled_book(fault: str) -> None:
    """Whatever happens to a change, the book is right again; one that is told twice does no harm at all."""
    async with trading() as (fake, bot):
        await bot.open("public", BOOK)
        await fake.until(lambda: right(fake, bot))
        getattr(fake, fault)(f"books.{SWAP}")
        for _ in range(3):
            fake.market(SWAP).trade("buy", 1)
        await fake.until(lambda: right(fake, bot))
        told = [json for json in fake.frames_received if "subscribe" in str(json)]
        assert len(told) == (1 if fault == "duplicate" else 3)


@pytest.mark.parametrize("demo", [False, True])
async def test_no_snapshot_comes(demo: bool) -> None:
    """Should OKX cease to send it, the book is fetched by HTTP and goes on from there."""
    async with trading(demo=demo) as (fake, bot):
        fake.venue("okx").withhold_snapshots()
        await bot.open("public", BOOK, {"channel": "books", "instId": SPOT})
        await fake.until(lambda: len(fake.links()[0].topics) == 2)
        fake.tick(3)
        await fake.until(lambda: right(fake, bot) and right(fake, bot, SPOT))
        fake.tick(20)
        await fake.until(lambda: right(fake, bot) and right(fake, bot, SPOT))
        assert [request.path for request in fake.requests if request.status == 200] == ["/api/v5/market/books"] * 2


def test_no_snapshot_comes_and_all_kinds_of_trouble() -> None:
    """Random cases of loss, disorder and damage, in which every book begins with a change: never live and wrong."""
    lost = 0
    for number in range(15):
        truth = Truth(FEEDS["okx"], number % 5)
        truth._venue.withhold_snapshots()  # type: ignore[attr-defined]  # only this venue does
        truth.cut()
        truth.play([("hear", 2), ("tick", 0), ("tick", 1), ("deliver", 2), *random_case(number)])
        lost += truth.gaps
    assert lost > 1


async def test_an_upgrade_of_the_service() -> None:
    """The connection is left before OKX closes it, the next one has everything again."""
    async with trading() as (fake, bot):
        apps = await bot.connect()
        await fake.until(lambda: right(fake, bot))
        fake.venue("okx").upgrade()
        await fake.until(lambda: len(fake.connections) == 6 and all(app.state.value == "open" for app in apps))
        assert not any(link.open for link in fake.connections[:3])
        fake.market(SWAP).tick(3)
        await fake.until(lambda: right(fake, bot))


async def test_positions_closed_while_nobody_listens() -> None:
    """The snapshot of the next connection does not name it, so it is "0", without a request."""
    async with trading() as (fake, bot):
        await bot.open("private", {"channel": "positions", **ANY}, {"channel": "balance_and_position"})
        market = fake.market(SWAP)
        await bot.send("buy", market.best_bid, "2")
        market.fill()
        await fake.until(lambda: bot.held() == {SWAP: "2"})
        fake.drop(lasting=True)
        await fake.until(lambda: bot.store.positions.state() == "stale")
        await bot.send("sell", market.best_ask, "2")
        market.fill()
        fake.lift()
        await fake.until(lambda: bot.held() == {SWAP: "0"})
        await fake.until(lambda: [row["pos"] for row in bot.store.balance_and_position.position] == ["0"])


async def test_orders_over_the_socket() -> None:
    """They need no more than the login."""
    async with trading() as (fake, bot):
        app = await bot.open("private", {"channel": "orders", **ANY})
        order = {**ORDER, "side": "buy", "px": "50000", "sz": "1"}
        await app.current_ws.send_json({"id": "1", "op": "order", "args": [order]})  # type: ignore[union-attr]
        await fake.until(lambda: len(bot.orders) == 1)


async def test_an_unsubscription_is_remembered() -> None:
    """A channel that was unsubscribed does not come back with the next connection."""
    async with trading() as (fake, bot):
        app = await bot.open("public", BOOK, spot := {"channel": "books", "instId": SPOT})
        await app.unsubscribe({"op": "unsubscribe", "args": [spot]})
        fake.drop()
        await fake.until(lambda: len(fake.connections) == 2 and right(fake, bot))
        assert list(fake.links()[0].topics.values()) == [BOOK]


@pytest.mark.parametrize(("place", "message"), [(1, "60007"), (2, "60024")])
async def test_a_refused_key(place: int, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """One clear error, by HTTP and by socket; public data flow all the same."""
    async with FakeExchange("okx") as fake:
        key = [*fake.apis["okx"]]
        key[place] = "wrong"
        async with topgun.Client({"okx": key}) as client:
            bot = Bot(client)
            with pytest.raises(InitializeError, match=r"50113|50105"):
                await bot.initialize()
            with pytest.raises(LoginRefused, match=message):
                await bot.open("private", {"channel": "orders", **ANY})
            with pytest.raises(LoginRefused, match=message):
                await bot.open("public", BOOK)
            await fake.until(lambda: right(fake, bot))
            errors = [record for record in caplog.records if record.levelname == "ERROR"]
            assert len(errors) == 2  # one for each socket
            assert "wrong" not in caplog.text


async def test_a_bot_with_a_wrong_clock() -> None:
    """It is refused over HTTP, and can see why."""
    async with trading() as (fake, bot):
        fake.clock_skew(120)
        with pytest.raises(InitializeError, match="Timestamp request expired"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading() as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("buy", "50000", "1")
        await bot.initialize()
        assert list(bot.left().values()) == ["1"]


async def test_a_silent_login() -> None:
    """It is given up after its time, and the next connection is welcome."""
    async with trading() as (fake, bot):
        fake.silent_login()
        app = await bot.client.ws_connect(
            f"{bot.ws}/private", login_timeout=0.05, backoff=QUICK, hdlr_json=bot.store.onmessage
        )
        with pytest.raises(topgun.errors.LoginTimeout):
            await app.ready()
        await asyncio.wait_for(app.ready(), 5)
        assert [link.api for link in fake.links()] == ["okx"]


async def test_a_whole_book_by_http() -> None:
    """It has every level that there is."""
    async with trading() as (fake, bot):
        market = fake.market(SWAP)
        for step in range(1_000):
            market.market.submit(fake.clock.now(), None, "buy", Decimal(1), Decimal(50_000) - step)
            market.market.submit(fake.clock.now(), None, "sell", Decimal(1), Decimal(70_000) + step)
        await bot.store.initialize(bot.client.get(f"{bot.api}/market/books-full", params={**GROUP, "sz": "5000"}))
        seen = bot.books.sorted(GROUP)
        levels = {side: [(Decimal(row["px"]), Decimal(row["sz"])) for row in rows] for side, rows in seen.items()}
        assert levels == market.book(5_000)
        assert (len(bot.books) > 2_000, bot.books.state(GROUP)) == (True, "stale")
