"""The tables of bitFlyer: the protocol sample set, every deliberate difference, every trap, damaged messages."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched, cases, play, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges.bitflyer import EXCHANGE, bitFlyerDataStore
from topgun.exchanges.bitflyer.board import _is_middle

HERE = Path(__file__).parent
CASES = cases(HERE / "frames", HERE / "responses")
API = "https://api.bitflyer.com/v1/me"
LOGGER = "topgun.exchanges.bitflyer"
BTC = {"product_code": "BTC_JPY"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_samples(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A case of the sample set ends in exactly its rows, views, attributes, sent messages and warnings."""
    await play(bitFlyerDataStore, case, caplog)


def test_tables() -> None:
    """The collection has the tables, keys and limits that users know; books, orders and positions are not capped."""
    store = bitFlyerDataStore()
    assert EXCHANGE.stores == (bitFlyerDataStore,)
    assert {name: (list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == {
        "board": (["product_code", "side", "price"], None),
        "ticker": (["product_code"], 9999),
        "executions": ([], 99999),
        "childorderevents": ([], 9999),
        "childorders": (["child_order_acceptance_id"], None),
        "parentorderevents": ([], 9999),
        "parentorders": (["parent_order_acceptance_id"], None),
        "positions": ([], None),
        "collateral": ([], 9999),
        "balance": (["currency_code"], 9999),
    }
    assert all(store[name] is table for name, table in tables(store).items())


# -- messages ------------------------------------------------------------------------------------------------------


def channel(name: str, message: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "channelMessage", "params": {"channel": name, "message": message}}


def levels(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"price": price, "size": size} for price, size in pairs]


def board(kind: str, mid: Any, asks: Any = (), bids: Any = (), product: str = "BTC_JPY") -> dict[str, Any]:
    content = {"mid_price": mid, "asks": levels(*asks), "bids": levels(*bids)}
    return channel(f"lightning_{kind}_{product}", content)


def snapshot(mid: float, asks: Any = (), bids: Any = (), product: str = "BTC_JPY") -> dict[str, Any]:
    return board("board_snapshot", mid, asks, bids, product)


def delta(mid: float, asks: Any = (), bids: Any = (), product: str = "BTC_JPY") -> dict[str, Any]:
    return board("board", mid, asks, bids, product)


def child(event_type: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return one event of a child order, with the fields that every event has."""
    return {
        "product_code": "FX_BTC_JPY",
        "child_order_id": f"JOR{number}",
        "child_order_acceptance_id": f"JRF{number}",
        "event_date": "2026-01-05T03:55:34.9730659Z",
        "event_type": event_type,
        **fields,
    }


def fill(side: str, price: float, size: float, product: str = "FX_BTC_JPY", **fields: Any) -> dict[str, Any]:
    """Return the message of one execution."""
    execution = {"exec_id": 1, "commission": 0, "sfd": 0, "outstanding_size": 0, "expire_date": "2026-02-04T03:55:34"}
    event = child("EXECUTION", side=side, price=price, size=size, product_code=product, **execution)
    return channel("child_order_events", [{**event, **fields}])


def position(side: str, price: float, size: float, product: str = "FX_BTC_JPY") -> dict[str, Any]:
    return {"product_code": product, "side": side, "price": price, "size": size, "commission": 0, "sfd": 0}


async def answer(store: Any, path: str, data: Any) -> None:
    await store.initialize(respond("GET", f"{API}/{path}", data))


def book(store: Any, product: str = "BTC_JPY") -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = store.board.sorted({"product_code": product})
    asks, bids = ([(row["price"], row["size"]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


# -- dispatch ------------------------------------------------------------------------------------------------------


def test_subscribe_error_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """An ``error`` member is logged once, with what bitFlyer said; data beside it is still used."""
    store = bitFlyerDataStore()
    ticker = channel("lightning_ticker_BTC_JPY", {"product_code": "BTC_JPY", "ltp": 1})
    store.onmessage({**ticker, "id": 2, "error": {"code": -32602, "message": "Invalid params"}}, None)
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert "Invalid params" in caplog.text
    assert store.ticker.get({"product_code": "BTC_JPY"}) == {"product_code": "BTC_JPY", "ltp": 1}


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "result": True},
        [{"jsonrpc": "2.0", "id": 1, "result": True}],
        channel("lightning_nothing_BTC_JPY", [{"product_code": "BTC_JPY"}]),
        channel("child_order_events_more", [{"product_code": "BTC_JPY"}]),
        {"method": "channelMessage", "params": {}},
        {"method": "channelMessage", "params": None},
        {"method": "channelMessage", "params": {"channel": 1, "message": []}},
        {"params": ["lightning_ticker_BTC_JPY"]},
    ],
    ids=repr,
)
def test_messages_without_data_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks, unknown channels and messages without content change nothing and say nothing."""
    store = bitFlyerDataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


def test_tables_do_not_share_rows() -> None:
    """Each table has its own copy: neither the message nor another table changes with a row."""
    store = bitFlyerDataStore()
    message = channel("child_order_events", [child("ORDER", side="BUY", price=1, size=2)])
    store.onmessage(message, None)
    message["params"]["message"][0]["size"] = "changed by the user"
    store.onmessage(fill("BUY", 1, 1.5, outstanding_size=0.5), None)
    assert [row.get("size") for row in store.childorderevents] == [2, 1.5]
    assert [row["size"] for row in store.childorders] == [0.5]


def test_executions_keep_duplicates() -> None:
    """A trade that is sent twice is there twice: the table has no key."""
    store = bitFlyerDataStore()
    trade = {"id": 0, "side": "", "price": 1, "size": 1}
    store.onmessage(channel("lightning_executions_FX_BTC_JPY", [trade, trade]), None)
    assert list(store.executions) == [{"product_code": "FX_BTC_JPY", **trade}] * 2


# -- board ---------------------------------------------------------------------------------------------------------


async def test_board_without_a_socket() -> None:
    """A snapshot fed without WebSocket (from a recording) fills the book just as well."""
    watched = Watched(bitFlyerDataStore)
    watched.store.onmessage(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]), None)
    watched.store.onmessage(delta(10, asks=[(12, 3)]), None)
    assert book(watched.store) == ([(11, 1), (12, 3)], [(9, 2)])
    assert watched.store.board.state({"product_code": "BTC_JPY"}) == "live"
    await watched.check()


