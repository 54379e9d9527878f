"""The books of BitTrade: numbers, gaps, late snapshots, lost connections, damage; and against a model of the venue."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.books.cases import play
from tests.books.feeds import FEEDS
from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, respond
from topgun.exchanges.bittrade import BitTradeDataStore

TOPIC = "market.btcjpy.mbp.150"
REFRESH = "market.btcjpy.mbp.refresh.20"
GROUP = {"symbol": "btcjpy"}
LOGGER = "topgun.exchanges.bittrade"
API = "https://api-cloud.bittrade.co.jp"

Levels = tuple[tuple[float, float], ...]


def delta(before: Any, number: Any, asks: Levels = (), bids: Levels = (), topic: str = TOPIC) -> dict[str, Any]:
    tick = {"seqNum": number, "prevSeqNum": before, "asks": [[*each] for each in asks], "bids": [[*e] for e in bids]}
    return {"ch": topic, "ts": 1790134137034, "tick": tick}


def snapshot(number: Any, asks: Levels = (), bids: Levels = (), topic: str = TOPIC) -> dict[str, Any]:
    data = {"seqNum": number, "asks": [[*each] for each in asks], "bids": [[*each] for each in bids]}
    return {"id": topic, "status": "ok", "ts": 1790134138994, "rep": topic, "data": data}


def refresh(number: int, asks: Levels = (), bids: Levels = (), topic: str = REFRESH) -> dict[str, Any]:
    tick = {"seqNum": number, "asks": [[*each] for each in asks], "bids": [[*each] for each in bids]}
    return {"ch": topic, "ts": 1790134135640, "tick": tick}


def book(store: BitTradeDataStore, symbol: str = "btcjpy") -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = store.mbp.sorted({"symbol": symbol})
    asks, bids = ([(row["price"], row["size"]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


START = snapshot(100, asks=((11.0, 1.0), (12.0, 2.0)), bids=((10.0, 1.0), (9.0, 2.0)))
STARTED = ([(11.0, 1.0), (12.0, 2.0)], [(10.0, 1.0), (9.0, 2.0)])
REQUEST = [{"req": TOPIC, "id": TOPIC}]


def live() -> Watched:
    """Return a store whose book is live at number 105."""
    watched = Watched(BitTradeDataStore, f"{API}/ws")
    watched.feed(START, delta(98, 105))
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    return watched


def state(watched: Watched) -> str:
    return watched.store.mbp.state(GROUP)


def asked(watched: Watched) -> list[Any]:
    return [messages for _, messages, _ in watched.ws.snapshot_requests]


# -- numbers -------------------------------------------------------------------------------------------------------


async def test_changes_follow() -> None:
    """A change is applied if the one before it was; a known one changes nothing; numbers need not be neighbours."""
    watched = live()
    watched.feed(delta(105, 120, asks=((11.0, 0.0), (13.0, 5.0))), delta(105, 120, asks=((14.0, 1.0),)), delta(1, 7))
    assert book(watched.store) == ([(12.0, 2.0), (13.0, 5.0)], STARTED[1])
    watched.feed(delta(120, 121, bids=((10.0, 3.0),)))
    assert book(watched.store) == ([(12.0, 2.0), (13.0, 5.0)], [(10.0, 3.0), (9.0, 2.0)])
    assert state(watched) == "live"
    assert asked(watched) == []
    await watched.check()


@pytest.mark.parametrize("zero", [0, 0.0, "0", "0.000", -0.0])
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
def test_every_zero_removes(zero: Any, seen: bool) -> None:
    """A size of zero removes its level however it is written; in a snapshot it is no level."""
    store = BitTradeDataStore()
    stream = store.mbp.watch() if seen else None
    store.onmessage(snapshot(1, asks=((11.0, 1.0), (12.0, zero))))
    store.onmessage(delta(1, 2, asks=((11.0, zero),), bids=((9.0, zero), (8.0, 1.0))))
    assert book(store) == ([], [(8.0, 1.0)])
    assert (stream is not None) is seen


@pytest.mark.parametrize(("before", "applied"), [(98, True), (100, True), (101, False), (104, False)])
def test_the_first_change_after_a_snapshot(before: int, applied: bool) -> None:
    """It may begin before the snapshot, not after it."""
    watched = Watched(BitTradeDataStore)
    watched.feed(START, delta(before, 105, asks=((11.0, 0.0),)))
    assert state(watched) == ("live" if applied else "syncing")
    assert book(watched.store) == (([(12.0, 2.0)], STARTED[1]) if applied else ([], []))


def unsubbed(topic: Any) -> dict[str, Any]:
    return {"id": "1", "status": "ok", "unsubbed": topic}


async def test_an_unsubscribed_book() -> None:
    """Nobody keeps it right any more; subscribed to again it begins anew, from a snapshot of its own."""
    watched = live()
    watched.store.onmessage(unsubbed(TOPIC), FakeSocket())  # type: ignore[arg-type]  # another socket
    watched.feed(unsubbed(REFRESH), unsubbed(None), unsubbed([]))
    assert state(watched) == "live"
    watched.feed(unsubbed(TOPIC))
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    assert watched.store.mbp.status.get(GROUP)["reason"] == "unsubscribed"  # type: ignore[index]  # it is there
    watched.feed(delta(105, 106, asks=((11.0, 0.0),)))
    assert (state(watched), book(watched.store), asked(watched)) == ("stale", STARTED, [REQUEST])
    watched.feed(snapshot(105, bids=((10.0, 1.0),)))
    assert (state(watched), book(watched.store)) == ("live", ([], [(10.0, 1.0)]))
    await watched.check()


async def test_an_unsubscribed_book_that_is_whole_each_time() -> None:
    """It is stale, too, until it is told again."""
    watched, topic = Watched(BitTradeDataStore, f"{API}/ws"), "market.btcjpy.depth.step0"
    tell = {"ch": topic, "tick": {"asks": [[11.0, 1.0]], "bids": [], "version": 5}}
    group = {"symbol": "btcjpy", "type": "step0"}
    watched.feed(tell, unsubbed("market.btcjpy.depth.step1"))
    assert watched.store.depth.state(group) == "live"
    watched.feed(unsubbed(topic))
    assert (watched.store.depth.state(group), len(watched.store.depth)) == ("stale", 1)
    watched.feed(tell)
    assert watched.store.depth.state(group) == "live"


@pytest.mark.parametrize("before", [99, 104, 106])
async def test_gap(before: int, caplog: pytest.LogCaptureFixture) -> None:
    """A change that does not follow empties its book alone, says so, and asks for a snapshot of that topic."""
    watched = live()
    watched.feed(snapshot(5, asks=((1.0, 1.0),), topic="market.ethjpy.mbp.150"))
    await watched.check()
    watched.feed(delta(before, 110, asks=((11.0, 5.0),)))
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    reason = f"changes between 105 and {before} are missing"
    assert watched.store.mbp.status.get(GROUP)["reason"] == reason  # type: ignore[index]
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("topgun.store", f"mbp btcjpy: {reason}")
    ]
    changes = (await watched.check())["mbp"]
    assert [(change.operation, change.data["price"]) for change in changes] == [
        ("delete", price) for price in (11.0, 12.0, 10.0, 9.0)
    ]
    [(_, messages, done)] = watched.ws.snapshot_requests
    assert messages == REQUEST
    assert not done()
    assert watched.store.mbp.state({"symbol": "ethjpy"}) == "live"
    watched.feed(delta(110, 111, asks=((11.0, 6.0),)))
    assert book(watched.store) == ([], [])
    watched.feed(snapshot(110, asks=((11.0, 5.0),)))
    assert (state(watched), done(), book(watched.store)) == ("live", True, ([(11.0, 6.0)], []))
    assert len(caplog.records) == 1
    await watched.check()


def test_what_waited_for_the_snapshot() -> None:
    """Changes since the gap, the one that showed it too, are applied after the snapshot as far as it lacks them."""
    watched = live()
    watched.feed(*[delta(number, number + 1, asks=((number * 1.0, 1.0),)) for number in range(110, 115)])
    watched.feed(snapshot(113, asks=((1.0, 1.0),)))
    assert (state(watched), book(watched.store)) == ("live", ([(1.0, 1.0), (113.0, 1.0), (114.0, 1.0)], []))
    watched.feed(delta(115, 116, asks=((1.0, 0.0),)))
    assert book(watched.store)[0] == [(113.0, 1.0), (114.0, 1.0)]


async def test_a_snapshot_that_is_too_old() -> None:
    """If a change between it and those that waited is missing, the book is not live for a moment; the next one does."""
    watched = live()
    watched.feed(delta(110, 111, asks=((11.0, 6.0),)), delta(111, 112, asks=((11.0, 7.0),)))
    with watched.store.mbp.status.watch() as states:
        watched.feed(snapshot(107, asks=((1.0, 1.0),)))
        assert (state(watched), book(watched.store)) == ("syncing", ([], []))
        watched.feed(snapshot(111, asks=((11.0, 6.0),)))
        assert (state(watched), book(watched.store)) == ("live", ([(11.0, 7.0)], []))
        assert [(await states.get()).data["state"] for _ in range(2)] == ["syncing", "live"]
    await watched.check()


def test_a_snapshot_older_than_what_was_seen() -> None:
    """A book that has been at 106 is not live at 103, also where the changes in between are not there any more."""
    watched = live()
    watched.feed(delta(105, 106), delta(106, 107, asks=((11.0, None),)))  # type: ignore[arg-type]
    assert state(watched) == "syncing"
    watched.feed(snapshot(103, asks=((1.0, 1.0),)))
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    watched.feed(snapshot(107, asks=((2.0, 1.0),)))
    assert (state(watched), book(watched.store)) == ("live", ([(2.0, 1.0)], []))


@pytest.mark.parametrize("number", [99, 104])
def test_a_snapshot_that_was_overtaken(number: int) -> None:
    """A live book has gone further than the answer to an old question: it stays."""
    watched = live()
    watched.feed(snapshot(number, asks=((1.0, 1.0),)), delta(105, 106))
    assert (state(watched), book(watched.store), asked(watched)) == ("live", STARTED, [])


@pytest.mark.parametrize("number", [105, 110])
async def test_a_snapshot_of_a_live_book(number: int) -> None:
    """One that is as new, or newer, replaces it."""
    watched = live()
    watched.feed(snapshot(number, asks=((1.0, 1.0),)), delta(105, number + 1, bids=((0.5, 1.0),)))
    assert (state(watched), book(watched.store)) == ("live", ([(1.0, 1.0)], [(0.5, 1.0)]))
    await watched.check()


# -- the beginning -------------------------------------------------------------------------------------------------


def test_the_first_change_asks_for_a_snapshot() -> None:
    """Who only subscribes gets a book, too: the first change asks once, and the changes until then are applied."""
    watched = Watched(BitTradeDataStore)
    watched.feed(delta(98, 99), delta(99, 105, asks=((11.0, 0.0),)))
    [(_, messages, done)] = watched.ws.snapshot_requests
    assert (state(watched), messages, done()) == ("stale", REQUEST, False)
    watched.feed(START)
    assert (state(watched), done(), book(watched.store)) == ("live", True, ([(12.0, 2.0)], STARTED[1]))


@pytest.mark.parametrize("heal", [True, False])
def test_without_healing(heal: bool) -> None:
    """With ``heal=False``, or without a socket, a book that is wrong says so and asks for nothing."""
    store, ws = BitTradeDataStore(heal=heal), None if heal else FakeSocket()
    store.onmessage(delta(99, 100), ws)
    store.onmessage(START, ws)
    store.onmessage(delta(101, 102), ws)
    assert (store.mbp.state(GROUP), len(store.mbp)) == ("syncing", 0)
    assert ws is None or ws.snapshot_requests == ws.sent == []
    store.onmessage(snapshot(102, asks=((11.0, 7.0),)), ws)
    assert store.mbp.state(GROUP) == "live"


def test_a_pair_that_is_never_answered() -> None:
    """What waits for a snapshot does not grow without end; the latest changes are kept."""
    watched = Watched(BitTradeDataStore)
    for stream in watched.streams.values():
        stream.close()
    watched.feed(*[delta(number, number + 1, asks=((number * 1.0, 1.0),)) for number in range(1, 1500)])
    assert len(asked(watched)) == 1
    watched.feed(snapshot(499))  # change 500 was let go
    assert (state(watched), asked(watched)[1:]) == ("syncing", [REQUEST])
    watched.feed(snapshot(500))
    assert (state(watched), len(watched.store.mbp)) == ("live", 1000)


# -- the whole book each time --------------------------------------------------------------------------------------


async def test_refresh() -> None:
    """Each message of ``mbp.refresh`` replaces the book of its symbol, unless it is older than what it replaces."""
    watched = Watched(BitTradeDataStore)
    for number, price, seen in ((7, 11.0, 11.0), (9, 12.0, 12.0), (8, 13.0, 12.0), (9, 14.0, 14.0), (10, 15.0, 15.0)):
        watched.feed(refresh(number, asks=((price, 1.0),)))
        assert (state(watched), book(watched.store)) == ("live", ([(seen, 1.0)], []))
    await watched.check()


@pytest.mark.parametrize("place", [("tick", "asks"), ("tick", "seqNum"), ("tick",)])
def test_damaged_refresh(place: Any) -> None:
    """After one that cannot be read the book is syncing, and nobody is asked: the next message is whole again."""
    watched = Watched(BitTradeDataStore)
    watched.feed(refresh(1, asks=((11.0, 1.0),)), damaged(refresh(2), place, [[None]]))
    assert (state(watched), book(watched.store), asked(watched)) == ("syncing", ([], []), [])
    watched.feed(refresh(0))
    assert state(watched) == "syncing"
    watched.feed(refresh(3, asks=((11.0, 1.0),)))
    assert state(watched) == "live"


# -- whose book it is ----------------------------------------------------------------------------------------------


async def test_a_second_topic_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """While a book has its topic, messages of another one change nothing; one warning says so."""
    watched = live()
    watched.feed(refresh(200, asks=((1.0, 1.0),)), refresh(201), {"ch": REFRESH, "tick": None})
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert REFRESH in caplog.text
    await watched.check()


def test_the_first_whole_book_decides() -> None:
    """Changes without a snapshot do not keep another topic from beginning the book; their question is over then."""
    watched = Watched(BitTradeDataStore)
    watched.feed(delta(98, 99), refresh(100, asks=((11.0, 1.0),)), delta(99, 100))
    assert (state(watched), book(watched.store)) == ("live", ([(11.0, 1.0)], []))
    assert [done() for _, _, done in watched.ws.snapshot_requests] == [True]


async def test_lost_connection() -> None:
    """A lost connection makes the book stale with its rows; on the next one the first change asks again."""
    watched = live()
    other = FakeSocket()
    watched.store.onmessage(snapshot(100), other)  # ignored: a book has one socket
    watched.ws.lose()
    watched.ws = other
    watched.feed(delta(105, 106, asks=((11.0, 0.0),)), delta(150, 151, asks=((12.0, 0.0),)))
    assert (state(watched), book(watched.store), asked(watched)) == ("stale", STARTED, [REQUEST])
    watched.feed(snapshot(20, asks=((13.0, 1.0),)))  # between it and the changes others are missing
    assert (state(watched), len(watched.store.mbp)) == ("syncing", 0)
    watched.feed(snapshot(151, asks=((13.0, 1.0),)))
    assert (state(watched), book(watched.store)) == ("live", ([(13.0, 1.0)], []))
    watched.ws.lose()
    assert state(watched) == "stale"
    await watched.check()


# -- damage --------------------------------------------------------------------------------------------------------

DAMAGE: list[tuple[tuple[str, ...], Any]] = [
    ((), None),
    ((), ...),
    ((), []),
    (("seqNum",), "106"),
    (("seqNum",), 106.0),
    (("seqNum",), True),
    (("seqNum",), None),
    (("seqNum",), ...),
    (("asks",), None),
    (("asks",), ...),
    (("bids",), ...),
    (("bids",), 1),
    (("bids",), {"x": 1}),
    *(
        ((side,), [[11.0, 5.0], level])
        for side in ("asks", "bids")
        for level in (None, [], [13.0], [13.0, 1.0, 1.0], "131", ["x", 1.0], ["nan", 1.0], [None, 1.0], [[], 1.0])
    ),
    *((("asks",), [[13.0, 5.0], [price, size]]) for price in (11.0, 14.0) for size in (None, "", "x", -1.0, [])),
]


@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
@pytest.mark.parametrize("kind", ["delta", "snapshot"])
def test_damaged(kind: str, seen: bool, place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book behind: it is logged and a snapshot is asked for."""
    store, ws = BitTradeDataStore(), FakeSocket()
    stream = store.mbp.watch() if seen else None
    store.onmessage(START, ws)
    sound = {"delta": delta(100, 106, ((11.0, 3.0),), ((9.0, 0.0),)), "snapshot": snapshot(106, ((11.0, 3.0),))}[kind]
    store.onmessage(damaged(sound, ("tick" if kind == "delta" else "data", *place), junk), ws)
    assert (store.mbp.state(GROUP), len(store.mbp)) == ("syncing", 0)
    assert [messages for _, messages, _ in ws.snapshot_requests] == [REQUEST]
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "mbp btcjpy: a message cannot be read",
        "mbp: a message is ignored",
    ]
    store.onmessage(delta(106, 107), ws)
    store.onmessage(snapshot(107, asks=((11.0, 3.0),)), ws)
    assert (store.mbp.state(GROUP), book(store)) == ("live", ([(11.0, 3.0)], []))
    store.mbp._check()
    assert (stream is not None) is seen


