"""The order book of Bybit: numbers, gaps, second depths, lost connections, damage; and against a model of the venue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged
from topgun.exchanges.bybit import BybitDataStore

TOPIC = "orderbook.50.BTCUSDT"
GROUP = {"s": "BTCUSDT"}
LOGGER = "topgun.exchanges.bybit"
AGAIN = [{"op": "unsubscribe", "args": [TOPIC]}, {"op": "subscribe", "args": [TOPIC]}]

Levels = tuple[tuple[str, str], ...]


def message(kind: str, number: Any, asks: Levels = (), bids: Levels = (), topic: str = TOPIC) -> dict[str, Any]:
    symbol = topic.split(".")[2]
    rows = {"s": symbol, "b": [list(level) for level in bids], "a": [list(level) for level in asks], "u": number}
    return {"topic": topic, "type": kind, "ts": 1672304484978, "data": {**rows, "seq": 7961638724}, "cts": 1}


def snapshot(number: Any, asks: Levels = (), bids: Levels = (), topic: str = TOPIC) -> dict[str, Any]:
    return message("snapshot", number, asks, bids, topic)


def delta(number: Any, asks: Levels = (), bids: Levels = (), topic: str = TOPIC) -> dict[str, Any]:
    return message("delta", number, asks, bids, topic)


def book(store: BybitDataStore, symbol: str = "BTCUSDT") -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = store.orderbook.sorted({"s": symbol})
    asks, bids = ([(row["p"], row["v"]) for row in sides[side]] for side in ("a", "b"))
    return asks, bids


START = snapshot(100, asks=(("11", "1"), ("12", "2")), bids=(("10", "1"), ("9", "2")))
STARTED = ([("11", "1"), ("12", "2")], [("10", "1"), ("9", "2")])


def live() -> Watched:
    """Return a store whose book is live at number 100."""
    watched = Watched(BybitDataStore, "wss://stream.bybit.com/v5/public/linear")
    watched.feed(START)
    assert watched.store.orderbook.state(GROUP) == "live"
    return watched


def state(watched: Watched) -> str:
    return watched.store.orderbook.state(GROUP)


# -- numbers -------------------------------------------------------------------------------------------------------


async def test_changes_follow() -> None:
    """The change of the next number is applied; one that is known already changes nothing."""
    watched = live()
    watched.feed(delta(101, asks=(("11", "0"), ("13", "5"))), delta(101, asks=(("14", "1"),)), delta(7, (("1", "1"),)))
    assert book(watched.store) == ([("12", "2"), ("13", "5")], STARTED[1])
    watched.feed(delta(102, bids=(("10", "3"),)))
    assert book(watched.store) == ([("12", "2"), ("13", "5")], [("10", "3"), ("9", "2")])
    assert state(watched) == "live"
    assert watched.ws.snapshot_requests == []
    await watched.check()


@pytest.mark.parametrize("zero", ["0", "0.000", "0.0", "-0", "0e-8", 0, 0.0])
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
def test_every_zero_removes(zero: Any, seen: bool) -> None:
    """A size of zero removes its level however it is written; in a snapshot it is no level."""
    store = BybitDataStore()
    stream = store.orderbook.watch() if seen else None
    store.onmessage(snapshot(1, asks=(("11", "1"), ("12", zero))))
    store.onmessage(delta(2, asks=(("11", zero),), bids=(("9", zero), ("8", "1"))))
    assert book(store) == ([], [("8", "1")])
    assert (stream is not None) is seen


async def test_gap(caplog: pytest.LogCaptureFixture) -> None:
    """A number that skips one empties the book, says so, and subscribes anew to that topic alone."""
    watched = live()
    watched.feed(snapshot(5, asks=(("1", "1"),), topic="orderbook.50.ETHUSDT"))
    await watched.check()
    watched.feed(delta(102, asks=(("11", "5"),)))
    assert state(watched) == "syncing"
    assert book(watched.store) == ([], [])
    assert watched.store.orderbook.status.get(GROUP)["reason"] == "changes before number 102 are missing"  # type: ignore[index]
    assert ["BTCUSDT" in record.getMessage() for record in caplog.records] == [True]
    changes = (await watched.check())["orderbook"]
    assert [(change.operation, change.data["p"]) for change in changes] == [
        ("delete", price) for price in ("11", "12", "10", "9")
    ]
    [(_, messages, done)] = watched.ws.snapshot_requests
    assert messages == AGAIN
    assert not done()

    watched.feed(delta(103, asks=(("11", "6"),)), delta(104, asks=(("11", "7"),)))
    assert book(watched.store) == ([], [])
    assert watched.store.orderbook.state({"s": "ETHUSDT"}) == "live"
    watched.feed(snapshot(104, asks=(("11", "7"),)), delta(105, bids=(("10", "8"),)))
    assert (state(watched), done()) == ("live", True)
    assert book(watched.store) == ([("11", "7")], [("10", "8")])
    assert len(caplog.records) == 1
    await watched.check()


@pytest.mark.parametrize("heal", [True, False])
def test_gap_without_healing(heal: bool) -> None:
    """With ``heal=False``, or without a socket, a book that is wrong says so and asks for nothing."""
    store, ws = BybitDataStore(heal=heal), None if heal else FakeSocket()
    store.onmessage(START, ws)
    store.onmessage(delta(102), ws)
    assert store.orderbook.state(GROUP) == "syncing"
    assert len(store.orderbook) == 0
    assert ws is None or ws.snapshot_requests == ws.sent == []
    store.onmessage(snapshot(103, asks=(("11", "7"),)), ws)
    assert store.orderbook.state(GROUP) == "live"


async def test_change_before_the_snapshot() -> None:
    """Without a snapshot there is nothing to change."""
    watched = Watched(BybitDataStore)
    watched.feed(delta(99, asks=(("1", "1"),)), delta(101, asks=(("1", "1"),)))
    assert state(watched) == "stale"
    assert len(watched.store.orderbook) == 0
    assert watched.ws.snapshot_requests == []
    watched.feed(START, delta(101, asks=(("11", "0"),)))
    assert book(watched.store) == ([("12", "2")], STARTED[1])
    await watched.check()


def test_snapshot_that_does_not_come() -> None:
    """After ten changes without a snapshot it is asked for."""
    watched = Watched(BybitDataStore)
    watched.feed(*(delta(number) for number in range(100, 109)))
    assert watched.ws.snapshot_requests == []
    watched.feed(*(delta(number) for number in range(109, 130)))
    assert state(watched) == "syncing"
    assert [messages for _, messages, _ in watched.ws.snapshot_requests] == [
        [{"op": op, "args": [TOPIC]} for op in ("unsubscribe", "subscribe")]
    ]


@pytest.mark.parametrize("number", [1, 50, 100, 5_000])
async def test_snapshot_at_any_time(number: int) -> None:
    """A snapshot replaces the book of its symbol, whatever its number; the changes go on from there."""
    watched = live()
    watched.feed(snapshot(3, asks=(("1", "1"),), topic="orderbook.50.ETHUSDT"))
    watched.feed(snapshot(number, asks=(("20", "1"),)), delta(number + 1, bids=(("19", "1"),)))
    assert book(watched.store) == ([("20", "1")], [("19", "1")])
    assert book(watched.store, "ETHUSDT") == ([("1", "1")], [])
    assert state(watched) == "live"
    await watched.check()


def test_number_one_is_a_snapshot() -> None:
    """Number 1 is snapshot data after a restart of the service, whatever the message calls it."""
    watched = live()
    watched.feed(delta(1, asks=(("20", "1"),)), delta(2, bids=(("19", "1"),)))
    assert book(watched.store) == ([("20", "1")], [("19", "1")])


async def test_first_level_is_snapshots_only() -> None:
    """Level 1 sends a snapshot for each change, and the same one again when nothing has happened for 3 s."""
    watched = Watched(BybitDataStore)
    for number, price in ((7, "11"), (8, "12"), (8, "12")):
        watched.feed(snapshot(number, asks=((price, "1"),), topic="orderbook.1.BTCUSDT"))
        assert book(watched.store) == ([(price, "1")], [])
    await watched.check()


def test_books_have_no_limit() -> None:
    """Six books of 1000 levels a side are all there."""
    store = BybitDataStore()
    for number in range(6):
        asks = tuple((str(2_000 + price), "1") for price in range(1_000))
        bids = tuple((str(1_999 - price), "1") for price in range(1_000))
        store.onmessage(snapshot(1, asks, bids, f"orderbook.1000.C{number}USDT"))
    assert len(store.orderbook) == 12_000
    assert [len(book(store, f"C{number}USDT")[0]) for number in range(6)] == [1_000] * 6


@pytest.mark.parametrize("kind", ["rpi", "full"])
async def test_books_of_other_kinds(kind: str) -> None:
    """The RPI book and the full book leave the book of the symbol as it is."""
    watched = live()
    for number in (1, 101, 500):
        watched.feed(delta(number, asks=(("11", "0"),), topic=f"orderbook.{kind}.BTCUSDT"))
        watched.feed(snapshot(number, topic=f"orderbook.{kind}.BTCUSDT"))
    assert book(watched.store) == STARTED
    assert state(watched) == "live"
    watched.feed(delta(101, asks=(("11", "0"),)))
    assert book(watched.store) == ([("12", "2")], STARTED[1])


# -- whose book it is ----------------------------------------------------------------------------------------------

DEEPER = "orderbook.200.BTCUSDT"


async def test_second_depth_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """While a book has its topic, messages of another depth change nothing, even if they fit; one warning says so."""
    watched = live()
    for number in (101, 102, 1):
        watched.feed(delta(number, asks=(("11", "0"),), topic=DEEPER), snapshot(number, topic=DEEPER))
    watched.feed({"topic": DEEPER, "type": "delta", "data": None})
    assert book(watched.store) == STARTED
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert DEEPER in caplog.text
    watched.feed(delta(101, asks=(("11", "0"),)))
    assert book(watched.store) == ([("12", "2")], STARTED[1])
    await watched.check()


def test_second_depth_while_the_book_is_mended() -> None:
    """A book that waits for its snapshot does not take one of another depth."""
    watched = live()
    watched.feed(delta(102), snapshot(500, asks=(("13", "1"),), topic=DEEPER))
    assert (state(watched), len(watched.store.orderbook)) == ("syncing", 0)
    watched.feed(START)
    assert book(watched.store) == STARTED


def test_second_depth_takes_over() -> None:
    """Once the socket of a book is lost another depth may have it, and the first one is ignored then."""
    watched = live()
    first, second = watched.ws, FakeSocket()
    watched.ws = second
    watched.feed(snapshot(500, topic=DEEPER))  # ignored
    first.lose()
    watched.feed(delta(501, asks=(("13", "1"),), topic=DEEPER))
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(snapshot(502, asks=(("13", "1"),), topic=DEEPER), START, delta(503, bids=(("9", "1"),), topic=DEEPER))
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], [("9", "1")]))


def test_first_change_is_no_claim() -> None:
    """Who sends changes only has no book: the first snapshot decides."""
    watched = Watched(BybitDataStore)
    watched.feed(delta(499, topic=DEEPER), START, delta(500, asks=(("11", "0"),), topic=DEEPER))
    assert (state(watched), book(watched.store)) == ("live", STARTED)


def test_same_topic_of_another_market(caplog: pytest.LogCaptureFixture) -> None:
    """Spot and linear have the same topic: the socket that came first keeps the book, the other is ignored."""
    watched = live()
    linear, spot = watched.ws, FakeSocket("wss://stream.bybit.com/v5/public/spot")
    watched.ws = spot
    watched.feed(snapshot(7, asks=(("1", "1"),)), delta(101, asks=(("11", "0"),)), delta(8))
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    assert len(caplog.records) == 1
    watched.ws = linear
    watched.feed(delta(101, asks=(("11", "0"),)))
    assert book(watched.store) == ([("12", "2")], STARTED[1])
    assert spot.snapshot_requests == linear.snapshot_requests == []


# -- lost connections ----------------------------------------------------------------------------------------------


async def test_lost_connection() -> None:
    """A lost connection makes the book stale; it keeps its rows and takes no change until the new snapshot."""
    watched = live()
    watched.ws.lose()
    watched.ws = FakeSocket()
    watched.feed(delta(101, asks=(("11", "0"),)), delta(150, asks=(("11", "0"),)))
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    assert watched.ws.snapshot_requests == []
    watched.feed(snapshot(200, asks=(("13", "1"),)), delta(201, bids=(("8", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], [("8", "1")]))
    await watched.check()


async def test_lost_connection_while_the_book_is_mended() -> None:
    """A book that waits for its snapshot on a socket that is lost becomes stale, and begins on the next one."""
    watched = Watched(BybitDataStore)
    watched.feed(snapshot("100"))  # damaged: this book has never been live
    assert state(watched) == "syncing"
    watched.ws.lose()
    assert state(watched) == "stale"
    watched.ws = FakeSocket()
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    await watched.check()


def test_loss_of_another_socket() -> None:
    """The loss of a socket that feeds other books changes nothing."""
    watched = live()
    other = FakeSocket()
    watched.store.onmessage(snapshot(1, topic="orderbook.50.ETHUSDT"), other)
    other.lose()
    assert state(watched) == "live"
    assert watched.store.orderbook.state({"s": "ETHUSDT"}) == "stale"


# -- damage --------------------------------------------------------------------------------------------------------

DAMAGE: list[tuple[tuple[str, ...], Any]] = [
    (("data",), None),
    (("data",), ...),
    (("data",), []),
    (("type",), "x"),
    (("type",), ...),
    (("data", "s"), "ETHUSDT"),
    (("data", "s"), ...),
    (("data", "s"), []),
    (("data", "u"), "101"),
    (("data", "u"), 101.0),
    (("data", "u"), True),
    (("data", "u"), None),
    (("data", "u"), ...),
    (("data", "a"), None),
    (("data", "a"), ...),
    (("data", "b"), ...),
    (("data", "b"), 1),
    (("data", "b"), {"x": 1}),
    *(
        (("data", side), [["11", "5"], level])
        for side in "ab"
        for level in (None, [], ["13"], ["13", "1", "1"], "131", ["x", "1"], ["nan", "1"], [None, "1"], [[], "1"])
    ),
    *((("data", "a"), [["13", "5"], [price, size]]) for price in ("11", "14") for size in (None, "", "x", "-1", [])),
]


@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
@pytest.mark.parametrize("kind", ["delta", "snapshot"])
def test_damaged(kind: str, seen: bool, place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book behind: it is logged and the topic subscribed anew."""
    store, ws = BybitDataStore(), FakeSocket()
    stream = store.orderbook.watch() if seen else None
    store.onmessage(START, ws)
    sound = message(kind, 101, asks=(("11", "3"),), bids=(("9", "0"),))
    store.onmessage(damaged(sound, place, junk), ws)
    assert store.orderbook.state(GROUP) == "syncing"
    assert len(store.orderbook) == 0
    assert [messages for _, messages, _ in ws.snapshot_requests] == [AGAIN]
    assert [record.getMessage()[:46] for record in caplog.records] == [
        "orderbook BTCUSDT: a message cannot be read",
        f"orderbook: a message is ignored ({caplog.records[1].getMessage()[33:46]}",
    ]
    store.onmessage(delta(102, asks=(("11", "3"),)), ws)
    store.onmessage(START, ws)
    assert (store.orderbook.state(GROUP), book(store)) == ("live", STARTED)
    store.orderbook._check()
    assert (stream is not None) is seen