async def test_board_is_replaced_by_each_snapshot() -> None:
    """A later snapshot replaces the book of its product only, and is unsubscribed again."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(
        snapshot(10, asks=[(11, 1), (12, 1)], bids=[(9, 2)]),
        snapshot(20, asks=[(21, 1)], product="FX_BTC_JPY"),
        snapshot(10, asks=[(12, 4)], bids=[(8, 2)]),
    )
    assert book(watched.store) == ([(12, 4)], [(8, 2)])
    assert book(watched.store, "FX_BTC_JPY") == ([(21, 1)], [])
    assert watched.store.board.mid_price == {"BTC_JPY": 10, "FX_BTC_JPY": 20}
    names = [f"lightning_board_snapshot_{product}" for product in ("BTC_JPY", "FX_BTC_JPY", "BTC_JPY")]
    assert watched.ws.sent == [{"method": "unsubscribe", "params": {"channel": name}} for name in names]
    await watched.check()


async def test_board_after_a_lost_connection() -> None:
    """A lost connection makes its books stale; deltas are dropped until the next snapshot replaces the book."""
    watched = Watched(bitFlyerDataStore)
    store, group = watched.store, {"product_code": "BTC_JPY"}
    assert store.board.state(group) == "stale"
    watched.feed(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]))
    watched.ws.lose()
    assert store.board.state(group) == "stale"

    watched.ws = FakeSocket()
    watched.feed(delta(11, asks=[(12, 1)], bids=[(10, 1)]))
    assert book(store) == ([(11, 1)], [(9, 2)])
    assert store.board.mid_price == {"BTC_JPY": 10}
    assert watched.ws.sent == []

    watched.feed(snapshot(11, asks=[(13, 1)], bids=[(10, 5)]), delta(11, bids=[(10, 0), (9.5, 1)]))
    assert store.board.state(group) == "live"
    assert book(store) == ([(13, 1)], [(9.5, 1)])
    await watched.check()


async def test_board_of_another_socket_stays_live() -> None:
    """Readiness belongs to the socket that sent the snapshot: the loss of another one changes nothing."""
    watched = Watched(bitFlyerDataStore)
    other = FakeSocket()
    watched.feed(snapshot(10, asks=[(11, 1)]))
    watched.store.onmessage(snapshot(20, asks=[(21, 1)], product="FX_BTC_JPY"), other)  # type: ignore[arg-type]  # a stand-in
    other.lose()
    watched.feed(delta(10, asks=[(12, 1)]), delta(20, asks=[(22, 1)], product="FX_BTC_JPY"))
    assert book(watched.store) == ([(11, 1), (12, 1)], [])
    assert book(watched.store, "FX_BTC_JPY") == ([(21, 1)], [])


async def test_board_prunes_by_the_mid_price() -> None:
    """A bid above the mid price and an ask at or below it go; a bid at the mid price stays."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(9, 1), (10, 1), (11, 1)], bids=[(11, 1), (10, 1), (9, 1)]))
    assert book(watched.store) == ([(11, 1)], [(10, 1), (9, 1)])
    watched.feed(delta(11, asks=[(12, 1)]))
    assert book(watched.store) == ([(12, 1)], [(10, 1), (9, 1)])
    await watched.check()


