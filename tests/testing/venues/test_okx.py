"""The fake of OKX: signatures, environments, public data, sockets, logins, books with their numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.exchanges.okx.test_stores import CASES
from topgun.testing import FakeExchange

from .okx_bot import ANY, BUSINESS, ORDER, PRIVATE, PUBLIC, SPOT, SWAP, Bot, bot, digest, rest

D = Decimal


def sample(name: str) -> Any:
    """Return the first message of a file of the sample set."""
    return next(case["messages"][0] for title, case in CASES.items() if title.startswith(f"{name}:"))


def levels(rows: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    assert all(len(row) == 4 and row[2] == "0" for row in rows)
    return [(D(row[0]), D(row[1])) for row in rows]


# --- requests ---


async def test_signatures() -> None:
    """A right signature is accepted on every host; each wrong part is refused with its number."""
    async with bot() as (fake, me):
        target = "/api/v5/account/balance?ccy=BTC,USDT"
        for name in ("openapi", "www", "aws", "eea", "my", "us", "app"):
            status, answer = await me.get(target, host=f"{name}.okx.com")
            assert (status, [row["ccy"] for row in answer["data"][0]["details"]]) == (200, ["USDT", "BTC"])
        right = me.headers("GET", target)
        wrong = [
            ({"OK-ACCESS-KEY": ""}, 50103),
            ({"OK-ACCESS-KEY": "x"}, 50111),
            ({"OK-ACCESS-KEY": fake.apis["okx_demo"][0]}, 50101),
            ({"x-simulated-trading": "1"}, 50101),
            ({"OK-ACCESS-PASSPHRASE": "x"}, 50105),
            ({"OK-ACCESS-TIMESTAMP": "x"}, 50112),
            ({"OK-ACCESS-TIMESTAMP": "2023-11-14T22:13:20.123Z"}, 50102),
            ({"OK-ACCESS-SIGN": "x"}, 50113),
        ]
        for change, code in wrong:
            status, answer = await me.get(target, {**right, **change})
            assert (status, answer["code"], answer["data"]) == (401, str(code), [])
        assert [request.verified for request in fake.requests] == [True] * 7 + [False] * len(wrong)


@pytest.mark.parametrize(("seconds", "code"), [(-29, "0"), (29, "0"), (-31, "50102"), (31, "50102")])
async def test_time(seconds: float, code: str) -> None:
    """A request is good for 30 s."""
    async with bot() as (_, me):
        target = "/api/v5/account/balance"
        _, answer = await me.get(target, me.headers("GET", target, seconds=seconds))
        assert answer["code"] == code


async def test_a_body_of_another_kind() -> None:
    """A body must call itself JSON."""
    async with bot() as (_, me):
        headers = {**me.headers("POST", "/api/v5/trade/order", "{}"), "Content-Type": "text/plain"}
        async with me.session.post("https://www.okx.com/api/v5/trade/order", data="{}", headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (400, "50006")


async def test_demo() -> None:
    """Demo trading has keys, accounts and orders of its own, on the same hosts."""
    async with FakeExchange("okx") as fake, aiohttp.ClientSession(connector=fake.connector()) as session:
        real, demo = Bot(fake, session), Bot(fake, session, "okx_demo")
        await demo.done("order", ORDER)
        assert (len(await demo.asked("trade/orders-pending")), await real.asked("trade/orders-pending")) == (1, [])


async def test_public_requests() -> None:
    """They need no signature; a wrong one is noticed all the same."""
    async with bot() as (fake, me):
        for target in (
            "public/time",
            f"market/books?instId={SWAP}&sz=3",
            f"market/books-full?instId={SWAP}&sz=5000",
            f"market/ticker?instId={SPOT}",
            "public/instruments?instType=SWAP",
        ):
            status, answer = await me.get(f"/api/v5/{target}", {})
            assert (status, answer["code"]) == (200, "0")
        assert {row["instId"]: row["ctVal"] for row in answer["data"]} == {SWAP: "0.01", "ETH-USDT-SWAP": "0.1"}
        await me.get("/api/v5/public/time", {"OK-ACCESS-KEY": "x"})
        assert [request.verified for request in fake.requests] == [True] * 5 + [False]
        for target, code in (
            ("market/books?instId=X", "51001"),
            (f"market/books?instId={SWAP}&sz=x", "51000"),
            ("market/unknown", "50404"),
        ):
            assert (await me.get(f"/api/v5/{target}", {}))[1]["code"] == code
        async with me.session.delete("https://www.okx.com/api/v5/public/time") as response:
            assert response.status == 404


async def test_books_by_request() -> None:
    """Both are the true book; the full one has three values a level, and the other one its number."""
    async with bot() as (fake, me):
        fake.market(SWAP).tick(5)
        [some] = await me.asked(f"market/books?instId={SWAP}&sz=3")
        assert {side: levels(some[side]) for side in ("asks", "bids")} == fake.market(SWAP).book(3)
        assert type(some["seqId"]) is int
        [full] = await me.asked(f"market/books-full?instId={SWAP}&sz=5000")
        assert [(D(price), D(size)) for price, size, _ in full["asks"]] == fake.market(SWAP).book()["asks"]


# --- sockets ---


async def test_ping() -> None:
    """The word is answered with a word; other texts that are no JSON, or no request, are refused."""
    async with bot() as (_, me):
        socket = await me.socket(PUBLIC, login=False)
        assert await rest(socket) == []
        for text in ("pong", "{}", '{"op": "x", "args": []}', '{"op": "login", "args": []}', "[1]"):
            await socket.send_str(text)
            assert (await socket.receive_json())["code"] == "60012"


async def test_addresses() -> None:
    """There are three paths on each socket host, and no others."""
    async with bot() as (_, me):
        for url in (
            PUBLIC,
            PRIVATE,
            BUSINESS,
            "wss://wseea.okx.com:8443/ws/v5/public",
            "wss://wsus.okx.com/ws/v5/private",
        ):
            await me.session.ws_connect(url)
        for url in ("wss://ws.okx.com:8443/ws/v5/x", "wss://www.okx.com/ws/v5/public"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await me.session.ws_connect(url)


async def test_logins() -> None:
    """Every path takes a login; each wrong part is refused with its number, and a later one may be right."""
    async with bot() as (fake, me):
        for url in (PUBLIC, BUSINESS, PRIVATE):
            socket = await me.socket(url, login=False)
        time = str(fake.clock.now().seconds)
        wrong: list[tuple[dict[str, Any], str]] = [
            (me.login(apiKey="x"), "60005"),
            (me.login(apiKey=fake.apis["okx_demo"][0]), "60032"),
            (me.login(passphrase="x"), "60024"),
            (me.login(seconds=-40), "60006"),
            (me.login(timestamp="x"), "60006"),
            (me.login(sign="x"), "60007"),
            (me.login(sign=digest(me.secret, f"{time}GET/users/self/verif")), "60007"),
        ]
        for message, code in wrong:
            await socket.send_json(message)
            told = await socket.receive_json()
            assert (told["event"], told["code"]) == ("error", code)
        fake.refuse_login()
        await socket.send_json(me.login())
        assert (await socket.receive_json())["code"] == "60009"
        fake.silent_login()
        await socket.send_json(me.login())
        assert await rest(socket) == []
        await socket.send_json(me.login())
        told = await socket.receive_json()
        assert set(told) == set(CASES["control: login ack"]["messages"][0])
        assert told["event"] == "login"


async def test_demo_sockets() -> None:
    """They are on hosts of their own, which take demo keys alone."""
    async with bot("okx_demo") as (_, me):
        for name in ("wspap", "wseeapap", "wsuspap"):
            await me.socket(f"wss://{name}.okx.com:8443/ws/v5/private", ANY)


async def test_subscriptions_that_are_refused() -> None:
    """A channel is on one path only; some want a login."""
    async with bot() as (_, me):
        for url, arg, code in (
            (PUBLIC, {"channel": "candle1m", "instId": SPOT}, "60018"),
            (PUBLIC, {"channel": "orders", "instType": "ANY"}, "60018"),
            (PUBLIC, {"channel": "books", "instId": "X"}, "60018"),
            (PUBLIC, {"channel": "books"}, "60018"),
            (PUBLIC, {"channel": "books-l2-tbt", "instId": SPOT}, "60011"),
            (PRIVATE, {"channel": "orders-algo", "instType": "ANY"}, "60018"),
            (PRIVATE, ANY, "60011"),
            (BUSINESS, {"channel": "books", "instId": SPOT}, "60018"),
            (PUBLIC, "books", "60012"),
            (PUBLIC, {"channel": ["books"]}, "60012"),
        ):
            socket = await me.socket(url, login=False)
            await socket.send_json({"id": "7", "op": "subscribe", "args": [arg]})
            told = await socket.receive_json()
            assert (told["event"], told["code"], told["id"]) == ("error", code, "7")


async def test_public_channels() -> None:
    """Trades, tickers and candles have the fields of the samples."""
    async with bot() as (fake, me):
        public = await me.socket(PUBLIC, {"channel": "trades", "instId": SWAP}, login=False)
        await public.send_json({"op": "subscribe", "args": [{"channel": "tickers", "instId": SWAP}]})
        assert (await public.receive_json())["event"] == "subscribe"
        business = await me.socket(BUSINESS, {"channel": "candle1m", "instId": SWAP}, login=False)
        fake.market(SWAP).trade("sell", 5)
        first, trade, second = await rest(public)
        assert set(first["data"][0]) == set(second["data"][0]) == set(sample("tickers")["data"][0])
        assert set(trade["data"][0]) == set(sample("trades")["data"][0])
        assert (second["data"][0]["last"], trade["data"][0]["side"]) == (trade["data"][0]["px"], "sell")
        candles = await rest(business)
        assert [len(message["data"][0]) for message in candles] == [9, 9]
        assert candles[1]["data"][0][4] == trade["data"][0]["px"]


@pytest.mark.parametrize(("channel", "depth"), [("books", 400), ("books-l2-tbt", 400), ("books50-l2-tbt", 50)])
async def test_a_book_and_its_changes(channel: str, depth: int) -> None:
    """A snapshot, then changes that name the number before, with keep-alives and a new count among them."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, arg := {"channel": channel, "instId": SWAP})
        market, venue = fake.market(SWAP), fake.venue("okx")
        market.tick(5)
        venue.keep_alive(SWAP)
        venue.reset(SWAP)
        market.tick(5)
        first, *changes = await rest(socket)
        shape = CASES["books: snapshot, update, delete, new level"]["messages"]
        assert (set(first), set(first["data"][0])) == (set(shape[0]), set(shape[0]["data"][0]))
        assert (first["arg"], first["action"], first["data"][0]["prevSeqId"]) == (arg, "snapshot", -1)
        book = {side: dict(levels(first["data"][0][side])) for side in ("asks", "bids")}
        for before, after in pairwise([first, *changes]):
            [data] = after["data"]
            assert (after["action"], set(data)) == ("update", set(shape[1]["data"][0]))
            assert data["prevSeqId"] == before["data"][0]["seqId"]
            for side, known in book.items():
                known.update(levels(data[side]))
        steps = [data["seqId"] - data["prevSeqId"] for message in changes for data in message["data"]]
        assert (steps.count(0), len([step for step in steps if step < 0])) == (1, 1)
        there = {side: {price: size for price, size in each.items() if size} for side, each in book.items()}
        assert there == {side: dict(each) for side, each in market.book(depth).items()}


