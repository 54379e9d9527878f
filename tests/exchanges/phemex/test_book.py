"""The order book of Phemex: snapshots, numbers that only rise, the window, and a random stream with faults."""

from __future__ import annotations

import logging
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket
from topgun.exchanges.phemex import EXCHANGE, PhemexDataStore
from topgun.testing.truth import Feed, Truth
from topgun.testing.venues.phemex import Phemex

GROUP = {"symbol": "BTCUSDT"}
BEGIN = [["11", "1"], ["12", "1"]], [["10", "1"], ["9", "1"]]


def book(kind: str, number: Any, asks: Any = (), bids: Any = (), depth: Any = 30, **fields: Any) -> dict[str, Any]:
    levels = {"asks": list(asks), "bids": list(bids)}
    told = {"depth": depth, "orderbook_p": levels, "sequence": number, "symbol": "BTCUSDT", "timestamp": number}
    return {**told, "type": kind, **fields}


def snapshot(number: int, depth: int = 30) -> dict[str, Any]:
    return book("snapshot", number, *BEGIN, depth=depth)


def change(number: Any, *asks: Any, **fields: Any) -> dict[str, Any]:
    return book("incremental", number, asks, **fields)


def seen(store: PhemexDataStore) -> dict[str, list[tuple[str, str]]]:
    sides = store.orderbook.sorted(GROUP)
    return {side: [(row["priceEp"], row["qty"]) for row in rows] for side, rows in sides.items()}


def started(depth: int = 30, *, heal: bool = True) -> tuple[Any, FakeSocket]:
    store, ws = PhemexDataStore(heal=heal), FakeSocket()
    store.onmessage(snapshot(10, depth), ws)  # type: ignore[arg-type]
    assert store.orderbook.state(GROUP) == "live"
    return store, ws


def asked(ws: FakeSocket) -> list[tuple[str, list[Any]]]:
    """Return what was asked for, each time."""
    requests = [messages for _, messages, _ in ws.snapshot_requests]
    assert all(len(messages) == 1 and set(messages[0]) == {"id", "method", "params"} for messages in requests)
    return [(messages[0]["method"], messages[0]["params"]) for messages in requests]


