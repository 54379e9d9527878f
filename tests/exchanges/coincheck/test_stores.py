"""The tables of Coincheck: the protocol sample set, dispatch, orders whose events and answers cross, damage."""

from __future__ import annotations

import asyncio
import copy
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched, cases, play, tables
from tests.support import FakeSocket, damaged, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.coincheck import EXCHANGE, CoincheckDataStore, CoincheckPrivateDataStore

HERE = Path(__file__).parent
CASES = cases(HERE / "frames", HERE / "responses")
STORES: dict[str, Any] = {store.__name__: store for store in (CoincheckDataStore, CoincheckPrivateDataStore)}
LOGGER = "topgun.exchanges.coincheck"
OPENS = "https://coincheck.com/api/exchange/orders/opens"
BTC = "btc_jpy"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_samples(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A case of the sample set ends in exactly its rows, views, attributes and warnings."""
    await play(STORES[case["store"]], case, caplog)


@pytest.mark.parametrize("body", [{"success": False, "error": "x"}, [], None, 1], ids=repr)
async def test_refused_answers(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What is no success is one warning and clears nothing, but what it was to fill is not called right any more."""
    store = CoincheckPrivateDataStore()
    await opens(store, resting(1))
    assert store.order.state() == "live"
    await store.initialize(respond("GET", OPENS, body, 401))
    assert (list(pending(store)), store.order.state()) == ([1], "stale")
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]


@pytest.mark.parametrize("body", [{"success": False, "error": "x"}, [], None, 1], ids=repr)
async def test_refused_books(body: Any) -> None:
    """A book that is refused raises."""
    with pytest.raises(InitializeError):
        await CoincheckDataStore().initialize(respond("GET", "https://coincheck.com/api/order_books", body))


def test_tables() -> None:
    """The collections have the tables, keys and limits that users know; books and orders are not capped."""
    assert EXCHANGE.stores == (CoincheckDataStore, CoincheckPrivateDataStore)
    found = {
        name: (list(table._KEYS), table._MAXLEN) for store in EXCHANGE.stores for name, table in tables(store()).items()
    }
    assert found == {
        "trades": ([], 99999),
        "orderbook": (["pair", "side", "rate"], None),
        "order": (["id", "pair"], None),
        "execution": ([], 99999),
    }


def test_names_of_the_private_tables() -> None:
    """Each is there under the name of its channel and under that of its attribute."""
    store = CoincheckPrivateDataStore()
    assert store["order-events"] is store["order"] is store.order
    assert store["execution-events"] is store["execution"] is store.execution
    assert [name in store for name in ("order", "order-events", "execution", "execution-events")] == [True] * 4
    assert ("trades" in store, 1 in store) == (False, False)
    with pytest.raises(KeyError):
        store["trades"]


