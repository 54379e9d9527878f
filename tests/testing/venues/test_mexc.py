"""The fake of MEXC: signatures of both markets, protobuf and its numbers, listenKeys, logins, orders."""

from __future__ import annotations

import base64
import gzip
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import load
from topgun.exchanges.mexc import EXCHANGE
from topgun.exchanges.mexc.frames import decode
from topgun.testing import FakeClock
from topgun.testing.venues import VENUES
from topgun.testing.venues.mexc import VENUE
from topgun.testing.venues.mexc.wire import BODIES, packed

from .mexc_bot import CONTRACT, EDGE, FUTURES, ORDER, SPOT, STREAM, bot, digest, hear, rest

FRAMES = Path(__file__).parents[2] / "exchanges" / "mexc" / "frames"
PRIVATE = [f"spot@private.{kind}.v3.api.pb" for kind in ("orders", "deals", "account")]


def sample(name: str, number: int = 0) -> Any:
    return load(FRAMES / f"{name}.json")[0]["messages"][number]


def subscribing(*channels: str) -> dict[str, Any]:
    return {"method": "SUBSCRIPTION", "params": list(channels), "id": 3}


def public(kind: str, term: str = "@100ms@BTCUSDT") -> str:
    return f"spot@public.{kind}.v3.api.pb{term}"


def test_hosts() -> None:
    """The fake plays every host of the record but the one of the past."""
    assert VENUES["mexc"] == ".venues.mexc"
    assert EXCHANGE.hosts.keys() - set(VENUE.hosts) == {"www.mexc.com"}


def test_the_writer_agrees_with_the_samples() -> None:
    """It writes the frames of the samples, byte by byte, but for fields that it never fills."""
    written = 0
    for path in sorted(FRAMES.glob("spot_*.json")):
        [case] = load(path)
        for frame, message in zip(case.get("frames_protobuf_base64", []), case.get("messages", []), strict=False):
            told = packed(json.dumps(message))
            assert isinstance(told, bytes)
            assert decode(told) == {name: value for name, value in message.items() if name != "symbolId"}
            written += told == base64.b64decode(frame)
    assert written >= 10
    assert BODIES.keys() >= {"publicAggreDepths", "privateOrders"}


# -- signatures ----------------------------------------------------------------------------------------------------


async def test_signed_requests() -> None:
    """Spot by the query, body included; contracts by headers, on either host."""
    async with bot(clock=FakeClock()) as (fake, me):
        assert (await me.spot("GET", "account"))[0] == 200
        query, body = f"timestamp={fake.clock.now().ms}&recvWindow=60000", "symbol=BTCUSDT&side=BUY"
        url = f"{SPOT}/order/test?{query}&signature={digest(me.secret, query + body)}"
        assert (await me.ask("POST", url, body, X_MEXC_APIKEY=me.key))[1]["code"] == 700004
        assert await me.done("GET", "private/account/assets")
        assert await me.done("GET", "private/order/list/open_orders", page_size=5, a="x,y z") == []
        assert all(request.verified for request in fake.requests)


