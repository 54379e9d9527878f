"""The fake of Coincheck against the protocol: signatures, nonces, logins, channels, orders; heard by plain aiohttp."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.testing import FakeExchange
from topgun.testing.venue import Request
from topgun.testing.venues.coincheck import Coincheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

FIXTURES = Path(__file__).parents[2] / "exchanges" / "coincheck"
VECTORS = load(FIXTURES / "vectors" / "rest.json")
EVENT = set(load(FIXTURES / "frames" / "order_events.json")[0]["steps"][2]["message"])
FILL = set(load(FIXTURES / "frames" / "execution_events.json")[0]["messages"][0])
LISTED = set(load(FIXTURES / "responses" / "rest.json")[0]["response"]["orders"][0])
PLACED = set(load(FIXTURES / "frames" / "order_events.json")[0]["steps"][0]["feed_response"])
API = "https://coincheck.com"
PUBLIC, PRIVATE = "wss://ws-api.coincheck.com/", "wss://stream.coincheck.com"
ORDERS = "/api/exchange/orders"
BUY = {"pair": "btc_jpy", "order_type": "buy", "rate": "9000000", "amount": "0.01"}


def digest(text: str) -> str:
    return hmac.new(b"fake-coincheck-secret", text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A client of Coincheck in a few lines of its own: it signs by the documented formula."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.numbers = count(1)

    def headers(self, target: str, body: str = "", **changes: str) -> dict[str, str]:
        nonce = changes.pop("nonce", str(next(self.numbers)))
        sign = digest(f"{nonce}{API}{target}{body}")
        return {"ACCESS-KEY": "fake-coincheck-key", "ACCESS-NONCE": nonce, "ACCESS-SIGNATURE": sign, **changes}

    async def ask(self, method: str, target: str, data: Any = None, headers: Any = None) -> tuple[int, Any]:
        body = data if isinstance(data, str) else urlencode(data or {})
        given = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        given |= self.headers(target, body) if headers is None else headers
        async with self.session.request(method, f"{API}{target}", data=body or None, headers=given) as response:
            return response.status, await response.json()

    async def done(self, method: str, target: str, data: Any = None) -> Any:
        status, answer = await self.ask(method, target, data)
        assert (status, answer.get("success", True)) == (200, True), answer
        return answer

    async def refused(self, method: str, target: str, data: Any = None, headers: Any = None) -> tuple[int, str]:
        status, answer = await self.ask(method, target, data, headers)
        assert set(answer) == {"success", "error"}
        assert answer["success"] is False
        return status, answer["error"]

    def login(self, **changes: Any) -> dict[str, Any]:
        nonce = changes.pop("nonce", str(next(self.numbers)))
        sign = digest(f"{nonce}wss://stream.coincheck.com/private")
        login = {"access_key": "fake-coincheck-key", "access_nonce": nonce, "access_signature": sign}
        return {"type": "login", **login, **changes}

    async def socket(self, *channels: str, private: bool = False) -> ClientWebSocketResponse:
        socket = await self.session.ws_connect(PRIVATE if private else PUBLIC)
        if private:
            assert await say(socket, self.login()) == {
                "success": True,
                "available_channels": ["order-events", "execution-events"],
            }
            await socket.send_json({"type": "subscribe", "channels": list(channels)})
        for channel in () if private else channels:
            await socket.send_json({"type": "subscribe", "channel": channel})
        await self.fake.until(lambda: self.fake.links() and {*self.fake.links()[-1].topics} == {*channels})
        return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def say(socket: ClientWebSocketResponse, message: Any) -> Any:
    await socket.send_str(message if isinstance(message, str) else json.dumps(message))
    return await hear(socket)


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("coincheck", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)


# --- signatures and nonces ---


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The vectors are right as they are, and wrong with another byte anywhere."""
    venue = Coincheck(lambda: Instant(0), list, apis={"coincheck": ["KEYcoincheck00001", "API_SECRET"]})
    url = URL(vector["final"], encoded=True)
    headers = {
        "ACCESS-KEY": "KEYcoincheck00001",
        "ACCESS-NONCE": "1721121776490",
        "ACCESS-SIGNATURE": vector["signature"],
    }

    def accepted(target: str = url.raw_path_qs, body: str = vector["body"], **changes: str) -> bool:
        given = CIMultiDictProxy(CIMultiDict({**headers, **changes}))
        return venue.verified(Request(vector["method"], url, target, given, body.encode()))

    assert accepted()
    wrong = [
        {"target": f"{url.raw_path_qs}x"},
        {"body": f"{vector['body']} "},
        {"ACCESS-KEY": "x"},
        {"ACCESS-NONCE": "1721121776491"},
        {"ACCESS-SIGNATURE": ""},
    ]
    assert not any(accepted(**change) for change in wrong)
    assert accepted()