async def test_board_ignores_price_zero() -> None:
    """The ``price: 0`` of a market order in an auction is no level, on either side."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(0, 1), (11, 1)], bids=[(0, 1)]), delta(10, asks=[(0, 2)], bids=[(0, 2), (9, 1)]))
    assert book(watched.store) == ([(11, 1)], [(9, 1)])
    assert watched.store.board.best({"product_code": "BTC_JPY"}).bid == {
        "product_code": "BTC_JPY",
        "side": "bids",
        "price": 9,
        "size": 1,
    }


async def test_board_changes_in_order() -> None:
    """A delta is announced level by level, each change once: what goes, what comes, then what is pruned."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(11, 1), (12, 1)], bids=[(9, 1)]))
    await watched.check()
    watched.feed(delta(12, asks=[(11, 0), (13, 2)], bids=[(11, 1), (9, 3)]))
    changes = (await watched.check())["board"]
    assert [(change.operation, change.data["side"], change.data["price"]) for change in changes] == [
        ("delete", "asks", 11),
        ("update", "asks", 13),
        ("update", "bids", 11),
        ("update", "bids", 9),
        ("delete", "asks", 12),
    ]


DAMAGED: list[Any] = [
    None,
    [],
    {},
    {"mid_price": None, "asks": levels((12, 1)), "bids": []},
    {"mid_price": float("nan"), "asks": levels((12, 1)), "bids": []},
    {"mid_price": 10, "asks": levels((12, 1))},
    {"mid_price": 10, "asks": levels((12, 1)), "bids": [{"price": 9}]},
    {"mid_price": 10, "asks": levels((12, 1)), "bids": [{"price": "9", "size": 1}]},
    {"mid_price": 10, "asks": levels((12, 1)), "bids": [{"price": 9, "size": None}]},
    {"mid_price": 10, "asks": levels((12, 1)), "bids": [None]},
    {"mid_price": 10, "asks": levels((12, 1), (float("inf"), 1)), "bids": []},
]


