"""Orders and positions of KuCoin: what ends, what is older, what an answer takes away, hedge mode."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched
from tests.support import load, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.kucoin import KuCoinDataStore

HERE = Path(__file__).parent
POSITION = load(HERE / "frames" / "positions.json")[2]["messages"][0]["data"]
SPOT, FUTURES = "https://api.kucoin.com", "https://api-futures.kucoin.com"
ACTIVE = f"{SPOT}/api/v1/hf/orders/active?symbol=BTC-USDT"
LIST = f"{FUTURES}/api/v1/orders?status=active"
POSITIONS = f"{FUTURES}/api/v1/positions"


def order(name: str, kind: str, **more: Any) -> dict[str, Any]:
    given = {"orderId": name, "type": kind, "symbol": "BTC-USDT", "side": "buy", "price": "100", "size": "1", **more}
    return {"topic": "/spotMarket/tradeOrdersV2", "type": "message", "subject": "orderChange", "data": given}


def futures(name: str, kind: str, **more: Any) -> dict[str, Any]:
    message = order(name, kind, **{"symbol": "XBTUSDTM", "tradeType": "trade", **more})
    return {**message, "topic": "/contractMarket/tradeOrders:XBTUSDTM"}


def spot_row(name: str, **more: Any) -> dict[str, Any]:
    """Return an order as the list of open orders of spot has it."""
    row = {"id": name, "clientOid": "c", "symbol": "BTC-USDT", "opType": "DEAL", "type": "limit", "side": "buy"}
    row |= {"price": "100", "size": "1", "dealSize": "0.25", "remainSize": "0.75", "timeInForce": "GTC"}
    return {**row, "tradeType": "TRADE", "inOrderBook": True, "active": True, "createdAt": 1729235902748, **more}


def futures_row(name: str, **more: Any) -> dict[str, Any]:
    """Return an order as the list of orders of futures has it."""
    row = {"id": name, "symbol": "XBTUSDTM", "type": "limit", "side": "buy", "price": "0.05", "size": 10}
    row |= {"dealSize": 4, "filledSize": 4, "stopPrice": None, "isActive": True, "status": "open"}
    return {**row, "createdAt": 1727692804813, **more}


async def initialize(store: KuCoinDataStore, url: str, data: Any) -> None:
    await store.initialize(respond("GET", url, {"code": "200000", "data": data}))


def page(*rows: Any, pages: int = 1) -> dict[str, Any]:
    return {"currentPage": 1, "pageSize": 50, "totalNum": len(rows), "totalPage": pages, "items": list(rows)}


def names(store: KuCoinDataStore) -> list[str]:
    return [row["orderId"] for row in store.orders]


# -- orders on the stream ------------------------------------------------------------------------------------------


def test_the_life_of_an_order() -> None:
    """It opens, is filled in part, shrinks, ends; nothing brings it back."""
    store = KuCoinDataStore()
    store.onmessage(order("1", "received", status="new"))
    assert names(store) == []
    store.onmessage(order("1", "open", filledSize="0"))
    store.onmessage(order("1", "match", status="open", filledSize="0.1", matchSize="0.1"))
    store.onmessage(order("1", "update", filledSize="0.10", size="0.5", status="open"))
    [row] = store.orders
    assert (row["filledSize"], row["size"], row["matchSize"]) == ("0.10", "0.5", "0.1")
    store.onmessage(order("1", "filled"))
    for kind in ("open", "match", "update"):
        store.onmessage(order("1", kind))
    assert names(store) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [("filled", "done"), ("canceled", "done"), ("cancel", "x"), ("triggered", "x"), ("update", "done")],
)
def test_the_end_of_an_order(kind: str, status: str) -> None:
    """An update is the end, too, if the rest of the order was cancelled by it; an end may come before the beginning."""
    store = KuCoinDataStore()
    store.onmessage(order("1", "open"))
    store.onmessage(order("1", kind, status=status))
    store.onmessage(order("2", kind, status=status))
    store.onmessage(order("2", "open"))
    assert names(store) == []


def stop(name: str, kind: str) -> dict[str, Any]:
    message = futures(name, kind, orderType="stop", stop="up")
    return {**message, "topic": "/contractMarket/advancedOrders"}


@pytest.mark.parametrize("late", [False, True])
def test_a_stop_order_goes_on_as_an_order_of_the_same_name(late: bool) -> None:
    """Two topics tell it, so either may come first; the stop order itself never comes back, nor the order once over."""
    store = KuCoinDataStore()
    store.onmessage(stop("1", "open"))
    told = [stop("1", "triggered"), futures("1", "open", filledSize="0")]
    for message in reversed(told) if late else told:
        store.onmessage(message)
    store.onmessage(stop("1", "open"))
    [row] = store.orders
    assert row == futures("1", "open", filledSize="0")["data"]
    store.onmessage(futures("1", "filled"))
    for message in (stop("1", "open"), *told):
        store.onmessage(message)
    assert names(store) == []


def test_how_many_triggered_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many, the oldest go first."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = KuCoinDataStore()
    for name in "123":
        store.onmessage(stop(name, "triggered"))
    for name in "123":
        store.onmessage(stop(name, "open"))
    assert names(store) == ["1"]


def test_an_older_message() -> None:
    """One that knows of less that is filled changes nothing, however the numbers are spelt."""
    store = KuCoinDataStore()
    store.onmessage(order("1", "open", filledSize="0"))
    store.onmessage(order("1", "match", filledSize="10"))
    store.onmessage(order("1", "match", filledSize="9.5", price="older"))
    [row] = store.orders
    assert (row["filledSize"], row["price"]) == ("10", "100")
    store.onmessage(order("1", "update", price="101"))
    store.onmessage(order("1", "match", filledSize="10.0"))
    assert [(row["filledSize"], row["price"]) for row in store.orders] == [("10.0", "100")]


def test_how_many_ends_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many, the oldest go first."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = KuCoinDataStore()
    for name in "123":
        store.onmessage(order(name, "filled"))
    for name in "123":
        store.onmessage(order(name, "open"))
    assert names(store) == ["1"]


# -- orders by HTTP ------------------------------------------------------------------------------------------------


async def test_open_orders_of_spot() -> None:
    """Rows have the names of HTTP and those of the stream, and go on in the stream."""
    watched = Watched(KuCoinDataStore)
    store = watched.store
    await initialize(store, ACTIVE, [spot_row("1")])
    assert list(store.orders) == [
        {
            **spot_row("1"),
            "orderId": "1",
            "orderType": "limit",
            "type": "open",
            "status": "open",
            "originSize": "1",
            "filledSize": "0.25",
            "remainSize": "0.75",
        }
    ]
    watched.feed(order("1", "match", filledSize="0.2"))
    assert store.orders.get({"orderId": "1"})["filledSize"] == "0.25"  # type: ignore[index]
    watched.feed(order("1", "match", filledSize="0.5", remainSize="0.5"))
    assert store.orders.get({"orderId": "1"})["remainSize"] == "0.5"  # type: ignore[index]
    watched.feed(order("1", "canceled"))
    await initialize(store, ACTIVE, [spot_row("1")])  # an answer that was late
    assert names(store) == []
    await watched.check()


async def test_open_orders_of_futures() -> None:
    """What is left is worked out where the list does not say it; those that are over are none."""
    store = KuCoinDataStore()
    store.onmessage(futures("2", "open"))
    await initialize(store, LIST, page(futures_row("1"), futures_row("2", isActive=False, status="done")))
    [row] = store.orders
    assert (row["orderId"], row["filledSize"], row["remainSize"]) == ("1", 4, "6")


async def known(url: str, rows: Any) -> list[str]:
    """Return which of a number of open orders an answer without them leaves."""
    store = KuCoinDataStore()
    store.onmessage(order("spot", "open"))
    store.onmessage(order("other", "open", symbol="ETH-USDT"))
    store.onmessage(order("stop", "open", orderType="stop"))
    store.onmessage(futures("futures", "open"))
    margin = f"{SPOT}/api/v3/hf/margin/orders/active?symbol=BTC-USDT&tradeType=MARGIN_TRADE"
    await initialize(store, margin, [spot_row("margin", tradeType="MARGIN_TRADE")])
    store.onmessage(order("spot", "open"))
    await initialize(store, url, rows)
    return names(store)


@pytest.mark.parametrize(
    ("url", "rows", "gone"),
    [
        (ACTIVE, [], {"spot"}),
        (ACTIVE.replace("BTC", "XRP"), [], set()),
        (f"{SPOT}/api/v3/hf/margin/orders/active?symbol=BTC-USDT&tradeType=MARGIN_TRADE", [], {"spot", "margin"}),
        (f"{SPOT}/api/v3/hf/margin/orders/active?symbol=BTC-USDT&tradeType=MARGIN_ISOLATED_TRADE", [], {"spot"}),
        (LIST, page(), {"futures"}),
        (f"{LIST}&symbol=ETHUSDTM", page(), set()),
        (f"{LIST}&symbol=XBTUSDTM", page(pages=0), {"futures"}),
        (f"{LIST}&side=sell", page(), set()),
        (LIST, page(pages=2), set()),
        (f"{FUTURES}/api/v1/orders?status=done", page(), set()),
        (f"{FUTURES}/api/v1/orders", page(), set()),  # without a status it lists those that are over
        (f"{LIST}&currentPage=2", page(), set()),  # the second page of one
        (f"{LIST}&currentPage=1&pageSize=50", page(), {"futures"}),
        (f"{SPOT}/api/v1/orders?status=active", page(), {"spot", "other"}),
    ],
)
async def test_what_an_answer_takes_away(url: str, rows: Any, gone: set[str]) -> None:
    """An order that an answer would have listed and has not is over; of other markets and questions it says nothing."""
    assert {"spot", "other", "stop", "futures", "margin"} - set(await known(url, rows)) == gone


@pytest.mark.parametrize("row", [None, {}, {"id": 1.5, "symbol": "x", "size": "1"}, {"id": "1", "symbol": "x"}])
async def test_an_answer_that_cannot_be_read(row: Any) -> None:
    """It changes nothing."""
    store = KuCoinDataStore()
    store.onmessage(order("1", "open"))
    with pytest.raises(InitializeError):
        await initialize(store, ACTIVE, [row])
    assert names(store) == ["1"]


# -- positions -----------------------------------------------------------------------------------------------------


def position(quantity: Any, side: str | None = None, reason: str = "positionChange", **more: Any) -> dict[str, Any]:
    data = {**POSITION, "currentQty": quantity, "isOpen": quantity not in (0, "0"), "changeReason": reason, **more}
    data["positionSide"] = side or "BOTH"
    message = {"topic": "/contract/position:XBTUSDTM", "type": "message", "subject": "position.change"}
    return {**message, "data": data}


def mark(price: float, **more: Any) -> dict[str, Any]:
    data = {"symbol": "XBTUSDTM", "markPrice": price, "changeReason": "markPriceChange", **more}
    return {"topic": "/contract/positionAll", "type": "message", "subject": "position.change", "data": data}


def held(store: KuCoinDataStore) -> dict[str, Any]:
    return {row["positionSide"]: (row["currentQty"], row["side"], row["markPrice"]) for row in store.positions}


async def test_hedge_mode() -> None:
    """Two rows of a symbol: a mark price is that of both, each closes by itself, `get` finds what it is asked for."""
    watched = Watched(KuCoinDataStore)
    store = watched.store
    watched.feed(position(2, "LONG"), position(-1, "SHORT"), mark(7), mark(8, positionSide="SHORT"))
    assert held(store) == {"LONG": (2, "BUY", 7), "SHORT": (-1, "SELL", 8)}
    long, short = store.positions.find({"symbol": "XBTUSDTM"})
    assert store.positions.get({"symbol": "XBTUSDTM", "positionSide": "SHORT"}) is short
    assert store.positions.get({"symbol": "XBTUSDTM"}) is long
    assert store.positions.get({"symbol": "ETHUSDTM"}) is None
    assert store.positions.get({"symbol": "XBTUSDTM", "positionSide": "BOTH"}) is None
    assert store.positions.get({}) is None
    watched.feed(position(0, "LONG"))
    assert held(store) == {"SHORT": (-1, "SELL", 8)}
    assert store.positions.get({"symbol": "XBTUSDTM"}) is short
    await watched.check()


@pytest.mark.parametrize("reason", ["marginChange", "liquidation", "adl", "settlement", "autoDeposit"])
def test_other_reasons(reason: str) -> None:
    """They change a position, and may close it."""
    store = KuCoinDataStore()
    store.onmessage(position(3))
    store.onmessage(position(1, reason=reason))
    assert held(store)["BOTH"][0] == 1
    store.onmessage(position(0, reason=reason))
    assert held(store) == {}


def test_a_part_of_a_position() -> None:
    """One without a quantity is merged into what is known, and is no position by itself."""
    store = KuCoinDataStore()
    part = {"symbol": "XBTUSDTM", "posMargin": 5, "changeReason": "marginChange"}
    message = {**mark(1), "data": part}
    store.onmessage(message)
    store.onmessage(mark(7))
    assert held(store) == {}
    store.onmessage(position(3))
    store.onmessage(message)
    assert (store.positions.find()[0]["posMargin"], held(store)["BOTH"][0]) == (5, 3)


def test_fundings_and_risk_limits() -> None:
    """They come on the same topic, and are no positions."""
    store = KuCoinDataStore()
    store.onmessage({**mark(1), "subject": "position.settlement", "data": {"fundingFee": -0.1, "qty": 1}})
    store.onmessage({**mark(1), "subject": "position.adjustRiskLimit", "data": {"success": True}})
    assert held(store) == {}


def test_a_quantity_that_says_something_else(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it is a position; one that is closed and has a quantity changes nothing, and is logged."""
    store = KuCoinDataStore()
    store.onmessage(position("3.0"))
    for wrong in (position(2, isOpen=False), position("much"), position(None), position("nan")):
        store.onmessage(wrong)
    assert held(store)["BOTH"][:2] == ("3.0", "BUY")
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4
    store.onmessage(position("0.0", isOpen=True))
    assert held(store) == {}


async def test_positions_by_http() -> None:
    """An answer has all there are, of one currency if it was asked for that; the others are closed."""
    store = KuCoinDataStore()
    store.onmessage(position(2, "LONG"))
    store.onmessage(position(-1, "SHORT"))
    await initialize(store, f"{POSITIONS}?currency=XBT", [])
    assert set(held(store)) == {"LONG", "SHORT"}
    await initialize(store, f"{POSITIONS}?currency=USDT", [{**POSITION, "currentQty": 5, "positionSide": "LONG"}])
    assert {side: row[0] for side, row in held(store).items()} == {"LONG": 5}
    await initialize(store, POSITIONS, [{**POSITION, "currentQty": 0, "isOpen": True}])
    assert held(store) == {}
    with pytest.raises(InitializeError):
        await initialize(store, POSITIONS, [{"symbol": "XBTUSDTM"}])
