"""The fake of OKJ against the protocol: signatures, logins, channels, orders of both generations; by plain aiohttp."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.testing import FakeClock
from topgun.testing.venue import Request
from topgun.testing.venues.okj import OKJ, REST, STREAM

from .okj_bot import BUSINESS, ORDER, ORDER3, PRIVATE, PUBLIC, V3, ask, books, bot, hear, rest, subscribe, written

FIXTURES = Path(__file__).parents[2] / "exchanges" / "okj"
VECTORS = load(FIXTURES / "vectors" / "rest.json")
APIS = {"okj": ("okj-key", "okj-secret", "okj-pass")}


def sample(name: str, message: int) -> dict[str, Any]:
    """Return a message of the samples."""
    found: dict[str, Any] = load(FIXTURES / "frames" / f"{name}.json")[0]["messages"][message]
    return found


# --- signatures ---


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The vectors are right within 30 s of their time, and with no byte changed."""
    asked, later = datetime.fromisoformat(vector["time"]).timestamp(), 0.0
    venue = OKJ(lambda: Instant(round((asked + later) * 1e9)), list, apis=APIS)
    sent = {"KEY": "okj-key", "SIGN": vector["sign"], "TIMESTAMP": vector["time"], "PASSPHRASE": "okj-pass"}

    def accepts(target: str = vector["target"], body: str = vector["body"], **changes: str) -> bool:
        headers = CIMultiDict({f"OK-ACCESS-{name}": value for name, value in {**sent, **changes}.items()})
        url = URL(f"https://{URL(vector['url']).host}{target}", encoded=True)
        return venue.verified(Request(vector["method"], url, target, CIMultiDictProxy(headers), body.encode()))

    for change in ({"SIGN": ""}, {"SIGN": vector["sign"][::-1]}, {"KEY": "x"}, {"PASSPHRASE": "x"}, {"TIMESTAMP": "1"}):
        assert not accepts(**change)
    assert not accepts(TIMESTAMP="2024-01-15T08:30:01.123Z")
    assert not accepts(body=vector["body"] + " ")
    assert not accepts(target=vector["target"] + "x")
    for later, right in ((0, True), (30, True), (-30, True), (30.1, False), (-30.1, False)):  # noqa: B007  (read above)
        assert accepts() is right


async def test_refused_requests() -> None:
    """Each trouble has its number in each generation, and the status 401."""
    async with bot(clock=FakeClock()) as (fake, me):
        late = written(Instant(fake.clock.now().ns - 31_000_000_000))
        for change, code, code3 in (
            ({"KEY": "x"}, "50111", 30006),
            ({"time": "soon"}, "50112", 30005),
            ({"time": late}, "50102", 30008),
            ({"PASSPHRASE": "x"}, "50105", 30015),
            ({"SIGN": "x"}, "50113", 30013),
        ):
            for target, name, number in (
                ("/api/v5/account/balance", "code", code),
                ("/api/spot/v3/accounts", "code", code3),
            ):
                status, answer = await me.get(target, me.headers("GET", target, **change))
                assert (status, answer[name]) == (401, number)
        target = "/api/spot/v3/accounts"
        assert await me.get(target, me.headers("GET", target, SIGN="x")) == (
            401,
            {**load(FIXTURES / "responses" / "v3_rest_errors.json")[0]["response"]},
        )
        assert not any(request.verified for request in fake.requests)


async def test_hosts_and_paths() -> None:
    """Each host speaks one generation; there is a WebSocket at three paths of V5 and at one of V3, nowhere else."""
    async with bot() as (fake, me):
        for host, generation in STREAM.items():
            for path in ("/ws/v5/public", "/ws/v5/private", "/ws/v5/business", "/ws/v3", "/"):
                there = f"/ws/v{generation}" in path
                try:
                    await me.session.ws_connect(f"wss://{host}{path}")
                except aiohttp.WSServerHandshakeError:
                    assert not there
                else:
                    assert there
        for target in ("/api/v5/account/nothing", "/api/spot/v3/nothing"):
            assert (await me.get(target))[0] == 404
        async with me.session.get("https://www.okj.com/api/v5/public/time") as response:
            assert response.status == 404
        assert {host for host, generation in REST.items() if generation == 5} == {"api.okj.com"}
        assert all(request.verified for request in fake.requests if request.status == 101)


# --- questions ---