@pytest.mark.parametrize("content", DAMAGED, ids=repr)
async def test_board_damaged_snapshot(content: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged snapshot is logged and changes nothing; its channel stays subscribed for the next one."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]))
    watched.feed(channel("lightning_board_snapshot_BTC_JPY", content))
    assert caplog.records
    assert book(watched.store) == ([(11, 1)], [(9, 2)])
    assert watched.store.board.mid_price == {"BTC_JPY": 10}
    assert watched.store.board.state(BTC) == "live"
    assert len(watched.ws.sent) == 1
    await watched.check()


@pytest.mark.parametrize("content", DAMAGED, ids=repr)
async def test_board_damaged_change(content: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged change is logged, and the book that lacks it is not called live until a new snapshot came."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]))
    watched.feed(channel("lightning_board_BTC_JPY", content))
    assert caplog.records
    assert book(watched.store) == ([], [])
    assert watched.store.board.state(BTC) == "syncing"
    (_, messages, done) = watched.ws.snapshot_requests[0]
    assert messages == [{"method": "subscribe", "params": {"channel": "lightning_board_snapshot_BTC_JPY"}}]
    assert not done()
    watched.feed(snapshot(10, asks=[(12, 1)], bids=[(9, 2)]))
    assert book(watched.store) == ([(12, 1)], [(9, 2)])
    assert done()
    await watched.check()


def keeps_the_rule(watched: Watched, times: int) -> None:
    """Feed so many changes whose mid price is the middle of the book 9 / 11."""
    for number in range(times):
        watched.feed(delta(10, asks=[(20, 1 + number)]))


async def test_board_that_lost_a_message() -> None:
    """Once the mid price has been the middle of the book for a while, a middle elsewhere means a lost message."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]))
    keeps_the_rule(watched, 100)
    for number in range(10):  # the message that moved the bid from 9 to 8 was lost
        assert watched.store.board.state(BTC) == "live"
        watched.feed(delta(9.5, asks=[(20, 1 + number)]))
    assert watched.store.board.state(BTC) == "syncing"
    assert "lost" in watched.store.board.status.get(BTC)["reason"]
    assert len(watched.ws.snapshot_requests) == 1
    watched.feed(snapshot(9.5, asks=[(11, 1)], bids=[(8, 2)]))
    assert book(watched.store) == ([(11, 1)], [(8, 2)])
    assert watched.store.board.state(BTC) == "live"
    await watched.check()


@pytest.mark.parametrize(
    ("before", "off", "after"), [(99, 200, 0), (100, 9, 1), (140, 0, 0)], ids=["never kept", "a moment", "always kept"]
)
async def test_board_that_lost_nothing(before: int, off: int, after: int) -> None:
    """A feed that does not keep the rule is not held to it, and a moment's difference is none."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(snapshot(10, asks=[(11, 1)], bids=[(9, 2)]))
    keeps_the_rule(watched, before)
    for number in range(off):
        watched.feed(delta(9.5, asks=[(20, 1 + number)]))
    keeps_the_rule(watched, after)
    for number in range(9):
        watched.feed(delta(9.5, asks=[(20, 1 + number)]))
    assert watched.store.board.state(BTC) == "live"
    assert watched.ws.snapshot_requests == []


@pytest.mark.parametrize(
    ("mid", "ask", "bid", "fits"),
    [
        (33320, 36640, 30000, True),  # the documented sample
        (10_000_000, 10_000_100, 9_999_901, True),  # 0.5 yen, rounded
        (10_000_000, 10_000_100, 9_999_903, False),
        (0.0332, 0.0333, 0.0331, True),
        (0.0332, 0.0334, 0.0331, False),
    ],
)
def test_middle(mid: float, ask: float, bid: float, fits: bool) -> None:
    """The mid price is the middle of the best prices, rounding aside."""
    assert _is_middle(mid, ask, bid) is fits


PRICES = st.integers(0, 8)
LEVELS = st.lists(st.tuples(PRICES, st.sampled_from([0, 0.0, 1, 2.5])), max_size=6)
MESSAGES = st.tuples(
    st.sampled_from(["snapshot", "delta", "delta", "delta", "lost"]), st.sampled_from("AB"), PRICES, LEVELS, LEVELS
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(MESSAGES, max_size=25))
def test_board_equals_a_model(messages: list[Any]) -> None:
    """Whatever is sent, the book is what the rule makes of it when written down with plain dicts."""
    store, ws = bitFlyerDataStore(), FakeSocket()
    model: dict[str, dict[str, dict[float, float]]] = {}
    ready: set[str] = set()
    for kind, product, mid, asks, bids in messages:
        if kind == "lost":
            ws.lose()
            ws = FakeSocket()
            ready.clear()
            continue
        make = snapshot if kind == "snapshot" else delta
        store.onmessage(make(mid, asks, bids, product), ws)  # type: ignore[arg-type]  # a stand-in
        if kind == "snapshot":
            model[product] = {"asks": {}, "bids": {}}
            ready.add(product)
        if product in ready:
            for side, rows in (("asks", asks), ("bids", bids)):
                for price, size in rows:
                    if price and size:
                        model[product][side][price] = size
                    elif price:
                        model[product][side].pop(price, None)
            model[product]["asks"] = {p: s for p, s in model[product]["asks"].items() if p > mid}
            model[product]["bids"] = {p: s for p, s in model[product]["bids"].items() if p <= mid}
        store.board._check()
    for product, sides in model.items():
        assert book(store, product) == (sorted(sides["asks"].items()), sorted(sides["bids"].items(), reverse=True))
    assert len(store.board) == sum(len(side) for sides in model.values() for side in sides.values())


# -- orders --------------------------------------------------------------------------------------------------------


async def test_child_order_known_from_rest_takes_the_outstanding_size() -> None:
    """A half-filled order known from REST (``size`` is its original size) gets the size left of the next fill."""
    watched = Watched(bitFlyerDataStore)
    row = {"product_code": "FX_BTC_JPY", "child_order_acceptance_id": "JRF1", "child_order_state": "ACTIVE", "size": 1}
    await answer(watched.store, "getchildorders?product_code=FX_BTC_JPY", [{**row, "outstanding_size": 0.5}])
    watched.feed(fill("BUY", 100, 0.2, outstanding_size=0.3))
    assert list(watched.store.childorders) == [{**row, "outstanding_size": 0.5, "size": 0.3}]
    watched.feed(fill("BUY", 100, 0.3, outstanding_size=0))
    assert list(watched.store.childorders) == []
    await watched.check()


def test_child_order_size_stays_an_int() -> None:
    """The size left of an order in whole units stays a whole number."""
    store = bitFlyerDataStore()
    store.onmessage(channel("child_order_events", [child("ORDER", side="BUY", price=1, size=5)]), None)
    store.onmessage(fill("BUY", 1, 2, outstanding_size=3), None)
    assert json.dumps(store.childorders.find()[0]["size"]) == "3"


@pytest.mark.parametrize("event_type", ["EXECUTION", "CANCEL", "EXPIRE", "CANCEL_FAILED", "ORDER_FAILED", "NEW_KIND"])
def test_child_order_events_of_unknown_orders(event_type: str) -> None:
    """An event of an order that the table does not know creates nothing; it is kept as an event."""
    store = bitFlyerDataStore()
    fields = {"side": "BUY", "price": 1, "size": 1, "commission": 0, "outstanding_size": 1}
    store.onmessage(channel("child_order_events", [child(event_type, product_code="ETH_JPY", **fields)]), None)
    assert len(store.childorders) == 0
    assert len(store.childorderevents) == 1


def parent(event_type: str, **fields: Any) -> dict[str, Any]:
    event = {"product_code": "BTC_JPY", "parent_order_id": "JCP1", "parent_order_acceptance_id": "JRF1"}
    return channel("parent_order_events", [{**event, "event_type": event_type, **fields}])


@pytest.mark.parametrize(
    ("kind", "index", "left"),
    [("IFD", 1, 1), ("IFD", 2, 0), ("IFDOCO", 1, 1), ("IFDOCO", 2, 0), ("IFDOCO", 3, 0), ("OCO", 1, 0), ("STOP", 1, 0)],
)
def test_parent_order_completes(kind: str, index: int, left: int) -> None:
    """IFD and IFDOCO are over when a later order than the first one is complete, others with the first."""
    store = bitFlyerDataStore()
    store.onmessage(parent("COMPLETE", parameter_index=index), None)
    store.onmessage(parent("ORDER", parent_order_type=kind), None)
    store.onmessage(parent("TRIGGER", parameter_index=index), None)
    assert len(store.parentorders) == 1
    store.onmessage(parent("COMPLETE", parameter_index=index), None)
    assert len(store.parentorders) == left
    assert len(store.parentorderevents) == 4


def test_parent_order_of_unknown_kind_completes() -> None:
    """An order whose kind is not known goes with its first COMPLETE."""
    store = bitFlyerDataStore()
    store.onmessage(parent("ORDER"), None)
    store.onmessage(parent("COMPLETE", parameter_index=1), None)
    assert len(store.parentorders) == 0


# -- positions and collateral --------------------------------------------------------------------------------------


async def test_position_closed_exactly() -> None:
    """A fill as large as the oldest position ends there: the next row is untouched, collateral is rounded once."""
    watched = Watched(bitFlyerDataStore)
    await answer(watched.store, "getpositions", [position("BUY", 100, 1), position("BUY", 200, 2)])
    await answer(watched.store, "getcollateral", {"collateral": 1000.7})
    await watched.check()
    watched.feed(fill("SELL", 110.6, 1))
    changes = await watched.check()
    assert list(watched.store.positions) == [position("BUY", 200, 2)]
    assert [(change.operation, change.data) for change in changes["positions"]] == [("delete", position("BUY", 100, 1))]
    assert [(change.operation, change.data) for change in changes["collateral"]] == [("update", {"collateral": 1011.0})]


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [("BUY", 90.5, 1009.0), ("BUY", 90.9, 1009.0), ("SELL", 100.5, 1000.0), ("SELL", 99.5, 999.0)],
)
async def test_collateral_rounding(side: str, price: float, expected: float) -> None:
    """Collateral falls to whole yen when a SELL closes and rises to whole yen when a BUY closes."""
    store = bitFlyerDataStore()
    opened = position("SELL" if side == "BUY" else "BUY", 100, 1)
    await answer(store, "getpositions", [opened])
    await answer(store, "getcollateral", {"collateral": 999 if side == "BUY" else 1000, "keep_rate": 5})
    store.onmessage(fill(side, price, 1), None)
    assert list(store.collateral) == [{"collateral": expected, "keep_rate": 5}]
    assert isinstance(store.collateral.find()[0]["collateral"], float)
    assert list(store.positions) == []


async def test_collateral_unknown_stays_unknown() -> None:
    """Without a REST answer there is no collateral to carry on."""
    store = bitFlyerDataStore()
    store.onmessage(fill("BUY", 100, 2), None)
    store.onmessage(fill("SELL", 110, 1), None)
    assert len(store.collateral) == 0


async def test_collateral_answer_is_merged() -> None:
    """A later REST answer is merged into the one row and announced as an update."""
    watched = Watched(bitFlyerDataStore)
    await answer(watched.store, "getcollateral", {"collateral": 1, "keep_rate": 5})
    await answer(watched.store, "getcollateral", {"collateral": 2})
    assert list(watched.store.collateral) == [{"collateral": 2, "keep_rate": 5}]
    assert [change.operation for change in (await watched.check())["collateral"]] == ["insert", "update"]


async def test_partial_close_wakes_waiters() -> None:
    """Who waits for positions or collateral wakes on a partial close, and a watcher sees it once."""
    watched = Watched(bitFlyerDataStore)
    store = watched.store
    await answer(store, "getpositions", [position("BUY", 100, 1)])
    await answer(store, "getcollateral", {"collateral": 1000})
    await watched.check()
    waiting = [asyncio.create_task(table.wait()) for table in (store.positions, store.collateral)]
    await asyncio.sleep(0)
    watched.feed(fill("SELL", 110, 0.4))
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)
    changes = await watched.check()
    assert [(change.operation, change.data["size"]) for change in changes["positions"]] == [("update", 0.6)]
    assert [change.data for change in changes["collateral"]] == [{"collateral": 1004.0}]