# -- dispatch ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "warnings"),
    [({"success": False, "error": "x"}, 1), ({"success": True}, 0), ({}, 0), ([], 0), ([None], 0), ("x", 0), (1, 0)],
    ids=repr,
)
def test_public_messages_without_data(message: Any, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one warning, everything else that is no data is passed over."""
    store = CoincheckDataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert [record.name for record in caplog.records] == [LOGGER] * warnings


@pytest.mark.parametrize(
    ("message", "warnings"),
    [
        ({"success": False, "error": "x"}, 1),
        ({"success": None}, 1),
        ([], 1),
        ("x", 1),
        (None, 1),
        ({"success": True, "available_channels": []}, 0),
        ({"channel": "balance-events", "id": 1}, 0),
        ({"channel": "order", "id": 1}, 0),
        ({"channel": ["order-events"]}, 0),
        ({}, 0),
    ],
    ids=repr,
)
def test_private_messages_without_data(message: Any, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal, and what is no object, is one warning; acks and other channels are passed over."""
    store = CoincheckPrivateDataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert [record.name for record in caplog.records] == [LOGGER] * warnings


TRADE = ["1663318663", "2357062", BTC, "2820896.0", "5.0", "sell", "1193401", "2078767", None]


@pytest.mark.parametrize("trade", [None, 1, "12345678", [], TRADE[:7], {}], ids=repr)
def test_damaged_trades(trade: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message with something that is no trade is logged, and brings none."""
    store = CoincheckDataStore()
    store.onmessage([copy.copy(TRADE), trade])
    assert (len(store.trades), len(caplog.records)) == (0, 1)
    store.onmessage([copy.copy(TRADE)[:8]])  # one without an id of an auction is fine
    assert len(store.trades) == 1


# -- orders --------------------------------------------------------------------------------------------------------


def sent(ident: int = 1, amount: str = "1.0", **fields: Any) -> dict[str, Any]:
    """Return the answer to a new order."""
    terms = {"amount": amount, "rate": "100.0", "order_type": "buy", "pair": BTC, "market_buy_amount": None}
    return {"success": True, "id": ident, **terms, **fields}


def event(kind: str, ident: int = 1, amount: Any = None, yen: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an event, with what was filled."""
    filled = {"latest_executed_amount": amount, "latest_executed_market_buy_amount": yen}
    return {"channel": "order-events", "id": ident, "pair": BTC, "order_event": kind, **filled, **fields}


def part(amount: Any, ident: int = 1, **fields: Any) -> dict[str, Any]:
    return event("PARTIALLY_FILL", ident, amount, **fields)


def resting(ident: int = 1, left: Any = "1.0") -> dict[str, Any]:
    """Return an order as REST lists it."""
    left = {"pending_amount": left, "pending_market_buy_amount": None}
    return {"id": ident, "order_type": "buy", "rate": "100.0", "pair": BTC, **left}


async def opens(store: CoincheckPrivateDataStore, *rows: Any) -> None:
    await store.initialize(respond("GET", OPENS, {"success": True, "orders": list(rows)}))


def pending(store: CoincheckPrivateDataStore) -> dict[Any, Any]:
    """Return what is left of each order."""
    return {row["id"]: row["pending_amount"] for row in store.order}


def test_feed_response() -> None:
    """What is pending is added to the answer itself, and the table has a copy of it."""
    store = CoincheckPrivateDataStore()
    answer = sent(time_in_force="post_only")
    before = dict(answer)
    store.order.feed_response(answer)
    assert answer == {**before, "pending_amount": "1.0", "pending_market_buy_amount": None}
    assert list(store.order) == [answer]
    answer["rate"] = "another"
    assert store.order.find({"rate": "100.0"})


def test_feed_response_without_market_buy_amount() -> None:
    """The sample of the official page has none; it counts as null."""
    store = CoincheckPrivateDataStore()
    answer = sent()
    del answer["market_buy_amount"]
    store.order.feed_response(answer)
    [row] = store.order
    assert (row["pending_amount"], row["pending_market_buy_amount"]) == ("1.0", None)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        {"success": False},
        {"success": True},
        {"success": True, "id": 1},
        sent(pair=None),
        sent(id=[]),
    ],
    ids=repr,
)
def test_feed_response_of_a_failure(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is one warning and no order."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(copy.copy(answer))
    assert len(store.order) == 0
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]


def test_fills_are_exact() -> None:
    """What is left is computed as decimals and written without exponent."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(sent(1, "0.30000001"))
    for amount in ("0.1", "0.1", 0.1):
        store.onmessage(part(amount))
    assert pending(store) == {1: "0.00000001"}
    store.onmessage(part("0.00000001"))
    assert pending(store) == {1: "0.00000000"}


@pytest.mark.parametrize("end", ["FILL", "CANCEL", "EXPIRY"])
def test_an_end_before_the_answer(end: str) -> None:
    """An order that ended before its answer was fed does not come to life; other orders of that id's pair do."""
    store = CoincheckPrivateDataStore()
    store.onmessage(part("0.4"))
    store.onmessage(event(end))
    answer = sent()
    store.order.feed_response(answer)
    assert answer["pending_amount"] == "1.0"
    assert len(store.order) == 0
    store.order.feed_response(sent(pair="eth_jpy"))
    assert pending(store) == {1: "1.0"}
    store.onmessage(part("0.4"))  # told again after its end
    store.order.feed_response(sent())
    assert len(store.order) == 1


def test_fills_before_the_answer() -> None:
    """They are taken off when the answer is fed, and the row looks as if they had come after it."""
    store, late = CoincheckPrivateDataStore(), CoincheckPrivateDataStore()
    events = [part("0.1", time="1"), part("0.25", time="2")]
    for each in events:
        store.onmessage(each)
    assert len(store.order) == 0
    for each in (store, late):
        each.order.feed_response(sent())
    for each in events:
        late.onmessage(each)
    assert list(store.order) == list(late.order)
    assert pending(store) == {1: "0.65"}
    store.onmessage(part("0.05"))
    store.order.feed_response(sent())  # by mistake once more: what is left never grows
    assert pending(store) == {1: "0.60"}


async def test_an_answer_after_a_list() -> None:
    """An order that a list brought first keeps the fills that came since, whatever of them the list knew."""
    for listed in ("1.0", "0.9"):
        store = CoincheckPrivateDataStore()
        store.onmessage(part("0.1"))
        await opens(store, resting(1, listed))
        store.onmessage(part("0.2"))
        store.order.feed_response(sent())
        assert pending(store) == {1: "0.7"}