async def test_public_questions() -> None:
    """They need no signature, and have the fields of the samples."""
    answers = {
        URL(step["rest"]["request"]["url"]).path: step["rest"]["response"]["data"][0]
        for step in load(FIXTURES / "responses" / "v5_initialize.json")[0]["steps"]
    }
    async with bot() as (fake, me):
        for target in (
            "/api/v5/public/instruments?instType=SPOT",
            "/api/v5/public/instruments?instType=SPOT&instId=XRP-JPY",
            "/api/v5/market/tickers?instType=SPOT",
            "/api/v5/market/books?instId=BTC-JPY&sz=400",
        ):
            status, answer = await me.get(target, {})
            assert (status, answer["code"]) == (200, "0")
            assert set(answer["data"][0]) == set(answers[URL(target).path])
            assert len(answer["data"]) == (2 if target.endswith("=SPOT") else 1)
        [ticker] = await me.asked("/api/v5/market/ticker?instId=XRP-JPY")
        assert ticker["instId"] == "XRP-JPY"
        [book] = await me.asked("/api/v5/market/books?instId=BTC-JPY")
        best = fake.market("BTC-JPY").book(1)
        assert {side: [(Decimal(px), Decimal(sz)) for px, sz, _, _ in book[side]] for side in best} == best
        assert await me.asked("/api/v5/public/time")
        assert (await me.get("/api/general/v3/time", {}))[1]["epoch"]
        errors = load(FIXTURES / "responses" / "v5_rest_errors.json")
        assert (await me.get("/api/v5/market/tickers", {}))[1] == errors[1]["response"]
        assert (await me.get("/api/v5/market/books?instId=NOPE-JPY", {}))[1] == {**errors[0]["response"], "data": []}


async def test_account_questions() -> None:
    """Balances and open orders, newest first, of all or of one instrument; both generations tell of the same."""
    async with bot() as (_, me):
        [(_, first)], [(_, second)], [(_, third)] = [
            (await me.trade("order", {**ORDER, "instId": name, "px": price, "sz": size}))[1]
            for name, price, size in (("BTC-JPY", "13000000", "1"), ("XRP-JPY", "200", "10"), ("BTC-JPY", "1", "1"))
        ]
        pending = "/api/v5/trade/orders-pending"
        assert [row["ordId"] for row in await me.asked(pending)] == [third, second, first]
        assert [row["ordId"] for row in await me.asked(f"{pending}?instType=SPOT&limit=1")] == [third]
        assert [row["ordId"] for row in await me.asked(f"{pending}?instId=BTC-JPY")] == [third, first]
        assert await me.asked(f"{pending}?instType=MARGIN") == []
        assert await me.asked("/api/v5/trade/orders-algo-pending?ordType=conditional") == []
        row = (await me.asked(f"{pending}?instId=XRP-JPY"))[0]
        assert set(row) == set(sample("v5_orders", 0)["data"][0])
        status, rows = await me.get("/api/spot/v3/orders_pending?instrument_id=BTC-JPY")
        assert (status, [row["order_id"] for row in rows]) == (200, [third, first])
        assert set(rows[0]) == set(sample("v3_order", 0)["data"][0])
        [account] = await me.asked("/api/v5/account/balance")
        assert {row["ccy"]: row["frozenBal"] for row in account["details"]} == {
            "JPY": "13002001",
            "BTC": "0",
            "XRP": "0",
        }
        [account] = await me.asked("/api/v5/account/balance?ccy=BTC,DOGE")
        assert [row["ccy"] for row in account["details"]] == ["BTC"]
        _, held = await me.get("/api/spot/v3/accounts")
        assert held[0] == {
            "available": "86997999", "currency": "JPY", "id": "", "balance": "100000000", "hold": "13002001",
        }  # fmt: skip
        assert (await me.get("/api/spot/v3/orders_pending"))[1]["code"] == 30032


# --- orders ---


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"instId": "NOPE-JPY"}, "51001"),
        ({"side": "long"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"tdMode": "cross"}, "51000"),
        ({"ordType": "market"}, "51000"),
        ({"px": "13000000.5"}, "51000"),
        ({"px": None}, "51000"),
        ({"px": "nan"}, "51000"),
        ({"sz": "-1"}, "51000"),
        ({"sz": "0.00009"}, "51020"),
        ({"clOrdId": "not allowed"}, "51000"),
        ({"clOrdId": 7}, "51000"),
        ({"clOrdId": "mine"}, "51016"),
        ({"sz": "8"}, "51008"),
        ({"side": "sell", "sz": "11"}, "51008"),
    ],
)
async def test_refused_orders(change: dict[str, Any], code: str) -> None:
    """The answer has the code 1, and that of the order says why."""
    async with bot() as (fake, me):
        assert (await me.trade("order", {**ORDER, "clOrdId": "mine"}))[0] == "0"
        assert await me.trade("order", {**ORDER, **change}) == ("1", [(code, "")])
        assert len(fake.market("BTC-JPY").orders()) == 1