@pytest.mark.parametrize(
    ("sizes", "closing", "expected"),
    [
        ([3], 1, "[2]"),
        ([3], 1.0, "[2.0]"),
        ([0.3], 0.1, "[0.2]"),
        ([1, 1, 1], 2, "[1]"),
        ([1, 2], 2, "[1]"),
        ([1], 3, "[2]"),
        ([0.1, 0.2], 0.3, "[]"),
        ([0.1], 0.30000000000000004, "[0.20000000000000004]"),
    ],
)
async def test_closing_arithmetic(sizes: list[float], closing: float, expected: str) -> None:
    """Whole numbers stay whole, fractions are subtracted as they are written, a rest turns the position round."""
    store = bitFlyerDataStore()
    await answer(store, "getpositions", [position("BUY", 100, size) for size in sizes])
    store.onmessage(fill("SELL", 100, closing), None)
    assert json.dumps([row["size"] for row in store.positions]) == expected
    if closing > sum(sizes) and expected != "[]":
        assert list(store.positions) == [position("SELL", 100, json.loads(expected)[0])]


def test_positions_of_products_are_separate() -> None:
    """A fill closes positions of its own product only; the old futures codes count as margin products."""
    store = bitFlyerDataStore()
    store.onmessage(fill("BUY", 100, 1), None)
    store.onmessage(fill("SELL", 100, 1, product="BTCJPY27SEP2024"), None)
    assert [(row["product_code"], row["side"]) for row in store.positions] == [
        ("FX_BTC_JPY", "BUY"),
        ("BTCJPY27SEP2024", "SELL"),
    ]


