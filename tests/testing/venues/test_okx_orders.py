"""Orders, positions and balances at the fake OKX."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from .okx_bot import ANY, BUSINESS, ORDER, PRIVATE, SPOT, SWAP, Bot, bot, rest
from .test_okx import sample

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    from topgun.testing import FakeExchange

D = Decimal
CASH = {"instId": SPOT, "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}


async def told(socket: ClientWebSocketResponse) -> list[Any]:
    """Return the rows of all that is still to come."""
    return [row for message in await rest(socket) for row in message["data"]]


def short(rows: list[Any]) -> list[tuple[str, str, str]]:
    return [(row["state"], row["accFillSz"], row["fillSz"]) for row in rows]


async def test_an_order_rests_fills_in_parts_and_is_done() -> None:
    """Each step is a row of the channel, REST tells the same, in the fields of the samples."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, {"channel": "orders", "instType": "SWAP", "instId": SWAP})
        market = fake.market(SWAP)
        ident = await me.done("order", {**ORDER, "px": str(market.best_bid), "sz": "3", "clOrdId": "mine1"})
        [first] = await told(socket)
        assert set(first) >= set(sample("orders")["data"][0])
        assert (first["ordId"], first["clOrdId"], first["state"], first["sz"]) == (ident, "mine1", "live", "3")
        market.fill(1)
        [second] = await told(socket)
        assert short([second]) == [("partially_filled", "1", "1")]
        [open_] = await me.asked("trade/orders-pending?instType=SWAP")
        assert open_ == {**second, "fillPx": "", "fillSz": "0", "tradeId": "", "fillTime": ""}
        market.fill()
        assert short(await told(socket)) == [("filled", "3", "2")]
        assert await me.asked("trade/orders-pending") == []
        [row] = await me.asked(f"trade/order?instId={SWAP}&clOrdId=mine1")
        assert (row["state"], D(row["avgPx"])) == ("filled", D(first["px"]))
        await me.done("order", CASH)
        assert await told(socket) == []  # of another instrument


async def test_a_market_order_takes_several_levels() -> None:
    """It is told as live, then fill by fill."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, ANY)
        size = sum(size for _, size in fake.market(SWAP).book(2)["asks"])
        await me.done("order", {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": str(size)})
        rows = await told(socket)
        assert [row["state"] for row in rows] == ["live", *["partially_filled"] * (len(rows) - 2), "filled"]
        assert (D(rows[-1]["accFillSz"]), rows[0]["px"]) == (size, "")
        assert sum(D(row["fillSz"]) for row in rows) == size


@pytest.mark.parametrize(
    ("kind", "states", "source"),
    [
        ("ioc", ["live", "partially_filled", "canceled"], "14"),
        ("fok", ["canceled"], "14"),
        ("post_only", ["canceled"], "31"),
    ],
)
async def test_orders_that_may_not_rest(kind: str, states: list[str], source: str) -> None:
    """The answer says that it was accepted; the channel says what became of it."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, ANY)
        best, there = fake.market(SWAP).book(1)["asks"][0]
        ident = await me.done("order", {**ORDER, "ordType": kind, "px": str(best), "sz": str(there + 1)})
        rows = await told(socket)
        assert ([row["state"] for row in rows][:1], rows[-1]["state"]) == (states[:1], states[-1])
        assert rows[-1]["cancelSource"] == source
        [row] = await me.asked(f"trade/order?instId={SWAP}&ordId={ident}")
        assert row["state"] == "canceled"