def test_damage_that_waited() -> None:
    """A change that cannot be read shows when its turn comes, and the book is not live by the snapshot."""
    watched = Watched(BitTradeDataStore)
    watched.feed(delta(100, 101, asks=((11.0, None),)), delta(101, 102))  # type: ignore[arg-type]
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    watched.feed(snapshot(102, asks=((11.0, 3.0),)), delta(102, 103))
    assert state(watched) == "live"


@pytest.mark.parametrize("number", ["105", None, True, 1.0])
def test_damaged_number_before(number: Any) -> None:
    """The number of the change before is needed, also while there is no snapshot."""
    for watched in (live(), Watched(BitTradeDataStore)):
        watched.feed(delta(number, 110))
        assert state(watched) == "syncing"


# -- depth ---------------------------------------------------------------------------------------------------------

STEP0 = {"symbol": "btcjpy", "type": "step0"}


def depth(version: Any, price: float, kind: str = "step0", *, by: str = "ch", under: str = "tick") -> dict[str, Any]:
    return {
        by: f"market.btcjpy.depth.{kind}",
        under: {"version": version, "asks": [[price, 1.0]], "bids": [[price - 1, 1.0]]},
    }


def best(watched: Watched, kind: str = "step0") -> Any:
    ask = watched.store.depth.best({**STEP0, "type": kind}).ask
    return None if ask is None else ask["price"]


