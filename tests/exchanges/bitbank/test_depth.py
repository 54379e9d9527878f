"""The book of bitbank: whole books and changes in every order, lost connections, damage; a model, and the fake."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged
from topgun.exchanges.bitbank import EXCHANGE, bitbankDataStore
from topgun.exchanges.bitbank import depth as module
from topgun.exchanges.bitbank.stream import decode
from topgun.testing.truth import Feed, Truth
from topgun.testing.venues.bitbank import Bitbank

BTC = {"pair": "btc_jpy"}
LOGGER = "topgun.store"

Levels = tuple[tuple[str, str], ...]


def told(room: str, data: Any, pair: str = "btc_jpy") -> str:
    return "42" + json.dumps(["message", {"room_name": f"{room}_{pair}", "message": {"data": data}}])


def diff(number: int, a: Levels = (), b: Levels = (), pair: str = "btc_jpy") -> str:
    return told("depth_diff", {"a": [*map(list, a)], "b": [*map(list, b)], "t": 10 * number, "s": str(number)}, pair)


def whole(number: int, asks: Levels = (), bids: Levels = (), pair: str = "btc_jpy") -> str:
    sides = {"asks": [*map(list, asks)], "bids": [*map(list, bids)]}
    return told("depth_whole", {**sides, "timestamp": 10 * number, "sequenceId": str(number)}, pair)


def book(store: Any, pair: str = "btc_jpy") -> tuple[list[Any], list[Any]]:
    sides = store.depth.sorted({"pair": pair})
    asks, bids = ([(row["price"], row["amount"]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


def state(store: Any) -> str:
    return str(store.depth.state(BTC))


WHOLE = whole(100, asks=(("11", "1"), ("12", "2")), bids=(("10", "1"), ("9", "2")))
STARTED = ([("11", "1"), ("12", "2")], [("10", "1"), ("9", "2")])


def live() -> Watched:
    """Return a store whose book is live at number 100."""
    watched = Watched(bitbankDataStore)
    watched.feed(diff(99), WHOLE)
    assert (state(watched.store), book(watched.store)) == ("live", STARTED)
    return watched


# -- how a book begins ---------------------------------------------------------------------------------------------


async def test_changes_before_a_whole_book() -> None:
    """They make a part of a book, which is not live; the whole book replaces it, and what it does not hold follows."""
    watched = Watched(bitbankDataStore)
    watched.feed(diff(3, a=(("28", "10"),)), diff(8, b=(("26", "5"),)))
    assert (state(watched.store), book(watched.store)) == ("syncing", ([("28", "10")], [("26", "5")]))
    watched.feed(whole(5, asks=(("27", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("27", "1")], [("26", "5")]))
    assert watched.store["depth"].timestamp == 50  # type: ignore[attr-defined]  # of this table
    await watched.check()


async def test_a_whole_book_from_before_the_connection() -> None:
    """Changes between it and the first one heard may be missing, so the book waits for a newer one."""
    watched = Watched(bitbankDataStore)
    watched.feed(WHOLE, diff(110, a=(("11", "0"),)))
    assert (state(watched.store), book(watched.store)) == ("syncing", ([("12", "2")], STARTED[1]))
    watched.feed(whole(105, asks=(("13", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("syncing", ([("13", "1")], []))
    watched.feed(whole(110, asks=(("14", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("14", "1")], []))
    assert watched.ws.snapshot_requests == []
    await watched.check()


def test_where_nothing_changes() -> None:
    """The second whole book is as good as a change."""
    watched = Watched(bitbankDataStore)
    watched.feed(WHOLE)
    assert state(watched.store) == "syncing"
    assert watched.store["depth"].status.get(BTC)["reason"] == "waiting for a whole book"  # type: ignore[attr-defined]
    watched.feed(WHOLE)
    assert (state(watched.store), book(watched.store)) == ("live", STARTED)
    watched.feed(diff(110, a=(("11", "0"),)), whole(105, asks=(("13", "1"),)))  # it has been whole all the time
    assert (state(watched.store), book(watched.store)) == ("live", ([("13", "1")], []))


# -- how it goes on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zero", ["0", "0.0000", "0.0", 0])
def test_every_zero_removes(zero: Any) -> None:
    """However a zero is written: in a change it removes the level, in a whole book it is none."""
    watched = live()
    watched.feed(diff(101, a=(("11", zero),)), whole(101, asks=(("12", "2"), ("13", zero))))
    assert book(watched.store) == ([("12", "2")], [])
    watched.feed(diff(102, a=(("12", zero), ("77", zero))))
    assert book(watched.store) == ([], [])


async def test_old_and_repeated_changes() -> None:
    """A change that the whole book holds, or that has come before, does nothing, not even to the time."""
    watched = live()
    watched.feed(diff(103, a=(("11", "5"),)), diff(103, a=(("11", "6"),)), diff(100, a=(("11", "7"),)), diff(7))
    assert (state(watched.store), book(watched.store)[0][0]) == ("live", ("11", "5"))
    assert watched.store["depth"].timestamp == 1030  # type: ignore[attr-defined]
    watched.feed(whole(101, asks=(("12", "2"),)), diff(103, a=(("11", "8"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("11", "5"), ("12", "2")], []))
    await watched.check()


async def test_a_late_whole_book() -> None:
    """The changes after it are applied in the order of their numbers; one that a newer one has overtaken is ignored."""
    watched = live()
    watched.feed(diff(104, a=(("11", "4"),)), diff(107, a=(("11", "0"),), b=(("10", "3"),)), whole(104, (("11", "4"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([], [("10", "3")]))
    watched.feed(whole(102, asks=(("1", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([], [("10", "3")]))
    await watched.check()


async def test_a_change_that_comes_after_a_later_one(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be applied any more, so the book is given up until the next whole one, which takes both in order."""
    watched = live()
    watched.feed(diff(105, a=(("11", "5"),)), diff(103, a=(("11", "3"),), b=(("8", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("syncing", ([], []))
    assert [record.getMessage() for record in caplog.records] == ["depth btc_jpy: change 103 came after change 105"]
    watched.feed(whole(101, asks=(("11", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("11", "5")], [("8", "1")]))
    assert watched.ws.snapshot_requests == []  # whole books come by themselves
    await watched.check()


def test_what_cannot_be_noticed() -> None:
    """A change that is lost leaves no trace; the next whole book mends it."""
    watched = live()
    watched.feed(diff(104, a=(("12", "9"),)))  # 102 was lost: (("11", "0"),)
    assert state(watched.store) == "live"
    watched.feed(whole(105, asks=(("12", "9"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("12", "9")], []))


def test_a_crossed_book() -> None:
    """In an auction asks may lie below bids; the book stays as it is told."""
    watched = live()
    watched.feed(diff(101, a=(("8", "1"),)))
    assert (state(watched.store), book(watched.store)[0][0]) == ("live", ("8", "1"))


def test_pairs_are_apart() -> None:
    """What is told of one pair leaves the others alone."""
    watched = live()
    watched.feed(
        whole(5, asks=(("1", "1"),), pair="eth_jpy"), whole(5, pair="eth_jpy"), diff(6, b=(("1", "1"),), pair="a")
    )
    assert (state(watched.store), book(watched.store)) == ("live", STARTED)
    assert watched.store["depth"].state({"pair": "eth_jpy"}) == "live"
    assert watched.store["depth"].state() == "syncing"


def test_many_changes_without_a_whole_book(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many changes the oldest are forgotten, and a whole book must be as new as the first that is left."""
    monkeypatch.setattr(module, "_KEPT", 3)
    watched = live()
    watched.feed(*[diff(number, b=(("7", str(number)),)) for number in range(101, 105)])
    watched.feed(whole(100))
    assert (state(watched.store), book(watched.store)) == ("live", ([], [("7", "104")]))
    watched = Watched(bitbankDataStore)
    watched.feed(*[diff(number, b=((str(number), "1"),)) for number in range(101, 105)])
    assert len(watched.store["depth"]._threads["btc_jpy",].changes) == 3  # type: ignore[attr-defined]
    watched.feed(whole(100))
    assert state(watched.store) == "syncing"
    watched.feed(whole(101, bids=(("101", "1"),)))
    assert (state(watched.store), len(book(watched.store)[1])) == ("live", 4)


# -- lost connections, damage --------------------------------------------------------------------------------------


async def test_a_lost_connection() -> None:
    """The book is stale and keeps its rows; on the next connection it waits for a whole book that is new enough."""
    watched = live()
    watched.ws.lose()
    assert (state(watched.store), book(watched.store)) == ("stale", STARTED)
    watched.ws = FakeSocket()
    watched.feed(WHOLE)
    assert state(watched.store) == "syncing"
    watched.feed(diff(130, a=(("11", "5"),)), WHOLE, whole(129, asks=(("1", "1"),)))
    assert state(watched.store) == "syncing"
    watched.feed(whole(131, asks=(("13", "1"),)))
    assert (state(watched.store), book(watched.store)) == ("live", ([("13", "1")], []))
    await watched.check()


def test_two_sockets() -> None:
    """Two sockets may tell the same pair: numbers say what is new. If the one that goes kept the book, it is stale."""
    watched = live()
    first, second = watched.ws, FakeSocket()
    for ws in (first, second):
        for message in (diff(101, a=(("11", "5"),)), whole(101, asks=(("11", "5"),)), diff(102, a=(("11", "6"),))):
            watched.store.onmessage(message, ws)
    assert (state(watched.store), book(watched.store)) == ("live", ([("11", "6")], []))
    first.lose()
    assert state(watched.store) == "live"
    second.lose()
    assert state(watched.store) == "stale"
    watched.store.onmessage(diff(103, a=(("11", "7"),)), second)  # it has been read before the end
    assert (state(watched.store), book(watched.store)) == ("stale", ([("11", "7")], []))


DAMAGE: list[tuple[tuple[str, ...], Any]] = [
    *(((), junk) for junk in (None, [], 1, "x")),
    *((place, junk) for place in (("s",), ("sequenceId",)) for junk in (None, ..., "x", "", 1.5, True, [])),
    *((place, ...) for place in (("a",), ("b",), ("t",), ("asks",), ("bids",), ("timestamp",))),
    *(
        ((side,), [["11", "5"], level])
        for side in ("a", "b", "asks", "bids")
        for level in (None, [], ["13"], ["13", "1", "1"], ["x", "1"], [None, None], ["13", "-1"], ["13", "nan"])
    ),
]


@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
@pytest.mark.parametrize("room", ["depth_diff", "depth_whole"])
@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
def test_damaged(room: str, place: Any, junk: Any, seen: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book behind; a whole book that is new enough brings it back."""
    sound = decode((diff if room == "depth_diff" else whole)(101, (("11", "3"),), (("9", "0"),)))[1]["message"]["data"]
    if place and place[0] not in sound:
        return
    store, ws = bitbankDataStore(), FakeSocket()
    stream = store.depth.watch() if seen else None
    for message in (diff(99), WHOLE, told(room, damaged(sound, place, junk))):
        store.onmessage(message, ws)
    assert (state(store), len(store.depth)) == ("syncing", 0)
    assert [record.getMessage()[:42] for record in caplog.records] == [
        "depth btc_jpy: a message cannot be read",
        f"depth: a message is ignored ({caplog.records[1].getMessage()[29:42]}",
    ]
    store.onmessage(WHOLE, ws)  # may be older than what could not be read
    assert state(store) == "syncing"
    store.onmessage(diff(102, a=(("12", "7"),)), ws)
    store.onmessage(WHOLE, ws)
    assert state(store) == "syncing"
    store.onmessage(whole(102, asks=(("12", "7"),)), ws)
    assert (state(store), book(store)) == ("live", ([("12", "7")], []))
    store.depth._check()
    assert (stream is not None) is seen


@pytest.mark.parametrize("length", range(60, 110, 7))
def test_a_broken_frame(length: int) -> None:
    """Half a frame is no JSON; as long as its room can be read, that book knows that it missed something."""
    watched = live()
    watched.feed(diff(101, a=(("11", "3"),))[:length])
    assert (state(watched.store), len(watched.store["depth"])) == ("syncing", 0)


# -- a model of the venue ------------------------------------------------------------------------------------------


class Play:
    """One book as bitbank has it, a connection to it, and a store; a method for each thing that may happen."""

    def __init__(self, seen: bool) -> None:
        self.watched = Watched(bitbankDataStore)
        self.seen = seen
        if not seen:
            for stream in self.watched.streams.values():
                stream.close()
        self.number = 40
        self.sides: dict[str, dict[str, str]] = {"a": {}, "b": {}}
        self.wholes = [whole(40)]
        self.last = diff(40)
        self.joined = False
        self.oldest = 0  # of the whole books that may still come
        self.late = True  # whether the next one may be older than that
        self.silent = False  # whether a change was lost unnoticed

    def change(self, levels: Any, heard: bool = True) -> None:
        self.number += 1 + self.number % 3
        made: dict[str, list[tuple[str, str]]] = {"a": [], "b": []}
        for side, price, size in levels:
            made[side].append((price, size))
            self.sides[side][price] = size
            if not float(size):
                del self.sides[side][price]
        self.last = diff(self.number, *map(tuple, made.values()))
        self.wholes.append(whole(self.number, *(tuple(self.sides[side].items()) for side in "ab")))
        if self.joined and heard:
            self.watched.feed(self.last)
        self.silent |= self.joined and not heard

    def lost(self, levels: Any) -> None:
        self.change(levels, heard=False)

    def twice(self, levels: Any) -> None:
        if self.joined and not self.silent:
            self.watched.feed(self.last)

    def join(self, levels: Any) -> None:
        if not self.joined:
            self.joined, self.oldest = True, len(self.wholes) - 1

    def whole(self, levels: Any) -> None:
        """Send a whole book, perhaps a late one: the first after a beginning may be older than that.

        Both rooms are joined together, so no more than one comes before the changes do.
        """
        if not self.joined and not self.late:
            return
        lag = len(levels)
        place = max(len(self.wholes) - lag, 0 if self.late else self.oldest)
        self.watched.feed(self.wholes[place])
        self.silent &= place != len(self.wholes) - 1
        self.late, self.oldest = False, max(place, self.oldest)

    def damaged(self, levels: Any) -> None:
        self.change(levels, heard=False)
        if self.joined:
            self.silent = False
            self.watched.feed(self.last.replace('"s"', '"x"'))
            self.oldest, self.late = len(self.wholes) - 1, True

    def cut(self, levels: Any) -> None:
        self.watched.ws.lose()
        assert state(self.watched.store) in ("stale", "syncing")
        self.watched.ws = FakeSocket()
        self.joined, self.silent, self.late = False, False, True

    async def check(self) -> None:
        store = self.watched.store
        if state(store) == "live" and self.joined and not self.silent:
            asks, bids = (sorted(self.sides[side].items(), key=lambda level: float(level[0])) for side in "ab")
            assert book(store) == (asks, bids[::-1])
        store["depth"]._check()
        if self.seen:
            await self.watched.check()

    async def settle(self) -> None:
        self.join([])
        self.change([("a", "11", "1")])
        self.whole([1])
        assert state(self.watched.store) == "live"
        await self.check()


LEVEL = st.tuples(
    st.sampled_from("ab"), st.sampled_from(["7", "8", "9.5", "10"]), st.sampled_from(["0", "0.0000", "1", "2"])
)
KINDS = ["change"] * 5 + ["whole"] * 4 + ["join"] * 3 + ["lost", "twice", "damaged", "cut"]
EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(LEVEL, min_size=1, max_size=4)), max_size=30)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(EVENTS, st.booleans())
def test_book_equals_the_venue(events: list[Any], seen: bool) -> None:
    """Whatever is late, repeated, damaged or cut off: a live book is the venue's, and in the end it is live.

    A change that is lost on an open connection cannot be noticed; the next whole book ends that.
    """

    async def run() -> None:
        play = Play(seen)
        for kind, levels in events:
            getattr(play, kind)(levels)
            await play.check()
        await play.settle()

    asyncio.run(run())


ROOMS = [f"{room}_{pair}" for pair in ("btc_jpy", "xrp_jpy") for room in ("depth_whole", "depth_diff")]
FEED = Feed(
    venue=Bitbank,
    collection=bitbankDataStore,
    url="wss://stream.bitbank.cc/socket.io/?EIO=3&transport=websocket",
    messages=[],
    book="depth",
    price="price",
    size="amount",
    markets={"btc_jpy": BTC, "xrp_jpy": {"pair": "xrp_jpy"}},
    host=EXCHANGE.hosts["stream.bitbank.cc"],
    text=True,
)
MOVES = st.lists(
    st.tuples(st.sampled_from(["tick", "deliver", "hear", "repeat", "cut", "wait"]), st.integers(0, 7)), max_size=25
)


class Joining(Truth):
    """Joins the rooms with texts, in an order of its own."""

    order = 1

    def connect(self) -> None:
        super().connect()
        if self.socket is not None:
            self.socket.up.extend(f'42["join-room","{room}"]' for room in ROOMS[:: self.order])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MOVES, st.integers(0, 3), st.sampled_from([1, -1]))
def test_book_equals_the_fake(case: list[tuple[str, int]], seed: int, order: int) -> None:
    """Against the fake, frame by frame: no book is ever live and wrong, whichever room is joined first."""
    kind = type("Ordered", (Joining,), {"order": order})
    kind(FEED, seed).play(case)