async def test_changing_and_cancelling() -> None:
    """By either name, one or several at a time; what is over cannot be cancelled."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, ANY)
        ident = await me.done("order", {**ORDER, "clOrdId": "mine1"})
        assert (
            await me.done("amend-order", {"instId": SWAP, "clOrdId": "mine1", "newSz": "2", "newPx": "49999"}) == ident
        )
        assert [(row["px"], row["sz"]) for row in await told(socket)] == [("50000.0", "1"), ("49999.0", "2")]
        ask_price = str(fake.market(SWAP).best_ask)
        await me.done("amend-order", {"instId": SWAP, "ordId": ident, "newPx": ask_price})
        assert short(await told(socket)) == [("live", "0", "0"), ("filled", "2", "2")]
        assert (await me.refused("amend-order", {"instId": SWAP, "ordId": ident, "newSz": "3"}))[0] == "51503"
        assert (await me.refused("cancel-order", {"instId": SWAP, "ordId": ident}))[0] == "51400"
        assert (await me.refused("cancel-order", {"instId": SWAP, "ordId": "1"}))[0] == "51603"
        assert (await me.refused("cancel-order", {"instId": SWAP}))[0] == "51603"

        others = [await me.done("order", ORDER) for _ in range(2)]
        assert (await me.refused("amend-order", {"instId": SWAP, "ordId": others[0]}))[0] == "51506"
        assert (await me.refused("cancel-order", {"instId": SPOT, "ordId": others[0]}))[0] == "51400"
        _, answer = await me.post("cancel-batch-orders", [{"instId": SWAP, "ordId": each} for each in (*others, ident)])
        assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "0", "51400"])
        assert [row["state"] for row in await told(socket)][-2:] == ["canceled", "canceled"]


async def test_lists_of_orders() -> None:
    """Newest first, in pages, by type and state."""
    async with bot() as (_, me):
        _, answer = await me.post("batch-orders", [ORDER, CASH, {**ORDER, "ordType": "post_only"}])
        first, second, third = [row["ordId"] for row in answer["data"]]

        async def listed(query: str) -> list[str]:
            return [row["ordId"] for row in await me.asked(f"trade/orders-pending?{query}")]

        assert await listed("limit=100") == [third, second, first]
        assert await listed("limit=2") == [third, second]
        assert await listed(f"limit=2&after={second}") == [first]
        assert await listed("instType=SPOT") == [second]
        assert await listed("ordType=limit,post_only&instType=SWAP") == [third, first]
        assert await listed("state=partially_filled") == []
        assert await me.asked("trade/orders-algo-pending?ordType=oco") == []
        status, answer = await me.get("/api/v5/trade/orders-algo-pending")
        assert (status, answer["code"]) == (400, "50014")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"instId": "X"}, "51001"),
        ({"side": "Buy"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"tdMode": "cash"}, "51000"),
        ({"attachAlgoOrds": [{}]}, "51000"),
        ({"clOrdId": "not-alphanumeric"}, "51000"),
        ({"px": "50000.05"}, "51000"),
        ({"px": None}, "51000"),
        ({"px": "nan"}, "51000"),
        ({"sz": "-1"}, "51000"),
        ({"sz": "0.005"}, "51000"),
        ({"sz": "x"}, "51000"),
        ({"sz": "200000"}, "51008"),
        ({"reduceOnly": True}, "51169"),
        ({**CASH, "sz": "0.000001"}, "51020"),
        ({**CASH, "sz": "3"}, "51008"),
        ({**CASH, "side": "sell", "sz": "11"}, "51008"),
        ({**CASH, "ordType": "market"}, "51000"),
    ],
    ids=repr,
)
async def test_orders_that_are_refused(change: dict[str, Any], code: str) -> None:
    """Each with the number of what is wrong."""
    async with bot() as (_, me):
        assert (await me.refused("order", {**ORDER, **change}))[0] == code
        assert await me.asked("trade/orders-pending") == []


async def test_more_that_is_refused() -> None:
    """A name that is taken, and what is no order at all."""
    async with bot() as (_, me):
        await me.done("order", {**ORDER, "clOrdId": "mine1"})
        assert (await me.refused("order", {**ORDER, "clOrdId": "mine1"}))[0] == "51016"
        assert (await me.refused("order", '"text"'))[0] == "51001"
        assert (await me.post("batch-orders", []))[1]["data"] == []


async def filled(fake: FakeExchange, me: Bot, order: dict[str, Any], size: str) -> None:
    """Send an order at the best price of its side, and fill it."""
    market = fake.market(order["instId"])
    best = market.best_bid if order["side"] == "buy" else market.best_ask
    await me.done("order", {**order, "px": str(best), "sz": size})
    market.fill()


async def test_positions() -> None:
    """What is held is signed; orders that only reduce are cut down to it; a closed one is told as 0."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, {"channel": "positions", "instType": "ANY"})
        [begins] = await rest(socket)
        assert (begins["eventType"], begins["curPage"], begins["lastPage"], begins["data"]) == ("snapshot", 1, True, [])
        await filled(fake, me, ORDER, "3")
        [row] = await told(socket)
        assert set(row) >= set(sample("positions")["data"][0])
        assert (row["pos"], row["posSide"], row["mgnMode"]) == ("3", "net", "cross")
        assert [each["pos"] for each in await me.asked(f"account/positions?instId={SWAP}")] == ["3"]
        assert await me.asked("account/positions?instId=ETH-USDT-SWAP") == []
        await filled(fake, me, {**ORDER, "side": "sell", "reduceOnly": True}, "5")
        assert [row["pos"] for row in await told(socket)] == ["0"]
        await filled(fake, me, {**ORDER, "side": "sell"}, "1")
        assert [row["pos"] for row in await told(socket)] == ["-1"]
        again = await me.socket(PRIVATE, {"channel": "positions", "instType": "ANY", "instId": SWAP})
        assert [row["pos"] for row in await told(again)] == ["-1"]
        await filled(fake, me, {**ORDER, "reduceOnly": "true"}, "1")
        assert await me.asked("account/positions") == []


