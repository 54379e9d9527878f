"""Orders at the fake of bitFlyer: what is taken and refused, what the account is told, what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import load
from topgun.testing import FakeClock

from .bitflyer_bot import FX, ORDER, bot, rest, told

if TYPE_CHECKING:
    from .bitflyer_bot import Bot

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bitflyer"
RESPONSES = {case["name"]: case.get("response") for case in load(FIXTURES / "responses" / "rest.json")}
NAMES = {"product_code", "child_order_id", "child_order_acceptance_id", "event_date", "event_type"}
FIELDS = {  # by event type, as the documents list them
    "ORDER": {"child_order_type", "expire_date", "side", "price", "size"},
    "ORDER_FAILED": {"reason"},
    "CANCEL": {"price", "size"},
    "CANCEL_FAILED": set(),
    "EXECUTION": {"expire_date", "exec_id", "side", "price", "size", "commission", "sfd", "outstanding_size"},
    "EXPIRE": {"price", "size"},
}


def sound(events: list[dict[str, Any]]) -> list[str]:
    """Check the fields of order events; return their types."""
    for event in events:
        assert set(event) == NAMES | FIELDS[event["event_type"]]
    return [event["event_type"] for event in events]


async def happened(socket: Any) -> list[dict[str, Any]]:
    """Return the order events that came so far."""
    return [event for message in await rest(socket) for event in message["message"]]


async def holdings(me: Bot) -> tuple[Any, Any]:
    """Return the margin position and the collateral."""
    return (await me.get(f"/v1/me/getpositions?product_code={FX}"))[1], (await me.get("/v1/me/getcollateral"))[1]


async def test_an_order_rests_fills_in_parts_and_is_done() -> None:
    """Each step is an event, and REST tells the same."""
    sample = RESPONSES["getchildorders keeps ACTIVE only"][1]
    async with bot() as (fake, me):
        socket = await me.socket("child_order_events", login=True)
        market = fake.market(FX)
        price = int(market.best_bid or 0)
        name = await me.order(price=price, size=0.05)
        events = await told(socket, "child_order_events")
        assert sound(events) == ["ORDER"]
        assert events[0] | {"side": "BUY", "price": price, "size": 0.05, "child_order_type": "LIMIT"} == events[0]
        assert events[0]["child_order_acceptance_id"] == name
        [row] = await me.orders()
        assert set(row) == set(sample)
        assert row["child_order_acceptance_id"] == name
        assert row["child_order_id"] == events[0]["child_order_id"]
        assert (row["child_order_state"], row["outstanding_size"], row["average_price"]) == ("ACTIVE", 0.05, 0)

        market.fill(0.02)
        [event] = await told(socket, "child_order_events")
        assert sound([event]) == ["EXECUTION"]
        assert (event["price"], event["size"], event["outstanding_size"]) == (price, 0.02, 0.03)
        [row] = await me.orders("product_code=FX_BTC_JPY&child_order_state=ACTIVE")
        assert (row["executed_size"], row["outstanding_size"], row["average_price"]) == (0.02, 0.03, price)

        market.fill()
        [event] = await told(socket, "child_order_events")
        assert (event["size"], event["outstanding_size"]) == (0.03, 0)
        [row] = await me.orders(f"product_code={FX}&child_order_acceptance_id={name}")
        assert (row["child_order_state"], row["outstanding_size"]) == ("COMPLETED", 0)
        assert await me.orders("product_code=FX_BTC_JPY&child_order_state=ACTIVE") == []
        assert await me.orders("product_code=ETH_JPY") == await me.orders("count=5") == []


async def test_a_market_order() -> None:
    """It has no price and is filled at once, at the prices that are there."""
    async with bot() as (fake, me):
        socket = await me.socket("child_order_events", login=True)
        best, there = fake.market(FX).book(1)["asks"][0]
        size = float(there) + 0.01
        await me.order(child_order_type="MARKET", price=None, size=round(size, 8))
        events = await told(socket, "child_order_events")
        assert sound(events)[:2] == ["ORDER", "EXECUTION"]
        assert (events[0]["child_order_type"], events[0]["price"]) == ("MARKET", 0)
        assert (events[1]["price"], events[-1]["outstanding_size"]) == (best, 0)
        assert events[-1]["price"] > best


@pytest.mark.parametrize(("terms", "types"), [("IOC", ["ORDER", "EXECUTION", "CANCEL"]), ("FOK", ["ORDER", "CANCEL"])])
async def test_orders_that_may_not_rest(terms: str, types: list[str]) -> None:
    """What is not filled at once is cancelled."""
    async with bot() as (fake, me):
        socket = await me.socket("child_order_events", login=True)
        best, there = fake.market(FX).book(1)["asks"][0]
        await me.order(price=int(best), size=round(float(there) + 0.01, 8), time_in_force=terms)
        events = await told(socket, "child_order_events")
        assert list(dict.fromkeys(sound(events))) == types
        assert events[-1]["size"] == pytest.approx(0.01 if terms == "IOC" else float(there) + 0.01)
        [row] = await me.orders()
        assert (row["child_order_state"], row["outstanding_size"], row["cancel_size"]) == (
            "CANCELED",
            0,
            events[-1]["size"],
        )


async def test_cancelling() -> None:
    """By either name; a second time, or all, is told in events, and the answer is empty."""
    async with bot() as (_, me):
        socket = await me.socket("child_order_events", login=True)
        first, *_ = [await me.order() for _ in range(3)]
        rows = await me.orders()
        assert len(await happened(socket)) == 3
        cancel = {"product_code": FX, "child_order_acceptance_id": first}
        assert await me.post("/v1/me/cancelchildorder", cancel) == (200, None)
        [event] = await told(socket, "child_order_events")
        assert sound([event]) == ["CANCEL"]
        assert (event["child_order_acceptance_id"], event["size"]) == (first, 0.01)
        assert await me.post("/v1/me/cancelchildorder", cancel) == (200, None)
        assert sound(await told(socket, "child_order_events")) == ["CANCEL_FAILED"]
        cancel = {"product_code": FX, "child_order_id": rows[1]["child_order_id"]}
        assert await me.post("/v1/me/cancelchildorder", cancel) == (200, None)
        assert await me.post("/v1/me/cancelallchildorders", {"product_code": FX}) == (200, None)
        assert sound(await happened(socket)) == ["CANCEL", "CANCEL"]
        assert {row["child_order_state"] for row in await me.orders()} == {"CANCELED"}


@pytest.mark.parametrize(
    ("path", "data", "text"),
    [
        ("cancelchildorder", {"product_code": FX}, "Neither"),
        ("cancelchildorder", {"product_code": FX, "child_order_id": "none"}, "Order not found"),
        ("cancelchildorder", {"child_order_acceptance_id": "THE FX ORDER"}, "Order not found"),
        ("cancelallchildorders", {"product_code": "NO_JPY"}, "Invalid product"),
        ("sendchildorder", [], "not a JSON object"),
        ("sendchildorder", "no json", "not a JSON object"),
        ("sendchildorder", {**ORDER, "product_code": "NO_JPY"}, "Invalid product"),
        ("sendchildorder", {**ORDER, "child_order_type": "STOP"}, "Invalid order"),
        ("sendchildorder", {**ORDER, "side": "buy"}, "Invalid order"),
        ("sendchildorder", {**ORDER, "side": ["BUY"]}, "Invalid order"),
        ("sendchildorder", {**ORDER, "product_code": [FX]}, "Invalid product"),
        ("sendchildorder", {**ORDER, "time_in_force": "GTT"}, "Invalid order"),
        ("sendchildorder", {**ORDER, "minute_to_expire": 0}, "Invalid minute_to_expire"),
        ("sendchildorder", {**ORDER, "minute_to_expire": 43_201}, "Invalid minute_to_expire"),
        ("sendchildorder", {**ORDER, "minute_to_expire": "1"}, "Invalid minute_to_expire"),
        ("sendchildorder", {**ORDER, "size": 0.009}, "The minimum order size is 0.01 BTC."),
        ("sendchildorder", {**ORDER, "size": 0.123456789}, "Invalid size"),
        ("sendchildorder", {**ORDER, "size": "0.01"}, "Invalid size"),
        ("sendchildorder", {**ORDER, "size": True}, "Invalid size"),
        ("sendchildorder", {**ORDER, "size": -1}, "Invalid size"),
        ("sendchildorder", {**ORDER, "price": 9_000_000.5}, "Invalid price"),
        ("sendchildorder", {**ORDER, "price": None}, "Invalid price"),
        ("sendparentorder", {}, "Not found"),
    ],
)
async def test_what_is_refused(path: str, data: Any, text: str) -> None:
    """A request that makes no sense is answered with bitFlyer's form and changes nothing."""
    async with bot() as (_, me):
        name = await me.order()
        if isinstance(data, dict) and data.get("child_order_acceptance_id"):
            data = {**data, "child_order_acceptance_id": name}
        before = await me.orders()
        status, reply = await me.post(f"/v1/me/{path}", data)
        assert status == (404 if path == "sendparentorder" else 400)
        assert set(reply) == {"status", "error_message", "data"}
        assert reply["status"] < 0
        assert text in reply["error_message"]
        assert reply["data"] is None
        assert await me.orders() == before