# -- balance -------------------------------------------------------------------------------------------------------


async def test_balance_between_coins_is_not_rounded() -> None:
    """Only yen are rounded: a market quoted in another currency moves it by the exact value."""
    watched = Watched(bitFlyerDataStore)
    rows = [{"currency_code": code, "amount": 10, "available": 1} for code in ("ETH", "BTC")]
    await answer(watched.store, "getbalance", rows)
    watched.feed(fill("BUY", 0.0333, 0.7, product="ETH_BTC", commission=0.001))
    assert list(watched.store.balance) == [
        {"currency_code": "ETH", "amount": 10.699, "available": None},
        {"currency_code": "BTC", "amount": 9.97669, "available": None},
    ]
    await watched.check()


async def test_balance_creates_no_rows() -> None:
    """A currency that no REST answer named stays unknown, the other side of the fill is carried on."""
    store = bitFlyerDataStore()
    await answer(store, "getbalance", [{"currency_code": "JPY", "amount": 100, "available": 100}])
    store.onmessage(fill("SELL", 10.5, 1, product="XRP_JPY"), None)
    assert list(store.balance) == [{"currency_code": "JPY", "amount": 110.0, "available": None}]


# -- REST ----------------------------------------------------------------------------------------------------------

ROWS: dict[str, Any] = {
    "childorders": {"child_order_acceptance_id": "JRF{}", "child_order_state": "ACTIVE"},
    "parentorders": {"parent_order_acceptance_id": "JRF{}", "parent_order_state": "ACTIVE"},
    "positions": {"side": "BUY", "price": 1, "size": 1},
}