async def test_balances() -> None:
    """Spot trades move coins; orders and positions keep some; both channels and the request tell the same."""
    async with bot() as (fake, me):
        account = await me.socket(PRIVATE, {"channel": "account"})
        both = await me.socket(PRIVATE, {"channel": "balance_and_position"})
        assert set(sample("account")) >= set((await rest(account))[0])
        [begins] = await told(both)
        assert (begins["eventType"], begins["posData"]) == ("snapshot", [])
        await filled(fake, me, CASH, "0.5")
        await filled(fake, me, {**CASH, "side": "sell"}, "0.1")
        await filled(fake, me, ORDER, "2")
        await me.done("order", ORDER)
        await me.done("order", CASH)
        await me.done("order", {**CASH, "side": "sell", "px": "70000", "sz": "1"})
        rows = await told(account)
        assert set(rows[-1]) >= {"totalEq", "details", "uTime"}
        [told_last] = await me.asked("account/balance")
        coins = {row["ccy"]: (D(row["cashBal"]), D(row["availBal"])) for row in told_last["details"]}
        assert coins["BTC"] == (D("10.4"), D("9.4"))
        kept = coins["USDT"][0] - coins["USDT"][1]
        assert kept == pytest.approx(D(500) + D(50) + D("0.02") * fake.market(SWAP).market.last / 10)
        events = await told(both)
        assert [event["eventType"] for event in events] == ["filled"] * 3
        assert [len(event["posData"]) for event in events] == [0, 0, 1]


async def test_orders_over_the_socket() -> None:
    """The answer carries the id of the request; without a login there is none."""
    async with bot() as (_, me):
        socket = await me.socket(PRIVATE)
        await socket.send_json({"id": "r1", "op": "order", "args": [ORDER]})
        answer = await socket.receive_json()
        assert set(answer) == {"id", "op", "code", "msg", "data", "inTime", "outTime"}
        assert (answer["id"], answer["code"]) == ("r1", "0")
        await socket.send_json({"id": "r2", "op": "cancel-order", "args": [{"instId": SWAP, "ordId": "1"}]})
        assert (await socket.receive_json())["code"] == "1"
        bare = await me.socket(PRIVATE, login=False)
        await bare.send_json({"id": "r3", "op": "order", "args": [ORDER]})
        assert (await bare.receive_json())["code"] == "60011"


async def test_channels_of_algo_orders() -> None:
    """They can be subscribed to; nothing comes."""
    async with bot() as (_, me):
        socket = await me.socket(BUSINESS, {"channel": "orders-algo", "instType": "ANY"})
        await me.done("order", ORDER)
        assert await rest(socket) == []