async def test_a_list_that_knows_of_a_fill_before_its_event() -> None:
    """A fill of a fed order counts once, whoever tells it first, and a list that is behind takes none back."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(sent())
    await opens(store, resting(1, "0.6"))
    store.onmessage(part("0.3"))
    assert pending(store) == {1: "0.6"}
    store.onmessage(part("0.1"))
    store.onmessage(part("0.2"))
    await opens(store, resting(1, "0.6"))
    assert pending(store) == {1: "0.4"}
    await opens(store, resting(1, "0.4"))
    assert list(store.order) == [resting(1, "0.4")]


async def test_a_list_that_knows_of_a_fill_before_its_event_and_before_the_answer() -> None:
    """With the answer to the order it is known how much was ordered, and that makes good what was counted twice."""
    store = CoincheckPrivateDataStore()
    await opens(store, resting(1, "0.7"))
    store.onmessage(part("0.3"))
    assert pending(store) == {1: "0.4"}  # how much was ordered is not known
    store.order.feed_response(sent())
    assert pending(store) == {1: "0.7"}
    store.onmessage(part("0.2"))
    assert pending(store) == {1: "0.5"}


async def test_a_fill_that_would_leave_nothing() -> None:
    """An order that goes on has something left: the list has known of that fill."""
    store = CoincheckPrivateDataStore()
    await opens(store, resting(1, "0.3"), resting(2, "0.3"))
    store.onmessage(part("0.7"))
    store.onmessage(part("0.3", 2))
    assert pending(store) == {1: "0.3", 2: "0.3"}
    store.order.feed_response(sent())
    assert pending(store) == {1: "0.3", 2: "0.3"}


async def test_fills_that_nobody_was_told_of() -> None:
    """A new connection may have missed some: an event takes away what it tells from what a list has left."""
    watched = Watched(CoincheckPrivateDataStore)
    store = watched.store
    watched.feed({"success": True})
    store.order.feed_response(sent())
    watched.feed(part("0.1"))
    watched.ws.lose()
    watched.ws = FakeSocket()
    watched.feed({"success": True})
    await opens(store, resting(1, "0.5"))
    watched.feed(part("0.2"))
    assert pending(store) == {1: "0.3"}
    await watched.check()


async def test_market_buy_after_a_list() -> None:
    """The official sample of an answer does not tell the yen: those of the list stay."""
    store = CoincheckPrivateDataStore()
    await opens(store, {**resting(), "pending_amount": None, "pending_market_buy_amount": "10000.0"})
    store.order.feed_response({"success": True, "id": 1, "pair": BTC, "amount": None})
    [row] = store.order
    assert (row["pending_amount"], row["pending_market_buy_amount"]) == (None, "10000.0")


def test_coins_of_a_market_buy() -> None:
    """An event that tells coins for an order in yen leaves what is not pending as it is."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(sent(1, None, order_type="market_buy", market_buy_amount="1000.0"))  # type: ignore[arg-type]
    store.onmessage(part("0.1", latest_executed_market_buy_amount="400.0"))
    [row] = store.order
    assert (row["pending_amount"], row["pending_market_buy_amount"]) == (None, "600.0")


async def test_a_list_replaces_the_orders() -> None:
    """Those that it does not name are gone, the others are as it says; what has ended does not come again."""
    watched = Watched(CoincheckPrivateDataStore)
    store = watched.store
    for ident in (1, 2, 3):
        store.order.feed_response(sent(ident))
    watched.feed(event("FILL", 3))
    await watched.check()
    await opens(store, resting(2, "0.5"), resting(3), resting(4))
    assert list(store.order) == [resting(2, "0.5"), resting(4)]
    changes = (await watched.check())["order"]
    assert [(change.operation, change.data["id"]) for change in changes] == [
        ("delete", 1),
        ("insert", 2),
        ("insert", 4),
    ]
    await opens(store)
    assert len(store.order) == 0
    store.order.feed_response(sent(1))
    assert pending(store) == {1: "1.0"}


async def test_what_happens_while_a_list_is_on_its_way() -> None:
    """An order that is sent, filled or ended after the list was asked for is as it became."""
    store = CoincheckPrivateDataStore()
    for ident in (1, 2, 3):
        store.order.feed_response(sent(ident))
    asked, come = asyncio.Event(), asyncio.Event()

    async def answer() -> Any:
        asked.set()
        await come.wait()
        return await respond("GET", OPENS, {"success": True, "orders": [resting(1), resting(2)]})

    task = asyncio.create_task(store.initialize(answer()))
    await asked.wait()
    store.onmessage(event("CANCEL", 1))
    store.onmessage(part("0.3", 2))
    store.order.feed_response(sent(4))
    come.set()
    await task
    assert pending(store) == {2: "0.7", 4: "1.0"}