@pytest.mark.parametrize(
    ("key", "query", "kind", "code"),
    [
        ("", "", "", 400),
        ("another", "", "", 10072),
        (None, "", "text/plain", 700013),
        (None, "", "", 700004),
        (None, "timestamp={now}&recvWindow=x", "", 700004),
        (None, "timestamp={now}&recvWindow=60001", "", 700005),
        (None, "timestamp={early}", "", 700003),
        (None, "timestamp={late}", "", 700003),
        (None, "timestamp={now}&signature=0", "", 700002),
    ],
)
async def test_refused_on_spot(key: str | None, query: str, kind: str, code: int) -> None:
    """Each fault has its code, and the request does not count as verified."""
    async with bot(clock=FakeClock()) as (fake, me):
        now = fake.clock.now().ms
        url = f"{SPOT}/account?{query.format(now=now, late=now + 1000, early=now - 5001)}"
        headers = {"X_MEXC_APIKEY": me.key if key is None else key} if key != "" else {}
        status, answer = await me.ask("GET", url, **headers, **({"Content_Type": kind} if kind else {}))
        assert (status, answer["code"], fake.requests[-1].verified) == (400, code, False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ApiKey": "another"}, 401),
        ({"Request_Time": "x"}, 513),
        ({"Request_Time": "1"}, 513),
        ({"Request_Time": "1", "Recv_Window": "x"}, 513),
        ({"Signature": "0"}, 602),
        ({"Recv_Window": "60"}, None),
    ],
)
async def test_refused_on_contracts(changes: dict[str, str], code: int | None) -> None:
    """The status is 200 in any case; the window is not signed."""
    async with bot(clock=FakeClock()) as (fake, me):
        time = str(fake.clock.now().ms)
        headers = {"ApiKey": me.key, "Request_Time": time, "Signature": digest(me.secret, me.key + time), **changes}
        status, answer = await me.ask("GET", f"{FUTURES}/private/account/assets", **headers)
        assert (status, answer["success"], answer.get("code") or None) == (200, code is None, code)
        assert fake.requests[-1].verified is (code is None)


async def test_public_data() -> None:
    """They need no key, and a signature that is there must be right."""
    async with bot() as (fake, me):
        assert await me.ask("GET", f"{SPOT}/ping") == (200, {})
        assert (await me.ask("GET", f"{SPOT}/time"))[1]["serverTime"] > 0
        assert (await me.ask("GET", f"{FUTURES}/contract/ping"))[1]["data"] > 0
        told = (await me.ask("GET", f"{SPOT}/depth?symbol=BTCUSDT&limit=5"))[1]
        assert [(Decimal(price), Decimal(size)) for price, size in told["bids"]] == fake.market("BTCUSDT").book(5)[
            "bids"
        ]
        told = (await me.ask("GET", f"{FUTURES}/contract/depth/BTC_USDT?limit=5"))[1]["data"]
        assert [(price, size) for price, size, _ in told["asks"]] == fake.market("BTC_USDT").book(5)["asks"]
        assert len((await me.ask("GET", f"{FUTURES}/contract/depth/BTC_USDT"))[1]["data"]["asks"]) > 5
        assert len((await me.ask("GET", f"{SPOT}/klines?symbol=BTCUSDT&interval=1m"))[1][0]) == 8
        assert all(request.verified for request in fake.requests)
        assert (await me.ask("GET", f"{SPOT}/ping", X_MEXC_APIKEY="x"))[0] == 200
        assert not fake.requests[-1].verified
        for path, code in (
            ("depth?symbol=X", -1121),
            ("depth?symbol=BTC_USDT", -1121),
            ("depth?symbol=BTCUSDT&limit=0", 700006),
            ("klines?symbol=BTCUSDT&interval=2m", -1121),
            ("nothing", 404),
        ):
            assert (await me.ask("GET", f"{SPOT}/{path}"))[1]["code"] == code
        assert (await me.ask("GET", f"{FUTURES}/contract/depth/BTCUSDT"))[1]["code"] == 1002
        assert (await me.ask("GET", f"{FUTURES}/nothing"))[1]["code"] == 404
        assert (await me.futures("GET", "private/nothing"))["code"] == 404


# -- the spot stream -----------------------------------------------------------------------------------------------