async def test_books_of_snapshots_alone() -> None:
    """``books5`` and ``bbo-tbt`` send the whole each time."""
    async with bot() as (fake, me):
        for channel, depth in (("books5", 5), ("bbo-tbt", 1)):
            socket = await me.socket(PUBLIC, {"channel": channel, "instId": SPOT}, login=False)
            fake.market(SPOT).tick(5)
            *_, last = await rest(socket)
            assert {side: levels(last["data"][0][side]) for side in ("asks", "bids")} == fake.market(SPOT).book(depth)
            assert "action" not in last


async def test_snapshots_that_are_withheld() -> None:
    """What OKX has announced: a book begins with a change."""
    async with bot() as (fake, me):
        fake.venue("okx").withhold_snapshots()
        socket = await me.socket(PUBLIC, {"channel": "books", "instId": SPOT}, login=False)
        fake.market(SPOT).tick()
        assert [message["action"] for message in await rest(socket)] == ["update"]
        with pytest.raises(LookupError, match="okx"):
            fake.venue("nobody")


async def test_unsubscribing() -> None:
    """Nothing more comes after it."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, arg := {"channel": "books", "instId": SPOT}, login=False)
        assert len(await rest(socket)) == 1
        await socket.send_json({"op": "unsubscribe", "args": [arg]})
        assert (await socket.receive_json())["event"] == "unsubscribe"
        fake.market(SPOT).tick(3)
        assert await rest(socket) == []


async def test_upgrade() -> None:
    """Every socket is told that it is about to be closed."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, login=False)
        fake.venue("okx").upgrade()
        told = await socket.receive_json()
        assert {**told, "connId": "a4d3ae55"} == CASES["control: notice 64008"]["messages"][0]


async def test_a_broken_row() -> None:
    """A fault of messages strikes a book."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, {"channel": "books", "instId": SPOT}, login=False)
        fake.corrupt(f"books.{SPOT}")
        fake.market(SPOT).tick(2)
        await socket.send_str("ping")
        frames = [await socket.receive_str() for _ in range(4)]
        assert frames[-1] == "pong"
        with pytest.raises(ValueError, match="line 1"):
            json.loads(frames[1])
