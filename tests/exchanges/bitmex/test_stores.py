"""The tables of BitMEX but for the book: the protocol sample set, every deliberate difference, damaged messages."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places
from topgun.exchanges.bitmex import EXCHANGE, BitMEXDataStore

HERE = Path(__file__).parent
LOGGER = "topgun.exchanges.bitmex"
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}-{number}")
    for path in sorted(HERE.glob("frames/*.json"))
    for number, case in enumerate(load(path))
]
REFUSALS = {"login_nack": 1, "subscribe_error": 3}  # a warning for each
ACCOUNT = 1455728

# -- the sample set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "case"), CASES)
async def test_samples(name: str, case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Each case of the sample set ends in exactly its rows, views, changes and warnings; a known bug is not there."""
    watched = Watched(BitMEXDataStore, case["url"])
    watched.feed(*case["messages"])
    changes = await watched.check()
    expected = case.get("expect_fixed", case.get("expect", {}))
    assert {name: list(table) for name, table in tables(watched.store).items()} == {
        name: expected.get(name, []) for name in tables(watched.store)
    }
    for call in case.get("expect_calls", []):
        assert watched.store.orderbook.sorted(**call["kwargs"]) == call["result"]
    for path, value in case.get("expect_attrs", {}).items():
        table, attribute = path.split(".")
        assert getattr(getattr(watched.store, table), attribute) == value
    for table, events in case.get("expect_events", {}).items():
        assert [[each.operation, each.source, each.data] for each in changes[table]] == events
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")] * REFUSALS.get(
        name, 0
    )


def test_a_table_that_is_not_declared_is_made_by_its_partial() -> None:
    """Those of the sample set are reachable by the name of the wire, with the keys that the partial announced."""
    watched = Watched(BitMEXDataStore)
    watched.feed(*load(HERE / "frames" / "new_orderBook10.json")[0]["messages"])
    watched.feed(*load(HERE / "frames" / "bug_unknown_table.json")[0]["messages"][1:])
    assert watched.store["orderBook10"].get({"symbol": "XBTUSD"})["asks"] == [[9770.5, 101196], [9771, 2000]]  # type: ignore[index]
    assert watched.store["settlement"]._keys == ("timestamp", "symbol")
    assert "chat" not in watched.store


BINS = {
    "quotebin1m": "quoteBin1m",
    "quotebin5m": "quoteBin5m",
    "quotebin1h": "quoteBin1h",
    "quotebin1d": "quoteBin1d",
    "tradebin1m": "tradeBin1m",
    "tradebin5m": "tradeBin5m",
    "tradebin1h": "tradeBin1h",
    "tradebin1d": "tradeBin1d",
}


@pytest.mark.parametrize(("attribute", "wire"), BINS.items())
def test_candles_of_every_length(attribute: str, wire: str) -> None:
    """Each has its table, under the name of the wire: first those of the partial, then every further one."""
    store = BitMEXDataStore()
    candles = [{"timestamp": f"t{number}", "symbol": "XBTUSD", "close": number} for number in (1, 2)]
    store.onmessage(partial(wire, candles[0], symbol="XBTUSD"))
    store.onmessage(change("insert", wire, candles[1]))
    assert list(getattr(store, attribute)) == candles


def test_tables() -> None:
    """The collection has the tables and names that users know; they are empty, and unkeyed but for the book."""
    store = BitMEXDataStore()
    assert EXCHANGE.stores == (BitMEXDataStore,)
    same = "funding instrument insurance liquidation quote trade execution order margin position wallet".split()
    found = {name: table.name for name, table in tables(store).items()}
    assert found == {**{name: name for name in same}, **BINS, "orderbook": "orderBookL2"}
    assert all(store[table.name] is table and not len(table) for table in tables(store).values())
    assert {name for name, table in tables(store).items() if table._keys} == {"orderbook"}
    unlimited = {name for name, table in tables(store).items() if table._MAXLEN is None}
    assert unlimited == {"orderbook", "order", "position"}


# -- messages ------------------------------------------------------------------------------------------------------

KEYS = {
    "order": ["orderID"],
    "execution": ["execID"],
    "position": ["account", "symbol"],
    "margin": ["account", "currency"],
    "wallet": ["account", "currency"],
    "liquidation": ["orderID"],
    "instrument": ["symbol"],
    "trade": [],
    "quote": [],
}