async def test_spot_channels() -> None:
    """Every channel tells what the samples tell, as protobuf, its answers are text."""
    terms = ("@BTCUSDT@5", "@BTCUSDT", "@BTCUSDT@Min1", "@BTCUSDT@UTC+8", "@UTC+8")
    kinds = ("limit.depth", "bookTicker.batch", "kline", "miniTicker", "miniTickers")
    channels = [public(f"aggre.{kind}") for kind in ("depth", "deals", "bookTicker")]
    channels += [public(kind, term) for kind, term in zip(kinds, terms, strict=True)]
    async with bot() as (fake, me):
        socket = await me.socket(STREAM)
        await socket.send_json(subscribing(*channels))
        assert await hear(socket) == {"id": 3, "code": 0, "msg": ",".join(channels)}
        fake.market("BTCUSDT").trade("buy", "0.5")
        fake.market("BTC_USDT").tick()
        told = [decode(frame) for frame in await rest(socket)]
        assert [message["channel"] for message in told] == channels
        for message, (name, number) in zip(
            told,
            (
                ("spot_aggre_depth", 0), ("spot_aggre_deals", 0), ("spot_book_ticker", 0), ("spot_limit_depth", 0),
                ("spot_book_ticker", 1), ("spot_kline", 0), ("spot_mini_ticker", 0), ("spot_mini_ticker", 1),
            ),
            strict=True,
        ):  # fmt: skip
            known = sample(name, number)
            assert message.keys() - {"sendTime"} == known.keys() - {"sendTime", "symbolId", "createTime"}
            [body] = [each for each in known if each.startswith("public")]
            assert message[body].keys() == known[body].keys()
        await socket.send_json({"method": "UNSUBSCRIPTION", "params": channels})
        assert (await hear(socket))["msg"] == ",".join(channels)
        fake.market("BTCUSDT").tick()
        assert await rest(socket) == []


async def test_numbers_of_changes() -> None:
    """Each change begins where the one before ended, and the snapshot has the number of the last one."""
    async with bot() as (fake, me):
        socket = await me.socket(STREAM, subscribing(public("aggre.depth")))
        edge = await me.socket(EDGE, {"method": "sub.depth", "param": {"symbol": "BTC_USDT"}})
        for name in ("BTCUSDT", "BTC_USDT"):
            fake.market(name).tick(10)
        spot = [decode(frame)["publicAggreDepths"] for frame in await rest(socket)]
        contract = [message["data"] for message in await rest(edge)]
        ranges = [(int(each["fromVersion"]), int(each["toVersion"])) for each in spot]
        others = [(each.get("begin", each["version"]), each.get("end", each["version"])) for each in contract]
        for numbers in (ranges, others):
            assert len(numbers) > 5
            assert all(first == before + 1 for (_, before), (first, _) in pairwise(numbers))
        assert any("begin" not in each for each in contract)
        assert (await me.ask("GET", f"{SPOT}/depth?symbol=BTCUSDT"))[1]["lastUpdateId"] == ranges[-1][1]
        told = (await me.ask("GET", f"{FUTURES}/contract/depth/BTC_USDT"))[1]["data"]
        assert told["version"] == others[-1][1]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (subscribing("spot@public.deals.v3.api@BTCUSDT"), "Not Subscribed successfully!"),
        (subscribing(public("increase.depth")), "Not Subscribed successfully!"),
        (subscribing(public("aggre.depth", "@1ms@BTCUSDT")), "Not Subscribed successfully!"),
        (subscribing(public("aggre.depth", "@10ms@XUSDT")), "Not Subscribed successfully!"),
        (subscribing(PRIVATE[0]), "Not Subscribed successfully!"),
        (subscribing(), "no subscription success"),
        ([], "msg format invalid"),
    ],
)
async def test_refused_channels(message: Any, text: str) -> None:
    """The code is 0 all the same."""
    async with bot() as (_, me):
        socket = await me.socket(STREAM)
        await socket.send_json(message)
        answer = await hear(socket)
        assert (answer["code"], answer["msg"].startswith(text)) == (0, True)