async def test_nonces() -> None:
    """Each must be higher than all that were used, over HTTP, for public questions and for logins alike."""
    async with bot() as (fake, me):
        balance, ticker = "/api/accounts/balance", "/api/ticker?pair=btc_jpy"
        await me.done("GET", balance)
        for nonce, text in (("1", "incremented"), ("0", "positive"), ("x", "positive"), (str(2**63), "positive")):
            status, error = await me.refused("GET", balance, headers=me.headers(balance, nonce=nonce))
            assert status == 401
            assert text in error
        await me.done("GET", balance)
        await me.ask("GET", ticker, headers=me.headers(ticker, nonce="50"))
        assert (await me.refused("GET", balance, headers=me.headers(balance, nonce="50")))[0] == 401
        socket = await me.session.ws_connect(PRIVATE)
        assert await say(socket, me.login(nonce="50")) == {"success": False, "error": "Nonce must be incremented"}
        assert (await say(socket, me.login(nonce="51")))["success"] is True
        assert (await me.refused("GET", balance, headers=me.headers(balance, nonce="51")))[0] == 401
        venue: Any = fake._venues[0]
        assert venue.gate.nonces == {"coincheck": [1, 6, 50, 51]}
        assert [request.verified for request in fake.requests] == [
            *[True],
            *[False] * 4,
            True,
            True,
            False,
            True,
            False,
        ]


async def test_wrong_signatures_are_refused() -> None:
    """So are questions about the account without one; public ones need none, but a wrong one is refused there too."""
    async with bot() as (fake, me):
        balance, ticker = "/api/accounts/balance", "/api/ticker"
        for headers in ({}, me.headers(balance, **{"ACCESS-KEY": "x"}), me.headers(ticker)):
            assert await me.refused("GET", balance, headers=headers) == (401, "invalid authentication")
        assert await me.refused("GET", ticker, headers=me.headers(balance)) == (401, "invalid authentication")
        assert (await me.ask("GET", ticker, headers={}))[0] == 200
        assert await me.refused("GET", "/api/nothing") == (404, "not found")
        assert await me.refused("DELETE", "/api/ticker") == (404, "not found")
        assert [request.verified for request in fake.requests] == [False] * 4 + [True] * 3