def open_rows(table: str, *products: str) -> list[dict[str, Any]]:
    """Return one REST row of each product."""
    rows = ({**ROWS[table], "product_code": product} for product in products)
    return [json.loads(json.dumps(row).replace("{}", product)) for row, product in zip(rows, products, strict=True)]


@pytest.mark.parametrize("table", ROWS)
async def test_empty_list_clears_its_product(table: str) -> None:
    """An empty answer clears the product that the request named; all of them when it named none."""
    watched = Watched(bitFlyerDataStore)
    store = watched.store
    for product in ("BTC_JPY", "ETH_JPY", "XRP_JPY"):
        await answer(store, f"get{table}?product_code={product}", open_rows(table, product))
    await answer(store, f"get{table}?product_code=ETH_JPY", [])
    assert [row["product_code"] for row in store[table]] == ["BTC_JPY", "XRP_JPY"]
    await watched.check()
    await answer(store, f"get{table}", [])
    assert list(store[table]) == []
    await watched.check()


@pytest.mark.parametrize("table", ROWS)
async def test_list_replaces_the_product_of_its_first_row(table: str) -> None:
    """An answer with rows replaces those of its own product, whatever the request named."""
    store = bitFlyerDataStore()
    for product in ("BTC_JPY", "ETH_JPY", "BTC_JPY"):
        await answer(store, f"get{table}", open_rows(table, product))
    assert [row["product_code"] for row in store[table]] == ["ETH_JPY", "BTC_JPY"]


@pytest.mark.parametrize("table", [*ROWS, "collateral", "balance"])
async def test_refused_answer_raises(table: str) -> None:
    """An error object of bitFlyer raises InitializeError with what it said; good answers beside it are applied."""
    store = bitFlyerDataStore()
    refusal = {"status": -500, "error_message": "Key not found", "data": None}
    good = respond("GET", f"{API}/getbalance", [{"currency_code": "JPY", "amount": 1}])
    with pytest.raises(InitializeError, match="Key not found") as caught:
        await store.initialize(respond("GET", f"{API}/get{table}?product_code=BTC_JPY", refusal, 401), good)
    assert caught.value.data == refusal
    assert caught.value.url == f"{API}/get{table}"
    assert [row["currency_code"] for row in store.balance] == ["JPY"]
    assert sum(len(each) for each in tables(store).values()) == 1