@pytest.mark.parametrize(
    "order",
    [
        {"size": 3},
        {"side": "SELL", "price": 11_000_000, "size": 3},
        {"product_code": "BTC_JPY", "size": 6},
        {"product_code": "BTC_JPY", "side": "SELL", "price": 11_000_000, "size": 10.01},
        {"product_code": "ETH_JPY", "side": "SELL", "child_order_type": "MARKET", "size": 101},
    ],
)
async def test_orders_without_the_funds_fail_afterwards(order: dict[str, Any]) -> None:
    """They are accepted, then an event says that they failed and why."""
    async with bot() as (_, me):
        socket = await me.socket("child_order_events", login=True)
        name = await me.order(**order)
        [event] = await told(socket, "child_order_events")
        assert sound([event]) == ["ORDER_FAILED"]
        assert (event["child_order_acceptance_id"], event["reason"]) == (name, "Insufficient funds")
        [row] = await me.orders(f"product_code={order.get('product_code', FX)}")
        assert row["child_order_state"] == "REJECTED"


async def test_an_order_ends_by_itself() -> None:
    """After its minutes an order is gone, for the stream as for REST."""
    clock = FakeClock()
    async with bot(clock=clock) as (fake, me):
        socket = await me.socket("child_order_events", login=True)
        for minutes in (1, 2):
            await me.order(minute_to_expire=minutes)
        start = (await happened(socket))[0]
        assert start["event_date"][:16] == "2023-11-14T22:13"
        assert start["expire_date"] == "2023-11-14T22:14:20"
        await clock.advance(59)
        fake.market(FX).tick()
        assert await happened(socket) == []
        await clock.advance(1)
        fake.market(FX).tick()
        assert sound(await told(socket, "child_order_events")) == ["EXPIRE"]
        await clock.advance(60)
        assert [row["child_order_state"] for row in await me.orders()] == ["EXPIRED", "EXPIRED"]
        assert sound(await happened(socket)) == ["EXPIRE"]