async def test_logins() -> None:
    """Only the private host takes them; a refused one can be followed by a right one."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(f"{PRIVATE}/private")
        refusal = {"success": False, "error": "invalid authentication"}
        for change in ({"access_key": "x"}, {"access_signature": "x"}, {"access_signature": None}):
            assert await say(socket, me.login(**change)) == refusal
        fake.refuse_login()
        assert await say(socket, me.login()) == refusal
        channels = {"type": "subscribe", "channels": ["order-events"]}
        assert await say(socket, channels) == {"success": False, "error": "invalid channel"}
        fake.silent_login()
        await socket.send_json(me.login())
        assert (await say(socket, me.login()))["success"] is True
        assert fake.links()[0].api == "coincheck"
        public = await me.session.ws_connect(PUBLIC)
        assert await say(public, me.login()) == {"success": False, "error": "invalid message"}


@pytest.mark.parametrize("private", [True, False])
async def test_what_is_no_message(private: bool) -> None:
    """It is refused, and the socket goes on."""
    async with bot() as (fake, me):
        socket = await me.socket(private=private)
        assert (await say(socket, "{"))["error"] == "invalid json"
        for message in ([], 1, {}, {"type": "subscribe"}, {"type": "ping", "channel": "btc_jpy-trades"}):
            assert (await say(socket, message))["error"] == "invalid message"
        wrong = {"channels": ["order-events", "x"]} if private else {"channel": ["btc_jpy-trades"]}
        assert (await say(socket, {"type": "subscribe", **wrong}))["error"] == "invalid channel"
        assert fake.links()[0].topics == {}


# --- the market ---


def levels(rows: Any) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(rate), Decimal(amount)) for rate, amount in rows]


async def test_plain_book() -> None:
    """A snapshot and the differences after it give the true book; zero is written ``0``."""
    async with bot() as (fake, me):
        socket, market = await me.socket("btc_jpy-orderbook", "eth_jpy-trades"), fake.market("btc_jpy")
        whole = await me.done("GET", "/api/order_books?pair=btc_jpy")
        assert set(whole) == {"asks", "bids"}
        sides = {side: dict(levels(whole[side])) for side in ("asks", "bids")}
        for _ in range(20):
            market.tick()
            pair, change = await hear(socket)
            assert (pair, set(change)) == ("btc_jpy", {"asks", "bids", "last_update_at"})
            for side, rows in sides.items():
                rows |= dict(levels(change[side]))
                assert all(amount == "0" for _, amount in change[side] if not Decimal(amount))
        shown = {
            side: sorted(((p, s) for p, s in rows.items() if s), reverse=side == "bids") for side, rows in sides.items()
        }
        assert shown == market.book()


async def test_numbered_book() -> None:
    """Each change names all that is asked and bid at its rates; numbers rise, and leave some out."""
    async with bot() as (fake, me):
        socket, market = await me.socket("btc_jpy-limit-range-orderbook"), fake.market("btc_jpy")
        whole = await me.done("GET", "/api/order_books?pair=btc_jpy&version=1.0")
        assert set(whole) == {"pair", "upper", "lower", "sequence_number", "last_update_at"}
        sides: dict[str, dict[Decimal, Decimal]] = {"ask_amount": {}, "bid_amount": {}}
        numbers = [int(whole["sequence_number"])]
        for number in range(21):
            told = whole
            if number:
                market.tick()
                pair, told = await hear(socket)
                assert (pair, set(told)) == ("btc_jpy", set(whole) - {"pair"})
                numbers.append(int(told["sequence_number"]))
            for row in (*told["upper"], *told["lower"]):
                for name, side in sides.items():
                    side[Decimal(row["rate"])] = Decimal(row[name])
        asks, bids = ([(p, s) for p, s in sorted(sides[name].items()) if s] for name in sides)
        assert {"asks": asks, "bids": bids[::-1]} == market.book()
        steps = {after - before for before, after in pairwise(numbers)}
        assert min(steps) >= 1
        assert len(steps) > 1
        await socket.send_json({"type": "unsubscribe", "channel": "btc_jpy-limit-range-orderbook"})
        await fake.until(lambda: not fake.links()[0].topics)


async def test_trades_and_ticker() -> None:
    """A trade has nine places; the ticker knows it as well."""
    async with bot() as (fake, me):
        socket = await me.socket("btc_jpy-trades")
        fake.market("btc_jpy").trade("sell", "0.001")
        [[time, ident, pair, rate, amount, side, taker, maker, auction]] = await hear(socket)
        assert time.isdecimal()
        assert (pair, amount, side, auction) == ("btc_jpy", "0.001", "sell", None)
        assert len({ident, taker, maker}) == 3
        ticker = await me.done("GET", "/api/ticker")
        assert ticker["last"] == float(rate)
        assert ticker["bid"] < ticker["ask"]
        assert await me.refused("GET", "/api/ticker?pair=doge_jpy") == (400, "Pair is invalid")


# --- orders ---


async def test_life_of_orders() -> None:
    """One rests, is filled in two steps; another is cancelled; each step is told, and so are the fills."""
    async with bot() as (fake, me):
        socket, market = await me.socket("order-events", "execution-events", private=True), fake.market("btc_jpy")
        rate = str(market.best_bid)
        first, second = [await me.done("POST", ORDERS, {**BUY, "rate": rate}) for _ in range(2)]
        assert set(first) == PLACED
        assert (first["rate"], first["amount"], first["market_buy_amount"]) == (f"{rate}.0", "0.01", None)
        assert first["time_in_force"] == "good_til_cancelled"
        opens = await me.done("GET", f"{ORDERS}/opens")
        assert [(set(row), row["id"]) for row in opens["orders"]] == [(LISTED, second["id"]), (LISTED, first["id"])]
        balance = await me.done("GET", "/api/accounts/balance")
        assert Decimal(balance["jpy_reserved"]) == Decimal(rate) / 50

        market.fill("0.004")
        part, done = await hear(socket), await hear(socket)
        assert (set(part), set(done)) == (EVENT, FILL)
        assert (part["id"], part["order_event"], part["latest_executed_amount"]) == (
            first["id"],
            "PARTIALLY_FILL",
            "0.004",
        )
        assert (done["order_id"], done["liquidity"], done["side"]) == (first["id"], "M", "buy")
        assert Decimal(done["funds"]["btc"]) == Decimal("0.004")
        assert (await me.done("GET", f"{ORDERS}/opens"))["orders"][1]["pending_amount"] == "0.006"
        market.fill()
        assert [(await hear(socket)).get("order_event") for _ in range(2)] == ["FILL", None]

        assert await me.done("DELETE", f"{ORDERS}/{second['id']}") == {"success": True, "id": second["id"]}
        gone = await hear(socket)
        assert (set(gone), gone["order_event"], gone["latest_executed_amount"]) == (EVENT, "CANCEL", None)
        assert await me.refused("DELETE", f"{ORDERS}/{second['id']}") == (404, "The order is not found")
        assert (await me.done("GET", f"{ORDERS}/opens"))["orders"] == []
        balance = await me.done("GET", "/api/accounts/balance")
        assert (balance["btc"], balance["jpy_reserved"]) == ("10.01", "0.0")
        rows = (await me.done("GET", f"{ORDERS}/transactions"))["transactions"]
        assert [row["funds"]["btc"] for row in rows] == ["0.006", "0.004"]


async def test_market_orders() -> None:
    """A buy spends yen, a sell coins; what they take is told by the same events."""
    async with bot() as (_, me):
        socket = await me.socket("order-events", private=True)
        order = {"pair": "btc_jpy", "order_type": "market_buy", "market_buy_amount": 1_000_000}
        sent = await me.done("POST", ORDERS, order)
        assert (sent["amount"], sent["rate"], sent["market_buy_amount"]) == (None, None, "1000000.0")
        paid, last = Decimal(0), ""
        while last != "FILL":
            event = await hear(socket)
            last = event["order_event"]
            assert event["latest_executed_amount"] is None
            paid += Decimal(event["latest_executed_market_buy_amount"])
        assert 999_999 < paid <= 1_000_000
        sent = await me.done("POST", ORDERS, {"pair": "btc_jpy", "order_type": "market_sell", "amount": "0.1"})
        sold = Decimal(0)
        while sold < Decimal("0.1"):
            sold += Decimal((await hear(socket))["latest_executed_amount"])


async def test_orders_that_only_rest() -> None:
    """One that would take ends at once; the answer is that of any other order."""
    async with bot() as (fake, me):
        socket, market = await me.socket("order-events", private=True), fake.market("btc_jpy")
        order = {**BUY, "time_in_force": "post_only"}
        resting = await me.done("POST", ORDERS, order)
        sent = await me.done("POST", ORDERS, {**order, "rate": str(market.best_ask)})
        event = await hear(socket)
        assert (event["id"], event["order_event"]) == (sent["id"], "CANCEL")
        assert await me.refused("DELETE", f"{ORDERS}/{sent['id']}") == (404, "The order is not found")
        assert [row["id"] for row in (await me.done("GET", f"{ORDERS}/opens"))["orders"]] == [resting["id"]]


async def test_json_bodies() -> None:
    """A body may be JSON, with numbers."""
    async with bot() as (_, me):

        async def post(body: str) -> tuple[int, Any]:
            return await me.ask("POST", ORDERS, body, {**me.headers(ORDERS, body), "Content-Type": "application/json"})

        status, answer = await post(json.dumps({**BUY, "rate": 9000000, "amount": 0.01}))
        assert (status, answer["rate"], answer["amount"]) == (200, "9000000.0", "0.01")
        assert await post("[]") == (400, {"success": False, "error": "invalid json"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"pair": "doge_jpy"}, "Pair is invalid"),
        ({"order_type": "limit"}, "Invalid order_type or time_in_force"),
        ({"time_in_force": "fok"}, "Invalid order_type or time_in_force"),
        ({"stop_loss_rate": "1"}, "this fake does not play stop_loss_rate"),
        ({"rate": "x"}, "Rate is invalid"),
        ({"rate": "0.5"}, "Rate is invalid"),
        ({"rate": "-1"}, "Rate is invalid"),
        ({"amount": "NaN"}, "Amount is invalid"),
        ({"amount": ""}, "Amount is invalid"),
        ({"amount": "0.0001"}, "Amount must be at least 0.001"),
        ({"amount": "6"}, "Not enough funds"),
        ({"order_type": "sell", "amount": "11"}, "Not enough funds"),
        ({"order_type": "market_buy", "market_buy_amount": "0"}, "Market_buy_amount is invalid"),
        ({"order_type": "market_buy", "market_buy_amount": "100"}, "Amount must be at least 0.001"),
    ],
    ids=str,
)
async def test_refused_orders(change: dict[str, str], error: str) -> None:
    """Each is refused with a text, and leaves nothing behind."""
    async with bot() as (_, me):
        assert await me.refused("POST", ORDERS, {**BUY, **change}) == (400, error)
        assert (await me.done("GET", f"{ORDERS}/opens"))["orders"] == []