def partial(table: str, *rows: Any, **scope: Any) -> dict[str, Any]:
    told = {"table": table, "action": "partial", "keys": KEYS.get(table, []), "types": {}, "filter": scope}
    return {**told, "data": list(rows)}


def change(action: str, table: str, *rows: Any) -> dict[str, Any]:
    return {"table": table, "action": action, "data": list(rows)}


def ack(topic: str, word: str = "subscribe") -> dict[str, Any]:
    return {"success": True, word: topic, "request": {"op": word, "args": [topic]}, "pool": "Primary"}


def order(number: int, **more: Any) -> dict[str, Any]:
    told = {"orderID": f"o-{number}", "account": ACCOUNT, "symbol": "XBTUSD", "side": "Buy", "orderQty": 200}
    return {**told, "ordStatus": "New", "workingIndicator": True, "leavesQty": 200, "cumQty": 0, **more}


def idents(store: Any, table: str = "order", field: str = "orderID") -> list[Any]:
    return [row[field] for row in store[table]]


# -- the partial ---------------------------------------------------------------------------------------------------

FIRST_ROWS: dict[str, dict[str, Any]] = {
    "order": order(1),
    "execution": {"execID": "e-1", "account": ACCOUNT, "symbol": "XBTUSD"},
    "position": {"account": ACCOUNT, "symbol": "XBTUSD", "currentQty": 100},
    "margin": {"account": ACCOUNT, "currency": "XBt", "amount": 1},
    "wallet": {"account": ACCOUNT, "currency": "XBt", "amount": 1},
}


@pytest.mark.parametrize("table", FIRST_ROWS)
async def test_no_private_message_is_lost_after_an_empty_partial(table: str) -> None:
    """An empty partial is a partial: insert, update and delete that follow it count, on a second connection too."""
    watched = Watched(BitMEXDataStore)
    row = FIRST_ROWS[table]
    for _ in range(2):
        watched.feed(partial(table, account=ACCOUNT))
        assert (list(watched.store[table]), watched.store[table].state()) == ([], "live")
        watched.feed(change("insert", table, row))
        assert list(watched.store[table]) == [row]
        named = {key: row[key] for key in KEYS[table]}
        watched.feed(change("update", table, {**named, "news": 1}))
        assert list(watched.store[table]) == [{**row, "news": 1}]
        watched.feed(change("delete", table, named))
        assert list(watched.store[table]) == []
        await watched.check()
        watched.ws.lose()
        assert watched.store[table].state() == "stale"
        watched.ws = FakeSocket()


def test_nothing_counts_before_the_partial_of_the_connection() -> None:
    """Changes before it are ignored, also those that a second connection sends before its own."""
    watched = Watched(BitMEXDataStore)
    watched.feed(change("insert", "order", order(1)), change("insert", "trade", {"timestamp": "t", "symbol": "XBTUSD"}))
    assert len(watched.store.order) == len(watched.store.trade) == 0
    assert watched.store.order.state() == "stale"
    watched.feed(partial("order", order(1), account=ACCOUNT))
    first, watched.ws = watched.ws, FakeSocket()
    watched.feed(change("insert", "order", order(2)))
    assert idents(watched.store) == ["o-1"]
    watched.ws = first
    watched.feed(change("insert", "order", order(2)))
    assert idents(watched.store) == ["o-1", "o-2"]


def test_a_replay_without_a_socket() -> None:
    """Messages from a file have no socket; the rule of the partial is the same."""
    store = BitMEXDataStore()
    store.onmessage(change("insert", "order", order(1)))
    store.onmessage(partial("order", account=ACCOUNT))
    store.onmessage(change("insert", "order", order(2)))
    assert idents(store) == ["o-2"]


async def test_the_keys_are_those_that_the_partial_announces() -> None:
    """They tell the rows apart from then on; rows that were there under other keys stay, and are found by these."""
    watched = Watched(BitMEXDataStore)
    one, two = ({"venue": name, "symbol": "XBTUSD", "price": 1} for name in ("a", "b"))
    watched.feed(partial("connected", one, one))
    assert (watched.store["connected"]._keys, len(watched.store["connected"])) == ((), 2)
    told = partial("settlement", one)
    watched.feed({**told, "keys": ["venue"]}, change("update", "settlement", {"venue": "a", "price": 2}))
    table = watched.store["settlement"]
    assert table.find({"venue": "a"}) == [{**one, "price": 2}]
    watched.feed({**partial("settlement", two), "keys": ["symbol", "venue"], "filter": {"venue": "b"}})
    assert list(table) == [{**one, "price": 2}, two]
    assert table.get({"symbol": "XBTUSD", "venue": "a"}) == {**one, "price": 2}
    assert table.find({"symbol": "XBTUSD"}) == [{**one, "price": 2}, two]
    table._check()
    await watched.check()