async def test_life_of_an_order_v5() -> None:
    """It rests, is changed, filled in part, cancelled; each step is told, with what became of the coins."""
    async with bot() as (fake, me):
        wanted = {"channel": "orders", "instType": "SPOT"}
        socket = await me.socket(PRIVATE, wanted, {"channel": "balance_and_position"})
        assert (await hear(socket))["data"][0]["eventType"] == "snapshot"
        other = await me.socket(PRIVATE, {**wanted, "instId": "XRP-JPY"}, {"channel": "account"})
        snapshot = await hear(other)
        assert (set(snapshot), len(snapshot["data"][0]["details"])) == ({"arg", "data"}, 3)
        bid = fake.market("BTC-JPY").best_bid
        code, [(_, name)] = await me.trade("order", {**ORDER, "px": str(bid), "clOrdId": "mine"})
        fake.market("BTC-JPY").fill("0.004")
        assert await me.trade("amend-order", {"instId": "BTC-JPY", "clOrdId": "mine", "newSz": "0.02"}) == (
            code,
            [("0", name)],
        )
        assert await me.trade("amend-order", {"instId": "BTC-JPY", "ordId": name}) == ("1", [("51000", "")])
        assert await me.trade("amend-order", {"instId": "BTC-JPY", "ordId": name, "newPx": str(bid - 1)}) == (
            "0",
            [("0", name)],
        )
        assert await me.trade("cancel-order", {"instId": "BTC-JPY", "ordId": name}) == ("0", [("0", name)])
        assert await me.trade("cancel-order", {"instId": "BTC-JPY", "ordId": name}) == ("1", [("51400", "")])
        told = await rest(socket)
        orders = [message["data"][0] for message in told if message["arg"] == wanted]
        assert [(row["state"], row["accFillSz"], row["sz"], row["fillSz"]) for row in orders] == [
            ("live", "0", "0.01", "0"),
            ("partially_filled", "0.004", "0.01", "0.004"),
            ("partially_filled", "0.004", "0.02", "0.004"),
            ("partially_filled", "0.004", "0.02", "0.004"),
            ("canceled", "0.004", "0.02", "0.004"),
        ]
        assert set(orders[0]) == set(sample("v5_orders", 0)["data"][0])
        [filled] = [message["data"][0] for message in told if message["arg"] != wanted]
        assert {row["ccy"]: row["cashBal"] for row in filled["balData"]}["BTC"] == "10.004"
        details = [message["data"][0]["details"] for message in await rest(other)]
        assert [row["frozenBal"] for row in details[0]] == ["0", f"{bid * Decimal('0.01'):f}".rstrip("0").rstrip(".")]
        assert [row["ccy"] for row in details[-1]] == ["BTC", "JPY"]
        assert set(details[0][0]) == set(sample("v5_account", 0)["data"][0]["details"][0])


async def test_batches() -> None:
    """Several orders in one request: all, some or none are carried out."""
    async with bot() as (fake, me):
        code, [(_, first), (_, second)] = await me.trade(
            "batch-orders", [ORDER, {**ORDER, "side": "sell", "px": "20000000"}]
        )
        assert code == "0"
        cancels = [{"instId": "BTC-JPY", "ordId": name} for name in (first, "7")]
        assert await me.trade("cancel-batch-orders", cancels) == ("2", [("0", first), ("51400", "")])
        assert await me.trade("cancel-batch-orders", cancels) == ("1", [("51400", "")] * 2)
        assert [str(order.number) for order in fake.market("BTC-JPY").orders()] == [second]
        for path, data in (
            ("batch-orders", ORDER),
            ("order", [ORDER]),
            ("order", "text"),
            ("batch-orders", [1]),
            ("order", None),
        ):
            assert (await me.post(f"/api/v5/trade/{path}", data))[0] == 400