async def test_listen_keys() -> None:
    """They live for an hour since they were last extended; whoever has one hears what the account does."""
    async with bot(clock=FakeClock()) as (fake, me):
        key = (await me.spot("POST", "userDataStream"))[1]["listenKey"]
        other = (await me.spot("POST", "userDataStream"))[1]["listenKey"]
        assert (await me.spot("GET", "userDataStream"))[1] == {"listenKey": [key, other]}
        assert (await me.spot("DELETE", "userDataStream", listenKey=other))[1] == {"listenKey": other}
        assert (await me.spot("PUT", "userDataStream", listenKey=other))[1]["code"] == 730707
        await fake.clock.advance(3000)
        assert (await me.spot("PUT", "userDataStream", listenKey=key))[1] == {"listenKey": key}
        await fake.clock.advance(3000)
        socket = await me.socket(f"{STREAM}?listenKey={key}", subscribing(*PRIVATE))
        await me.spot("POST", "order", **ORDER)
        assert [decode(frame)["channel"] for frame in await rest(socket)] == [PRIVATE[0], PRIVATE[2], PRIVATE[2]]
        await fake.clock.advance(601)
        await me.spot("POST", "order", **ORDER)
        assert await rest(socket) == []


# -- spot orders ---------------------------------------------------------------------------------------------------


async def test_a_life_of_spot_orders() -> None:
    """Placed, partly filled, filled, cancelled: what the stream tells, and what remains."""
    async with bot() as (fake, me):
        market = fake.market("BTCUSDT")
        key = (await me.spot("POST", "userDataStream"))[1]["listenKey"]
        socket = await me.socket(f"{STREAM}?listenKey={key}", subscribing(*PRIVATE))
        price = str(market.best_bid)
        placed = (await me.spot("POST", "order", **{**ORDER, "price": price, "newClientOrderId": "mine"}))[1]
        market.fill("0.004")
        market.fill()
        told = [decode(frame) for frame in await rest(socket)]
        orders = [message["privateOrders"] for message in told if "privateOrders" in message]
        assert [(row["status"], Decimal(row["cumulativeQuantity"])) for row in orders] == [
            (1, 0), (3, Decimal("0.004")), (2, Decimal("0.01")),
        ]  # fmt: skip
        assert {row["id"] for row in orders} == {placed["orderId"]}
        deals = [message["privateDeals"] for message in told if "privateDeals" in message]
        assert [Decimal(deal["quantity"]) for deal in deals] == [Decimal("0.004"), Decimal("0.006")]
        assert deals[0].keys() == sample("spot_private_deals")["privateDeals"].keys()
        assert orders[1].keys() == sample("spot_private_orders", 1)["privateOrders"].keys()
        balances = {row["asset"]: row for row in (await me.spot("GET", "account"))[1]["balances"]}
        assert Decimal(balances["BTC"]["free"]) == Decimal("10.01")

        for name in ("orderId", "origClientOrderId"):
            value = placed["orderId"] if name == "orderId" else "mine"
            assert (await me.spot("GET", "order", symbol="BTCUSDT", **{name: value}))[1]["status"] == "FILLED"
        order = {**ORDER, "price": str(market.best_bid)}
        names = [(await me.spot("POST", "order", **order))[1]["orderId"] for _ in range(2)]
        market.fill("0.004")
        rows = (await me.spot("GET", "openOrders", symbol="BTCUSDT"))[1]
        assert [row["status"] for row in rows] == ["PARTIALLY_FILLED", "NEW"]
        row = (await me.spot("DELETE", "order", symbol="BTCUSDT", orderId=names[0]))[1]
        assert row["status"] == "PARTIALLY_CANCELED"
        assert (await me.spot("DELETE", "order", symbol="BTCUSDT", orderId=names[0]))[1]["code"] == -2011
        [row] = (await me.spot("DELETE", "openOrders", symbol="BTCUSDT"))[1]
        assert (row["orderId"], row["status"]) == (names[1], "CANCELED")
        told = [decode(frame).get("privateOrders") for frame in await rest(socket)]
        assert [row["status"] for row in told if row][-2:] == [5, 4]