@pytest.mark.parametrize(
    ("scope", "acked", "left"),
    [
        ({"symbol": "ETHUSD"}, "", ["o-1", "o-9"]),  # the filter names what is replaced
        ({}, "liquidation:ETHUSD", ["o-1", "o-9"]),  # an empty one is completed by the ack before it
        ({}, "liquidation", ["o-9"]),  # the ack names no symbol: all
        ({}, "", ["o-9"]),
    ],
)
def test_what_a_partial_replaces(scope: dict[str, Any], acked: str, left: list[str]) -> None:
    """Of a table of what is so now, the rows of its subscription, and no others."""
    store, ws = BitMEXDataStore(), FakeSocket()
    rows = [{"orderID": f"o-{number}", "symbol": symbol} for number, symbol in ((1, "XBTUSD"), (2, "ETHUSD"))]
    store.onmessage(partial("liquidation", *rows), ws)
    if acked:
        store.onmessage(ack(acked), ws)
    store.onmessage(partial("liquidation", {"orderID": "o-9", "symbol": "ETHUSD"}, **scope), ws)
    assert idents(store, "liquidation") == left


def test_accounts_are_replaced_one_by_one() -> None:
    """Two accounts in one store: the partial of one leaves the rows of the other alone."""
    store = BitMEXDataStore()
    for account in (1, 2, 1):
        row = {"account": account, "symbol": "XBTUSD", "currentQty": account}
        store.onmessage(partial("position", row, account=account), FakeSocket())
    assert [row["account"] for row in store.position] == [2, 1] or [row["account"] for row in store.position] == [1, 2]
    store.onmessage(partial("position", account=1), FakeSocket())
    assert [row["account"] for row in store.position] == [2]


def test_history_goes_on_after_a_reconnect() -> None:
    """A partial repeats what is known: it is not taken twice, with keys or without; nothing of the past goes."""
    store = BitMEXDataStore()
    trades = [{"timestamp": f"t{number}", "symbol": "XBTUSD", "price": number} for number in (1, 1, 2, 3)]
    store.onmessage(partial("trade", *trades[:3], symbol="XBTUSD"))
    store.onmessage(partial("trade", *trades[2:], symbol="XBTUSD"))
    assert list(store.trade) == trades
    fills = [{"execID": str(number), "lastQty": number} for number in (1, 2)]
    store.onmessage(partial("execution", fills[0], account=1))
    store.onmessage(partial("execution", {**fills[0], "lastQty": 9}, fills[1], account=1))
    assert list(store.execution) == fills


def test_tables_of_the_platform_keep_their_past() -> None:
    """Announcements, chat and transfers have an id, and are a history all the same; notices are what is so now."""
    store = BitMEXDataStore()
    for table, left in (("announcement", [1, 2]), ("chat", [1, 2]), ("transact", [1, 2]), ("publicNotifications", [2])):
        for number in (1, 2):
            store.onmessage({**partial(table, {"id": number}), "keys": ["id"]})
        assert idents(store, table, "id") == left


# -- orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Filled", "Canceled", "Rejected", "Expired", "Stopped", "DoneForDay"])
@pytest.mark.parametrize("action", ["partial", "insert", "update"])
async def test_an_order_that_is_over_goes(status: str, action: str) -> None:
    """Each of the states that end an order does, however it is told; the change says why, and it never comes back."""
    watched = Watched(BitMEXDataStore)
    watched.feed(partial("order", order(1), order(2), account=ACCOUNT))
    await watched.check()
    over = order(1, ordStatus=status)
    told = partial("order", over, order(2), account=ACCOUNT) if action == "partial" else change(action, "order", over)
    watched.feed(told)
    assert idents(watched.store) == ["o-2"]
    [deleted] = [each for each in (await watched.check())["order"] if each.operation == "delete"]
    assert (deleted.source or {})["ordStatus"] == status
    watched.feed(change("update", "order", {"orderID": "o-1", "text": "late"}))
    assert idents(watched.store) == ["o-2"]