@pytest.mark.parametrize(
    ("kind", "price", "states"),
    [
        ("post_only", "14000000", ["canceled"]),
        ("fok", "13000000", ["canceled"]),
        ("ioc", "13000000", ["canceled"]),
        ("ioc", "14000000", ["filled"]),
        ("market", None, ["filled"]),
    ],
)
async def test_orders_that_do_not_rest(kind: str, price: str | None, states: list[str]) -> None:
    """What cannot rest, or may not take, ends at once; the row says how."""
    async with bot() as (_, me):
        socket = await me.socket(PRIVATE, {"channel": "orders", "instType": "SPOT"})
        order = {**ORDER, "ordType": kind, "px": price, "tgtCcy": "base_ccy"}
        assert (await me.trade("order", order))[0] == "0"
        rows = [message["data"][0] for message in await rest(socket)]
        assert [row["state"] for row in rows] == states
        assert bool(rows[0]["avgPx"]) == (states == ["filled"])


async def test_life_of_an_order_v3() -> None:
    """It rests, is filled, another one is cancelled by its number or by its name; each step is told in words of V3."""
    async with bot() as (fake, me):
        socket = await me.socket(V3, "spot/order:BTC-JPY", "spot/account:BTC")
        bid = str(fake.market("BTC-JPY").best_bid)
        status, answer = await me.post("/api/spot/v3/orders", {**ORDER3, "price": bid, "client_oid": "mine"})
        placed = load(FIXTURES / "responses" / "v3_rest_errors.json")[1]["response"]
        assert (status, answer) == (200, {**placed, "client_oid": "mine", "order_id": answer["order_id"]})
        fake.market("BTC-JPY").fill("0.004")
        fake.market("BTC-JPY").fill()
        for name, body in (("other", None), ("", {"instrument_id": "BTC-JPY"})):
            _, answer = await me.post("/api/spot/v3/orders", {**ORDER3, "client_oid": name})
            path = f"/api/spot/v3/cancel_orders/{name or answer['order_id']}"
            assert (await me.post(path, body))[1]["result"] is True
            assert (await me.post(path, body))[1]["error_code"] == "33014"
        told = await rest(socket)
        orders = [message["data"][0] for message in told if message["table"] == "spot/order"]
        assert [(row["state"], row["filled_size"]) for row in orders] == [
            ("0", "0"), ("1", "0.004"), ("2", "0.01"), ("0", "0"), ("-1", "0"), ("0", "0"), ("-1", "0"),
        ]  # fmt: skip
        assert set(orders[0]) == set(sample("v3_order", 0)["data"][0])
        held = [message["data"][0] for message in told if message["table"] == "spot/account"]
        assert held[-1] == {"available": "10.01", "currency": "BTC", "id": "", "balance": "10.01", "hold": "0"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "8"}, "33017"),
        ({"size": "0.00001"}, "33024"),
        ({"instrument_id": "X"}, "30032"),
        ({"order_type": "9"}, "30025"),
        ({"type": "stop"}, "30025"),
    ],
)
async def test_refused_orders_v3(change: dict[str, Any], code: str) -> None:
    """The answer says that there is no result, and why."""
    async with bot() as (_, me):
        status, answer = await me.post("/api/spot/v3/orders", {**ORDER3, **change})
        assert (status, answer["result"], answer["error_code"]) == (200, False, code)
        assert await me.post("/api/spot/v3/orders", [ORDER3]) == (400, {"code": 30020, "message": "JSON syntax error"})
        _, answer = await me.post(
            "/api/spot/v3/orders", {**ORDER3, "order_type": "1", "price": "15000000", "size": "0.1"}
        )
        assert answer["result"] is True  # it may not take, so it ended at once
        assert (await me.get("/api/spot/v3/orders_pending?instrument_id=BTC-JPY"))[1] == []


# --- sockets ---


async def test_logins_v5() -> None:
    """A right login is welcome on every path; what is wrong is told, and a login may stay without an answer."""
    async with bot(clock=FakeClock()) as (fake, me):
        for url in (PUBLIC, PRIVATE, BUSINESS):
            socket = await me.session.ws_connect(url)
            for change, code in (
                ({"sign": "x"}, "60009"),
                ({"apiKey": "x"}, "60009"),
                ({"passphrase": "x"}, "60009"),
                ({"seconds": 31}, "60006"),
                ({"timestamp": "soon"}, "60006"),
            ):
                answer = await ask(socket, me.login(**change))
                assert (answer["event"], answer["code"], set(answer)) == (
                    "error",
                    code,
                    set(sample("v5_login_nack", 0)),
                )
            answer = await ask(socket, me.login())
            assert {**answer, "connId": ""} == {**sample("v5_login", 0), "connId": ""}
        fake.refuse_login()
        assert (await ask(socket, me.login()))["code"] == "60009"
        fake.silent_login()
        await socket.send_json(me.login())
        assert await rest(socket) == []