def test_changes_before_a_snapshot() -> None:
    """They are applied, but the book is not live until the snapshot comes."""
    store, ws = PhemexDataStore(), FakeSocket()
    store.onmessage(change(5, ["11", "3"]), ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(GROUP), seen(store)["asks"]) == ("syncing", [("11", "3")])
    assert store.orderbook.timestamp == 5
    store.onmessage(snapshot(6), ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("live", 4)
    assert asked(ws) == []


def test_a_change_that_was_seen_is_dropped() -> None:
    """One with the number of a change, or from before the snapshot, changes nothing."""
    store, ws = started()
    store.onmessage(change(15, ["11", "2"]), ws)
    store.onmessage(change(17, ["11", "3"]), ws)
    for late in (change(15, ["11", "2"]), change(17, ["11", "9"]), change(10, ["11", "9"]), change(4, ["11", "9"])):
        store.onmessage(late, ws)
        assert store.orderbook.state(GROUP) == "live"
    assert seen(store)["asks"] == [("11", "3"), ("12", "1")]


def test_a_change_out_of_order_costs_the_book() -> None:
    """One that should have come earlier was not applied when it should have been: the book is asked for anew."""
    store, ws = started()
    store.onmessage(change(17, ["11", "3"]), ws)
    store.onmessage(change(15, ["11", "2"]), ws)
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("syncing", 0)
    assert asked(ws) == [("orderbook_p.subscribe", ["BTCUSDT"])]
    store.onmessage(change(3, ["14", "1"]), ws)  # numbers may begin anew
    store.onmessage(snapshot(4), ws)
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("live", 4)
    [(_, _, done)] = ws.snapshot_requests
    assert done()


def test_a_snapshot_with_the_number_of_the_last_change() -> None:
    """It has that change, and replaces the book."""
    store, ws = started()
    store.onmessage(change(17, ["11", "3"]), ws)
    store.onmessage(snapshot(17), ws)
    assert (store.orderbook.state(GROUP), seen(store)["asks"][0]) == ("live", ("11", "1"))


@pytest.mark.parametrize("live", [True, False])
def test_a_snapshot_that_is_older_than_a_change(live: bool) -> None:
    """It is late, or numbers have begun anew: the book does not go back, and asks for another one."""
    store: Any = PhemexDataStore()
    ws = FakeSocket()
    for message in [*([snapshot(10)] if live else []), change(17, ["11", "3"]), snapshot(16)]:
        store.onmessage(message, ws)
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("syncing", 0)
    assert asked(ws) == [("orderbook_p.subscribe", ["BTCUSDT"])]
    store.onmessage(snapshot(3), ws)
    assert store.orderbook.state(GROUP) == "live"


async def test_what_is_passed_over_is_no_snapshot() -> None:
    """A book that hears nothing but old numbers, or another depth, is asked for anew after 90 s as well."""
    for message in (change(4, ["11", "2"]), change(20, ["11", "2"], depth=5)):
        store, ws = started()
        clock: Any = ws.clock
        await clock.advance(90)
        store.onmessage(message, ws)
        assert store.orderbook.state(GROUP) == "live"
        await clock.advance(0.1)
        store.onmessage(message, ws)
        assert (store.orderbook.state(GROUP), len(asked(ws))) == ("syncing", 1)


@pytest.mark.parametrize(
    ("depth", "params"), [(30, ["BTCUSDT"]), (0, ["BTCUSDT", True]), (5, ["BTCUSDT", False, 5])], ids=repr
)
def test_a_book_is_asked_for_as_it_was_subscribed_to(depth: int, params: list[Any]) -> None:
    """The depth of the snapshot says how; COIN-M and spot have a channel of their own."""
    store, ws = started(depth)
    store.onmessage(change("x"), ws)
    assert asked(ws) == [("orderbook_p.subscribe", params)]
    store, ws = PhemexDataStore(), FakeSocket()
    coin = snapshot(10, depth)
    coin["book"] = coin.pop("orderbook_p")
    for message in (coin, {**coin, "sequence": None}):
        store.onmessage(message, ws)
    assert asked(ws) == [("orderbook.subscribe", params)]


@pytest.mark.parametrize(
    "message",
    [
        change(None, ["11", "2"]),
        change(True, ["11", "2"]),
        change(11, ["11", "2"], type="unknown"),
        change(11, ["11", "2"], depth="30"),
        change(11, ["11"]),
        change(11, ["11", "x"]),
        change(11, [None, None]),
        change(11, orderbook_p=None),
    ],
    ids=repr,
)
def test_a_message_that_cannot_be_read_costs_the_book(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the book is asked for anew."""
    store, ws = started()
    store.onmessage(message, ws)
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("syncing", 0)
    assert len(ws.snapshot_requests) == 1
    assert "a message cannot be read" in caplog.text
    store.onmessage(snapshot(12), ws)
    assert store.orderbook.state(GROUP) == "live"


def test_a_message_of_no_symbol_changes_nothing() -> None:
    """Nobody knows which book it is about."""
    store, ws = started()
    for symbol in (None, ["x"]):
        store.onmessage(change(11, ["11", "2"], symbol=symbol), ws)
    assert (store.orderbook.state(), len(store.orderbook)) == ("live", 4)


def test_without_healing_nobody_is_asked() -> None:
    """The book only says that it is wrong; a message from a file asks nobody either."""
    store, ws = started(heal=False)
    store.onmessage(change("x"), ws)
    assert (store.orderbook.state(GROUP), ws.snapshot_requests) == ("syncing", [])
    store = PhemexDataStore()
    for message in (snapshot(1), change("x")):
        store.onmessage(message)
    assert store.orderbook.state(GROUP) == "syncing"


def test_levels_that_leave_the_window_go() -> None:
    """With a depth the best levels of each side are kept; the full book keeps all."""
    for depth, asks in ((2, ["10.5", "11"]), (0, ["10.5", "11", "12"])):
        store, ws = started(depth)
        store.onmessage(change(11, ["10.5", "1"], depth=depth), ws)
        assert [price for price, _ in seen(store)["asks"]] == asks
        assert [price for price, _ in seen(store)["bids"]] == ["10", "9"]
        store.onmessage(book("incremental", 12, [], [["10.2", "1"]], depth=depth), ws)
        assert [price for price, _ in seen(store)["bids"]][:2] == ["10.2", "10"]
        assert len(seen(store)["bids"]) == (2 if depth else 3)


async def test_the_window_is_told_by_changes() -> None:
    """Whoever watches sees the levels go."""
    watched = Watched(PhemexDataStore)
    watched.feed(snapshot(10, 2), change(11, ["10.5", "1"], depth=2))
    changes = (await watched.check())["orderbook"]
    assert [(each.operation, each.data["priceEp"]) for each in changes[-2:]] == [("update", "10.5"), ("delete", "12")]


def test_another_depth_on_the_same_socket() -> None:
    """Changes of another depth than the snapshot are passed over; the next snapshot sets the depth."""
    store, ws = started(30)
    store.onmessage(change(11, ["11", "7"], depth=5), ws)
    assert seen(store)["asks"][0] == ("11", "1")
    store.onmessage(snapshot(12, 5), ws)
    store.onmessage(change(13, ["11", "7"], depth=5), ws)
    assert seen(store)["asks"][0] == ("11", "7")


def test_a_second_socket_with_the_same_book(caplog: pytest.LogCaptureFixture) -> None:
    """It is ignored with one warning, until the first one is lost."""
    store, first = started()
    second = FakeSocket()
    for number in (20, 21):
        store.onmessage(change(number, ["11", "9"]), second)
    assert seen(store)["asks"][0] == ("11", "1")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    first.lose()
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("stale", 4)
    store.onmessage(snapshot(3), second)
    assert store.orderbook.state(GROUP) == "live"
    second.lose()
    assert store.orderbook.state(GROUP) == "stale"


async def test_no_snapshot_for_90_s() -> None:
    """There should be one every 60 s; without, the next change shows that the book must be asked for anew."""
    store, ws = started()
    clock: Any = ws.clock
    await clock.advance(60)
    store.onmessage(snapshot(20), ws)
    await clock.advance(90)
    store.onmessage(change(21, ["11", "2"]), ws)
    assert store.orderbook.state(GROUP) == "live"
    await clock.advance(0.1)
    store.onmessage(change(22, ["11", "3"]), ws)
    assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("syncing", 0)
    assert len(asked(ws)) == 1
    await clock.advance(89)
    store.onmessage(change(23, ["11", "3"]), ws)
    assert len(asked(ws)) == 1
    await clock.advance(2)
    store.onmessage(change(24, ["11", "3"]), ws)
    assert len(asked(ws)) == 2
    store.onmessage(snapshot(25), ws)
    assert store.orderbook.state(GROUP) == "live"


# -- a random stream with faults -----------------------------------------------------------------------------------

FEED = Feed(
    venue=Phemex,
    collection=PhemexDataStore,
    url="wss://ws.phemex.com/",
    host=EXCHANGE.hosts["ws.phemex.com"],
    messages=[{"id": 1, "method": "orderbook_p.subscribe", "params": [name]} for name in ("BTCUSDT", "ETHUSDT")],
    book="orderbook",
    price="priceEp",
    size="qty",
    markets={name: {"symbol": name} for name in ("BTCUSDT", "ETHUSDT")},
    limit=30,
)
VISIBLE = [move for move in Truth.MOVES if move not in ("lose", "swap")]  # what the protocol lets a client notice


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from([*VISIBLE, "tick", "deliver", "hear"]), st.integers(0, 7)), max_size=25))
def test_a_live_book_is_the_venues(case: list[tuple[str, int]]) -> None:
    """Messages that come twice, or broken, or a cut: no book is live and wrong, and in the end all are right."""
    logging.disable(logging.CRITICAL)
    try:
        Truth(FEED, orders=4).play(case)
    finally:
        logging.disable(logging.NOTSET)


class Lossy(Truth):
    """A stream that also loses messages, and mixes them up: what is wrong then shows late."""

    def _check(self) -> None:
        """Look at nothing before the end: a lost message does not show."""


@pytest.mark.parametrize("seed", range(8))
def test_a_lost_message_is_mended_by_the_next_snapshot(seed: int) -> None:
    """Whatever got lost: once everything arrives again, every book is live and the venue's."""
    chance = random.Random(seed)
    logging.disable(logging.CRITICAL)
    try:
        for _ in range(5):
            moves = [*Truth.MOVES, "lose", "swap", "tick", "tick", "deliver", "hear"]
            Lossy(FEED, orders=4).play([(chance.choice(moves), chance.randrange(8)) for _ in range(30)])
    finally:
        logging.disable(logging.NOTSET)