async def test_positions_are_pieces() -> None:
    """Fills of one side open pieces, the other side closes the oldest first; the gain goes to the collateral."""
    async with bot() as (fake, me):
        market = fake.market(FX)
        fake.apis.clear()
        assert await holdings(me) == (
            [],
            {**RESPONSES["getcollateral"], **dict.fromkeys(RESPONSES["getcollateral"], 0), "collateral": 10_000_000},
        )

        async def filled(side: str, price: int, size: float) -> None:
            """Send an order that is the best of its side, and fill it."""
            await me.order(side=side, price=price, size=size)
            market.fill()

        bid, ask = int(market.best_bid or 0), int(market.best_ask or 0)
        await filled("BUY", bid + 1, 0.02)
        await filled("BUY", bid + 2, 0.03)
        pieces, collateral = await holdings(me)
        assert set(pieces[0]) == set(RESPONSES["getpositions keeps six fields"][0])
        assert [(piece["side"], piece["price"], piece["size"]) for piece in pieces] == [
            ("BUY", bid + 1, 0.02),
            ("BUY", bid + 2, 0.03),
        ]
        last = market.market.last
        assert pieces[0]["pnl"] == float((last - bid - 1) / 50)
        assert collateral["open_position_pnl"] == pytest.approx(sum(piece["pnl"] for piece in pieces))
        assert collateral["require_collateral"] == pytest.approx(float(last) * 0.05 / 2)
        assert collateral["keep_rate"] == pytest.approx(
            (10_000_000 + collateral["open_position_pnl"]) / collateral["require_collateral"]
        )

        await filled("SELL", ask - 1, 0.04)
        pieces, collateral = await holdings(me)
        assert [(piece["side"], piece["price"], piece["size"]) for piece in pieces] == [("BUY", bid + 2, 0.01)]
        gains = ((ask - 1 - bid - 1) * 2, (ask - 1 - bid - 2) * 2)  # in 1/100 yen, each rounded down
        assert collateral["collateral"] == 10_000_000 + sum(gain // 100 for gain in gains)

        before = collateral["collateral"]
        await filled("SELL", ask - 2, 0.03)
        pieces, collateral = await holdings(me)
        assert [(piece["side"], piece["price"], piece["size"]) for piece in pieces] == [("SELL", ask - 2, 0.02)]
        assert collateral["collateral"] == before + (ask - 2 - bid - 2) // 100
        assert (await me.get("/v1/me/getpositions?product_code=BTC_JPY"))[0] == 400


async def test_a_short_position() -> None:
    """Sold first, bought back dearer: a loss, rounded against the customer's favour as the tables do."""
    async with bot() as (fake, me):
        market = fake.market(FX)
        bid = int(market.best_bid or 0)
        await me.order(side="SELL", child_order_type="MARKET", price=None, size=0.01)
        [piece], _ = await holdings(me)
        assert (piece["side"], piece["price"]) == ("SELL", bid)
        assert piece["pnl"] == 0
        await me.order(side="BUY", child_order_type="MARKET", price=None, size=0.01)
        pieces, collateral = await holdings(me)
        paid = int(market.market.last)
        assert pieces == []
        assert collateral["collateral"] == 10_000_000 - (paid - bid) // 100


async def test_spot_changes_the_assets() -> None:
    """Open orders reserve what they need; fills move it, in whole yen."""
    async with bot() as (fake, me):

        async def assets() -> dict[str, tuple[float, float]]:
            _, rows = await me.get("/v1/me/getbalance")
            return {row["currency_code"]: (row["amount"], row["available"]) for row in rows}

        assert await assets() == {"JPY": (50_000_000, 50_000_000), "BTC": (10, 10), "ETH": (100, 100)}
        market = fake.market("BTC_JPY")
        price = int(market.best_bid or 0) + 1
        spot = {"product_code": "BTC_JPY"}
        await me.order()  # of the margin product: it needs collateral, not yen
        await me.order(**spot, price=price, size=0.001)
        await me.order(**spot, side="SELL", price=99_000_000, size=2)
        held = await assets()
        assert held["JPY"] == (50_000_000, pytest.approx(50_000_000 - price * 0.001))
        assert held["BTC"] == (10, 8)
        market.fill()
        held = await assets()
        assert held["JPY"] == (50_000_000 + -price // 1000, 50_000_000 + -price // 1000)
        assert held["BTC"] == (10.001, 8.001)
        bid = int(market.best_bid or 0)
        await me.order(**spot, side="SELL", child_order_type="MARKET", price=None, size=0.001)
        held = await assets()
        assert held["JPY"][0] == 50_000_000 + -price // 1000 + bid // 1000
        assert held["BTC"][0] == 10


async def test_events_are_for_those_who_logged_in() -> None:
    """A socket that is not logged in hears nothing; every one that is, hears everything."""
    async with bot() as (fake, me):
        one, two = [await me.socket("child_order_events", login=True) for _ in range(2)]
        public = await me.socket("lightning_ticker_ETH_JPY")
        fake.links()[2].topics["child_order_events"] = 0
        await me.order()
        assert len(await happened(one)) == len(await happened(two)) == 1
        assert await rest(public) == []


async def test_a_missed_event() -> None:
    """A fault that names the channel takes an order event away; REST knows better."""
    async with bot() as (fake, me):
        socket = await me.socket("child_order_events", login=True)
        fake.gap("child_order_events")
        await me.order()
        assert await rest(socket) == []
        assert len(await me.orders()) == 1