async def test_logins_v3() -> None:
    """The same with the numbers of V3; every frame is binary."""
    async with bot(clock=FakeClock()) as (fake, me):
        socket = await me.session.ws_connect(V3)
        for change, code in (
            ({"sign": "x"}, 30013),
            ({"apiKey": "x"}, 30006),
            ({"passphrase": "x"}, 30015),
            ({"seconds": -31}, 30008),
        ):
            answer = await ask(socket, me.login3(**change))
            assert (answer["event"], answer["errorCode"]) == ("error", code)
        assert await ask(socket, me.login3(sign="x")) == sample("v3_login_nack", 0)
        assert await ask(socket, me.login3()) == sample("v3_login", 0)
        fake.refuse_login()
        assert (await ask(socket, me.login3()))["errorCode"] == 30013
        fake.silent_login()
        await socket.send_json(me.login3())
        await socket.send_str("ping")
        frame = await socket.receive(timeout=5)
        assert (frame.type, zlib.decompress(frame.data, -15)) == (aiohttp.WSMsgType.BINARY, b"pong")


async def test_subscriptions_v5() -> None:
    """One answer for each channel; the wrong path, an unknown name and a missing login are told."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(PUBLIC)
        await socket.send_json(
            subscribe(books(), books("nothing"), books("candle1m"), books("trades", "NOPE-JPY"), books("books-l2-tbt"))
        )
        answers = [await hear(socket) for _ in range(6)]
        assert [answer.get("code", answer.get("event")) for answer in answers if "event" in answer] == [
            "subscribe", "60018", "60018", "60018", "60011",
        ]  # fmt: skip
        assert await ask(socket, subscribe(books())) == {"event": "subscribe", "arg": books(), "connId": "fake-1"}
        assert await rest(socket) == []  # no second snapshot
        assert (await ask(socket, {"op": "unsubscribe", "args": [books()]}))["event"] == "unsubscribe"
        assert (await ask(socket, {"op": "unsubscribe", "args": ["text"]}))["event"] == "unsubscribe"
        assert (await ask(socket, subscribe("text")))["code"] == "60018"
        for junk in ('{"op": "subscribe",', "[]", '{"op": "nothing", "args": []}'):
            answer = await ask(socket, junk)
            assert (answer["event"], answer["code"]) == ("error", "60012")
        private = await me.session.ws_connect(PRIVATE)
        assert (await ask(private, subscribe({"channel": "account"})))["code"] == "60011"
        assert {**await ask(await me.socket(BUSINESS), subscribe({"channel": "orders-algo", "instType": "SPOT"}))}[
            "event"
        ] == "subscribe"


async def test_subscriptions_v3() -> None:
    """The same in V3."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(V3)
        assert await ask(socket, subscribe("spot/nope")) == sample("v3_control", 2)
        assert (await ask(socket, subscribe("spot/depth:NOPE-JPY")))["errorCode"] == 30040
        assert (await ask(socket, subscribe("spot/order:BTC-JPY")))["errorCode"] == 30041
        assert await ask(socket, subscribe("spot/depth:BTC-JPY")) == sample("v3_control", 0)
        assert (await hear(socket))["action"] == "partial"
        assert await ask(socket, subscribe("spot/depth:BTC-JPY")) == sample("v3_control", 0)
        assert await rest(socket) == []
        assert await ask(socket, {"op": "unsubscribe", "args": ["spot/depth:BTC-JPY"]}) == sample("v3_control", 3)
        for junk in ("{", "[]"):
            assert (await ask(socket, junk))["errorCode"] == 30039