async def test_depth() -> None:
    """Each message replaces the book of its symbol and type, under ``tick`` or ``data``, asked for or not."""
    watched = Watched(BitTradeDataStore)
    watched.feed(depth(5, 11.0), depth(5, 12.0, "step1", under="data"), depth(5, 13.0), depth(6, 14.0, by="rep"))
    assert (best(watched), best(watched, "step1")) == (14.0, 12.0)
    assert {row["state"] for row in watched.store.depth.status} == {"live"}
    await watched.check()


def test_an_older_book() -> None:
    """It does not replace a newer one, asked for or not, on whichever socket; after a lost connection it does."""
    watched = Watched(BitTradeDataStore)
    watched.feed(depth(5, 11.0), depth(4, 12.0, by="rep"), depth(4, 12.0))
    watched.store.onmessage(depth(4, 12.0), FakeSocket())
    assert best(watched) == 11.0
    watched.feed(damaged(depth(6, 12.0), ("tick",), None), depth(4, 12.0))
    assert watched.store.depth.state(STEP0) == "syncing"
    watched.feed(depth(5, 11.0))
    watched.ws.lose()
    assert watched.store.depth.state(STEP0) == "stale"
    watched.ws = FakeSocket()
    watched.feed(depth(4, 12.0, by="rep"))
    assert (best(watched), watched.store.depth.state(STEP0)) == (12.0, "live")


