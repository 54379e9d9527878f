"""The fake of GMO Coin against the protocol: signatures, tokens, subscriptions, orders; heard by plain aiohttp."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.testing.venue import Request
from topgun.testing.venues.gmocoin import GMOCoin

from .gmocoin_bot import FX, bot, hear, refusal, told

FIXTURES = Path(__file__).parents[2] / "exchanges" / "gmocoin"
VECTORS = load(FIXTURES / "vectors" / "rest.json")
FRAMES = {name: load(FIXTURES / "frames" / f"{name}.json") for name in ("order_events", "execution_events")}
REST = load(FIXTURES / "responses" / "rest.json")
LEVERAGE = "BTC_JPY"


# --- signatures ---


def request(vector: dict[str, Any], body: str | None = None, **headers: str) -> Request:
    url = URL(vector["final"], encoded=True).with_scheme("https")
    signed = {"API-KEY": vector["key"], "API-TIMESTAMP": str(vector["ms"]), "API-SIGN": vector["sign"], **headers}
    sent = vector["body"] if body is None else body
    return Request(vector["method"], url, url.raw_path_qs, CIMultiDictProxy(CIMultiDict(signed)), sent.encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signatures(vector: dict[str, Any]) -> None:
    """The vectors are right in their window of time and at no other; the body counts with POST alone."""
    ms = 0
    apis = dict.fromkeys(("gmocoin", "gmocoin_fx"), (vector["key"], vector["secret"]))
    if "forex" in vector["url"]:
        apis["gmocoin"] = ("another", "secret")
    here = GMOCoin(lambda: Instant((vector["ms"] + ms) * 1_000_000), list, apis=apis)
    seen = {}
    for ms in (0, 5000, -5000, 5001, -5001):
        seen[ms] = here.verified(request(vector))
    assert seen == {0: True, 5000: True, -5000: True, 5001: False, -5001: False}
    ms = 0
    last = "0" if vector["sign"][-1] != "0" else "1"
    for change in (
        {"API-SIGN": vector["sign"][:-1] + last},
        {"API-TIMESTAMP": str(vector["ms"] + 1)},
        {"API-TIMESTAMP": "soon"},
        {"API-KEY": "nobody"},
    ):
        assert not here.verified(request(vector, **change))
    assert here.verified(request(vector, body=vector["body"] + " ")) == (vector["method"] != "POST")


async def test_refused_requests() -> None:
    """Each with its number; what is public needs no key, but a wrong signature is none the better for it."""
    async with bot() as me:
        right = me.headers("GET", "/v1/account/assets")
        for headers, code in (
            ({**right, "API-KEY": ""}, "ERR-5011"),
            ({**right, "API-KEY": me.fake.apis["gmocoin_fx"][0]}, "ERR-5012"),
            (me.headers("GET", "/v1/account/assets", ms=-5001), "ERR-5008"),
            (me.headers("GET", "/v1/account/assets", ms=5001), "ERR-5009"),
            ({**right, "API-SIGN": "0" * 64}, "ERR-5010"),
        ):
            assert refusal(await me.ask("GET", "account/assets", headers=headers))[:2] == (5, code)
        assert not any(seen.verified for seen in me.fake.requests)
        assert me.result(await me.ask("GET", "status", headers={})) == {"status": "OPEN"}
        assert me.fake.requests[-1].verified
        for method, path in (("GET", "nothing"), ("POST", "activeOrders")):
            assert refusal(await me.ask(method, path))[1] == "ERR-5107"
        assert refusal(await me.ask("POST", "order", [1]))[1] == "ERR-5107"
        assert refusal(await me.ask("POST", "status", headers={}))[1] == "ERR-5107"


async def test_public_questions() -> None:
    """Tickers, books and trades over HTTP."""
    async with bot() as me:
        market = me.fake.market(LEVERAGE)
        market.trade("buy", "0.01")
        rows = me.result(await me.ask("GET", "ticker", headers={}))
        assert [row["symbol"] for row in rows] == ["BTC", LEVERAGE]
        [row] = me.result(await me.ask("GET", f"ticker?symbol={LEVERAGE}", headers={}))
        assert (row["ask"], row["bid"]) == (str(market.best_ask), str(market.best_bid))
        book = me.result(await me.ask("GET", f"orderbooks?symbol={LEVERAGE}", headers={}))
        assert [Decimal(level["price"]) for level in book["bids"]] == [price for price, _ in market.book()["bids"]]
        trades = me.result(await me.ask("GET", f"trades?symbol={LEVERAGE}&count=1", headers={}))["list"]
        assert [(each["side"], each["size"]) for each in trades] == [("BUY", "0.01")]
        assert refusal(await me.ask("GET", "orderbooks?symbol=USD_JPY", headers={}))[1] == "ERR-5106"
        assert refusal(await me.ask("GET", f"trades?symbol={LEVERAGE}&page=0", headers={}))[1] == "ERR-5106"


# --- tokens and sockets ---


async def test_tokens() -> None:
    """They live for an hour from the last extension, there are five at most, and they open private sockets."""
    async with bot() as me:
        tokens = [await me.post("ws-auth") for _ in range(6)]
        assert len(set(tokens)) == 6
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await me.socket(token=tokens[0])
        socket = await me.socket(token=tokens[1])
        assert refusal(await me.ask("PUT", "ws-auth", {"token": tokens[0]}))[1] == "ERR-5106"
        assert refusal(await me.ask("PUT", "ws-auth", {}))[1] == "ERR-5106"
        await me.clock.advance(3599)
        assert (await me.ask("PUT", "ws-auth", {"token": tokens[1]}))["status"] == 0
        await me.clock.advance(3599)
        me.fake.tick()
        assert not socket.closed
        assert (await me.ask("DELETE", "ws-auth", {"token": tokens[1]}))["status"] == 0
        me.fake.tick()
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        fresh = [await me.post("ws-auth") for _ in range(5)]
        await me.socket(token=fresh[0])


async def test_a_token_of_another_product() -> None:
    """One of crypto assets does not open a socket of FX."""
    async with bot() as me:
        token = await me.post("ws-auth")
        me.host = FX
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await me.socket(token=token)


async def test_one_message_a_second() -> None:
    """Two within a second, on whatever sockets, are one too many; other hosts count for themselves."""
    async with bot() as me:
        first, second = [await me.socket() for _ in range(2)]
        ticker = {"command": "subscribe", "channel": "ticker", "symbol": "BTC"}
        await first.send_json(ticker)
        await me.fake.until(lambda: me.fake.frames_received)
        await me.clock.advance(0.999)
        await second.send_json(ticker)
        assert await hear(second) == {"error": "ERR-5003 Request too many."}
        await me.clock.advance(1)
        await second.send_json(ticker)
        assert (await hear(second))["channel"] == "ticker"
        me.host = FX
        elsewhere = await me.socket()
        await elsewhere.send_json({**ticker, "symbol": "USD_JPY"})
        assert (await hear(elsewhere))["symbol"] == "USD_JPY"


async def test_subscriptions() -> None:
    """A good one is not answered, a bad one is; nothing comes after an unsubscription."""
    async with bot() as me:
        socket = await me.socket(("orderbooks", "BTC"), ("trades", "BTC"))
        whole = await hear(socket)
        assert set(whole) == {"channel", "asks", "bids", "symbol", "timestamp"}
        for wrong in (
            "{",
            {"command": "subscribe", "channel": "orderEvents"},
            {"command": "subscribe", "channel": "orderbooks", "symbol": "USD_JPY"},
            {"command": "subscribe", "channel": "news", "symbol": "BTC"},
            {"command": "unsubscribe", "channel": "news"},
        ):
            await me.say(socket, wrong)
            assert await hear(socket) == {"error": "ERR-5106 Invalid request parameter."}
        market = me.fake.market("BTC")
        market.trade("sell", "0.01")
        book, trade = await hear(socket), await hear(socket)
        assert book["timestamp"] > whole["timestamp"]
        assert len(book["bids"]) == len(market.book()["bids"])
        assert (trade["channel"], trade["side"], trade["size"]) == ("trades", "SELL", "0.01")
        for channel in ("orderbooks", "trades"):
            await me.say(socket, {"command": "unsubscribe", "channel": channel, "symbol": "BTC"})
        market.trade("sell", "0.01")
        await me.say(socket, {"command": "subscribe", "channel": "ticker", "symbol": "BTC"})
        assert (await hear(socket))["channel"] == "ticker"
        market.market.thin(me.clock.now(), 0)  # nobody is there any more
        market.order("sell", "0.01", "9000000")
        assert (await hear(socket))["bid"] == "0"


# --- orders ---


async def test_the_life_of_an_order() -> None:
    """It rests, changes, is filled in two parts and makes positions; the messages have the fields of the samples."""
    async with bot() as me:
        socket, market = await me.private(), me.fake.market(LEVERAGE)
        number = await me.order(LEVERAGE, "BUY", "0.04", str(market.best_bid))
        placed = await hear(socket)
        assert set(placed) == set(FRAMES["order_events"][0]["messages"][0])
        assert (placed["orderId"], placed["msgType"], placed["orderExecutedSize"]) == (number, "NOR", "0")
        assert await me.post("changeOrder", orderId=str(number), price=str(int(market.best_bid or 0) - 1)) is None
        assert (await hear(socket))["msgType"] == "ROR"
        [row] = (await me.get(f"activeOrders?symbol={LEVERAGE}"))["list"]
        assert set(row) == set(REST[1]["response"]["data"]["list"][0])

        market.fill("0.01")
        execution = await hear(socket)
        assert set(execution) == set(FRAMES["execution_events"][0]["messages"][2])
        assert (execution["executionSize"], execution["orderExecutedSize"], execution["orderSize"]) == (
            "0.01", "0.01", "0.04",
        )  # fmt: skip
        summary = ("positionSummary", "UPDATE")
        assert await told(socket, 3) == [("position", "OPR"), summary, summary]
        market.fill()
        assert await told(socket, 4) == [("execution", "ER"), ("position", "OPR"), summary, summary]
        assert await me.get(f"activeOrders?symbol={LEVERAGE}") == {}
        [second, first] = (await me.get(f"openPositions?symbol={LEVERAGE}"))["list"]
        assert (first["size"], second["size"], first["orderdSize"]) == ("0.01", "0.03", "0")
        assert set(first) == set(REST[2]["response"]["data"]["list"][0])
        [buy] = (await me.get("positionSummary"))["list"]
        assert (buy["side"], buy["sumPositionQuantity"]) == ("BUY", "0.04")
        done = (await me.get(f"latestExecutions?symbol={LEVERAGE}"))["list"]
        assert [each["size"] for each in done] == ["0.03", "0.01"]
        assert set(done[0]) == set(REST[0]["response"]["data"]["list"][0])


async def test_closing_positions() -> None:
    """An order that closes takes the oldest first, or those that it names; what it does not close is free again."""
    async with bot() as me:
        socket, market = await me.private(), me.fake.market(LEVERAGE)
        for size in ("0.01", "0.03"):
            await me.order(LEVERAGE, "BUY", size, str(market.best_bid))
            market.fill()
        summary = [("positionSummary", "UPDATE")] * 2
        opened = [("order", "NOR"), ("execution", "ER"), ("position", "OPR"), *summary]
        assert await told(socket, 10) == opened * 2
        [second, first] = [row["positionId"] for row in (await me.get(f"openPositions?symbol={LEVERAGE}"))["list"]]
        values = {"symbol": LEVERAGE, "side": "SELL", "executionType": "LIMIT", "price": str(market.best_ask)}

        closing = int(await me.post("closeBulkOrder", **values, size="0.02"))
        assert await told(socket, 1) == [("order", "NOR")]
        rows = (await me.get(f"openPositions?symbol={LEVERAGE}"))["list"]
        assert [row["orderdSize"] for row in rows] == ["0.01", "0.01"]
        market.fill()
        both = [("execution", "ER"), ("position", "CPR"), ("execution", "ER"), ("position", "UPR")]
        assert await told(socket, 6) == [*both, *summary]
        assert closing

        await me.order(LEVERAGE, "BUY", "0.01")
        opened = [("order", "NOR"), ("execution", "ER"), ("position", "OPR"), *summary]
        assert await told(socket, 5) == opened
        number = await me.post("closeBulkOrder", **values, size="0.01")
        await me.post("cancelOrder", orderId=number)
        assert await told(socket, 5) == [("order", "NOR"), ("order", "COR"), ("position", "UPR"), *summary]

        named = [{"positionId": second, "size": "0.01"}]
        number = await me.post("closeOrder", **values, settlePosition=named)
        await me.post("cancelOrder", orderId=number)
        assert await told(socket, 5) == [("order", "NOR"), ("order", "COR"), ("position", "UPR"), *summary]
        for refused in ({"size": "0.04"}, {"settlePosition": [{"positionId": first, "size": "0.01"}]}):
            code = "closeOrder" if "settlePosition" in refused else "closeBulkOrder"
            assert await me.refused(code, **values, **refused) == (1, "ERR-254", "No positions to settle")
        assert await me.refused("closeBulkOrder", **{**values, "side": "BUY"}, size="0.01") == (
            1, "ERR-254", "No positions to settle",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "away", "size", "kinds", "reason"),
    [
        ("SOK", 0, "0.01", ["ER"], "EXPIRED_SOK"),
        ("FOK", 0, "0.9", ["NOR", "ER"], "EXPIRED_FOK"),
        ("FAK", -100_000, "0.01", ["NOR", "ER"], "EXPIRED_FAK"),
    ],
)
async def test_orders_that_may_not_rest(terms: str, away: int, size: str, kinds: list[str], reason: str) -> None:
    """Each ends for the reason that its terms have, and is no open order."""
    async with bot() as me:
        socket, market = await me.private(), me.fake.market(LEVERAGE)
        price = str(int(market.best_ask or 0) + away)
        await me.order(LEVERAGE, "BUY", size, price, timeInForce=terms)
        heard = [await hear(socket) for _ in kinds]
        assert [each["msgType"] for each in heard] == kinds
        assert (heard[-1]["orderStatus"], heard[-1]["cancelType"]) == ("EXPIRED", reason)
        assert await me.get(f"activeOrders?symbol={LEVERAGE}") == {}


async def test_spot() -> None:
    """Spot orders change assets, and neither make positions nor need them."""
    async with bot() as me:
        socket = await me.private()
        before = {row["symbol"]: Decimal(row["amount"]) for row in await me.get("account/assets")}
        await me.order("BTC", "BUY", "0.01")
        await me.order("BTC", "SELL", "0.02", "9000000")
        assert (await told(socket, 4))[:2] == [("order", "NOR"), ("execution", "ER")]
        after = {row["symbol"]: Decimal(row["amount"]) for row in await me.get("account/assets")}
        assert after["BTC"] - before["BTC"] == Decimal("-0.01")
        assert after["JPY"] > before["JPY"]
        no_funds = (1, "ERR-201", "Trading margin is insufficient")
        order = {"symbol": "BTC", "executionType": "LIMIT", "price": "20000000"}
        assert await me.refused("order", **order, side="SELL", size="2") == no_funds
        assert await me.refused("order", **order, side="BUY", size="0.9") == no_funds
        await me.order("BTC", "SELL", "0.9", "20000000")
        assert await me.refused("order", **order, side="SELL", size="0.2") == no_funds
        await me.order("BTC", "BUY", "0.5", "9000000")
        assert await me.refused("order", **{**order, "price": "9000000"}, side="BUY", size="0.7") == no_funds


async def test_refused_orders() -> None:
    """Every parameter that cannot be is refused by its name."""
    async with bot() as me:
        order = {"symbol": LEVERAGE, "side": "BUY", "executionType": "LIMIT", "price": "9000000", "size": "0.01"}
        for change in (
            {"symbol": "USD_JPY"}, {"symbol": 5}, {"side": "LONG"}, {"executionType": "STOP"}, {"price": "0.5"},
            {"price": 9000000}, {"price": "x"}, {"price": "NaN"}, {"size": "-1"}, {"size": None},
            {"timeInForce": "GTC"}, {"executionType": "MARKET", "timeInForce": "SOK"},
        ):  # fmt: skip
            name = list(change)[-1]
            assert await me.refused("order", **{**order, **change}) == (
                5, "ERR-5106", f"Invalid request parameter. {name}",
            )  # fmt: skip
        small = {"symbol": "BTC", "size": "0.000001"}
        assert (await me.refused("order", **{**order, **small}))[2] == "Invalid request parameter. size"
        assert (await me.refused("order", **{**order, "size": "5"}))[1] == "ERR-201"
        for path in ("cancelOrder", "changeOrder"):
            assert (await me.refused(path, orderId="1", price="1"))[1] == "ERR-5122"
        assert (await me.refused("cancelOrders", orderIds="1"))[1] == "ERR-5106"
        assert (await me.refused("cancelBulkOrder", symbols=[]))[1] == "ERR-5106"
        assert refusal(await me.ask("GET", "activeOrders"))[1] == "ERR-5106"


async def test_cancelling() -> None:
    """By number, by several numbers, and all that fit."""
    async with bot() as me:
        numbers = [await me.order(LEVERAGE, "BUY", "0.01", "9000000") for _ in range(4)]
        sells = [await me.order(symbol, "SELL", "0.01", "11000000") for symbol in (LEVERAGE, "BTC")]
        assert await me.post("cancelOrders", orderIds=numbers[:2]) == {"success": numbers[:2]}
        assert await me.post("cancelBulkOrder", symbols=[LEVERAGE], side="SELL") == sells[:1]
        assert await me.post("cancelBulkOrder", symbols=[LEVERAGE], settleType="CLOSE") == []
        [row] = (await me.get(f"activeOrders?symbol={LEVERAGE}&count=1&page=2"))["list"]
        assert row["orderId"] == numbers[2]
        assert await me.post("cancelOrder", orderId=str(numbers.pop())) is None
        assert await me.post("cancelBulkOrder", symbols=[LEVERAGE, "BTC"]) == [*numbers[2:], sells[1]]


async def test_fx() -> None:
    """FX has names of its own for some fields, lists of all symbols, and a ticker that does not name its channel."""
    async with bot(FX) as me:
        public = await me.socket(("ticker", "USD_JPY"))
        assert set(await hear(public)) == {"symbol", "ask", "bid", "timestamp", "status"}
        market = me.fake.market("USD_JPY")
        number = await me.order("USD_JPY", "BUY", "200", str(market.best_bid))
        changed = await me.post("changeOrder", orderId=number, price=str((market.best_bid or 0) - Decimal("0.001")))
        assert [row["orderId"] for row in changed] == [number]
        [row] = (await me.get("activeOrders"))["list"]
        assert "executedSize" not in row
        market.fill()
        [held] = (await me.get("openPositions"))["list"]
        assert (held["size"], held["orderedSize"]) == ("200", "0")
        [summary] = (await me.get("positionSummary?symbol=USD_JPY"))["list"]
        assert (summary["sumPositionSize"], summary["sumOrderedSize"]) == ("200", "0")
        assert await me.get("positionSummary?symbol=EUR_JPY") == {}
        assert (await me.refused("order", symbol="USD_JPY", side="BUY", executionType="MARKET", size="99"))[
            1
        ] == "ERR-5106"
        number = await me.order("USD_JPY", "BUY", "200", "140.000")
        assert await me.post("cancelOrders", rootOrderIds=[number]) == {"success": [{"rootOrderId": number}]}
        number = await me.order("USD_JPY", "BUY", "200", "140.000")
        assert await me.post("cancelBulkOrder", symbols=["USD_JPY"]) == {"success": [{"rootOrderId": number}]}
