"""The fake of Bitget against the protocol: signatures, logins, channels, orders; heard by plain aiohttp."""

from __future__ import annotations

import zlib
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
from topgun.testing.venues.bitget import Bitget

from .bitget_bot import API, FUTURES, LIMIT, PRIVATE, PUBLIC, SPOT, Bot, ask, bot, channel, hear, rest, told

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bitget"
VECTORS = [vector for vector in load(FIXTURES / "vectors" / "rest.json") if vector["sent"]["sign"]]
LOGINS = load(FIXTURES / "vectors" / "login.json")
PLACE, PLACE_SPOT = "/api/v2/mix/order/place-order", "/api/v2/spot/trade/place-order"
CANCEL, CANCEL_SPOT = "/api/v2/mix/order/cancel-order", "/api/v2/spot/trade/cancel-order"
PENDING, UNFILLED = "/api/v2/mix/order/orders-pending?productType=usdt-futures", "/api/v2/spot/trade/unfilled-orders"


def fields(file: str, case: int = 0, message: int = 0) -> set[str]:
    """Return the fields of a row in the samples."""
    row: dict[str, Any] = load(FIXTURES / "frames" / f"{file}.json")[case]["messages"][message]["data"][0]
    return set(row)


# --- signatures ---


def request(vector: dict[str, Any], body: str | None = None, target: str | None = None, **headers: str) -> Request:
    """Return the request of a signing vector as the fake gets it."""
    sent, (key, _, passphrase) = vector["sent"], vector["api"]
    target = sent["target"] if target is None else target
    body = sent["body"] if body is None else body
    own = {"KEY": key, "SIGN": sent["sign"], "TIMESTAMP": vector["timestamp"], "PASSPHRASE": passphrase, **headers}
    given = CIMultiDictProxy(CIMultiDict({f"ACCESS-{name}": value for name, value in own.items()}))
    return Request(vector["method"], URL(f"{API}{target}", encoded=True), target, given, body.encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["sent"]["target"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The signed vectors are right for 30 s and at no other time; nor with another byte."""
    ms = [round(vector["clock"] * 1000)]
    here = Bitget(lambda: Instant(ms[0] * 1_000_000), list, apis={"bitget": vector["api"]})
    for later, fine in ((30_000, True), (30_001, False), (-30_000, True), (-30_001, False), (0, True)):
        ms[0] = round(vector["clock"] * 1000) + later
        assert here.verified(request(vector)) is fine
    for change in (
        {"SIGN": vector["sent"]["sign"].swapcase()},
        {"SIGN": ""},
        {"TIMESTAMP": str(int(vector["timestamp"]) + 1)},
        {"TIMESTAMP": "soon"},
        {"KEY": "another"},
        {"PASSPHRASE": "another"},
    ):
        assert not here.verified(request(vector, **change)), change
    assert not here.verified(request(vector, body=vector["sent"]["body"] + " "))
    assert not here.verified(request(vector, target=f"{vector['sent']['target']}&x=1"))


async def test_refusals() -> None:
    """Each wrong request is refused with its code; public questions are answered all the same."""
    async with bot() as (fake, me):
        target = "/api/v2/spot/account/assets"
        for headers, code in (
            ({}, "40037"),
            (me.headers("GET", target, KEY="x"), "40037"),
            (me.headers("GET", target, PASSPHRASE="x"), "40012"),
            (me.headers("GET", target, TIMESTAMP="x"), "40008"),
            (me.headers("GET", target, ms=-30_500), "40008"),
            (me.headers("GET", target, SIGN="x"), "40009"),
            ({**me.headers("GET", target), "paptrading": "1"}, "40099"),
        ):
            status, answer = await me.get(target, headers)
            assert (status, answer["code"], answer["data"]) == (400, code, None)
        status, answer = await me.get("/api/v2/public/time", {})
        assert int(me.result(status, answer)["serverTime"]) <= fake.clock.now().ms
        assert not any(each.verified for each in fake.requests)
        assert (await me.get("/api/v2/nothing"))[0] == 404
        assert await me.refused(PLACE, "[1]") == "40020"
        assert (await me.get("/api/v2/mix/order/orders-pending"))[1]["code"] == "40019"


async def test_demo_trading() -> None:
    """Demo keys count with the header of demo trading and on the stream of its own; the account is another one."""
    async with bot("bitget_demo") as (fake, demo):
        await demo.done(PLACE, {**FUTURES, **LIMIT})
        real = Bot(fake, demo.session)
        assert len((await demo.asked(PENDING))["entrustedList"]) == 1
        assert (await real.asked(PENDING))["entrustedList"] is None
        for me, host, code in ((demo, "wspap", 0), (demo, "ws", 30011), (real, "wspap", 30011), (real, "ws", 0)):
            socket = await me.session.ws_connect(f"wss://{host}.bitget.com/v2/ws/private")
            assert (await ask(socket, me.login()))["code"] == code


# --- sockets ---


@pytest.mark.parametrize(
    ("url", "there"),
    [(PUBLIC, True), (PRIVATE, True), ("wss://ws.bitget.com/v2/ws", False), (f"wss{API[5:]}/v2/ws/public", False)],
)
async def test_where_sockets_are(url: str, there: bool) -> None:
    """Two paths of each stream; a text ping gets a text pong."""
    async with bot() as (_, me):
        if there:
            assert await rest(await me.session.ws_connect(url)) == []
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await me.session.ws_connect(url)


@pytest.mark.parametrize("vector", LOGINS, ids=lambda vector: vector["timestamp"])
@pytest.mark.parametrize("name", ["api_key", "apiKey"])
async def test_the_login_vectors_are_accepted(vector: dict[str, Any], name: str) -> None:
    """Each login vector is right for 30 s, with either name of the key; then it is too old."""
    key, _, passphrase = vector["api"]
    values = {name: key, "passphrase": passphrase, "timestamp": vector["timestamp"], "sign": vector["sign"]}
    clock = FakeClock(vector["clock"])
    async with bot(clock=clock, apis={"bitget": vector["api"]}) as (fake, me):
        for wait, code in ((0, 0), (30, 0), (1, 30014)):
            await clock.advance(wait)
            socket = await me.session.ws_connect(PRIVATE)
            assert (await ask(socket, {"op": "login", "args": [values]}))["code"] == code
            assert (fake.links()[-1].api == "bitget") is (code == 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"api_key": "x"}, 30011), ({"passphrase": "x"}, 30012), ({"timestamp": "x"}, 30014), ({"sign": "x"}, 30015)],
)
async def test_refused_logins(change: dict[str, Any], code: int) -> None:
    """A wrong login is refused with its code, and leaves no account."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(PRIVATE)
        answer = await ask(socket, me.login(**change))
        assert (answer["event"], answer["code"], fake.links()[0].api) == ("error", code, None)
        answer = await ask(socket, {"op": "subscribe", "args": [channel("orders", "default")]})
        assert (answer["event"], answer["code"]) == ("error", 30004)


async def test_logins_that_a_test_refuses_or_leaves_open() -> None:
    """A right login is refused, or never answered, when the test wants it."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(PRIVATE)
        fake.refuse_login()
        assert (await ask(socket, me.login()))["code"] == 30005
        fake.silent_login()
        await socket.send_json(me.login())
        assert await rest(socket) == []
        assert fake.links()[0].api is None


@pytest.mark.parametrize(
    ("url", "arg"),
    [
        (PUBLIC, channel("bookss")),
        (PUBLIC, channel("candle7m")),
        (PUBLIC, channel("ticker", "XXXUSDT")),
        (PUBLIC, channel("orders", "default")),
        (PUBLIC, {}),
        (PUBLIC, "books"),
        (PRIVATE, channel("books")),
        (PRIVATE, channel("positions", "default", "SPOT")),
    ],
)
async def test_refused_subscriptions(url: str, arg: Any) -> None:
    """A channel that is not there is refused by its name."""
    async with bot() as (_, me):
        socket = await me.socket(url)
        answer = await ask(socket, {"op": "subscribe", "args": [arg]})
        assert (answer["event"], answer["code"], answer["arg"], answer["op"]) == ("error", 30001, arg, "subscribe")
        for junk in ("what", "[]", '{"op": "fly"}', '{"op": "login", "args": []}'):
            assert (await ask(socket, junk))["code"] == 30003


# --- public channels ---


def levels(rows: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in rows]


async def test_books_of_futures() -> None:
    """A snapshot, then changes with the number before each; together they are the book."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, channel("books"))
        first = await told(socket, "books")
        [data] = first["data"]
        assert (first["action"], data["pseq"]) == ("snapshot", "0")
        assert set(data) == fields("v2_books")
        sides = {side: dict(levels(data[side])) for side in ("asks", "bids")}
        seq = data["seq"]
        fake.market("BTCUSDT").tick(10)
        messages = await rest(socket)
        assert len(messages) > 5
        for message in messages:
            [data] = message["data"]
            assert (message["action"], data["pseq"]) == ("update", seq)
            assert int(data["seq"]) > int(seq)
            seq = data["seq"]
            for side, own in sides.items():
                own.update(levels(data[side]))
        truth = fake.market("BTCUSDT").book()
        assert {side: {price: size for price, size in own.items() if size} for side, own in sides.items()} == {
            side: dict(rows) for side, rows in truth.items()
        }
        taking = {"price": str(fake.market("BTCUSDT").best_ask), "force": "post_only"}
        await me.done(PLACE, {**FUTURES, **LIMIT, **taking})  # refused, so nothing has changed
        assert await rest(socket) == []
        await ask(socket, {"op": "unsubscribe", "args": [channel("books")]})
        fake.market("BTCUSDT").tick(3)
        assert await rest(socket) == []


async def test_books_of_spot() -> None:
    """A checksum of the 25 best levels on each side, as the document has it."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, channel("books", kind="SPOT"))
        [data] = (await told(socket, "books"))["data"]
        assert set(data) == fields("v2_books", 2)
        parts = [":".join(level) for pair in zip(data["bids"][:25], data["asks"][:25], strict=True) for level in pair]
        assert data["checksum"] % 2**32 == zlib.crc32(":".join(parts).encode())
        assert -(2**31) <= data["checksum"] < 2**31
        fake.market("spot BTCUSDT").tick(5)
        numbers = [data["seq"], *(message["data"][0]["seq"] for message in await rest(socket))]
        assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("name", "depth"), [("books1", 1), ("books5", 5), ("books15", 15)])
async def test_short_books(name: str, depth: int) -> None:
    """Nothing but snapshots of the best levels."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC, channel(name))
        await told(socket, name)
        fake.market("BTCUSDT").trade("buy", "0.01")
        message = await told(socket, name)
        truth = fake.market("BTCUSDT").book(depth)
        assert message["action"] == "snapshot"
        assert {side: levels(message["data"][0][side]) for side in ("asks", "bids")} == truth


async def test_trades_tickers_candles() -> None:
    """Each begins with what there is, and goes on with every trade, in the form of the samples."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC)
        for kind in ("USDT-FUTURES", "SPOT"):
            for name, file in (("trade", "v2_trade"), ("ticker", "v2_ticker"), ("candle1m", "v2_candle")):
                await ask(socket, {"op": "subscribe", "args": [channel(name, kind=kind)]})
                [first, *_] = (await told(socket, name))["data"]
                assert (
                    len(first) == 8
                    if name == "candle1m"
                    else set(first) <= fields(file, 0, int(kind != "SPOT" and name == "ticker"))
                ), name
            market = fake.market("BTCUSDT" if kind != "SPOT" else "spot BTCUSDT")
            market.trade("buy", "0.01")
            messages = {message["arg"]["channel"]: message for message in await rest(socket)}
            price = f"{market.market.last}"
            assert messages["trade"]["action"] == messages["candle1m"]["action"] == "update"
            assert Decimal(messages["trade"]["data"][0]["price"]) == Decimal(price)
            assert Decimal(messages["ticker"]["data"][0]["lastPr"]) == Decimal(price)
            assert Decimal(messages["candle1m"]["data"][0][4]) == Decimal(price)
            await ask(
                socket, {"op": "unsubscribe", "args": [channel(n, kind=kind) for n in ("trade", "ticker", "candle1m")]}
            )
            await rest(socket)


async def test_public_answers() -> None:
    """Depth and ticker of both kinds by HTTP."""
    async with bot() as (fake, me):
        for target, name in (
            ("/api/v2/mix/market/merge-depth?productType=usdt-futures&symbol=BTCUSDT&limit=15", "BTCUSDT"),
            ("/api/v2/spot/market/orderbook?symbol=BTCUSDT&limit=15", "spot BTCUSDT"),
        ):
            data = await me.asked(target)
            assert {side: levels(data[side]) for side in ("asks", "bids")} == fake.market(name).book(15)
        for target, name in (
            ("/api/v2/mix/market/ticker?productType=usdt-futures&symbol=ETHUSDT", "ETHUSDT"),
            ("/api/v2/spot/market/tickers?symbol=BTCUSDT", "spot BTCUSDT"),
        ):
            [row] = await me.asked(target)
            assert Decimal(row["lastPr"]) == fake.market(name).market.last
        assert (await me.get("/api/v2/spot/market/orderbook?symbol=BTCUSDT&limit=x"))[1]["code"] == "40020"
        assert (await me.get("/api/v2/spot/market/tickers?symbol=XRPUSDT"))[1]["code"] == "40034"


# --- orders ---

ACCOUNT = [channel(name, "default") for name in ("orders", "fill", "positions-history")]


async def test_the_life_of_a_futures_order() -> None:
    """It rests, is filled in part and in whole, becomes a position, and that is closed: each step is told."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, *ACCOUNT)
        coins = {"instType": "USDT-FUTURES", "channel": "account", "coin": "default"}
        for arg in (channel("positions", "default"), coins):
            assert (await ask(socket, {"op": "subscribe", "args": [arg]}))["event"] == "subscribe"
            first = await told(socket, arg["channel"])
            assert first["action"] == "snapshot"
            if arg is coins:
                assert set(first["data"][0]) == fields("v2_account")
            else:
                assert first["data"] == []
        market = fake.market("BTCUSDT")
        price = str(market.best_bid)
        names = await me.done(PLACE, {**FUTURES, **LIMIT, "price": price, "clientOid": "mine"})
        [row] = (await told(socket, "orders"))["data"]
        assert (row["orderId"], row["clientOid"], row["status"]) == (names["orderId"], "mine", "live")
        assert fields("v2_orders") <= set(row)
        [listed] = (await me.asked(PENDING))["entrustedList"]
        assert (listed["orderId"], listed["symbol"], listed["baseVolume"]) == (names["orderId"], "BTCUSDT", "0.0000")

        market.fill("0.004")
        [row] = (await told(socket, "orders"))["data"]
        assert (row["status"], row["accBaseVolume"]) == ("partially_filled", "0.0040")
        [fill] = (await told(socket, "fill"))["data"]
        assert (fill["baseVolume"], fill["tradeScope"], set(fill)) == ("0.0040", "maker", fields("v2_fill"))
        assert (await told(socket, "account"))["data"][0]["marginCoin"] == "USDT"
        [held] = (await told(socket, "positions"))["data"]
        assert (held["total"], held["holdSide"], set(held)) == ("0.0040", "long", fields("v2_positions", 0, 1))
        [listed] = await me.asked("/api/v2/mix/position/all-position?productType=USDT-FUTURES")
        assert (listed["total"], listed["holdSide"], "posId" in listed) == ("0.0040", "long", False)

        market.fill()
        messages = await rest(socket)
        assert [message["arg"]["channel"] for message in messages] == ["orders", "fill", "account", "positions"]
        assert messages[0]["data"][0]["status"] == "filled"
        assert messages[3]["data"][0]["posId"] == held["posId"]
        assert (await me.asked(PENDING))["entrustedList"] is None

        sell = {**FUTURES, "side": "sell", "orderType": "market", "size": "0.5", "reduceOnly": "YES"}
        await me.done(PLACE, sell)
        messages = await rest(socket)
        assert [message["arg"]["channel"] for message in messages[-2:]] == ["positions", "positions-history"]
        assert messages[-2]["data"] == []
        [closed] = messages[-1]["data"]
        assert (closed["posId"], set(closed)) == (held["posId"], fields("v2_positions-history"))
        assert await me.asked("/api/v2/mix/position/all-position?productType=USDT-FUTURES") == []
        assert await me.refused(PLACE, sell) == "22002"


async def test_both_spellings_of_cancelled() -> None:
    """Futures say ``canceled``, spot says ``cancelled``; an order can be named in two ways."""
    async with bot() as (_, me):
        socket = await me.socket(PRIVATE, channel("orders"), channel("orders", "default", "SPOT"))
        for place, cancel, base, spelled in (
            (PLACE, CANCEL, FUTURES, "canceled"),
            (PLACE_SPOT, CANCEL_SPOT, SPOT, "cancelled"),
        ):
            first = await me.done(place, {**base, **LIMIT})
            await me.done(place, {**base, **LIMIT, "clientOid": spelled})
            await rest(socket)
            for wanted in ({"clientOid": spelled}, {"orderId": first["orderId"]}):
                await me.done(cancel, {**base, **wanted})
                [row] = (await told(socket, "orders"))["data"]
                assert row["status"] == spelled
            assert await me.refused(cancel, {**base, "orderId": first["orderId"]}) == "43001"


async def test_spot() -> None:
    """A spot order locks and changes balances; answers spell its prices in their own way."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, channel("orders", "default", "SPOT"), channel("fill", "BTCUSDT", "SPOT"))
        coins = {"instType": "SPOT", "channel": "account", "coin": "default"}
        await ask(socket, {"op": "subscribe", "args": [coins]})
        assert [set(row) for row in (await told(socket, "account"))["data"]] == [fields("v2_account", 1)] * 2
        market = fake.market("spot BTCUSDT")
        price = str(market.best_bid)
        await me.done(PLACE_SPOT, {**SPOT, **LIMIT, "price": price})
        [row] = await me.asked(f"{UNFILLED}?symbol=BTCUSDT")
        assert (row["priceAvg"], row["basePrice"], row["size"]) == (price, "0", "0.010000")
        frozen = {row["coin"]: Decimal(row["frozen"]) for row in await me.asked("/api/v2/spot/account/assets")}
        assert frozen == {"USDT": Decimal(price) / 100, "BTC": 0}
        market.fill()
        assert [message["arg"]["channel"] for message in await rest(socket)] == [
            "orders",
            "account",
            "orders",
            "fill",
            "account",
        ]
        [btc] = await me.asked("/api/v2/spot/account/assets?coin=BTC")
        assert btc["available"] == "10.01"
        await me.done(PLACE_SPOT, {**SPOT, **LIMIT, "side": "sell", "price": "70000"})
        [btc] = await me.asked("/api/v2/spot/account/assets?coin=BTC")
        assert (btc["available"], btc["frozen"]) == ("10", "0.01")
        await me.done(PLACE_SPOT, {**SPOT, "side": "sell", "orderType": "market", "size": "0.01"})
        [row] = await me.asked("/api/v2/mix/account/accounts?productType=USDT-FUTURES")
        assert (row["marginCoin"], row["accountEquity"], "equity" in row) == ("USDT", "100000", False)


async def test_cancelling_many() -> None:
    """All orders of a product type or of a symbol, and pages of them."""
    async with bot() as (fake, me):
        placed = [await me.done(PLACE, {**FUTURES, **LIMIT}) for _ in range(3)]
        await me.done(PLACE, {**FUTURES, **LIMIT, "symbol": "ETHUSDT", "price": "2000.00"})
        await me.done(PLACE_SPOT, {**SPOT, **LIMIT})
        idents = [each["orderId"] for each in placed]
        page = await me.asked(f"{PENDING}&symbol=btcusdt&limit=2")
        assert [row["orderId"] for row in page["entrustedList"]] == [idents[2], idents[1]]
        page = await me.asked(f"{PENDING}&idLessThan={page['endId']}")
        assert [row["orderId"] for row in page["entrustedList"]] == [idents[0]]
        assert len((await me.asked(f"{PENDING}&orderId={idents[1]}"))["entrustedList"]) == 1
        target = "/api/v2/mix/order/cancel-all-orders"
        done = await me.done(target, {"productType": "usdt-futures", "symbol": "BTCUSDT"})
        assert [each["orderId"] for each in done["successList"]] == idents
        assert len((await me.done(target, {"productType": "USDT-FUTURES"}))["successList"]) == 1
        assert [market.name for market in fake.markets_with_orders()] == ["spot BTCUSDT"]
        assert await me.done("/api/v2/spot/trade/cancel-symbol-order", SPOT) == SPOT
        assert fake.markets_with_orders() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "hold"}, "40017"),
        ({"orderType": "stop"}, "40017"),
        ({"force": "day"}, "40017"),
        ({"triggerPrice": "1"}, "40017"),
        ({"clientOid": "no spaces"}, "40017"),
        ({"clientOid": 5}, "40017"),
        ({"marginMode": None}, "40019"),
        ({"size": "0.00001"}, "40020"),
        ({"size": 1}, "40020"),
        ({"size": "x"}, "40020"),
        ({"size": "-1"}, "40020"),
        ({"size": "NaN"}, "40020"),
        ({"price": "1.23"}, "40020"),
        ({"symbol": "XRPUSDT"}, "40034"),
        ({"size": "9999"}, "43012"),
        ({"reduceOnly": "YES"}, "22002"),
    ],
    ids=repr,
)
async def test_refused_orders(change: dict[str, Any], code: str) -> None:
    """An order that cannot be taken is refused with its code."""
    async with bot() as (fake, me):
        order = {name: value for name, value in {**FUTURES, **LIMIT, **change}.items() if value is not None}
        assert await me.refused(PLACE, order) == code
        assert fake.markets_with_orders() == []


async def test_refused_spot_orders() -> None:
    """Spot has rules of its own: no market orders by amount, a smallest order, coins that must be there."""
    async with bot() as (_, me):
        for change, code in (
            ({"orderType": "market"}, "40017"),
            ({"size": "0.000001"}, "45111"),
            ({"size": "11", "side": "sell"}, "43012"),
            ({"size": "11"}, "43012"),
        ):
            assert await me.refused(PLACE_SPOT, {**SPOT, **LIMIT, **change}) == code
        await me.done(PLACE_SPOT, {**SPOT, **LIMIT, "clientOid": "once"})
        assert await me.refused(PLACE_SPOT, {**SPOT, **LIMIT, "clientOid": "once"}) == "40786"


async def test_an_order_that_would_take() -> None:
    """An order that may only rest and would take ends at once; a short position is told as one."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, channel("orders", "default"), channel("positions", "default"))
        await rest(socket)
        price = str(fake.market("BTCUSDT").best_ask)
        await me.done(PLACE, {**FUTURES, **LIMIT, "price": price, "force": "post_only"})
        assert (await told(socket, "orders"))["data"][0]["status"] == "canceled"
        await me.done(PLACE, {**FUTURES, "side": "sell", "orderType": "market", "size": "0.01"})
        assert (await rest(socket))[-1]["data"][0]["holdSide"] == "short"
        await me.done(PLACE, {**FUTURES, "side": "buy", "orderType": "market", "size": "0.02"})
        assert (await rest(socket))[-1]["data"][0]["holdSide"] == "long"
        await me.done(
            PLACE,
            {**FUTURES, "side": "sell", "orderType": "limit", "price": "70000", "size": "0.005", "reduceOnly": "yes"},
        )


async def test_orders_by_websocket() -> None:
    """An order is taken and cancelled on the private socket; the answer has its place and its ids."""
    async with bot() as (fake, me):
        params = {**LIMIT, "marginCoin": "USDT", "marginMode": "crossed"}
        order = {**channel("place-order"), "id": "a1", "params": params}
        socket = await me.session.ws_connect(PRIVATE)
        assert (await ask(socket, {"op": "trade", "args": [order]}))["code"] == 30004
        socket = await me.socket(PRIVATE)
        answer = await ask(socket, {"op": "trade", "args": [order]})
        assert (answer["event"], answer["code"], answer["arg"][0]["id"]) == ("trade", 0, "a1")
        [resting] = fake.market("BTCUSDT").orders()
        assert answer["arg"][0]["params"]["clientOid"] == resting.tag.name
        cancel = {**channel("cancel-order"), "id": "a2", "params": {"orderId": answer["arg"][0]["params"]["orderId"]}}
        assert (await ask(socket, {"op": "trade", "args": [cancel]}))["code"] == 0
        for wrong, code in ((cancel, 43001), ({**order, "channel": "fly"}, 30001), ({**order, "params": 1}, 30001)):
            answer = await ask(socket, {"op": "trade", "args": [wrong]})
            assert (answer["event"], answer["code"]) == ("error", code)


async def test_faults_name_their_channel() -> None:
    """A command to the fake strikes the channel that it names."""
    async with bot() as (fake, me):
        socket = await me.socket(PUBLIC)
        await socket.send_json({"op": "subscribe", "args": [channel("books"), channel("books", "ETHUSDT")]})
        assert len(await rest(socket)) == 4
        fake.gap("books.ETHUSDT")
        for name in ("ETHUSDT", "BTCUSDT", "ETHUSDT"):
            fake.market(name).trade("buy", "0.01")
        assert [(await hear(socket))["arg"]["instId"] for _ in range(2)] == ["BTCUSDT", "ETHUSDT"]