async def test_spot_orders_that_take() -> None:
    """Market orders and those that may not rest; a fee is paid by who came last."""
    async with bot() as (_, me):
        sell = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"}
        name = (await me.spot("POST", "order", **sell))[1]["orderId"]
        assert (await me.spot("GET", "order", symbol="BTCUSDT", orderId=name))[1]["status"] == "FILLED"
        maker = {**ORDER, "type": "LIMIT_MAKER", "price": "70000"}
        name = (await me.spot("POST", "order", **maker))[1]["orderId"]
        assert (await me.spot("GET", "order", symbol="BTCUSDT", orderId=name))[1]["status"] == "REJECTED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "X"}, -1121),
        ({"side": "X"}, 700004),
        ({"type": "STOP"}, 700004),
        ({"quantity": "0.00001"}, 30002),
        ({"quantity": "x"}, 30002),
        ({"price": "0.001"}, 30002),
        ({"quantity": "100"}, 10101),
        ({"side": "SELL", "quantity": "100"}, 30004),
    ],
)
async def test_refused_spot_orders(changes: dict[str, str], code: int) -> None:
    """Checked alike when an order is only tested."""
    async with bot() as (_, me):
        for path in ("order", "order/test"):
            assert (await me.spot("POST", path, **{**ORDER, **changes}))[1]["code"] == code
        assert (await me.spot("POST", "order/test", **ORDER))[1] == {}
        assert (await me.spot("GET", "order", symbol="BTCUSDT", orderId="x"))[1]["code"] == -2013


# -- contracts -----------------------------------------------------------------------------------------------------


async def test_contract_channels() -> None:
    """Every channel has an answer, and tells what the samples tell."""
    symbol = {"symbol": "BTC_USDT"}
    terms = {
        "ticker": symbol, "tickers": {}, "deal": symbol, "depth": symbol, "depth.full": {**symbol, "limit": 5},
        "kline": {**symbol, "interval": "Min1"}, "funding.rate": symbol, "index.price": symbol, "fair.price": symbol,
    }  # fmt: skip
    async with bot() as (fake, me):
        socket = await me.socket(EDGE)
        for kind, param in terms.items():
            await socket.send_json({"method": f"sub.{kind}", "param": param})
            answer = await hear(socket)
            assert (answer["channel"], answer["data"]) == (f"rs.sub.{kind}", "success")
        fake.market("BTC_USDT").trade("buy", 50)
        told = {message["channel"]: message for message in await rest(socket)}
        assert told.keys() == {f"push.{kind}" for kind in terms}
        for channel, name in (
            ("push.deal", "contract_deal"),
            ("push.depth.full", "contract_depth_full"),
            ("push.kline", "contract_kline"),
        ):
            known = sample(name)
            assert told[channel].keys() == known.keys()
            row, other = (each["data"] for each in (told[channel], known))
            assert (row[0] if isinstance(row, list) else row).keys() == (
                other[0] if isinstance(other, list) else other
            ).keys()
        for kind, param in terms.items():
            await socket.send_json({"method": f"unsub.{kind}", "param": param})
            assert (await hear(socket))["channel"] == f"rs.unsub.{kind}"
        fake.market("BTC_USDT").tick()
        assert await rest(socket) == []


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"method": "sub.depth", "param": {"symbol": "X"}}, "Contract doesn't exist!"),
        ({"method": "sub.depth"}, "Contract doesn't exist!"),
        ({"method": "sub.kline", "param": {"symbol": "BTC_USDT", "interval": "Min3"}}, "Parameter error!"),
        ({"method": "x.depth", "param": {"symbol": "BTC_USDT"}}, "Parameter error!"),
        ({"method": "nothing"}, "Parameter error!"),
        ("{", "Parameter error!"),
    ],
)
async def test_refused_subscriptions(message: Any, text: str) -> None:
    """They are answered with an error."""
    async with bot() as (_, me):
        socket = await me.socket(EDGE)
        await (socket.send_str(message) if isinstance(message, str) else socket.send_json(message))
        answer = await hear(socket)
        assert (answer["channel"], answer["data"]) == ("rs.error", text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"apiKey": "another"}, "Confirming signature failed"),
        ({"reqTime": "1644489390"}, "Confirming signature failed"),
        ({"signature": "0"}, "The signature information is incorrect"),
        ({}, "success"),
    ],
)
async def test_logins(changes: dict[str, str], text: str) -> None:
    """Key, time in ms and signature must be right."""
    async with bot() as (fake, me):
        time = str(fake.clock.now().ms)
        param = {"apiKey": me.key, "reqTime": time, "signature": digest(me.secret, me.key + time), **changes}
        socket = await me.socket(EDGE)
        await socket.send_json({"method": "login", "param": param})
        answer = await hear(socket)
        assert (answer["channel"], answer["data"]) == ("rs.login" if text == "success" else "rs.error", text)
        assert bool(fake.venue("mexc").links()[0].api) is (text == "success")
        fake.silent_login()
        await socket.send_json({"method": "login", "param": param})
        assert await rest(socket) == []