@pytest.mark.parametrize("topic", ["orderbook.50", "orderbook.5", [], 1], ids=repr)
def test_damaged_topic(topic: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that names no book is logged and changes none; what it held is noticed as missing."""
    watched = live()
    watched.feed({**delta(101, asks=(("11", "0"),)), "topic": topic})
    assert len(caplog.records) == 1
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    watched.feed(delta(102))
    assert state(watched) == "syncing"


# -- a model of the venue ------------------------------------------------------------------------------------------


class Venue:
    """One book as Bybit has it, and what is known of it behind the connection."""

    def __init__(self, symbol: str) -> None:
        self.topic = f"orderbook.50.{symbol}"
        self.number = 40
        self.sides: dict[str, dict[str, str]] = {"a": {}, "b": {}}
        self.state = "stale"
        self.last = 0
        self.shown: tuple[list[Any], list[Any]] = ([], [])

    def change(self, levels: list[tuple[str, str, str]]) -> dict[str, Any]:
        self.number += 1
        made = delta(self.number, topic=self.topic)
        for side, price, size in levels:
            made["data"][side].append([price, size])
            if float(size):
                self.sides[side][price] = size
            else:
                self.sides[side].pop(price, None)
        return made

    def snapshot(self) -> dict[str, Any]:
        asks, bids = (tuple(self.sides[side].items()) for side in "ab")
        return snapshot(self.number, asks, bids, self.topic)

    def arrived(self) -> None:
        """Note that the book is now known as it is."""
        asks, bids = (sorted(self.sides[side].items(), key=lambda level: float(level[0])) for side in "ab")
        self.state, self.last, self.shown = "live", self.number, (asks, bids[::-1])

    def broken(self) -> None:
        self.state, self.shown = "syncing", ([], [])


class Play:
    """A store behind a connection to two such books; a method for each thing that may happen."""

    def __init__(self, seen: bool) -> None:
        self.watched = Watched(BybitDataStore)
        self.venues = {symbol: Venue(symbol) for symbol in "AB"}
        self.seen = seen
        if not seen:  # nobody watches: the tables take the short way
            for stream in self.watched.streams.values():
                stream.close()

    def change(self, venue: Venue, levels: Any, times: int = 1) -> None:
        self.watched.feed(*[venue.change(levels)] * times)
        if venue.state == "live":
            if venue.number == venue.last + 1:
                venue.arrived()
            else:
                venue.broken()

    def twice(self, venue: Venue, levels: Any) -> None:
        self.change(venue, levels, times=2)

    def lost(self, venue: Venue, levels: Any) -> None:
        venue.change(levels)

    def old(self, venue: Venue, levels: Any) -> None:
        if venue.last > 2:  # nothing comes of it
            self.watched.feed(delta(venue.last - 1, asks=(("7", "9"),), topic=venue.topic))

    def damaged(self, venue: Venue, levels: Any) -> None:
        made = venue.change(levels)
        made["data"]["a"].append(["11", None])
        self.watched.feed(made)
        if venue.state == "live":  # else nobody looks at the levels
            venue.broken()

    def snapshot(self, venue: Venue, levels: Any) -> None:
        self.watched.feed(venue.snapshot())
        venue.arrived()

    def restart(self, venue: Venue, levels: Any) -> None:
        venue.number = 1
        self.snapshot(venue, levels)

    def answer(self, venue: Venue, levels: Any) -> None:
        """Send the snapshot that the store must have asked for."""
        asked = [messages for _, messages, done in self.watched.ws.snapshot_requests if not done()]
        for each in self.venues.values():
            if each.state == "syncing":
                assert [{"op": op, "args": [each.topic]} for op in ("unsubscribe", "subscribe")] in asked
                self.snapshot(each, levels)

    def closed(self, venue: Venue, levels: Any) -> None:
        self.watched.ws.lose()
        self.watched.ws = FakeSocket()
        for each in self.venues.values():
            each.state = "stale"

    async def check(self) -> None:
        store = self.watched.store
        for symbol, venue in self.venues.items():
            assert store.orderbook.state({"s": symbol}) == venue.state
            assert book(store, symbol) == venue.shown
        store.orderbook._check()
        if self.seen:
            await self.watched.check()


LEVEL = st.tuples(
    st.sampled_from("ab"), st.sampled_from(["7", "8", "9.5", "10"]), st.sampled_from(["0", "0.00", "1", "2"])
)
KINDS = ["change"] * 6 + ["twice", "lost", "old", "damaged", "snapshot", "restart", "answer", "closed"]
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from("AB"), st.lists(LEVEL, min_size=1, max_size=4)), max_size=30
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(EVENTS, st.booleans())
def test_book_equals_the_venue(events: list[Any], seen: bool) -> None:
    """Whatever is lost, repeated or damaged: a live book is the venue's as of the last message, others are not live."""

    async def run() -> None:
        play = Play(seen)
        for kind, symbol, levels in events:
            getattr(play, kind)(play.venues[symbol], levels)
            await play.check()

    asyncio.run(run())
