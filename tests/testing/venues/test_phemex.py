"""The fake of Phemex against the protocol: signatures, logins, channels, orders; heard by plain aiohttp."""

from __future__ import annotations

import json
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
from topgun.testing.venues.phemex import Phemex

from .phemex_bot import ACTIVE, POSITIONS, SUCCESS, bot

FIXTURES = Path(__file__).parents[2] / "exchanges" / "phemex"
VECTORS = [vector for vector in load(FIXTURES / "vectors" / "rest.json") if vector["sent"]["sign"]]
LOGINS = load(FIXTURES / "vectors" / "login.json")
STREAMS = {
    "wss://ws.phemex.com": "phemex",
    "wss://vapi.phemex.com/ws": "phemex",
    "wss://phemex.com/ws": "phemex",
    "wss://testnet-api.phemex.com/ws": "phemex_testnet",
    "wss://testnet.phemex.com/ws": "phemex_testnet",
}


def fields(file: str, *place: Any) -> set[str]:
    """Return the fields of a row in the samples."""
    row: Any = load(FIXTURES / "frames" / f"{file}.json")
    for key in place:
        row = row[key]
    return set(row)


# --- signatures ---


def request(vector: dict[str, Any], body: str | None = None, target: str | None = None, **headers: str) -> Request:
    """Return the request of a signing vector as the fake gets it."""
    sent, [(key, _)] = vector["sent"], vector["apis"].values()
    target = sent["target"] if target is None else target
    body = sent["body"] if body is None else body
    own = {"access-token": key, "request-expiry": sent["expiry"], "request-signature": sent["sign"], **headers}
    given = CIMultiDictProxy(CIMultiDict({f"x-phemex-{name}": value for name, value in own.items()}))
    host = f"https://{URL(vector['url']).host}"
    return Request(vector["method"], URL(f"{host}{target}", encoded=True), target, given, body.encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The signed vectors are right until they expire, not two minutes before; nor with another byte."""
    expiry, now = int(vector["sent"]["expiry"]), [0.0]
    here = Phemex(lambda: Instant(round(now[0] * 1e9)), list, apis=vector["apis"])
    for before, fine in ((0.0, False), (0.1, True), (120.0, True), (120.1, False), (60.0, True)):
        now[0] = expiry - before
        assert here.verified(request(vector)) is fine
    changes: list[dict[str, str]] = [
        {"request-signature": vector["sent"]["sign"].swapcase()},
        {"request-signature": ""},
        {"request-expiry": str(expiry + 1)},
        {"request-expiry": "soon"},
        {"access-token": "another"},
    ]
    for change in changes:
        assert not here.verified(request(vector, **change)), change
    assert not here.verified(request(vector, body=vector["sent"]["body"] + " "))
    assert not here.verified(request(vector, target=f"{vector['sent']['target']}?x=1"))


async def test_refusals_of_requests() -> None:
    """A wrong key, expiry or signature is 401; public questions are answered all the same."""
    async with bot() as (fake, me):
        for headers in (
            {},
            me.headers(ACTIVE, access_token="x"),
            me.headers(ACTIVE, access_token=fake.apis["phemex_testnet"][0]),
            me.headers(ACTIVE, seconds=-1),
            me.headers(ACTIVE, seconds=125),
            me.headers(ACTIVE, request_signature="x"),
        ):
            status, answer = await me.ask("GET", ACTIVE, headers=headers)
            assert (status, answer["code"], answer["data"]) == (401, 401, None)
        _, answer = await me.ask("GET", "/public/time", headers={})
        assert answer["data"]["serverTime"] <= fake.clock.now().ms
        assert not any(each.verified for each in fake.requests)
        assert (await me.ask("GET", "/nothing"))[0] == 404
        assert await me.refused("POST", "/g-orders", "[1]") == 30000
        assert await me.refused("GET", "/g-accounts/accountPositions") == 30000


# --- sockets ---


@pytest.mark.parametrize("url", STREAMS)
async def test_logins(url: str) -> None:
    """Each host takes the key of its environment."""
    async with bot(STREAMS[url]) as (fake, me):
        socket = await me.socket(url, login=True)
        assert [link.api for link in fake.links()] == [STREAMS[url]]
        assert (await socket.subscribe("aop_p"))["type"] == "snapshot"


@pytest.mark.parametrize("url", ["wss://ws.phemex.com/ws", "wss://ws.phemex.com/?a=1", "wss://api.phemex.com/ws"])
async def test_no_socket_there(url: str) -> None:
    """``ws.phemex.com`` takes neither path nor query, ``api.phemex.com`` no socket."""
    async with bot() as (_, me):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await me.socket(url)


async def test_refused_logins() -> None:
    """A wrong key, signature or time is 6012, and the channel of the account stays closed."""
    async with bot() as (fake, me):
        socket = await me.socket()
        for login in (
            me.login(key="x"),
            me.login(key=fake.apis["phemex_testnet"][0]),
            me.login(sign="x"),
            me.login(seconds=-1),
            me.login(seconds=125),
            {"id": 7, "method": "user.auth", "params": []},
        ):
            answer = await socket.ask(login)
            assert answer == {"error": {"code": 6012, "message": "invalid login token"}, "id": 7, "result": None}
        assert await socket.refusal("aop_p.subscribe") == 6012
        fake.refuse_login()
        assert (await socket.ask(me.login()))["error"]["code"] == 6012
        fake.silent_login()
        await socket._socket.send_str(json.dumps(me.login()))
        assert await socket.rest() == []
        assert (await socket.ask(me.login()))["error"] is None


@pytest.mark.parametrize("vector", LOGINS, ids=lambda vector: vector["api"][0])
async def test_login_vectors(vector: dict[str, Any]) -> None:
    """The logins of the vectors are taken."""
    key = vector["api"][0]
    clock = FakeClock(vector["clock"])
    async with bot(clock=clock, apis={"phemex": vector["api"]}) as (_, me):
        socket = await me.socket()
        login = {"id": 123, "method": "user.auth", "params": ["API", key, vector["sign"], vector["expiry"]]}
        assert await socket.ask(login) == SUCCESS | {"id": 123}


async def test_refused_subscriptions() -> None:
    """What is not known is 6001; 20 subscriptions are the most, and unsubscribing ends all of a channel."""
    async with bot() as (_, me):
        socket = await me.socket()
        for method, *params in (
            ("orderbook_p.subscribe", "BTCUSD"),
            ("orderbook_p.subscribe", ".BTCUSDT"),
            ("orderbook_p.subscribe", "BTCUSDT", False, 7),
            ("orderbook_p.subscribe"),
            ("kline_p.subscribe", "BTCUSDT", 61),
            ("trade_p.subscribe", "BTCUSDT", "ETHUSDT"),
            ("tick_p.subscribe", "BTCUSDT"),
            ("aop_p.subscribe", "BTCUSDT"),
            ("unknown.subscribe", "BTCUSDT"),
            ("unknown",),
        ):
            name = method if isinstance(method, str) else "?"
            assert await socket.refusal(name, *params) == 6001, (method, params)
        for text in ("no JSON", "[1]", "{}"):
            answer = await socket.ask(text)
            assert (answer["id"], answer["error"]["code"]) == (None, 6001)
        link = me.fake.connections[0]
        link.topics.update({f"trade_p.{number}": None for number in range(19)})
        await socket.subscribe("trade_p", "BTCUSDT")
        assert await socket.refusal("orderbook_p.subscribe", "BTCUSDT") == 6015
        await socket.subscribe("trade_p", "BTCUSDT")  # again is no further one
        assert await socket.ask({"id": 3, "method": "trade_p.unsubscribe", "params": []}) == SUCCESS | {"id": 3}
        assert link.topics == {}
        me.fake.market("BTCUSDT").tick(3)
        assert await socket.rest() == []


# --- public channels ---


@pytest.mark.parametrize(
    ("params", "depth"), [([], 30), ([True], 0), ([False, 5], 5), ([False, 1], 1), ([False, 0], 0)], ids=repr
)
async def test_books(params: list[Any], depth: int) -> None:
    """Snapshot and changes make the true book, in whichever depth; numbers rise, and every 60 s all is told again."""
    clock = FakeClock()
    async with bot(clock=clock) as (fake, me):
        socket, market = await me.socket(), fake.market("BTCUSDT")
        told = await socket.subscribe("orderbook_p", "BTCUSDT", *params)
        assert set(told) == fields("orderbook", 1, "messages", 0) - {"dts", "mts"}
        book: dict[str, dict[Decimal, Decimal]] = {"asks": {}, "bids": {}}
        numbers, kinds = [], []

        def take(message: Any) -> None:
            assert (message["depth"], message["symbol"]) == (depth, "BTCUSDT")
            numbers.append(message["sequence"])
            kinds.append(message["type"])
            for side, levels in book.items():
                levels.clear() if message["type"] == "snapshot" else None
                levels.update({Decimal(price): Decimal(size) for price, size in message["orderbook_p"][side]})

        take(told)
        for turn in range(12):
            await clock.advance(30 if turn > 9 else 0)
            market.tick()
            for message in await socket.rest():
                take(message)
        true = market.book(depth or None)
        for side, levels in book.items():
            assert {price: size for price, size in levels.items() if size} == dict(true[side])
        assert numbers == sorted(set(numbers))
        assert kinds.count("snapshot") == 2


async def test_other_public_channels() -> None:
    """Trades, candles, the two tickers and the index begin with what there is, and go on."""
    async with bot() as (fake, me):
        socket, market = await me.socket(), fake.market("BTCUSDT")
        trades = await socket.subscribe("trade_p", "BTCUSDT")
        assert set(trades) == fields("trade", 1, "messages", 0)
        times = [row[0] for row in trades["trades_p"]]
        assert times == sorted(times, reverse=True)
        candle = await socket.subscribe("kline_p", "BTCUSDT", 60)
        assert set(candle) == fields("kline", 1, "messages", 0)
        assert [len(row) for row in candle["kline_p"]] == [9]
        one = await socket.subscribe("market24h_p", "BTCUSDT")
        assert set(one["market24h_p"]) == fields("market24h", 1, "messages", 0, "market24h_p")
        index = await socket.subscribe("tick_p", ".BTCUSDT")
        assert set(index["tick_p"]) == fields("ticker", 1, "messages", 0, "tick_p")
        pack = await socket.subscribe("perp_market24h_pack_p")
        assert (
            pack["fields"] == load(FIXTURES / "frames" / "new_perp_market24h_pack_p.json")[0]["messages"][0]["fields"]
        )
        assert [row[0] for row in pack["data"]] == ["BTCUSDT", "ETHUSDT"]
        market.trade("buy", "0.02")
        heard = await socket.rest()
        assert [next(iter(message)) for message in heard] == ["trades_p", "market24h_p", "tick_p", "data", "kline_p"]
        assert "fields" not in heard[3]
        [row] = heard[0]["trades_p"][:1]
        assert (row[1], heard[1]["market24h_p"]["closeRp"]) == ("Buy", row[2])


async def test_public_answers() -> None:
    """Book, trades and candles over HTTP; paths with ``/md`` have an envelope of their own."""
    async with bot() as (fake, me):
        market = fake.market("ETHUSDT")
        _, answer = await me.ask("GET", "/md/v2/orderbook?symbol=ETHUSDT", headers={})
        book = answer["result"]["orderbook_p"]
        assert [Decimal(price) for price, _ in book["asks"]] == [price for price, _ in market.book(30)["asks"]]
        _, answer = await me.ask("GET", "/md/v2/trade?symbol=ETHUSDT", headers={})
        assert len(answer["result"]["trades_p"]) == len(market.market.trades)
        _, answer = await me.ask("GET", "/md/v2/trade?symbol=x", headers={})
        assert (answer["error"]["code"], answer["result"]) == (6001, None)
        rows = (await me.done("GET", "/exchange/public/md/v2/kline/last?symbol=ETHUSDT&resolution=60"))["rows"]
        assert (rows[0][1], rows[0][0] % 60) == (60, 0)
        for resolution in ("0", "x"):
            target = f"/exchange/public/md/v2/kline/last?symbol=ETHUSDT&resolution={resolution}"
            assert await me.refused("GET", target) == 30000


async def test_candles_go_on() -> None:
    """When a minute is over, its candle is told once more, and the next one; without trades it begins at the last."""
    clock = FakeClock(1_700_000_040.0)
    async with bot(clock=clock) as (fake, me):
        socket = await me.socket()
        [first] = (await socket.subscribe("kline_p", "BTCUSDT", 60))["kline_p"]
        await clock.advance(60)
        rows = (await me.done("GET", "/exchange/public/md/v2/kline/last?symbol=BTCUSDT&resolution=60"))["rows"]
        assert (rows[0][7], rows[0][2], rows[0][6]) == ("0", first[6], first[6])
        fake.market("BTCUSDT").trade("buy", "0.01")
        [told] = await socket.rest()
        assert [row[0] for row in told["kline_p"]] == [first[0], first[0] + 60]
        assert told["kline_p"][1][7] == "0.01"


# --- orders ---


async def test_an_order_and_its_account() -> None:
    """An order rests, is filled in two parts; another one is changed and cancelled: the stream tells all of it."""
    async with bot() as (fake, me):
        socket, market = await me.socket(login=True), fake.market("BTCUSDT")
        begin = await socket.subscribe("aop_p")
        assert (begin["orders_p"], [row["posSide"] for row in begin["positions_p"]]) == ([], ["Merged"] * 2)
        assert set(begin["positions_p"][0]) == fields("aop_p", 0, "messages", 0, "positions_p", 0)
        assert set(begin["accounts_p"][0]) == fields("aop_p", 0, "messages", 0, "accounts_p", 0)
        placed = await me.place(priceRp=str(market.best_bid), clOrdID="mine")
        assert (placed["ordStatus"], placed["clOrdID"]) == ("Created", "mine")
        market.fill("0.004")
        market.fill()
        other = await me.place(priceRp="50000")
        names = f"symbol=BTCUSDT&orderID={other['orderID']}"
        await me.done("PUT", f"/g-orders/replace?{names}&priceRp=50001&orderQtyRq=0.02")
        [row] = await me.orders()
        assert (row["priceRp"], row["orderQtyRq"], row["ordStatus"]) == ("50001.0", "0.02", "New")
        await me.done("DELETE", f"/g-orders/cancel?{names}")
        heard = await socket.rest()
        rows = [row for message in heard for row in message["orders_p"]]
        assert set(rows[0]) == fields("aop_p", 0, "messages", 0, "orders_p", 0)
        assert [(row["ordStatus"], row["action"], row["cumQty"], row["leavesQty"]) for row in rows] == [
            ("New", "New", "0", "0.01"),
            ("PartiallyFilled", "New", "0.004", "0.006"),
            ("Filled", "New", "0.01", "0"),
            ("New", "New", "0", "0.01"),
            ("New", "Replace", "0", "0.02"),
            ("Canceled", "Cancel", "0", "0"),
        ]
        assert [row["size"] for message in heard for row in message["positions_p"]] == ["0.004", "0.01"]
        assert len({row["orderID"] for row in rows}) == 2
        whole = await (await me.socket(login=True)).subscribe("aop_p")
        assert [row["ordStatus"] for row in whole["orders_p"]] == ["Canceled", "Filled"]
        assert {row["symbol"]: row["size"] for row in whole["positions_p"]} == {"BTCUSDT": "0.01", "ETHUSDT": "0"}
        told = await me.done("GET", f"{POSITIONS}&symbol=BTCUSDT")
        assert [row["size"] for row in told["positions"]] == ["0.01"]
        assert "accountId" in told["account"]
        assert Decimal(told["account"]["accountBalanceRv"]) < 100_000  # fees
        await me.place(side="Sell", ordType="Market", reduceOnly="true", orderQtyRq="5")
        told = await me.done("GET", POSITIONS)
        assert [(row["size"], row["side"], row["avgEntryPriceRp"]) for row in told["positions"]] == [
            ("0", "None", "0"),
            ("0", "None", "0"),
        ]


async def test_cancel_all_and_terms() -> None:
    """All orders of a symbol go; what may only rest, or be filled at once, ends as it must."""
    async with bot() as (fake, me):
        market = fake.market("BTCUSDT")
        for _ in range(2):
            await me.place()
        await me.done(
            "POST", "/g-orders", json.dumps({"symbol": "BTCUSDT", "side": "Sell", "priceRp": "70000", "orderQtyRq": 1})
        )
        assert len(await me.orders()) == 3
        assert await me.done("DELETE", "/g-orders/all?symbol=BTCUSDT") == 3
        assert await me.refused("GET", ACTIVE) == 10002
        await me.place(timeInForce="PostOnly", priceRp=str(market.best_ask))
        await me.place(timeInForce="ImmediateOrCancel", priceRp="50000")
        assert await me.orders() == []
        await me.place(orderQtyRq="0.001", priceRp=str(market.best_bid))
        market.fill("0.0005")
        assert [row["ordStatus"] for row in await me.orders()] == ["PartiallyFilled"]


async def test_refused_orders() -> None:
    """Each wrong order is refused with its code."""
    async with bot() as (_, me):
        await me.place(clOrdID="mine")
        refused = {
            6001: [{"symbol": "BTCUSD"}],
            30000: [
                *({"side": "x"}, {"ordType": "Stop"}, {"timeInForce": "x"}, {"stopPxRp": "1"}),
                *({"orderQtyRq": "0"}, {"orderQtyRq": "x"}, {"orderQtyRq": "0.0001"}, {"priceRp": "NaN"}),
            ],
            20004: [{"posSide": "Long"}],
            10001: [{"clOrdID": "mine"}],
            11001: [{"orderQtyRq": "100"}],
            11011: [{"reduceOnly": "true"}],
        }
        for code, changes in refused.items():
            for change in changes:
                assert await me.refused("PUT", me.target(**change)) == code, change
        for path in ("cancel", "replace"):
            method = "DELETE" if path == "cancel" else "PUT"
            assert await me.refused(method, f"/g-orders/{path}?symbol=BTCUSDT&orderID=x") == 10002
        await me.done("PUT", "/g-orders/replace?symbol=BTCUSDT&origClOrdID=mine&priceRp=50001")
        await me.done("DELETE", "/g-orders/cancel?symbol=BTCUSDT&clOrdID=mine")


async def test_hedged_mode() -> None:
    """Long and Short are held side by side; the mode changes only without orders and positions."""
    async with bot() as (fake, me):
        market, switch = fake.market("BTCUSDT"), "/g-positions/switch-pos-mode-sync?symbol=BTCUSDT&targetPosMode="
        socket, another = await me.socket(login=True), await me.socket()
        await socket.subscribe("aop_p")
        await me.done("PUT", f"{switch}Hedged")
        assert await another.rest() == []
        [told] = await socket.rest()
        assert [row["posSide"] for row in told["positions_p"]] == ["Long", "Short"]
        assert {row["posMode"] for row in told["positions_p"]} == {"Hedged"}
        assert await me.refused("PUT", me.target()) == 20004
        await me.place(posSide="Long", ordType="Market")
        await me.place(posSide="Short", side="Sell", ordType="Market", orderQtyRq="0.02")
        assert await me.refused("PUT", f"{switch}OneWay") == 20005
        told = await me.done("GET", f"{POSITIONS}&symbol=BTCUSDT")
        assert [(row["posSide"], row["side"], row["size"]) for row in told["positions"]] == [
            ("Long", "Buy", "0.01"),
            ("Short", "Sell", "0.02"),
        ]
        await me.place(posSide="Long", side="Sell", ordType="Market", orderQtyRq="9")  # no more than there is
        assert await me.refused("PUT", me.target(posSide="Long", side="Sell")) == 11011
        await me.place(posSide="Short", side="Buy", ordType="Market", orderQtyRq="0.02")
        await me.done("PUT", f"{switch}OneWay")
        assert market.orders() == []
        await me.place()
        assert await me.refused("PUT", f"{switch}Hedged") == 20005


async def test_environments_are_apart() -> None:
    """The testnet has the same markets, but accounts of its own."""
    async with bot() as (fake, me):
        await me.place()
        here = fake.venue("phemex")
        assert [len(here.accounts[name].orders) for name in ("phemex", "phemex_testnet")] == [1, 0]
        assert here.accounts["phemex"].number != here.accounts["phemex_testnet"].number
    async with bot("phemex_testnet") as (_, me):
        await me.place()
        assert len(await me.orders()) == 1