@pytest.mark.parametrize(
    ("news", "stays"),
    [
        ({"leavesQty": 0, "workingIndicator": False}, False),
        ({"leavesQty": 0.0, "workingIndicator": False, "ordStatus": "PartiallyFilled"}, False),
        ({"leavesQty": 100, "ordStatus": "PartiallyFilled"}, True),
        ({"workingIndicator": False}, True),  # a stop that waits
        ({"leavesQty": 0}, True),
        ({"leavesQty": 0, "workingIndicator": False, "orderQty": 0}, True),  # a stop that closes the position
    ],
)
def test_what_else_ends_an_order(news: dict[str, Any], stays: bool) -> None:
    """Nothing left to fill of an order that does not work any more; one that waits or is partly filled stays."""
    store = BitMEXDataStore()
    store.onmessage(partial("order", order(1), account=ACCOUNT))
    store.onmessage(change("update", "order", {"orderID": "o-1", **news}))
    assert bool(len(store.order)) is stays


def test_several_orders_of_one_message() -> None:
    """Those that are over go, the others change, and one that is not there is ignored."""
    store = BitMEXDataStore()
    store.onmessage(partial("order", order(1), order(2), account=ACCOUNT))
    told = [
        {"orderID": "o-1", "ordStatus": "Filled"},
        {"orderID": "o-2", "leavesQty": 50},
        {"orderID": "o-3", "leavesQty": 1},
    ]
    store.onmessage(change("update", "order", *told))
    assert list(store.order) == [order(2, leavesQty=50)]


# -- refusals, damage ----------------------------------------------------------------------------------------------


def test_a_refusal_is_a_warning_that_shows_no_signature(caplog: pytest.LogCaptureFixture) -> None:
    """What was refused is named; the arguments of a login are not, for the signature is one of them."""
    store = BitMEXDataStore()
    for name in ("login_nack", "subscribe_error"):
        for message in load(HERE / "frames" / f"{name}.json")[0]["messages"]:
            store.onmessage(message)
    assert caplog.messages[0] == "BitMEX refuses: 'Signature not valid.' (status 401) ''"
    assert caplog.messages[-1] == "BitMEX refuses: 'Unknown table: foo' (status 400) ['foo']"
    assert "LAqUlngMIQkIUjXMUreyu3qn" not in caplog.text


@pytest.mark.parametrize(
    "message", ["pong", 5, None, [], {}, {"table": "trade"}, {"table": "trade", "action": "resync"}]
)
def test_other_messages_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing happens to the tables, and nothing is logged."""
    store = BitMEXDataStore()
    store.onmessage(partial("trade"))
    store.onmessage(message)
    assert (len(store.trade), caplog.messages) == (0, [])


@pytest.mark.parametrize("table", [*FIRST_ROWS, "trade", "instrument"])
async def test_damage_changes_nothing(table: str, caplog: pytest.LogCaptureFixture) -> None:
    """Any place of any message broken: it is applied, ignored or logged; the table stays sound and goes on."""
    row = FIRST_ROWS.get(table, {"timestamp": "t", "symbol": "XBTUSD", "price": 1})
    fresh = {**row, **dict.fromkeys(KEYS[table], "another"), "price": 2}
    messages = [partial(table, row, account=ACCOUNT), change("insert", table, row), change("update", table, row)]
    for message in messages:
        for place in places(message):
            for junk in (None, [], {}, "junk", -1):
                watched = Watched(BitMEXDataStore)
                watched.feed(messages[0], damaged(copy.deepcopy(message), place, junk), messages[0])
                watched.feed(change("insert", table, fresh))
                assert fresh in list(watched.store[table])
                await watched.check()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("rows", [None, {}, ["row"], [None], [{}], [{"orderID": None}], [order(1), {"orderID": []}]])
@pytest.mark.parametrize("action", ["partial", "insert", "update", "delete"])
def test_rows_that_cannot_be_read(rows: Any, action: str, caplog: pytest.LogCaptureFixture) -> None:
    """The whole message is left out, with one warning that names the table."""
    store = BitMEXDataStore()
    store.onmessage(partial("order", order(7), account=ACCOUNT))
    store.onmessage({**partial("order"), "action": action, "data": rows})
    assert idents(store) == ["o-7"]
    assert [message.partition(":")[0] for message in caplog.messages] == ["order"]
