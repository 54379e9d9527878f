"""The tables of bitbank but for the book: the protocol sample set, late messages, answers, damaged messages."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.bitbank import EXCHANGE, bitbankDataStore, bitbankPrivateDataStore
from topgun.exchanges.bitbank.stream import decode

HERE = Path(__file__).parent
CASES = [
    case
    for path in [*sorted(HERE.glob("frames/*.json")), HERE / "responses" / "rest.json"]
    for case in load(path)
    if "expect" in case
]
API = "https://api.bitbank.cc/v1/user"
LOGGER = "topgun.exchanges.bitbank"
STORES: dict[str, Any] = {each.__name__: each for each in EXCHANGE.stores}

# -- the sample set ------------------------------------------------------------------------------------------------


def by_side(rows: list[Any]) -> list[Any]:
    """Return the rows of a book side by side: topgun takes the asks of a message before its bids."""
    return sorted(rows, key=lambda row: str(row["side"]))


@pytest.mark.parametrize("form", ["text", "decoded"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_samples(case: dict[str, Any], form: str, caplog: pytest.LogCaptureFixture) -> None:
    """A case ends in exactly its rows, views, attributes and warnings, whether the store gets texts or events."""
    watched = Watched(STORES[case["store"]])
    store = watched.store
    for pair in [case] if "request" in case else case.get("initialize", []):
        await store.initialize(respond(pair["request"]["method"], pair["request"]["url"], pair["response"]))
    messages = case.get("messages", [])
    watched.feed(*[decode(each) for each in messages if isinstance(each, str)] if form == "decoded" else messages)
    if form == "decoded":
        watched.feed(*[each for each in messages if not isinstance(each, str)])
    await watched.check()

    rows = {name: list(table) for name, table in tables(store).items()}
    expected = {name: case["expect"].get(name, []) for name in rows}
    for each in (rows, expected):
        if "depth" in each:
            each["depth"] = by_side(each["depth"])
    if "circuit" in case["name"]:  # which has a table of its own here
        data = decode(case["messages"][0])[1]["message"]["data"]
        expected["circuit_break_info"] = [{"pair": "xrp_jpy", **data}]
    assert rows == expected
    for view in case.get("expect_sorted", []):
        table: Any = tables(store)[view["store_attribute"]]
        assert table.sorted(view["query"], view["limit"]) == view["result"]
    for path, value in case.get("expect_attrs", {}).items():
        name, attribute = path.split(".")
        assert getattr(tables(store)[name], attribute) == value
    warnings = [{"logger": record.name, "level": record.levelname} for record in caplog.records]
    assert warnings == [{"logger": LOGGER, "level": "WARNING"} for _ in case.get("expect_warnings", [])]
    assert watched.ws.sent == []


def test_tables() -> None:
    """The collections have the tables, keys and limits that users know; books, orders and positions have no limit."""
    assert EXCHANGE.stores == (bitbankDataStore, bitbankPrivateDataStore)
    described = [
        {name: (list(table._KEYS), table._MAXLEN) for name, table in tables(each()).items()} for each in STORES.values()
    ]
    assert described == [
        {
            "transactions": ([], 99999),
            "depth": (["pair", "side", "price"], None),
            "ticker": (["pair"], 9999),
            "circuit_break_info": (["pair"], 9999),
        },
        {
            "asset": (["asset"], 9999),
            "spot_order": (["order_id"], None),
            "spot_trade": (["trade_id"], 9999),
            "dealer_order": (["order_id"], 9999),
            "withdrawal": (["uuid"], 9999),
            "deposit": (["uuid"], 9999),
            "margin_position": (["pair", "position_side"], None),
            "margin_payable": ([], 9999),
            "margin_notice": ([], 9999),
        },
    ]


# -- public --------------------------------------------------------------------------------------------------------


def told(room: str, data: Any) -> str:
    return "42" + json.dumps(["message", {"room_name": room, "message": {"data": data}}], separators=(",", ":"))


async def test_a_ticker_is_replaced() -> None:
    """A field that the next message does not have is gone."""
    watched = Watched(bitbankDataStore)
    watched.feed(told("ticker_btc_jpy", {"sell": "2", "buy": "1"}), told("ticker_btc_jpy", {"sell": "3"}))
    assert watched.store["ticker"].find() == [{"pair": "btc_jpy", "sell": "3"}]
    await watched.check()


@pytest.mark.parametrize(
    "message",
    [
        "",
        "2",
        "3",
        "40",
        "6",
        "x",
        '0{"sid"',
        "42[]",
        '42["message"]',
        '42["message",{}]',
        '42["message",{"room_name":"ticker_btc_jpy"}]',
        '42["message",{"room_name":1,"message":{"data":{}}}]',
        '42["join-room","ticker_btc_jpy"]',
        told("orders_btc_jpy", {}),
        told("ticker", {}),
        ["message"],
        {"room_name": "ticker_btc_jpy"},
        None,
        b"42[]",
    ],
    ids=repr,
)
def test_what_is_no_message_of_a_room(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Control frames, and frames of another shape, change nothing, without a word."""
    store = bitbankDataStore()
    store.onmessage(message)
    assert not any(len(table) for table in tables(store).values())
    assert caplog.records == []