async def test_public_channels_v5() -> None:
    """What is told has the fields of the samples, and the books are numbered, checked and true."""
    async with bot() as (fake, me):
        market = fake.market("BTC-JPY")
        public = [
            books(name) for name in ("books", "books5", "bbo-tbt", "trades", "tickers", "instruments", "price-limit")
        ]
        socket = await me.socket(PUBLIC)
        await socket.send_json(subscribe(*public))
        business = await me.socket(BUSINESS, books("trades-all"), books("candle1m"))
        begun = {message["arg"]["channel"]: message for message in await rest(socket) if "data" in message}
        assert set(begun) == {arg["channel"] for arg in public} - {"trades"}
        assert (begun["books"]["action"], begun["books"]["data"][0]["prevSeqId"]) == ("snapshot", -1)
        market.trade("buy", "0.05")
        market.tick(3)
        told = await rest(socket)
        for name, number in (("books", 1), ("books5", 0), ("bbo_tbt", 0), ("tickers", 0), ("trades", 0)):
            wanted = sample(f"v5_{name}", number)
            message = next(each for each in told if each["arg"]["channel"] == name.replace("_", "-"))
            fields, row = set(wanted["data"][0]) - {"instId", "count"}, set(message["data"][0]) - {"instId", "count"}
            assert (set(message) - {"action"}, row) == (set(wanted) - {"action"}, fields)
        changes = [each["data"][0] for each in told if each["arg"]["channel"] == "books"]
        numbers = [begun["books"]["data"][0], *changes]
        assert [each["prevSeqId"] for each in changes] == [each["seqId"] for each in numbers[:-1]]
        assert all(later["seqId"] - each["seqId"] > 1 for each, later in zip(numbers, changes, strict=False))
        last = [each["data"][0] for each in told if each["arg"]["channel"] == "books5"][-1]
        assert [Decimal(level[0]) for level in last["bids"]] == [price for price, _ in market.book(5)["bids"]]
        candles = [each["data"][0] for each in await rest(business) if each["arg"]["channel"] == "candle1m"]
        assert {len(each) for each in candles} == {len(sample("v5_candle", 0)["data"][0])}


async def test_vip_books() -> None:
    """They are for those who are logged in."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(PUBLIC)
        await ask(socket, me.login())
        await socket.send_json(subscribe(books("books50-l2-tbt")))
        begun = await rest(socket)
        fake.market("BTC-JPY").trade("buy", "0.05")
        messages = [*begun, *await rest(socket)]
        assert [message.get("action") for message in messages] == [None, "snapshot", "update"]
        assert len(messages[1]["data"][0]["asks"]) <= 50


async def test_public_channels_v3() -> None:
    """What is told has the fields of the samples; the book is checked."""
    async with bot() as (fake, me):
        names = ("depth", "depth5", "trade", "ticker", "candle60s")
        socket = await me.session.ws_connect(V3)
        await socket.send_json(subscribe(*(f"spot/{name}:BTC-JPY" for name in names)))
        begun = [message["table"] for message in await rest(socket) if "table" in message]
        assert begun == ["spot/depth", "spot/depth5", "spot/ticker", "spot/candle60s"]
        fake.market("BTC-JPY").trade("buy", "0.05")
        told = {message["table"].removeprefix("spot/"): message for message in await rest(socket)}
        assert set(told) == set(names)
        for name, message in told.items():
            wanted = sample(f"v3_{'candle' if name == 'candle60s' else name}", 1 if name == "depth" else 0)
            assert (set(message), set(message["data"][0])) == (set(wanted), set(wanted["data"][0]))
        assert told["depth"]["action"] == "update"
        assert {len(level) for level in told["depth"]["data"][0]["asks"]} == {3}


async def test_orders_over_the_socket() -> None:
    """Orders are taken on the private path after a login; refusals are told in the same form."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE)
        answer = await ask(socket, {"id": "7", "op": "order", "args": [ORDER]})
        assert (answer["id"], answer["op"], answer["code"], answer["data"][0]["sCode"]) == ("7", "order", "0", "0")
        name = {"instId": "BTC-JPY", "ordId": answer["data"][0]["ordId"]}
        assert (await ask(socket, {"id": "8", "op": "amend-order", "args": [{**name, "newSz": "0.02"}]}))["code"] == "0"
        assert (await ask(socket, {"id": "9", "op": "cancel-order", "args": [name]}))["code"] == "0"
        answer = await ask(socket, {"id": "9", "op": "cancel-order", "args": [name]})
        assert (answer["code"], answer["data"][0]["sCode"]) == ("1", "51400")
        for other in (await me.session.ws_connect(PRIVATE), await me.socket(BUSINESS)):
            assert (await ask(other, {"op": "order", "args": [ORDER]}))["code"] == "60011"
        assert fake.market("BTC-JPY").orders() == []


async def test_faults_reach_compressed_frames() -> None:
    """A message that is broken on purpose is deflated as any other."""
    async with bot() as (fake, me):
        socket = await me.socket(V3, "spot/depth:BTC-JPY")
        assert (await hear(socket))["action"] == "partial"
        fake.corrupt("spot/depth")
        fake.market("BTC-JPY").trade("buy", "0.05")
        frame = await socket.receive(timeout=5)
        with pytest.raises(ValueError, match=r"Unterminated|delimiter|Expecting"):
            json.loads(zlib.decompress(frame.data, -15))