@pytest.mark.parametrize("orders", [..., None, 1, [1], [[]], [{}], [{"id": 1}], [{"id": None, "pair": BTC}]], ids=repr)
async def test_damaged_lists(orders: Any) -> None:
    """A list that cannot be read raises and clears nothing."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(sent())
    with pytest.raises(InitializeError):
        await store.initialize(
            respond("GET", OPENS, {"success": True} if orders is ... else {"success": True, "orders": orders})
        )
    assert pending(store) == {1: "1.0"}


DAMAGE = [
    *((field, junk) for field in ("id", "pair", "order_event") for junk in (..., [], {})),
    *(("latest_executed_amount", junk) for junk in ("x", "nan", "-1", "inf", [1], {"a": 1})),
    ("id", None),
    ("pair", 1),
]


@pytest.mark.parametrize(("field", "junk"), DAMAGE, ids=repr)
def test_damaged_events(field: str, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An event that cannot be read is logged and changes nothing, neither now nor when an answer is fed."""
    store = CoincheckPrivateDataStore()
    store.order.feed_response(sent())
    for ident in (1, 2):
        store.onmessage(damaged(part("0.1", ident), (field,), junk))
    assert pending(store) == {1: "1.0"}
    store.order.feed_response(sent(2))
    assert pending(store) == {1: "1.0", 2: "1.0"}
    assert all(record.name == "topgun.store" for record in caplog.records)
    assert len(caplog.records) == (0 if (field, junk) in (("order_event", []), ("order_event", {})) else 2)


def test_events_of_other_kinds() -> None:
    """An unknown kind, and a trigger of an unknown order, change nothing."""
    store = CoincheckPrivateDataStore()
    store.onmessage(event("TRIGGERED", 2))
    store.order.feed_response(sent())
    store.onmessage(event("NEW"))
    assert [row["id"] for row in store.order] == [1]
    assert "order_event" not in store.order.find()[0]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the orders that ended, and of the fills of unknown ones, the latest are remembered."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = CoincheckPrivateDataStore()
    for ident in (1, 2, 3):
        store.onmessage(event("FILL", ident))
        store.onmessage(part("0.1", 10 + ident))
    for ident in (1, 2, 3, 11, 12, 13):
        store.order.feed_response(sent(ident))
    assert pending(store) == {1: "1.0", 11: "1.0", 12: "0.9", 13: "0.9"}


ACTS = st.lists(
    st.tuples(st.sampled_from(["answer", "part", "FILL", "CANCEL", "list"]), st.integers(1, 3)), max_size=25
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ACTS)
def test_orders_equal_the_venue(acts: list[tuple[str, int]]) -> None:
    """In whatever order answers, events and lists come: who is told of an order has what is really left of it."""

    async def run() -> None:
        watched = Watched(CoincheckPrivateDataStore)
        store, left, known = watched.store, dict.fromkeys((1, 2, 3), 100), set[int]()
        for kind, ident in acts:
            if kind == "answer":
                known.add(ident)
                store.order.feed_response(sent(ident, "100"))
            elif kind == "list":
                known |= {each for each, rest in left.items() if rest}
                await opens(store, *(resting(each, str(rest)) for each, rest in left.items() if rest))
            elif kind == "part" and left[ident] > 1:
                left[ident] -= 1
                watched.feed(part("1", ident))
            elif kind in ("FILL", "CANCEL") and left[ident]:
                left[ident] = 0
                watched.feed(event(kind, ident))
            assert {key: int(rest) for key, rest in pending(store).items()} == {
                each: left[each] for each in known if left[each]
            }
            await watched.check()

    asyncio.run(run())


DELAYS = st.lists(
    st.tuples(st.sampled_from(["order", "part", "CANCEL", "tell", "answer", "list"]), st.integers(0, 3)), max_size=30
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(DELAYS)
def test_orders_equal_the_venue_in_the_end(acts: list[tuple[str, int]]) -> None:
    """Events and answers may be long on their way, and lists know more than they: each fill still counts once."""

    async def run() -> None:
        store = CoincheckPrivateDataStore()
        left, idents = dict[int, int](), count(1)
        events: list[Any] = []
        answers: list[Any] = []
        for kind, number in [*acts, *[("tell", 0), ("answer", 0)] * len(acts)]:
            ident = [*left, 0][min(number, len(left))]  # 0: none of them
            if kind == "order":
                left[ident := next(idents)] = 10
                answers.append(sent(ident, "10"))
            elif kind == "part" and left.get(ident, 0) > number + 1:
                left[ident] -= number + 1
                events.append(part(str(number + 1), ident))
            elif kind == "CANCEL" and ident in left:
                del left[ident]
                events.append(event(kind, ident))
            elif kind == "tell" and events:
                store.onmessage(events.pop(0))
            elif kind == "answer" and answers:
                store.order.feed_response(answers.pop(number % len(answers)))
            elif kind == "list":
                await opens(store, *(resting(each, str(rest)) for each, rest in left.items()))
        assert {key: int(rest) for key, rest in pending(store).items()} == left

    asyncio.run(run())