@pytest.mark.parametrize("frame", ["42", '42["message",{"room_name":"ticker_btc_jpy","mess', "42{}", "42/a,[]"])
def test_a_broken_event(frame: str, caplog: pytest.LogCaptureFixture) -> None:
    """An event that is not JSON is logged; where it can still be read which room it was of, with that."""
    store = bitbankDataStore()
    store.onmessage(frame)
    assert not any(len(table) for table in tables(store).values())
    assert all(record.name == LOGGER or "ticker: a message is ignored" in record.message for record in caplog.records)
    assert len(caplog.records) == (2 if "ticker" in frame else 1)


PUBLIC = [
    told("transactions_btc_jpy", {"transactions": [{"transaction_id": 1, "side": "sell", "price": "1"}]}),
    told("ticker_btc_jpy", {"sell": "2", "buy": "1"}),
    told("circuit_break_info_btc_jpy", {"mode": "NONE"}),
]


@pytest.mark.parametrize("frame", PUBLIC)
async def test_damaged_public_messages(frame: str) -> None:
    """Whatever is missing or wrong in a message: nothing is raised, the tables stay whole."""
    event = decode(frame)
    for place, junk in itertools.product(places(event), [None, ..., "x", 1, [], {}, [None], [[]]]):
        watched = Watched(bitbankDataStore)
        watched.feed(damaged(event, place, junk), copy.deepcopy(event))
        await watched.check()


# -- orders --------------------------------------------------------------------------------------------------------


def order(number: int, status: str = "UNFILLED", left: Any = "3", pair: str = "btc_jpy", **more: Any) -> dict[str, Any]:
    return {"order_id": number, "pair": pair, "side": "buy", "status": status, "remaining_amount": left, **more}


def orders(*rows: Any, method: str = "spot_order") -> dict[str, Any]:
    return {"method": method, "params": list(rows)}


def gone(*numbers: Any) -> dict[str, Any]:
    return {"method": "spot_order_invalidation", "params": {"order_id": list(numbers)}}


def listed(*rows: Any) -> dict[str, Any]:
    return {"success": 1, "data": {"orders": list(rows)}}


async def ask(store: Any, *rows: Any, query: str = "") -> None:
    await store.initialize(respond("GET", f"{API}/spot/active_orders{query}", listed(*rows)))


def seen(store: Any) -> dict[int, tuple[str, Any]]:
    return {row["order_id"]: (row["status"], row["remaining_amount"]) for row in store.spot_order}


FINAL = ["FULLY_FILLED", "CANCELED_UNFILLED", "CANCELED_PARTIALLY_FILLED", "REJECTED"]


