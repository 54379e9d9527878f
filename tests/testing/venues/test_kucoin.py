"""The fake of KuCoin against the protocol: signatures, tokens, subscriptions, orders; heard by plain aiohttp."""

from __future__ import annotations

import asyncio
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
from topgun.testing.venues.kucoin import KuCoin

from .kucoin_bot import FUTURES, bot, hear, told

FIXTURES = Path(__file__).parents[2] / "exchanges" / "kucoin"
VECTORS = [vector for vector in load(FIXTURES / "vectors" / "rest.json") if vector["auth"]]
FRAMES = {name: load(FIXTURES / "frames" / f"{name}.json") for name in ("orders", "positions", "balance", "level2")}
POSITION = load(FIXTURES / "responses" / "initialize_positions.json")[0]["initialize"][0]["response"]["data"][0]


# --- signatures ---


def request(vector: dict[str, Any], body: str | None = None, **headers: str) -> Request:
    url = URL(vector["final"], encoded=True)
    signed = {"KC-API-KEY": vector["key"], "KC-API-TIMESTAMP": str(vector["ms"]), "KC-API-SIGN": vector["sign"]}
    signed |= {"KC-API-PASSPHRASE": vector["phrase"], "KC-API-KEY-VERSION": "2", **headers}
    sent = vector["body"] if body is None else body
    return Request(vector["method"], url, url.raw_path_qs, CIMultiDictProxy(CIMultiDict(signed)), sent.encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signatures(vector: dict[str, Any]) -> None:
    """The vectors are right in their window of time and at no other; nothing of them may change."""
    ms = 0
    apis = {"kucoin": (vector["key"], vector["secret"], vector["passphrase"])}
    here = KuCoin(lambda: Instant((vector["ms"] + ms) * 1_000_000), list, apis=apis)
    seen = {}
    for ms in (0, 5000, -5000, 5001, -5001):
        seen[ms] = here.verified(request(vector))
    assert seen == {0: True, 5000: True, -5000: True, 5001: False, -5001: False}
    ms = 0
    for change in (
        {"KC-API-SIGN": "A" + vector["sign"][1:]},
        {"KC-API-TIMESTAMP": str(vector["ms"] + 1)},
        {"KC-API-TIMESTAMP": "soon"},
        {"KC-API-KEY": "nobody"},
        {"KC-API-PASSPHRASE": vector["passphrase"]},
        {"KC-API-KEY-VERSION": "1"},
    ):
        assert not here.verified(request(vector, **change))
    assert not here.verified(request(vector, body=vector["body"] + " "))
    assert here.verified(request(vector, **{"KC-API-KEY-VERSION": "3"}))


async def test_refused_requests() -> None:
    """Each with its code; what is public needs no key."""
    async with bot() as me:
        path = "/api/v1/hf/orders/active?symbol=BTC-USDT"
        for header, value, code in (
            ("KC-API-KEY", "", "400001"),
            ("KC-API-KEY", "nobody", "400003"),
            ("KC-API-TIMESTAMP", "1", "400002"),
            ("KC-API-PASSPHRASE", "x", "400004"),
            ("KC-API-SIGN", "x", "400005"),
        ):
            assert await me.refused("GET", path, **{header: value}) == code
        assert [seen.status for seen in me.fake.requests] == [401] * 5
        assert not any(seen.verified for seen in me.fake.requests)
        assert (await me.ask("GET", "/api/v1/timestamp", **{"KC-API-KEY": ""}))[1]["data"] == me.clock.now().ms
        assert me.fake.requests[-1].verified
        assert await me.refused("GET", "/api/v1/nothing") == "404"
        assert await me.refused("POST", "/api/v1/hf/orders", [1]) == "400100"
        assert await me.get("/api/v1/hf/orders/active?symbol=BTC-USDT") == []
        assert await me.refused("GET", "/api/v1/hf/orders/active?symbol=XBTUSDTM") == "900001"


async def test_books_over_http() -> None:
    """The whole book of spot for those with a key, a part of it for everybody; of futures the whole one."""
    async with bot() as me:
        whole = await me.get("/api/v3/market/orderbook/level2?symbol=BTC-USDT")
        part = (await me.ask("GET", "/api/v1/market/orderbook/level2_100?symbol=BTC-USDT", **{"KC-API-KEY": ""}))[1]
        assert part["data"]["asks"] == whole["asks"][:100]
        assert set(whole) == set(FRAMES["level2"][1]["snapshot"]["response"]["data"])
        assert [Decimal(price) for price, _ in whole["bids"]] == [price for price, _ in me.market.book()["bids"]]
        keyless = {"KC-API-KEY": ""}
        assert await me.refused("GET", "/api/v3/market/orderbook/level2?symbol=BTC-USDT", **keyless) == "400001"
    async with bot(FUTURES) as me:
        whole = await me.get("/api/v1/level2/snapshot?symbol=XBTUSDTM")
        assert set(whole) == set(FRAMES["level2"][2]["snapshot"]["response"]["data"])


# --- tokens and sockets ---


async def test_tokens() -> None:
    """They open sockets for 24 hours, and are good for their product; then the socket is cut."""
    async with bot() as me:
        socket = await me.socket("/market/ticker:all", "/account/balance")
        granted = await me.get("/api/v1/bullet-public", "POST")
        assert granted["instanceServers"][0]["pingInterval"] == 18_000
        public = await me.open(granted["token"])
        assert (await hear(public))["type"] == "welcome"
        for topic, code in (("/account/balance", 403), ("/contractMarket/level2:XBTUSDTM", 404)):
            await public.send_json({"id": 1, "type": "subscribe", "topic": topic})
            assert (await hear(public))["code"] == code
        await me.clock.advance(86_399)
        me.fake.tick()
        assert (await hear(socket))["topic"] == "/market/ticker:all"
        await me.clock.advance(1)
        me.fake.tick()
        while (heard := await public.receive()).type == aiohttp.WSMsgType.TEXT:
            pass
        assert heard.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        late = await me.open(granted["token"])
        assert await hear(late) == {"id": "c1", "type": "error", "code": 401, "data": "token is invalid"}
        wrong = await me.open("no-token")
        assert (await hear(wrong))["code"] == 401
        await wrong.send_json({"id": 1, "type": "subscribe", "topic": "/market/ticker:all"})
        assert (await hear(wrong))["code"] == 401


async def test_subscriptions() -> None:
    """Acks on request, an error for what is not there, nothing after an unsubscription."""
    async with bot() as me:
        socket = await me.socket("/market/match:BTC-USDT,ETH-USDT")
        assert sorted(me.fake.links()[0].topics) == ["/market/match:BTC-USDT", "/market/match:ETH-USDT"]
        for topic in ("/market/match:XBTUSDTM", "/market/match", "/news", "/account/balance:BTC-USDT"):
            await socket.send_json({"id": 7, "type": "subscribe", "topic": topic})
            assert await hear(socket) == {
                "id": "7", "type": "error", "code": 404, "data": f"topic {topic} is not found",
            }  # fmt: skip
        await socket.send_str("{")
        assert (await hear(socket))["code"] == 400
        await socket.send_json({"id": 7, "type": "dance", "topic": "/market/match:BTC-USDT"})
        assert (await hear(socket))["code"] == 400
        await socket.send_json({"id": 8, "type": "ping"})
        pong = await hear(socket)
        assert (pong["id"], pong["type"]) == ("8", "pong")
        me.market.trade("buy", "0.001")
        [trade] = await told(socket, 1)
        assert set(trade) == {
            *("makerOrderId", "price", "sequence", "side", "size"),
            *("symbol", "takerOrderId", "time", "tradeId", "type"),
        }
        await socket.send_json({"type": "unsubscribe", "topic": "/market/match:BTC-USDT"})
        await socket.send_json({"id": 9, "type": "ping"})
        assert (await hear(socket))["id"] == "9"
        me.market.trade("buy", "0.001")
        me.fake.market("ETH-USDT").trade("buy", "0.01")
        assert (await told(socket, 1))[0]["symbol"] == "ETH-USDT"


async def test_too_many_messages() -> None:
    """More than 100 in 10 s of a connection are refused."""
    async with bot() as me:
        socket = await me.socket()
        for number in range(101):
            await socket.send_json({"id": number, "type": "ping"})
        kinds = [(await hear(socket))["type"] for _ in range(101)]
        assert kinds == ["pong"] * 100 + ["error"]
        await me.clock.advance(10)
        await socket.send_json({"id": 1, "type": "ping"})
        assert (await hear(socket))["type"] == "pong"


async def test_books_and_tickers() -> None:
    """Numbered changes follow each other; those of spot are told at once, those of futures one by one."""
    async with bot() as me:
        socket = await me.socket("/market/level2:BTC-USDT", "/market/ticker:BTC-USDT")
        number = int((await me.get("/api/v3/market/orderbook/level2?symbol=BTC-USDT"))["sequence"])
        for _ in range(3):
            me.market.trade("buy", "0.001")
            change, ticker = await told(socket, 2)
            assert set(change) == set(FRAMES["level2"][1]["messages"][0]["data"])
            assert change["sequenceStart"] == number + 1
            number = change["sequenceEnd"]
            assert Decimal(ticker["bestAsk"]) == me.market.best_ask
    async with bot(FUTURES) as me:
        topics = ("/contractMarket/level2:XBTUSDTM", "/contractMarket/level2Depth5:XBTUSDTM")
        socket = await me.socket(*topics, "/contractMarket/tickerV2:XBTUSDTM", "/contractMarket/execution:XBTUSDTM")
        number = (await me.get("/api/v1/level2/snapshot?symbol=XBTUSDTM"))["sequence"]
        me.market.trade("sell", 10)
        heard = [await hear(socket) for _ in range(4)]
        kinds = [each["topic"].partition(":")[0] for each in heard]
        assert kinds[-3:] == ["/contractMarket/level2Depth5", "/contractMarket/execution", "/contractMarket/tickerV2"]
        assert heard[0]["data"]["sequence"] == number + 1
        assert heard[0]["data"]["change"].split(",")[1] == "buy"
        assert heard[-3]["data"]["bids"][0][1] == int(me.market.book()["bids"][0][1])
        me.market.market.thin(me.clock.now(), 0)  # nobody is there any more
        me.market.order("sell", 1, "99999")
        while (last := await hear(socket))["subject"] != "tickerV2":
            pass
        assert (last["data"]["bestBidPrice"], last["data"]["bestAskPrice"]) == ("0", "99999")


# --- orders ---


async def test_the_life_of_an_order_of_spot() -> None:
    """It is received, rests, is filled in two parts; the messages have the fields of the samples."""
    async with bot() as me:
        socket = await me.socket("/spotMarket/tradeOrdersV2", "/account/balance")
        name = await me.place("buy", "0.004", me.market.best_bid)
        received, opened = await told(socket, 2)
        assert (received["type"], opened["type"], opened["orderId"]) == ("received", "open", name)
        assert set(opened) == set(FRAMES["orders"][0]["messages"][0]["data"])
        first, second = await told(socket, 2)
        assert set(first) == set(FRAMES["balance"][0]["messages"][0]["data"]) - {"relationContext", "relationEventId"}
        assert (first["currency"], second["currency"]) == ("BTC", "USDT")
        assert Decimal(second["hold"]) == Decimal("0.004") * Decimal(str(me.market.best_bid))
        [row] = await me.get("/api/v1/hf/orders/active?symbol=BTC-USDT")
        assert (row["id"], row["remainSize"], row["active"]) == (name, "0.004", True)

        me.market.fill("0.001")
        [match, *_] = await told(socket, 3)
        assert (match["type"], match["status"], match["liquidity"]) == ("match", "open", "maker")
        assert (match["filledSize"], match["remainSize"], match["matchSize"]) == ("0.001", "0.003", "0.001")
        me.market.fill()
        match, filled, *_ = await told(socket, 4)
        assert (match["type"], filled["type"], filled["status"], filled["remainSize"]) == (
            "match", "filled", "done", "0",
        )  # fmt: skip
        assert await me.get("/api/v1/hf/orders/active?symbol=BTC-USDT") == []
        accounts = {row["currency"]: row for row in await me.get("/api/v1/accounts")}
        assert (accounts["BTC"]["balance"], accounts["BTC"]["holds"]) == ("2.004", "0")


async def test_the_ends_of_orders_of_spot() -> None:
    """Cancelled by its id or with all of its symbol, or at once because it may not rest."""
    async with bot() as me:
        socket = await me.socket("/spotMarket/tradeOrders")
        names = [await me.place("sell", "0.001", "70000", clientOid="") for _ in range(3)]
        assert await me.get(f"/api/v1/hf/orders/{names[0]}?symbol=BTC-USDT", "DELETE") == {"orderId": names[0]}
        assert await me.get("/api/v1/hf/orders?symbol=BTC-USDT", "DELETE") == "success"
        assert await me.refused("DELETE", f"/api/v1/hf/orders/{names[0]}?symbol=BTC-USDT") == "400100"
        heard = await told(socket, 6)
        assert [each["type"] for each in heard] == ["open"] * 3 + ["canceled"] * 3
        assert (heard[-1]["canceledSize"], heard[-1]["remainSize"], heard[-1]["status"]) == ("0.001", "0", "done")
        await me.place("buy", "0.001", me.market.best_ask, postOnly=True)
        assert (await told(socket, 1))[0]["type"] == "canceled"
        await me.place("buy", "0.5", me.market.best_ask, timeInForce="IOC")
        heard = await told(socket, 1)
        while heard[-1]["type"] == "match":
            heard += await told(socket, 1)
        assert heard[-1]["type"] == "canceled"
        assert (heard[0]["status"], heard[0]["liquidity"]) == ("match", "taker")
        await me.place("sell", "0.001")
        assert [each["type"] for each in await told(socket, 2)] == ["match", "filled"]


async def test_orders_and_positions_of_futures() -> None:
    """They are told by symbol, whatever was subscribed to; a position opens and closes."""
    async with bot(FUTURES) as me:
        socket = await me.socket(
            "/contractMarket/tradeOrders", "/contract/position:XBTUSDTM", "/contractAccount/wallet"
        )
        name = await me.place("buy", 3, me.market.best_bid)
        opened = await hear(socket)
        assert (opened["topic"], opened["data"]["orderId"]) == ("/contractMarket/tradeOrders:XBTUSDTM", name)
        listed = await me.get("/api/v1/orders?status=active")
        assert [(row["id"], row["size"], row["isActive"]) for row in listed["items"]] == [(name, 3, True)]
        me.market.fill()
        match, filled, position, wallet = await told(socket, 4)
        assert (match["type"], filled["type"]) == ("match", "filled")
        assert (position["currentQty"], position["isOpen"], position["changeReason"]) == (3, True, "positionChange")
        assert set(position) <= set(FRAMES["positions"][0]["messages"][0]["data"])
        assert Decimal(wallet["availableBalance"]) < Decimal(wallet["walletBalance"]) < 100_000
        [row] = await me.get("/api/v1/positions")
        assert set(row) == set(POSITION)
        done = await me.get("/api/v1/orders?status=done")
        assert [(each["id"], each["filledSize"]) for each in done["items"]] == [(name, 3)]

        await me.place("sell", 9, reduceOnly=True)
        _, _, position, _ = await told(socket, 4)
        assert (position["currentQty"], position["isOpen"]) == (0, False)
        assert await me.get("/api/v1/positions") == []
        assert await me.refused("POST", me.orders, me.order("sell", 1, reduceOnly=True)) == "300009"
        resting = [await me.place("buy", 1, "50000") for _ in range(2)]
        assert await me.get(f"/api/v1/orders/{resting[0]}", "DELETE") == {"cancelledOrderIds": [resting[0]]}
        assert await me.refused("DELETE", f"/api/v1/orders/{resting[0]}") == "100004"
        assert await me.get("/api/v3/orders?symbol=XBTUSDTM", "DELETE") == {"cancelledOrderIds": [resting[1]]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "XRP-USDT"}, "900001"),
        ({"side": "up"}, "400100"),
        ({"type": "stop"}, "400100"),
        ({"stop": "loss"}, "400100"),
        ({"timeInForce": "GTT"}, "400100"),
        ({"price": "59999.95"}, "400100"),
        ({"price": "nan"}, "400100"),
        ({"size": "much"}, "400100"),
        ({"size": "0"}, "400100"),
        ({"size": "0.000001"}, "400100"),
        ({"size": "2"}, "200004"),
        ({"side": "sell", "size": "2.001"}, "200004"),
    ],
)
async def test_refused_orders(change: dict[str, str], code: str) -> None:
    """Each with its code, and nothing of it rests."""
    async with bot() as me:
        assert await me.refused("POST", me.orders, {**me.order("buy", "0.001", "59000"), **change}) == code
        assert await me.get("/api/v1/hf/orders/active?symbol=BTC-USDT") == []


async def test_refused_orders_of_futures() -> None:
    """They need a name of their own that was not used yet, funds, and a symbol of futures."""
    async with bot(FUTURES) as me:
        await me.place("buy", 1, "50000")
        me.made -= 1
        for change, code in (
            ({}, "400100"),
            ({"clientOid": ""}, "400100"),
            ({"clientOid": "x", "size": 100_000}, "200004"),
            ({"clientOid": "y", "symbol": "BTC-USDT"}, "200003"),
        ):
            assert await me.refused("POST", me.orders, {**me.order("buy", 1, "50000"), **change}) == code
            me.made -= 1
        me.made = 9
        await me.place("buy", 10)
        assert await me.refused("POST", me.orders, me.order("sell", 9_000, "99999", clientOid="z")) == "200004"


async def test_it_plays_with_time() -> None:
    """A market that moves by itself is told to those who follow it, in order."""
    async with bot() as me:
        socket = await me.socket("/spotMarket/level2Depth5:BTC-USDT")
        seen = []
        for _ in range(5):
            me.fake.tick(2)
            await asyncio.sleep(0)
        while len(seen) < 4:
            seen.append((await told(socket, 1))[0]["timestamp"])
        assert seen == sorted(set(seen))