@pytest.mark.parametrize(
    "junk", [None, ..., "x", {"asks": []}, {"asks": [[1.0]], "bids": []}, {"version": "6"}], ids=repr
)
def test_damaged_depth(junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A book whose message cannot be read is not live until the next one, pushed or asked for."""
    watched = Watched(BitTradeDataStore)
    watched.feed(depth(5, 11.0), damaged(depth(6, 12.0), ("tick",), junk), depth(4, 12.0))
    topic = "market.btcjpy.depth.step0"
    assert (watched.store.depth.state(STEP0), len(watched.store.depth)) == ("syncing", 0)
    assert asked(watched) == [[{"req": topic, "id": topic}]]
    assert len(caplog.records) == 2
    watched.feed(depth(7, 13.0))
    assert (watched.store.depth.state(STEP0), best(watched)) == ("live", 13.0)


async def test_a_picture_of_depth() -> None:
    """An answer of the HTTP API fills a book that is not live, and leaves one alone that a socket keeps."""
    watched = Watched(BitTradeDataStore)
    answer = {**depth(5, 11.0), "status": "ok"}
    url = f"{API}/market/depth?symbol=btcjpy&type=step0"
    await watched.store.initialize(respond("GET", url, answer))
    assert (best(watched), watched.store.depth.state(STEP0)) == (11.0, "stale")
    watched.feed(depth(4, 12.0))
    await watched.store.initialize(respond("GET", url, answer))
    assert (best(watched), watched.store.depth.state(STEP0)) == (12.0, "live")
    await watched.check()


@pytest.mark.parametrize(("topic", "limit"), [("mbp.refresh.20", 20), ("depth.step0", 150)])
def test_whole_books_against_the_fake(topic: str, limit: int) -> None:
    """Whatever happens to their messages: a live book is one that there was, none goes back, and all come back."""
    table, kind = ("depth", {"type": "step0"}) if topic == "depth.step0" else ("mbp", {})
    feed = replace(
        FEEDS["bittrade"],
        messages=[{"sub": f"market.{symbol}.{topic}"} for symbol in ("btcjpy", "ethjpy")],
        markets={symbol: {"symbol": symbol, **kind} for symbol in ("btcjpy", "ethjpy")},
        book=table,
        limit=limit,
    )
    played = [play(feed, number) for number in range(60)]
    assert {error for _, error in played} == {""}
    assert sum(truth.gaps for truth, _ in played) >= 5
    assert any(truth.requests for truth, _ in played) == (table == "depth")


# -- a model of the venue ------------------------------------------------------------------------------------------


class Venue:
    """One book as BitTrade has it: its levels, the number of its last change, and what it was at each number."""

    def __init__(self, symbol: str) -> None:
        self.symbol, self.topic = symbol, f"market.{symbol}.mbp.150"
        self.number = 40
        self.sides: dict[str, dict[float, float]] = {"asks": {}, "bids": {}}
        self.past: dict[int, tuple[list[Any], list[Any]]] = {}
        self._remember()

    def change(self, levels: list[tuple[str, float, float]], step: int) -> dict[str, Any]:
        before, self.number = self.number, self.number + step
        made = delta(before, self.number, topic=self.topic)
        for side, price, size in levels:
            made["tick"][side].append([price, size])
            if size:
                self.sides[side][price] = size
            else:
                self.sides[side].pop(price, None)
        self._remember()
        return made

    def answer(self, behind: int = 0) -> dict[str, Any]:
        """Return a snapshot, perhaps one that is some changes behind."""
        number = sorted(self.past)[-1 - min(behind, len(self.past) - 1)]
        asks, bids = self.past[number]
        return snapshot(number, tuple(asks), tuple(bids), self.topic)

    def _remember(self) -> None:
        asks, bids = (sorted(self.sides[side].items()) for side in ("asks", "bids"))
        self.past[self.number] = asks, bids[::-1]


class Play:
    """A store behind a connection to two such books; a method for each thing that may happen."""

    def __init__(self, seen: bool) -> None:
        self.watched = Watched(BitTradeDataStore)
        self.venues = [Venue("btcjpy"), Venue("ethjpy")]
        self.arrived = {venue.symbol: 0 for venue in self.venues}  # the number of the last change that came
        self.late: list[tuple[Venue, dict[str, Any]]] = []
        self.seen = seen
        if not seen:
            for stream in self.watched.streams.values():
                stream.close()

    def deliver(self, venue: Venue, made: dict[str, Any]) -> None:
        self.watched.feed(made)
        self.arrived[venue.symbol] = max(self.arrived[venue.symbol], (made.get("tick") or made["data"])["seqNum"])
        late, self.late = self.late, []
        for other, message in late:
            self.deliver(other, message)

    def change(self, venue: Venue, levels: Any, step: int) -> None:
        self.deliver(venue, venue.change(levels, step))

    def twice(self, venue: Venue, levels: Any, step: int) -> None:
        made = venue.change(levels, step)
        for _ in range(2):
            self.deliver(venue, made)

    def lost(self, venue: Venue, levels: Any, step: int) -> None:
        venue.change(levels, step)

    def reordered(self, venue: Venue, levels: Any, step: int) -> None:
        self.late.append((venue, venue.change(levels, step)))

    def damaged(self, venue: Venue, levels: Any, step: int) -> None:
        made = venue.change(levels, step)
        self.watched.feed(damaged(made, ("tick", "asks"), [[11.0, None]]))

    def snapshot(self, venue: Venue, levels: Any, step: int) -> None:
        """Answer a question, asked by whomever, with a book that may be some changes behind."""
        self.deliver(venue, venue.answer(step - 1))

    def closed(self, venue: Venue, levels: Any, step: int) -> None:
        self.watched.ws.lose()
        self.watched.ws = FakeSocket()
        self.arrived, self.late = dict.fromkeys(self.arrived, 0), []

    async def check(self) -> None:
        """A live book is the venue's as it was at the last change that came."""
        store = self.watched.store
        for venue in self.venues:
            live = store.mbp.state({"symbol": venue.symbol}) == "live"
            assert not live or book(store, venue.symbol) == venue.past[self.arrived[venue.symbol]]
        store.mbp._check()
        if self.seen:
            await self.watched.check()

    async def settle(self) -> None:
        """In peace again, with questions that are answered, every book comes back."""
        for venue in self.venues:
            self.change(venue, [("asks", 7.0, 1.0)], 1)
            requests = self.watched.ws.snapshot_requests
            open_ = [messages for _, messages, done in requests if not done() and messages[0]["req"] == venue.topic]
            assert (len(open_) >= 1) == (self.watched.store.mbp.state({"symbol": venue.symbol}) != "live")
            if open_:
                self.deliver(venue, venue.answer())
            self.change(venue, [("asks", 7.0, 2.0)], 1)
            assert self.watched.store.mbp.state({"symbol": venue.symbol}) == "live"
        await self.check()


LEVEL = st.tuples(
    st.sampled_from(["asks", "bids"]), st.sampled_from([7.0, 8.0, 9.5, 10.0]), st.sampled_from([0.0, 1.0, 2.0])
)
KINDS = ["change"] * 6 + ["twice", "lost", "reordered", "damaged", "snapshot", "snapshot", "closed"]
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 1), st.lists(LEVEL, min_size=1, max_size=3), st.integers(1, 4)),
    max_size=25,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(EVENTS, st.booleans())
def test_book_equals_the_venue(events: list[Any], seen: bool) -> None:
    """Whatever is lost, repeated, late or damaged: never live and wrong, and always live again."""

    async def run() -> None:
        play = Play(seen)
        for kind, which, levels, step in events:
            getattr(play, kind)(play.venues[which], levels, step)
            await play.check()
        await play.settle()

    asyncio.run(run())
