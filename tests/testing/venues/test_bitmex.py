"""The fake of BitMEX against the protocol: signatures, expiry, tables, orders, money; heard by plain aiohttp."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from yarl import URL

from tests.support import load
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bitmex"
FORM = "application/x-www-form-urlencoded"
WS = "wss://ws.bitmex.com/realtime"
XBT, ETH = "XBTUSD", "ETHUSDT"
BUY = {"symbol": XBT, "side": "Buy", "orderQty": 200, "price": 50000}


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A client of BitMEX in a few lines of its own: it signs by the documented formula."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.sockets: list[ClientWebSocketResponse] = []  # one that nobody holds is closed

    def headers(self, text: str, body: str = "", *, later: int = 5, api: str = "bitmex", **more: str) -> dict[str, str]:
        expires = str(self.fake.clock.now().seconds + later)
        key, secret = self.fake.apis[api]
        return {"api-key": key, "api-expires": expires, "api-signature": digest(secret, text + expires + body), **more}

    async def ask(
        self, method: str, target: str, data: Any = None, headers: Any = None, host: str = "www.bitmex.com"
    ) -> tuple[int, Any]:
        if isinstance(data, str) or any(isinstance(each, list) for each in (data or {}).values()):
            body, kind = data if isinstance(data, str) else json.dumps(data), "application/json"
        else:
            body, kind = urlencode(data or {}), FORM
        path = f"/api/v1/{target}"
        given = self.headers(method + path, body) if headers is None else headers
        url = URL(f"https://{host}{path}", encoded=True)
        async with self.session.request(method, url, data=body, headers={"Content-Type": kind, **given}) as response:
            return response.status, await response.json()

    async def done(self, method: str, target: str, data: Any = None) -> Any:
        """Return the answer of a request that is executed."""
        status, told = await self.ask(method, target, data)
        assert status == 200, told
        return told

    async def refused(self, method: str, target: str, data: Any = None) -> str:
        """Return why a request is refused."""
        status, told = await self.ask(method, target, data)
        assert (status, set(told)) == (404 if told["error"]["message"] == "Not Found" else 400, {"error"})
        return str(told["error"]["message"])

    async def socket(self, url: str = WS, *, signed: bool = True) -> ClientWebSocketResponse:
        ws = await self.session.ws_connect(url, headers=self.headers("GET/realtime") if signed else {})
        self.sockets.append(ws)
        assert "Welcome" in (await ws.receive_json())["info"]
        return ws

    async def subscribe(self, ws: ClientWebSocketResponse, *topics: str) -> list[Any]:
        """Subscribe, and return the partials."""
        await ws.send_json({"op": "subscribe", "args": list(topics)})
        partials = []
        for topic in topics:
            assert (await ws.receive_json())["subscribe"] == topic
            partials.append(await ws.receive_json())
        return partials


@asynccontextmanager
async def trading() -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("bitmex") as fake, aiohttp.ClientSession(connector=fake.connector()) as session:
        bot = Bot(fake, session)
        yield fake, bot
        for ws in bot.sockets:
            await ws.close()


async def heard(ws: ClientWebSocketResponse, table: str) -> Any:
    """Return the next message of a table."""
    while True:
        message = await ws.receive_json(timeout=2)
        if message.get("table") == table:
            return message


# -- who may enter -------------------------------------------------------------------------------------------------


async def test_signatures() -> None:
    """A right one is accepted, as are public questions without; everything else is refused, as BitMEX words it."""
    async with trading() as (_, bot):
        path = f"position?filter={quote(json.dumps({'symbol': XBT}))}"
        assert await bot.ask("GET", path) == (200, [])
        signed = bot.headers(f"GET/api/v1/{path}")
        cases: dict[str, Any] = {
            "Please provide an API key.": {},
            "Invalid API Key.": {**signed, "api-key": "x"},
            "Signature not valid.": {**signed, "api-signature": "x"},
            "Missing API expires.": {**signed, "api-expires": "soon"},
            "This request has expired": bot.headers(f"GET/api/v1/{path}", later=0),
        }
        for message, headers in cases.items():
            status, told = await bot.ask("GET", path, headers=headers)
            assert (status, told["error"]["message"][: len(message)]) == (401, message)
        status, told = await bot.ask("GET", path, headers=signed, host="testnet.bitmex.com")
        assert told["error"]["message"] == "Invalid API Key."  # another environment
        for target in ("instrument", f"orderBook/L2?symbol={XBT}"):
            assert (await bot.ask("GET", target, headers={}))[0] == 200
            assert (await bot.ask("GET", target, headers={**signed, "api-signature": "x"}))[0] == 401
        assert await bot.refused("GET", "chat") == "Not Found"


async def test_handshakes() -> None:
    """With a right key, without one, refused with 401 with a wrong one; other paths are no sockets."""
    async with trading() as (fake, bot):
        await bot.socket()
        await bot.socket(signed=False)
        await bot.socket("wss://www.bitmex.com/realtimePlatform")
        ws = await bot.session.ws_connect(
            "wss://ws.testnet.bitmex.com/realtime", headers=bot.headers("GET/realtime", api="bitmex_testnet")
        )
        bot.sockets.append(ws)
        assert "info" in await ws.receive_json()
        assert [link.api for link in fake.links()] == ["bitmex", None, "bitmex", "bitmex_testnet"]
        wrong = {**bot.headers("GET/realtime"), "api-signature": "x"}
        for url, headers, status in ((WS, wrong, 401), ("wss://ws.bitmex.com/elsewhere", {}, 404)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await bot.session.ws_connect(url, headers=headers)
            assert caught.value.status == status


async def test_logins_by_message() -> None:
    """``authKeyExpires`` logs in once; refused and silent logins are played on both ways in."""
    async with trading() as (fake, bot):

        async def log_in(ws: ClientWebSocketResponse, secret: str = fake.apis["bitmex"][1]) -> Any:
            expires = fake.clock.now().seconds + 5
            args = [fake.apis["bitmex"][0], expires, digest(secret, f"GET/realtime{expires}")]
            await ws.send_json({"op": "authKeyExpires", "args": args})
            return await ws.receive_json(timeout=2)

        ws = await bot.socket(signed=False)
        await ws.send_json({"op": "subscribe", "args": "order"})
        assert (await ws.receive_json())["status"] == 401
        assert (await log_in(ws, "wrong"))["error"] == "Signature not valid."
        assert (await log_in(ws))["success"] is True
        assert (await log_in(ws))["error"] == "Already authenticated."
        assert (await bot.subscribe(ws, "order"))[0]["filter"] == {"account": 1455728}

        fake.refuse_login(times=2)
        ws = await bot.socket()
        assert set(await ws.receive_json()) == {"status", "error", "meta", "request"}
        assert (await log_in(ws))["status"] == 401
        fake.silent_login(times=2)
        ws = await bot.socket()
        with pytest.raises(TimeoutError):
            await ws.receive_json(timeout=0.05)
        expires = fake.clock.now().seconds + 5
        await ws.send_json({"op": "authKeyExpires", "args": ["k", expires, "s"]})
        with pytest.raises(TimeoutError):
            await ws.receive_json(timeout=0.05)


# -- market data ---------------------------------------------------------------------------------------------------


async def test_subscriptions() -> None:
    """Acks and partials in the shapes of the samples; by message and by the address; refusals."""
    async with trading() as (_, bot):
        ws = await bot.socket(f"{WS}?subscribe=trade:{XBT},liquidation:{XBT}", signed=False)
        sample = {**load(FIXTURES / "frames" / "welcome_and_acks.json")[0]["messages"][1]}
        assert set(await ws.receive_json()) == set(sample)
        trade = await ws.receive_json()
        assert (trade["filter"], trade["keys"], len(trade["data"])) == ({"symbol": XBT}, [], 1)
        assert set(trade["data"][0]) <= set(load(FIXTURES / "frames" / "trade.json")[0]["messages"][0]["data"][0])
        assert (await ws.receive_json())["subscribe"] == f"liquidation:{XBT}"
        assert await ws.receive_json() == {
            "table": "liquidation", "action": "partial", "keys": ["orderID"], "types": {}, "filter": {}, "data": []
        }  # fmt: skip
        both, ten, instrument, quotes = await bot.subscribe(
            ws, "orderBookL2", f"orderBook10:{XBT}", "instrument", f"quote:{ETH}"
        )
        assert (both["filter"], {row["symbol"] for row in both["data"]}) == ({}, {XBT, ETH})
        level = load(FIXTURES / "frames" / "orderBookL2.json")[0]["messages"][0]["data"][0]
        assert set(both["data"][0]) == set(level)
        assert (len(ten["data"][0]["bids"]), len(instrument["data"]), quotes["data"][0]["symbol"]) == (10, 2, ETH)
        for frame, status in (
            ({"op": "subscribe", "args": ["foo"]}, 400),
            ({"op": "subscribe", "args": ["trade:FOO"]}, 400),
            ({"op": "subscribe", "args": [f"trade:{XBT}"]}, 400),
            ({"op": "subscribe", "args": "wallet"}, 401),
            ({"op": "dance"}, 400),
            ("ping", 400),
        ):
            await (ws.send_str(frame) if isinstance(frame, str) else ws.send_json(frame))
            assert (await ws.receive_json())["status"] == status
        for args in (f"trade:{XBT}", [f"trade:{XBT}"]):
            await ws.send_json({"op": "unsubscribe", "args": args})
            assert (await ws.receive_json())["unsubscribe"] == f"trade:{XBT}"


@pytest.mark.parametrize(("wire", "depth"), [("orderBookL2", None), ("orderBookL2_25", 25)])
async def test_books(wire: str, depth: int | None) -> None:
    """Partial and changes, put together by id, are the true book."""
    async with trading() as (fake, bot):
        market = fake.market(XBT)
        ws = await bot.socket(signed=False)
        [partial] = await bot.subscribe(ws, f"{wire}:{XBT}")
        rows = {row["id"]: row for row in partial["data"]}
        market.tick(30)
        while True:
            told = {
                side: sorted(
                    (Decimal(str(row["price"])), Decimal(row["size"])) for row in rows.values() if row["side"] == name
                )
                for side, name in (("asks", "Sell"), ("bids", "Buy"))
            }
            told["bids"].reverse()
            if told == market.book(depth):
                break
            message = await heard(ws, wire)
            for row in message["data"]:
                if message["action"] == "delete":
                    del rows[row["id"]]
                elif message["action"] == "update":
                    rows[row["id"]].update(row)
                else:
                    assert row["id"] not in rows
                    rows[row["id"]] = row
        listed = await bot.done("GET", f"orderBook/L2?symbol={XBT}&depth={depth or 0}")
        assert {row["id"] for row in listed} == set(rows)


async def test_other_market_data() -> None:
    """Trades, quotes and prices follow what happens."""
    async with trading() as (fake, bot):
        ws = await bot.socket(signed=False)
        await bot.subscribe(ws, f"trade:{ETH}", f"quote:{ETH}", f"instrument:{ETH}", f"orderBook10:{ETH}")
        fake.market(ETH).trade("buy", 1000)
        fake.market(ETH).tick()
        assert (await heard(ws, "trade"))["data"][0]["side"] == "Buy"
        assert (await heard(ws, "quote"))["action"] == "insert"
        assert (await heard(ws, "orderBook10"))["action"] == "update"
        assert (await heard(ws, "instrument"))["data"][0]["symbol"] == ETH
        [row] = await bot.done("GET", f"instrument?symbol={ETH}")
        assert row["tickSize"] == 0.05
        assert await bot.refused("GET", "instrument?symbol=FOO") == "Invalid symbol"
        assert await bot.refused("GET", f"orderBook/L2?symbol={ETH}&depth=x") == "Invalid depth"


# -- orders --------------------------------------------------------------------------------------------------------


async def test_an_order_from_its_arrival_to_its_end() -> None:
    """It rests, is filled in parts, and the tables say so in the shapes of the samples."""
    async with trading() as (fake, bot):
        ws = await bot.socket()
        tables = ("order", "execution", "position", "margin", "wallet")
        partials = await bot.subscribe(ws, *tables)
        assert [(each["filter"], len(each["data"])) for each in partials] == [
            ({"account": 1455728}, n) for n in (0, 0, 0, 2, 2)
        ]
        stranger = await bot.socket(signed=False)
        market = fake.market(XBT)
        row = await bot.done("POST", "order", {**BUY, "price": market.best_bid, "clOrdID": "mine"})
        sample = load(FIXTURES / "frames" / "order.json")[0]["messages"][0]["data"][0]
        assert set(row) == set(sample)
        assert (await heard(ws, "order"))["data"] == [row]
        market.fill(100)
        told = await heard(ws, "order")
        assert (told["action"], told["data"][0]["ordStatus"], told["data"][0]["leavesQty"]) == (
            "update",
            "PartiallyFilled",
            100,
        )
        assert (await heard(ws, "execution"))["data"][0]["leavesQty"] == 100
        position = await heard(ws, "position")
        assert (position["action"], position["data"][0]["currentQty"]) == ("insert", 100)
        assert (await heard(ws, "wallet"))["action"] == "update"
        market.fill()
        assert (await heard(ws, "order"))["data"][0]["ordStatus"] == "Filled"
        assert (await heard(ws, "position"))["action"] == "update"
        [held] = await bot.done("GET", "position")
        assert (held["currentQty"], held["avgEntryPrice"]) == (200, row["price"])
        [again] = await bot.subscribe(await bot.socket(), "position")
        assert again["data"][0]["currentQty"] == 200
        assert [each["clOrdID"] for each in await bot.done("GET", f"order?symbol={XBT}")] == ["mine"]
        assert await bot.done("GET", "order?filter=" + quote('{"open": true}')) == []
        assert await bot.done("GET", f"order?symbol={ETH}") == []
        await bot.subscribe(stranger, f"trade:{ETH}")  # it has heard nothing of all that


async def test_amending_and_cancelling() -> None:
    """By either id, several at once, all of a symbol; what is over is said to be."""
    async with trading() as (_, bot):
        ws = await bot.socket()
        await bot.subscribe(ws, f"order:{XBT}")
        rows = [await bot.done("POST", "order", {**BUY, "clOrdID": f"c{number}"}) for number in range(4)]
        amended = await bot.done("PUT", "order", {"origClOrdID": "c0", "orderQty": 300, "price": 50001})
        assert (amended["orderQty"], amended["price"]) == (300, 50001)
        assert (await bot.done("PUT", "order", {"orderID": rows[1]["orderID"], "price": 50002}))["orderQty"] == 200
        assert (await bot.done("PUT", "order", {"orderID": rows[1]["orderID"], "orderQty": 100}))["price"] == 50002
        gone = await bot.done("DELETE", "order", {"orderID": [row["orderID"] for row in rows[:2]]})
        assert [row["ordStatus"] for row in gone] == ["Canceled"] * 2
        assert gone[0]["text"] == "Canceled: Canceled via API.\nSubmitted via API."
        [again] = await bot.done("DELETE", "order", {"clOrdID": '["c0"]'})
        assert again["error"] == "Unable to cancel order due to existing state: Canceled"
        assert (
            await bot.refused("PUT", "order", {"orderID": rows[0]["orderID"], "orderQty": 100}) == "Invalid ordStatus"
        )
        assert await bot.refused("DELETE", "order", {"orderID": "none"}) == "Not Found"
        assert await bot.done("DELETE", "order/all", {"symbol": ETH}) == []
        assert len(await bot.done("DELETE", "order/all")) == 2


async def test_kinds_of_orders() -> None:
    """Market orders, those that may only rest, those that may not, and those that reduce; a quantity below 0 sells."""
    async with trading() as (fake, bot):
        ask = fake.market(XBT).best_ask
        ws = await bot.socket()
        await bot.subscribe(ws, "order")
        passive = {**BUY, "price": ask, "execInst": "ParticipateDoNotInitiate"}
        row = await bot.done("POST", "order", passive)
        assert (row["ordStatus"], row["text"].split("\n")[0]) == (
            "Canceled", "Canceled: Order had execInst of ParticipateDoNotInitiate",
        )  # fmt: skip
        assert [(await heard(ws, "order"))["data"][0]["ordStatus"] for _ in range(2)] == ["New", "Canceled"]
        assert (await bot.done("POST", "order", {**BUY, "timeInForce": "ImmediateOrCancel"}))["ordStatus"] == "Canceled"
        assert (
            await bot.refused("POST", "order", {**BUY, "execInst": "ReduceOnly"})
            == "Order would not reduce the position"
        )
        row = await bot.done("POST", "order", {"symbol": XBT, "orderQty": -300})
        assert (row["side"], row["ordType"], row["ordStatus"]) == ("Sell", "Market", "Filled")
        row = await bot.done("POST", "order", {**BUY, "orderQty": 900, "ordType": "Market", "execInst": "ReduceOnly"})
        assert (row["cumQty"], (await bot.done("GET", "position"))[0]["isOpen"]) == (300, False)
        assert (
            await bot.refused("POST", "order", {**BUY, "execInst": "ReduceOnly"})
            == "Order would not reduce the position"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbol": "FOO"}, "Invalid symbol"),
        ({"stopPx": 1}, "this fake does not play stopPx"),
        ({"side": "Long"}, "Invalid side, ordType or timeInForce"),
        ({"ordType": "Pegged"}, "Invalid side, ordType or timeInForce"),
        ({"timeInForce": "Day"}, "Invalid side, ordType or timeInForce"),
        ({"execInst": "AllOrNone"}, "Invalid execInst"),
        ({"orderQty": 150}, "Invalid orderQty"),
        ({"orderQty": "x"}, "Invalid orderQty"),
        ({"price": -0.5}, "Invalid price"),
        ({"orderQty": 10**12}, "Account has insufficient Available Balance"),
        ({"clOrdID": "twice"}, "Duplicate clOrdID"),
    ],
)
async def test_refused_orders(changes: dict[str, Any], message: str) -> None:
    """What is wrong is refused, and nothing rests."""
    async with trading() as (fake, bot):
        if "clOrdID" in changes:
            await bot.done("POST", "order", {**BUY, **changes})
            await bot.done("DELETE", "order/all")
        assert await bot.refused("POST", "order", {**BUY, **changes}) == message
        assert fake.markets_with_orders() == []


async def test_bodies_that_cannot_be_read() -> None:
    """JSON that is no object, a filter that is none, a currency that there is not."""
    async with trading() as (_, bot):
        assert await bot.refused("POST", "order", "[]") == "Unexpected body"
        for text in ("x", "[]"):
            assert await bot.refused("GET", f"order?filter={text}") == "Invalid filter"
        assert await bot.refused("GET", "user/margin?currency=EUR") == "Invalid currency"


@pytest.mark.parametrize(("symbol", "currency", "size"), [(XBT, "XBt", 1000), (ETH, "USDt", 10000)])
async def test_money(symbol: str, currency: str, size: int) -> None:
    """What is gained is the difference of the values, in the currency of the product, long and short, beyond a turn."""
    async with trading() as (fake, bot):
        market = fake.market(symbol)

        async def balance() -> int:
            return int((await bot.done("GET", f"user/wallet?currency={currency}"))["amount"])

        def value(quantity: int, price: float) -> float:
            """Return the value of contracts in the smallest unit of the currency."""
            return -quantity / price * 1e8 if symbol == XBT else quantity * 1e-5 * price * 1e6

        before, expected, held, cost = await balance(), 0.0, 0, 0.0
        for quantity in (size, size, -3 * size, -size, size):
            past = len(market.market.trades)
            await bot.done("POST", "order", {"symbol": symbol, "orderQty": quantity})
            for fill in list(market.market.trades)[past:]:
                signed, price = int(fill.size) * (1 if quantity > 0 else -1), float(fill.price)
                closed = 0 if held * signed >= 0 else min(abs(signed), abs(held)) * (1 if held > 0 else -1)
                freed = cost * closed / held if closed else 0.0
                expected += value(closed, price) - freed if closed else 0.0
                cost += (value(signed + closed, price) if signed + closed else 0.0) - freed
                held += signed
            market.tick(3)
            assert await balance() - before == pytest.approx(expected, abs=3)
        [row] = await bot.done("GET", "position")
        assert (row["currentQty"], row["currency"]) == (held, currency)
        assert value(held, row["avgEntryPrice"]) == pytest.approx(cost, rel=1e-6)
        margins = await bot.done("GET", "user/margin?currency=all")
        [told] = [each for each in margins if each["currency"] == currency]
        assert told["walletBalance"] - told["availableMargin"] == pytest.approx(abs(cost) / 100, abs=2)