async def test_filters() -> None:
    """Without one everything is told, unless the login says so."""
    async with bot() as (_, me):
        quiet = [{"filter": "order", "rules": ["BTC_USDT"]}]
        sockets = [
            await me.edge(),
            await me.edge({"method": "personal.filter", "param": {"filters": quiet}}),
            await me.edge({"method": "personal.filter", "param": {"filters": []}}),
        ]
        await me.done("POST", "private/order/submit", CONTRACT)
        told = [[message["channel"] for message in await rest(socket)] for socket in sockets]
        everything = ["push.personal.order", "push.personal.asset"]
        assert told == [everything, everything[:1], everything]


async def test_compressed_pushes() -> None:
    """Once they were asked for; answers stay text."""
    async with bot() as (fake, me):
        message = {"method": "sub.depth", "param": {"symbol": "BTC_USDT"}, "gzip": True}
        socket = await me.socket(EDGE, message)
        fake.market("BTC_USDT").tick()
        [frame] = await rest(socket)
        assert json.loads(gzip.decompress(frame))["channel"] == "push.depth"


async def test_a_life_of_contract_orders() -> None:
    """Long, then short with one order, then closed: orders, deals, positions, margin."""
    async with bot() as (fake, me):
        market = fake.market("BTC_USDT")
        socket = await me.edge()
        price = float(market.best_bid or 0)
        name = (await me.done("POST", "private/order/submit", {**CONTRACT, "price": price}))["orderId"]
        [row] = await me.done("GET", "private/order/list/open_orders/BTC_USDT")
        assert (row["orderId"], row["state"]) == (int(name), 2)
        assert row.keys() == sample("contract_personal_order")["data"].keys()
        market.fill(4)
        market.fill()
        told = await rest(socket)
        orders = [message["data"] for message in told if message["channel"] == "push.personal.order"]
        assert [(row["state"], row["dealVol"]) for row in orders] == [(2, 0), (2, 4), (3, 10)]
        deals = [message["data"] for message in told if message["channel"] == "push.personal.order.deal"]
        assert deals[0].keys() == sample("contract_personal_order_deal")["data"].keys()
        held = [message["data"] for message in told if message["channel"] == "push.personal.position"]
        assert [(row["holdVol"], row["positionType"]) for row in held] == [(4, 1), (10, 1)]
        assert held[0].keys() >= sample("contract_personal_position")["data"].keys()

        await me.done("POST", "private/order/submit", {**CONTRACT, "vol": 15, "side": 3, "type": 5})
        told = [m["data"] for m in await rest(socket) if m["channel"] == "push.personal.position"]
        closed, [last] = [row for row in told if row["state"] == 3], told[-1:]
        assert [row["positionId"] for row in closed] == [held[0]["positionId"]]
        assert (last["holdVol"], last["positionType"]) == (5, 2)
        assert last["positionId"] != held[0]["positionId"]
        [row] = await me.done("GET", "private/position/open_positions", symbol="BTC_USDT")
        assert (row["positionId"], row["holdVol"]) == (last["positionId"], 5)
        assert await me.done("GET", "private/position/open_positions", symbol="ETH_USDT") == []

        assert (await me.futures("POST", "private/order/submit", {**CONTRACT, "side": 4}))["code"] == 2009
        await me.done("POST", "private/order/submit", {**CONTRACT, "vol": 100, "side": 2, "type": 5})
        assert await me.done("GET", "private/position/open_positions") == []
        [row] = await me.done("GET", "private/account/assets")
        assert row["positionMargin"] == 0
        assert row["availableBalance"] == row["cashBalance"] != 100_000