@pytest.mark.parametrize("final", [*FINAL, "invalidation"])
@pytest.mark.parametrize("late", ["INACTIVE", "UNFILLED", "PARTIALLY_FILLED"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_a_finished_order_stays_finished(final: str, late: str, known: bool) -> None:
    """No late message, and no late answer, brings an order back, known before or not; other orders are not touched."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed(orders(*([order(1)] if known else []), order(2), method="spot_order_new"))
    watched.feed(gone(1) if final == "invalidation" else orders(order(1, final, "0")))
    watched.feed(orders(order(1, late), method="spot_order_new"), orders(order(1, late, "1")))
    await ask(watched.store, order(1, late), order(2))
    assert seen(watched.store) == {2: ("UNFILLED", "3")}
    await watched.check()


def test_the_end_and_the_beginning_in_one_message() -> None:
    """In whatever order one message tells of an order: it is over."""
    for rows in itertools.permutations([order(1), order(1, "FULLY_FILLED", "0"), order(1, "PARTIALLY_FILLED", "1")]):
        store = bitbankPrivateDataStore()
        store.onmessage(orders(*rows))
        assert seen(store) == {}


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        (("INACTIVE", "3"), ("UNFILLED", "3"), True),
        (("UNFILLED", "3"), ("INACTIVE", "3"), False),
        (("PARTIALLY_FILLED", "2"), ("UNFILLED", "3"), False),
        (("UNFILLED", "3"), ("PARTIALLY_FILLED", "2"), True),
        (("PARTIALLY_FILLED", "2"), ("PARTIALLY_FILLED", "10"), False),
        (("PARTIALLY_FILLED", "10"), ("PARTIALLY_FILLED", "9"), True),
        (("PARTIALLY_FILLED", "2.0"), ("PARTIALLY_FILLED", "2.0000"), True),
        (("INACTIVE", None), ("UNFILLED", None), True),
        (("PARTIALLY_FILLED", None), ("PARTIALLY_FILLED", "2"), True),
        (("PARTIALLY_FILLED", "2"), ("PARTIALLY_FILLED", None), True),
        (("UNFILLED", "3"), ("PARTIALLY_FILLED", None), True),
        (("PARTIALLY_FILLED", None), ("UNFILLED", "3"), False),
    ],
    ids=repr,
)
@pytest.mark.parametrize("way", ["message", "answer"])
async def test_an_order_does_not_go_back(before: Any, after: Any, taken: bool, way: str) -> None:
    """Of two states of an order the later one stays, whichever comes last; amounts are compared as numbers."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed(orders(order(1, *before)))
    if way == "message":
        watched.feed(orders(order(1, *after)))
    else:
        await ask(watched.store, order(1, *after))
    assert seen(watched.store) == {1: after if taken else before}
    await watched.check()


async def test_a_status_that_nobody_knows() -> None:
    """It is stored as it comes, beside the other orders; what is over stays so."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed(orders(order(1, "HALTED"), order(2), order(3, "FULLY_FILLED", "0")), orders(order(3, "HALTED")))
    assert seen(watched.store) == {1: ("HALTED", "3"), 2: ("UNFILLED", "3")}
    await ask(watched.store, order(1), order(2, "HALTED"), order(3, "HALTED"))
    assert seen(watched.store) == {1: ("UNFILLED", "3"), 2: ("HALTED", "3")}
    watched.feed(orders(order(1, "FULLY_FILLED", "0"), order(2, "CANCELED_UNFILLED")))
    assert seen(watched.store) == {}
    await watched.check()


def test_messages_are_merged() -> None:
    """A field that a message does not have stays."""
    store = bitbankPrivateDataStore()
    store.onmessage(orders(order(1, trigger_price="7")))
    store.onmessage(orders(order(1, "PARTIALLY_FILLED", "1")))
    assert store.spot_order.find() == [order(1, "PARTIALLY_FILLED", "1", trigger_price="7")]


async def test_deletions_say_why() -> None:
    """The change has the message as its source."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed(orders(order(1)), orders(order(1, "CANCELED_UNFILLED", "3", canceled_at=7)))
    changes = (await watched.check())["spot_order"]
    assert [(change.operation, (change.source or {}).get("status")) for change in changes] == [
        ("update", None),
        ("delete", "CANCELED_UNFILLED"),
    ]


def test_finished_orders_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many finished orders the oldest are forgotten."""
    monkeypatch.setattr(Recent, "LIMIT", 3)
    store = bitbankPrivateDataStore()
    store.onmessage(orders(*(order(number, "FULLY_FILLED") for number in range(5))))
    assert list(store.spot_order._finished) == [2, 3, 4]


STATES = [order(1), order(1, "PARTIALLY_FILLED", "2"), order(1, "PARTIALLY_FILLED", "1"), order(1, "FULLY_FILLED", "0")]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.permutations(STATES), st.integers(0, 4), st.booleans())
def test_messages_in_any_order(messages: list[Any], cut: int, asked: bool) -> None:
    """Whatever comes late, with an answer in between or not: the furthest state told so far is the one that stays."""
    store = bitbankPrivateDataStore()
    heard = []
    for number, message in enumerate(messages):
        if asked and number == cut and heard:
            furthest = max(heard, key=STATES.index)
            asyncio.run(ask(store, *([] if furthest is STATES[3] else [furthest])))
        store.onmessage(orders(message))
        heard.append(message)
        furthest = max(heard, key=STATES.index)
        assert store.spot_order.find() == ([] if furthest is STATES[3] else [furthest])
        store.spot_order._check()


# -- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", {9}),
        ("?pair=btc_jpy", {3, 9}),
        ("?pair=eth_jpy", {1, 2, 3, 9}),
        ("?count=2", {9}),
        ("?count=1", {1, 2, 3, 9}),
        ("?pair=btc_jpy&count=100", {3, 9}),
        ("?from_id=5", {1, 2, 3, 9}),
        ("?pair=btc_jpy&end_id=5", {1, 2, 3, 9}),
        ("?since=1", {1, 2, 3, 9}),
        ("?end=1", {1, 2, 3, 9}),
    ],
)
async def test_what_an_answer_clears(query: str, left: set[int]) -> None:
    """An answer clears the orders that it would list: those of its pair; one that may be a part clears nothing."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed(orders(order(1), order(2), order(3, pair="xrp_jpy")))
    await ask(watched.store, order(9), query=query)
    assert set(seen(watched.store)) == left
    await watched.check()


async def test_an_answer_as_long_as_answers_get() -> None:
    """A thousand orders may be more, so what is not among them stays."""
    store = bitbankPrivateDataStore()
    store.onmessage(orders(order(5000)))
    await ask(store, *(order(number) for number in range(1000)))
    assert len(store.spot_order) == 1001
    await ask(store, *(order(number) for number in range(999)))
    assert len(store.spot_order) == 999


async def test_an_answer_that_lists_a_finished_order() -> None:
    """It is over, and stays so."""
    store = bitbankPrivateDataStore()
    await ask(store, order(1, "FULLY_FILLED", "0"), order(2))
    store.onmessage(orders(order(1)))
    assert set(seen(store)) == {2}


async def test_the_stream_while_an_answer_is_under_way() -> None:
    """What messages told since the request is newer: an order stays, or stays away; so do asset and position."""
    store = bitbankPrivateDataStore()
    store.onmessage(orders(order(1), order(2)))
    position = {"pair": "btc_jpy", "position_side": "long", "open": "2"}

    async def late(path: str, data: Any) -> Any:
        store.onmessage(orders(order(1, "FULLY_FILLED", "0"), order(3), order(2, "PARTIALLY_FILLED", "1")))
        store.onmessage({"method": "asset_update", "params": [{"asset": "jpy", "free_amount": "2"}]})
        store.onmessage({"method": "margin_position_update", "params": [position]})
        return await respond("GET", f"{API}/{path}", {"success": 1, "data": data})

    await store.initialize(
        late("spot/active_orders", {"orders": [order(1), order(2)]}),
        late("assets", {"assets": [{"asset": "jpy", "free_amount": "1"}, {"asset": "btc", "free_amount": "1"}]}),
        late("margin/positions", {"positions": []}),
    )
    assert seen(store) == {2: ("PARTIALLY_FILLED", "1"), 3: ("UNFILLED", "3")}
    assert {row["asset"]: row["free_amount"] for row in store.asset} == {"jpy": "2", "btc": "1"}
    assert store.margin_position.find() == [position]


async def test_assets_and_positions_are_replaced() -> None:
    """An answer is the whole truth: a row that it does not list goes, a field that it does not have too."""
    watched = Watched(bitbankPrivateDataStore)
    watched.feed({"method": "asset_update", "params": [{"asset": "a", "x": 1}, {"asset": "b"}]})
    rows = [{"pair": "p", "position_side": side, "open": "1"} for side in ("long", "short")]
    watched.feed({"method": "margin_position_update", "params": rows})
    await watched.store.initialize(
        respond("GET", f"{API}/assets", {"success": 1, "data": {"assets": [{"asset": "a", "y": 2}]}}),
        respond("GET", f"{API}/margin/positions", {"success": 1, "data": {"positions": rows[1:]}}),
    )
    assert watched.store["asset"].find() == [{"asset": "a", "y": 2}]
    assert watched.store["margin_position"].find() == rows[1:]
    assert watched.store["asset"].state() == watched.store["margin_position"].state() == "live"
    await watched.check()


@pytest.mark.parametrize("body", [{"success": 0, "data": {"code": 20001}}, {}, [], None, 1, {"success": "1"}], ids=repr)
async def test_a_refused_answer(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    """One warning; what it was to fill stays as it is, and is not called right until the next good answer."""
    store = bitbankPrivateDataStore()
    await ask(store, order(1))
    assert store.spot_order.state() == "live"
    await store.initialize(respond("GET", f"{API}/spot/active_orders?pair=btc_jpy", body))
    assert (store.spot_order.state(), set(seen(store))) == ("stale", {1})
    [record] = caplog.records
    assert (record.name, record.levelname) == (LOGGER, "WARNING")
    assert f"{API}/spot/active_orders: the answer is skipped" in record.getMessage()
    await ask(store, order(1))
    assert store.spot_order.state() == "live"


@pytest.mark.parametrize(
    "body",
    [{"success": 1}, {"success": 1, "data": {}}, listed(1), listed({"order_id": 1})],
    ids=repr,
)
async def test_an_answer_that_cannot_be_read(body: Any) -> None:
    """It is an error, as is one that is not JSON; the rows stay."""
    store = bitbankPrivateDataStore()
    await ask(store, order(1))
    with pytest.raises(InitializeError):
        await store.initialize(respond("GET", f"{API}/spot/active_orders", body))
    assert set(seen(store)) == {1}

    async def garbled() -> Any:
        response = await respond("GET", f"{API}/spot/active_orders", body)
        monkey: Any = response
        monkey.text = html
        return response

    async def html() -> str:
        return "<html>"

    with pytest.raises(InitializeError, match="<html>"):
        await store.initialize(garbled())


async def test_other_paths() -> None:
    """An answer without a table is let through."""
    await bitbankPrivateDataStore().initialize(respond("GET", f"{API}/spot/order", {"success": 1, "data": {}}))


# -- the other private tables --------------------------------------------------------------------------------------


async def test_margin_payable_has_one_row() -> None:
    """The first message makes it, each later one replaces it; an empty one changes nothing."""
    watched = Watched(bitbankPrivateDataStore)
    for rows in ([{"amount": "5", "x": 1}], [{"amount": "7"}], []):
        watched.feed({"method": "margin_payable_update", "params": rows})
        await watched.check()
    assert watched.store["margin_payable"].find() == [{"amount": "7"}]


UNREADABLE: list[tuple[Any, str]] = [
    ({"method": "spot_order"}, "spot_order"),
    (orders(1), "spot_order"),
    (orders({"order_id": 1, "pair": "x"}), "spot_order"),
    (orders({"order_id": [], "pair": "x", "status": "UNFILLED"}), "spot_order"),
    (orders(order(1, left="x"), order(1, left="x")), "spot_order"),
    ({"method": "spot_order_invalidation", "params": [1]}, "spot_order"),
    (gone([]), "spot_order"),
    ({"method": "asset_update", "params": [{"free_amount": "1"}]}, "asset"),
    ({"method": "margin_notice_update", "params": ["x"]}, "margin_notice"),
]


@pytest.mark.parametrize(("message", "table"), UNREADABLE, ids=repr)
def test_unreadable(message: Any, table: str, caplog: pytest.LogCaptureFixture) -> None:
    """One warning that names the table; no other order is touched."""
    store = bitbankPrivateDataStore()
    store.onmessage(orders(order(5)))
    store.onmessage(message)
    [record] = caplog.records
    assert record.getMessage().startswith(f"{table}: a message is ignored")
    assert set(seen(store)) - {1} == {5}


@pytest.mark.parametrize("message", [None, "x", [], {}, {"method": 1}, {"method": []}, {"params": []}], ids=repr)
def test_no_message(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What has no method is no message."""
    store = bitbankPrivateDataStore()
    store.onmessage(message)
    assert not any(len(table) for table in tables(store).values())
    assert caplog.records == []


PRIVATE = [message for case in load(HERE / "frames" / "private.json") for message in case["messages"]]


def test_damaged_private_messages() -> None:
    """Whatever is missing or wrong in a message: nothing is raised, the tables stay whole."""
    for message in {json.dumps(each["method"]): each for each in PRIVATE}.values():
        for place, junk in itertools.product(places(message), [None, ..., "x", 1, [], {}, [None], [[]]]):
            store = bitbankPrivateDataStore()
            store.onmessage(damaged(message, place, junk), FakeSocket())  # type: ignore[arg-type]  # a stand-in
            store.onmessage(copy.deepcopy(message))
            for table in tables(store).values():
                table._check()