@pytest.mark.parametrize("data", [None, "maintenance", 1, {"Message": "An error has occurred."}, [None], [[]], [{}]])
@pytest.mark.parametrize("table", [*ROWS, "collateral", "balance"])
async def test_unexpected_answer_is_skipped(table: str, data: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An answer of another form than documented is one warning, and leaves the rows and what is known of them."""
    fresh = bitFlyerDataStore()
    await answer(fresh, f"get{table}", data)
    assert fresh[table].state() == "stale"
    caplog.clear()
    watched = Watched(bitFlyerDataStore)
    before = {
        "collateral": {"collateral": 1},
        "balance": [{"currency_code": "JPY", "amount": 1}],
    }.get(table) or open_rows(table, "BTC_JPY")
    await answer(watched.store, f"get{table}", before)
    rows = copy.deepcopy(list(watched.store[table]))
    await answer(watched.store, f"get{table}", data)
    assert [record.name for record in caplog.records] == [LOGGER]
    assert f"/v1/me/get{table}" in caplog.text
    assert list(watched.store[table]) == rows != []
    await watched.check()


async def test_unknown_path_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """A response that fills no table changes nothing, whatever it holds."""
    store = bitFlyerDataStore()
    await answer(store, "getexecutions", [{"id": 1}])
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


async def test_private_tables_after_a_lost_connection() -> None:
    """Orders and positions keep their rows when the connection is lost, and say that they are stale."""
    watched = Watched(bitFlyerDataStore)
    watched.feed(channel("child_order_events", [child("ORDER", side="BUY", price=1, size=2)]), fill("BUY", 1, 1))
    watched.ws.lose()
    assert len(watched.store.positions) == 1
    assert watched.store.childorders.state() == "stale"
    assert watched.store.positions.state() == "stale"


# -- damaged messages ----------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, -1, 1e400, float("nan"), 10**400, "", "x", [], {}, [None], [[1]], {"x": 1}]


@pytest.mark.parametrize(
    "fields",
    [{"size": -1}, {"price": -1}, {"outstanding_size": -1}, {"size": "1"}, {"side": ""}, {"commission": None}],
    ids=repr,
)
def test_unsound_fill(fields: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A fill that cannot be true is logged with the field in question and changes no table; others still count."""
    store = bitFlyerDataStore()
    sound = fill("BUY", 100, 2)["params"]["message"][0]
    store.onmessage(channel("child_order_events", [{**sound, **fields}]), None)
    assert not any(len(table) for table in tables(store).values())
    assert [record.name for record in caplog.records] == [LOGGER]
    assert next(iter(fields)) in caplog.text
    store.onmessage(channel("child_order_events", [{**sound, **fields}, sound]), None)
    assert list(store.positions) == [sound]


ACCOUNT = [
    channel("child_order_events", [child("ORDER", side="BUY", price=100, size=2)]),
    fill("SELL", 110, 0.4, outstanding_size=1.6),
    fill("SELL", 110, 0.4, product="BTC_JPY"),
    channel("child_order_events", [child("CANCEL", number=2)]),
    parent("ORDER", parent_order_type="IFD"),
    parent("COMPLETE", parameter_index=1),
    channel("lightning_ticker_BTC_JPY", {"product_code": "BTC_JPY", "ltp": 1}),
    channel("lightning_executions_BTC_JPY", [{"id": 1, "side": "BUY", "price": 1, "size": 1}]),
    snapshot(10, asks=[(11, 1)], bids=[(9, 1)]),
    delta(10, asks=[(12, 1)], bids=[(9, 0)]),
]


@pytest.mark.parametrize("message", ACCOUNT, ids=lambda message: json.dumps(message)[:90])
async def test_damaged_messages(message: dict[str, Any]) -> None:
    """With any value missing or replaced by junk, nothing raises and every table stays whole and can be calculated."""
    for place in places(message):
        for junk in (*JUNK, ...):
            watched = Watched(bitFlyerDataStore)
            store = watched.store
            await answer(store, "getpositions", [position("BUY", 100, 1)])
            await answer(store, "getcollateral", {"collateral": 1000})
            await answer(store, "getbalance", [{"currency_code": code, "amount": 9} for code in ("JPY", "BTC")])
            watched.feed(ACCOUNT[0], ACCOUNT[4], ACCOUNT[8], damaged(message, place, junk), fill("SELL", 100, 0.1))
            await watched.check()
            assert all(row["size"] >= 0 and row["side"] in ("BUY", "SELL") for row in store.positions)
            assert all(abs(row["collateral"] - 1000) < 10**6 for row in store.collateral)
            assert {row["currency_code"] for row in store.balance} == {"JPY", "BTC"}
            assert all(abs(row["amount"]) < 10**6 for row in store.balance)


def test_sample_set_is_complete() -> None:
    """Every file of the sample set is played: none is left out by its shape."""
    names = {
        case["name"] for path in (*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")) for case in load(path)
    }
    assert names - {case["name"] for case in CASES} == {
        "login ok",
        "login refused",
        "other traffic before the ack is skipped",
    }