async def test_cancelling_contract_orders() -> None:
    """By numbers, or all of a symbol, or all; a page of the open ones at a time."""
    async with bot() as (_, me):
        eth = {**CONTRACT, "symbol": "ETH_USDT", "price": 2000}
        names = [
            (await me.done("POST", "private/order/submit", order))["orderId"]
            for order in (CONTRACT, CONTRACT, eth, eth)
        ]
        pages = [await me.done("GET", "private/order/list/open_orders", page_size=3, page_num=page) for page in (1, 2)]
        assert [str(row["orderId"]) for page in pages for row in page] == names[::-1]
        assert [len(page) for page in pages] == [3, 1]
        told = await me.done("POST", "private/order/cancel", [names[0], "5"])
        assert [row["errorCode"] for row in told] == [0, 2040]
        assert (await me.done("GET", f"private/order/get/{names[0]}"))["state"] == 4
        assert (await me.futures("GET", "private/order/get/5"))["code"] == 2040
        await me.done("POST", "private/order/cancel_all", {"symbol": "BTC_USDT"})
        assert len(await me.done("GET", "private/order/list/open_orders", symbol="ETH_USDT")) == 2
        await me.done("POST", "private/order/cancel_all")
        assert await me.done("GET", "private/order/list/open_orders") == []
        assert (await me.futures("POST", "private/order/cancel", {}))["code"] == 600


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "X"}, 1002),
        ({"side": "1"}, 600),
        ({"side": 9}, 2015),
        ({"type": 9}, 2015),
        ({"vol": 0.5}, 2015),
        ({"price": None}, 2015),
        ({"vol": 10_000_000}, 2005),
    ],
)
async def test_refused_contract_orders(changes: dict[str, Any], code: int) -> None:
    """Each fault has its code."""
    async with bot() as (_, me):
        assert (await me.futures("POST", "private/order/submit", {**CONTRACT, **changes}))["code"] == code


async def test_sockets_that_are_not_there() -> None:
    """Nothing is opened elsewhere."""
    async with bot() as (_, me):
        for url in ("wss://wbs-api.mexc.com/x", "wss://contract.mexc.com/ws"):
            with pytest.raises(Exception, match="404"):
                await me.socket(url)


async def test_nothing_has_changed() -> None:
    """A move without trades and changes is no message of books and trades."""
    async with bot() as (fake, me):
        channels = [public("aggre.depth"), public("aggre.deals"), public("limit.depth", "@BTCUSDT@5")]
        socket = await me.socket(STREAM, subscribing(*channels))
        messages = [
            {"method": f"sub.{kind}", "param": {"symbol": "BTC_USDT"}} for kind in ("depth", "depth.full", "deal")
        ]
        edge = await me.socket(EDGE, *messages)
        for name in ("BTCUSDT", "BTC_USDT"):
            fake.venue("mexc").publish(fake.market(name).market, [])
        assert [await rest(each) for each in (socket, edge)] == [[], []]
