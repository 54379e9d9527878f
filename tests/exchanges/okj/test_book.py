"""The order books of OKJ: checksums, numbers, gaps, who keeps a book, lost connections, damage; and a model of OKJ."""

from __future__ import annotations

import asyncio
import binascii
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, respond
from topgun.exchanges.okj import OKJDataStore

LOGGER = "topgun.exchanges.okj"
V5, V3 = "books", "v3_depth"  # the two generations, by table
BTC = {V5: {"instId": "BTC-JPY"}, V3: {"instrument_id": "BTC-JPY"}}
CHANNEL: dict[str, Any] = {V5: {"channel": "books", "instId": "BTC-JPY"}, V3: "spot/depth:BTC-JPY"}
Levels = tuple[tuple[str, str], ...]
Sides = tuple[list[tuple[str, str]], list[tuple[str, str]]]


def checksum(asks: Any, bids: Any) -> int:
    """Return the checksum of a book by the rule of the documents; best levels come first."""
    told: list[str] = []
    for place in range(25):
        for side in (bids, asks):
            if place < len(side):
                told += [side[place][0], side[place][1]]
    return int(struct.unpack(">i", struct.pack(">I", binascii.crc32(":".join(told).encode())))[0])


@pytest.mark.parametrize(
    ("bids", "asks", "expected"),
    [
        ([("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8")], -1881014294),
        ([("3366.1", "7")], [("3366.8", "9"), ("3368", "8"), ("3372", "8")], 831078360),
    ],
)
@pytest.mark.parametrize("table", [V5, V3])
def test_official_checksums(table: str, bids: Any, asks: Any, expected: int) -> None:
    """The books of the official examples are believed with their checksum, and with no other."""
    assert checksum(asks, bids) == expected
    for said, state in ((expected, "live"), (expected + 1, "syncing")):
        store = OKJDataStore()
        store.onmessage(snapshot(table, asks, bids, said=said))
        assert book(store, table) == ((asks, bids) if state == "live" else ([], []))
        assert at(store, table).state(BTC[table]) == state
        assert at(store, table).checksum == {"BTC-JPY": said}


# -- messages ------------------------------------------------------------------------------------------------------


def at(store: OKJDataStore, table: str) -> Any:
    return store.books if table == V5 else store.v3_depth


def message(table: str, action: str, asks: Any, bids: Any, *, numbers: Any = (-1, 100), **more: Any) -> dict[str, Any]:
    """Return a message in the words of a generation."""
    name, said = more.get("instrument", "BTC-JPY"), more.get("said", 0)
    tail = ["0", "1"] if table == V5 else ["1"]
    sides = {side: [[*level, *tail] for level in levels] for side, levels in (("asks", asks), ("bids", bids))}
    checked = {} if said is None else {"checksum": said}
    if table == V5:
        before, now = numbers
        data = {**sides, "ts": "1790133750004", **checked, "seqId": now, "prevSeqId": before}
        return {"arg": {"channel": more.get("channel", "books"), "instId": name}, "action": action, "data": [data]}
    data = {"instrument_id": name, **sides, "timestamp": "2020-03-16T11:11:43.388Z", **checked}
    return {"table": more.get("channel", "spot/depth"), "action": action, "data": [data]}


def snapshot(table: str, asks: Any = (), bids: Any = (), **more: Any) -> dict[str, Any]:
    return message(table, "snapshot" if table == V5 else "partial", asks, bids, **more)


def delta(table: str, asks: Any = (), bids: Any = (), **more: Any) -> dict[str, Any]:
    return message(table, "update", asks, bids, **{"numbers": (100, 103), **more})


def book(store: OKJDataStore, table: str, name: str = "BTC-JPY") -> Sides:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    price, size = ("px", "sz") if table == V5 else ("price", "size")
    sides = at(store, table).sorted(dict.fromkeys(BTC[table], name))
    asks, bids = ([(row[price], row[size]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


ASKS, BIDS = [("11", "1"), ("12", "2")], [("10", "1"), ("9", "2")]
START = {table: snapshot(table, ASKS, BIDS, said=checksum(ASKS, BIDS)) for table in (V5, V3)}
AGAIN = {table: [{"op": op, "args": [CHANNEL[table]]} for op in ("unsubscribe", "subscribe")] for table in (V5, V3)}


def live(table: str) -> Watched:
    """Return a store whose book is live; V5 is at number 100."""
    watched = Watched(OKJDataStore)
    watched.feed(START[table])
    assert state(watched, table) == "live"
    return watched


def state(watched: Watched, table: str) -> str:
    return str(at(watched.store, table).state(BTC[table]))


# -- numbers and checksums -----------------------------------------------------------------------------------------


async def test_rows() -> None:
    """Rows hold what stands in the levels; of V3 what stands last is the number of orders, whatever the length."""
    watched = Watched(OKJDataStore)
    watched.feed(START[V5])
    first = {"instId": "BTC-JPY", "side": "asks", "px": "11", "sz": "1", "liqSz": "0", "ordSz": "1"}
    assert watched.store.books.find()[0] == first
    assert watched.store.books.ts == "1790133750004"
    levels = [["4568.5", "0.5", "2"], ["4569", "1", "0", "3"], ["4570", "7"]]
    data = {"instrument_id": "BTC-JPY", "asks": levels, "bids": [], "timestamp": "1"}
    watched.feed({"table": "spot/depth5", "data": [data]})
    rows = watched.store.v3_depth.find()
    assert [(row["price"], row["size"], row["num_orders"]) for row in rows] == [
        ("4568.5", "0.5", "2"), ("4569", "1", "3"), ("4570", "7", "7"),
    ]  # fmt: skip
    await watched.check()


async def test_numbers_that_jump_repeat_and_fall() -> None:
    """A change fits if it names the number of the one before: the numbers may jump, stand still and fall."""
    watched = live(V5)
    watched.feed(
        delta(V5, asks=[("11", "0"), ("99", "0")], numbers=(100, 107)),
        delta(V5, numbers=(107, 107)),
        delta(V5, bids=[("10", "5")], numbers=(107, 3)),
        delta(V5, asks=[("13", "1")], numbers=(3, 4)),
    )
    store: Any = watched.store
    assert book(store, V5) == ([("12", "2"), ("13", "1")], [("10", "5"), ("9", "2")])
    assert state(watched, V5) == "live"
    await watched.check()


WRONG = {
    V5: [
        delta(V5, asks=[("11", "5")], numbers=(101, 103)),
        delta(V5, asks=[("11", "5")], numbers=(99, 100)),
        delta(V5, asks=[("11", "5")], numbers=(None, 103)),
        delta(V5, asks=[("11", "5")], said=1),
        snapshot(V5, [("11", "5")], said=1),
    ],
    V3: [delta(V3, asks=[("11", "5")], said=1), snapshot(V3, [("11", "5")], said=-7)],
}


@pytest.mark.parametrize(("table", "wrong"), [(table, wrong) for table in WRONG for wrong in WRONG[table]])
async def test_gap(table: str, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A number or a checksum that does not fit empties the book, says so, and asks for that channel anew."""
    watched = live(table)
    watched.feed(snapshot(table, [("1", "1")], instrument="ETH-JPY"), wrong)
    store: Any = watched.store
    assert (state(watched, table), book(store, table)) == ("syncing", ([], []))
    assert ["BTC-JPY" in record.getMessage() for record in caplog.records] == [True]
    [(_, messages, done)] = watched.ws.snapshot_requests
    assert (messages, done()) == (AGAIN[table], False)
    watched.feed(delta(table, asks=[("11", "6")]), delta(table, asks=[("11", "7")], numbers=(103, 104)))
    assert (book(store, table), book(store, table, "ETH-JPY")) == (([], []), ([("1", "1")], []))
    watched.feed(START[table])
    assert (state(watched, table), book(store, table), done()) == ("live", (ASKS, BIDS), True)
    assert len(caplog.records) == 1
    await watched.check()


@pytest.mark.parametrize("table", [V5, V3])
@pytest.mark.parametrize("said", [0, None])
async def test_no_checksum(table: str, said: int | None) -> None:
    """A checksum of 0, or none, is not checked."""
    watched = live(table)
    watched.feed(delta(table, asks=[("11", "5")], said=said))
    store: Any = watched.store
    assert (state(watched, table), book(store, table)) == ("live", ([("11", "5"), ("12", "2")], BIDS))


@pytest.mark.parametrize("table", [V5, V3])
async def test_checksum_of_the_best_levels(table: str) -> None:
    """It covers 25 levels of each side, in the order of prices and not of texts, as they are spelled."""
    asks = [(f"{price}.50", "1.0") for price in range(98, 140)]
    bids = [(f"{price}", "0.10") for price in range(97, 60, -1)]
    watched = Watched(OKJDataStore)
    watched.feed(snapshot(table, asks[::-1], bids[::-1], said=checksum(asks, bids)))
    watched.feed(delta(table, [("99.50", "0.00")], [("97", "0")], said=checksum([asks[0], *asks[2:]], bids[1:])))
    store: Any = watched.store
    assert (state(watched, table), book(store, table)) == ("live", ([asks[0], *asks[2:]], bids[1:]))
    await watched.check()


@pytest.mark.parametrize("table", [V5, V3])
@pytest.mark.parametrize("heal", [True, False])
def test_gap_without_healing(table: str, heal: bool) -> None:
    """With ``heal=False``, or without a socket, a book that is wrong says so and asks for nothing."""
    store, ws = OKJDataStore(heal=heal), None if heal else FakeSocket()
    for each in (START[table], delta(table, asks=[("11", "5")], said=1)):
        store.onmessage(each, ws)
    assert (at(store, table).state(BTC[table]), len(at(store, table))) == ("syncing", 0)
    assert ws is None or ws.snapshot_requests == ws.sent == []
    store.onmessage(START[table], ws)
    assert at(store, table).state(BTC[table]) == "live"


@pytest.mark.parametrize("table", [V5, V3])
async def test_change_before_the_snapshot(table: str) -> None:
    """Without a snapshot there is nothing to change."""
    watched = Watched(OKJDataStore)
    watched.feed(delta(table, asks=[("1", "1")]))
    store: Any = watched.store
    assert (state(watched, table), len(at(store, table)), watched.ws.snapshot_requests) == ("stale", 0, [])
    watched.feed(START[table], delta(table, asks=[("11", "0")]))
    assert book(store, table) == ([("12", "2")], BIDS)
    await watched.check()


@pytest.mark.parametrize("table", [V5, V3])
def test_snapshot_that_does_not_come(table: str) -> None:
    """After ten changes without one it is asked for; until then, and without a socket, nobody is."""
    watched = Watched(OKJDataStore)
    watched.feed(*[delta(table, asks=[("1", "1")])] * 9)
    assert (state(watched, table), watched.ws.snapshot_requests) == ("stale", [])
    watched.feed(*[delta(table, asks=[("1", "1")])] * 9)
    assert (state(watched, table), [each[1] for each in watched.ws.snapshot_requests]) == ("syncing", [AGAIN[table]])
    watched.feed(START[table])
    assert state(watched, table) == "live"


def timed(message: dict[str, Any], seconds: int) -> dict[str, Any]:
    """Return a message made so many seconds later."""
    [data] = message["data"]
    time = (
        {"ts": f"17901337{50 + seconds}004"} if "ts" in data else {"timestamp": f"2020-03-16T11:11:{43 + seconds}.388Z"}
    )
    return {**message, "data": [{**data, **time}]}


@pytest.mark.parametrize("table", [V5, V3])
def test_snapshot_of_the_past(table: str) -> None:
    """It changes nothing: what the book has become since is newer."""
    watched = live(table)
    watched.feed(timed(delta(table, asks=[("11", "5")]), 2), START[table])
    store: Any = watched.store
    assert (state(watched, table), book(store, table)) == ("live", ([("11", "5"), ("12", "2")], BIDS))
    watched.feed(timed(START[table], 3))
    assert book(store, table) == (ASKS, BIDS)


def test_change_of_the_past() -> None:
    """Without numbers the time tells that a change is late: its checksum may be that of the book as it was then."""
    watched = live(V3)
    watched.feed(timed(delta(V3, asks=[("11", "5")]), 2), timed(delta(V3, asks=[("11", "1")]), 1))
    assert state(watched, V3) == "syncing"


# -- whose book it is ----------------------------------------------------------------------------------------------

OTHER = {V5: {"channel": "books5"}, V3: {"channel": "spot/depth5"}}


@pytest.mark.parametrize("table", [V5, V3])
async def test_second_channel_is_ignored(table: str, caplog: pytest.LogCaptureFixture) -> None:
    """While a book has its channel another one changes nothing, with one warning; once it is lost it may have it."""
    watched = live(table)
    first = watched.ws
    store: Any = watched.store
    other: Any = snapshot(table, [("20", "1")], **OTHER[table])
    watched.feed(other, other, delta(table, asks=[("11", "0")], **OTHER[table]))
    assert (state(watched, table), book(store, table)) == ("live", (ASKS, BIDS))
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    watched.ws = FakeSocket()
    watched.feed(START[table], other)
    assert state(watched, table) == "live"
    first.lose()
    watched.feed(delta(table, asks=[("11", "0")]))
    assert (state(watched, table), book(store, table)) == ("stale", (ASKS, BIDS))
    watched.feed(other)
    assert (state(watched, table), book(store, table)) == ("live", ([("20", "1")], []))
    assert (first.snapshot_requests, watched.ws.snapshot_requests) == ([], [])
    await watched.check()


@pytest.mark.parametrize("table", [V5, V3])
def test_unsubscribed(table: str) -> None:
    """A book that nobody keeps right any more is stale, and another channel may have it."""
    watched = live(table)
    store: Any = watched.store
    ack = {"event": "unsubscribe", "arg" if table == V5 else "channel": CHANNEL[table]}
    store.onmessage(ack, FakeSocket())
    assert state(watched, table) == "live"
    watched.feed({**ack, "arg": None, "channel": "spot/depth:ETH-JPY"})
    assert state(watched, table) == "live"
    watched.feed(ack)
    assert (state(watched, table), book(store, table)) == ("stale", (ASKS, BIDS))
    watched.feed(delta(table, asks=[("11", "0")]), snapshot(table, [("20", "1")], **OTHER[table]))
    assert (state(watched, table), book(store, table)) == ("live", ([("20", "1")], []))


@pytest.mark.parametrize("table", [V5, V3])
def test_unsubscribed_in_order_to_mend(table: str) -> None:
    """The answer to the unsubscription that shall bring a snapshot leaves the book waiting for it."""
    watched = live(table)
    watched.feed(delta(table, said=1), {"event": "unsubscribe", "arg": CHANNEL[V5], "channel": CHANNEL[V3]})
    assert state(watched, table) == "syncing"
    watched.feed(START[table])
    assert state(watched, table) == "live"


async def test_a_book_from_http() -> None:
    """It is put in place where no stream keeps one, and is stale; a book that is kept, or about to be, is newer."""
    watched = Watched(OKJDataStore)
    store: Any = watched.store
    answer = {"code": "0", "data": [{"asks": [["20", "1", "0", "1"]], "bids": [["19", "2", "0", "1"]], "ts": "1"}]}
    url = "https://api.okj.com/api/v5/market/books?instId=BTC-JPY&sz=400"
    there = ([("20", "1")], [("19", "2")])

    async def ask() -> tuple[str, Sides]:
        await store.initialize(respond("GET", url, answer))
        return state(watched, V5), book(store, V5)

    assert await ask() == ("stale", there)
    assert await ask() == ("stale", there)
    watched.feed(START[V5])
    assert await ask() == ("live", (ASKS, BIDS))
    watched.feed(delta(V5, numbers=(7, 8)))
    assert await ask() == ("syncing", ([], []))
    watched.ws.lose()
    assert await ask() == ("stale", there)
    await watched.check()


# -- damage --------------------------------------------------------------------------------------------------------

DAMAGE: list[tuple[tuple[Any, ...], Any]] = [
    (("action",), "x"),
    (("action",), None),
    (("data", 0, "asks"), None),
    (("data", 0, "asks"), ...),
    (("data", 0, "bids"), ...),
    (("data", 0, "bids"), {"x": 1}),
    *(
        (("data", 0, side, 0), level)
        for side in ("asks", "bids")
        for level in (None, [], ["13"], "131", ["x", "1"], ["nan", "1"], [None, "1"], [[], "1"], ["13", "-1", "0", "1"])
    ),
    *((("data", 0, "asks", 0, 1), size) for size in (None, "", "x", "-1", [])),
    *((("data", 0, "checksum"), said) for said in (True, "1", [1], {"x": 1})),
]


@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
@pytest.mark.parametrize("kind", ["update", "snapshot"])
@pytest.mark.parametrize("table", [V5, V3])
def test_damaged(table: str, kind: str, place: Any, junk: Any) -> None:
    """A message that cannot be read never leaves a live book behind: the channel is asked for anew."""
    store, ws = OKJDataStore(), FakeSocket()
    store.onmessage(START[table], ws)
    asks = [("11", "3"), ("12", "2")]
    make = delta if kind == "update" else snapshot
    sound = make(table, asks, BIDS, said=checksum(asks, BIDS))
    store.onmessage(damaged(sound, place, junk), ws)
    assert (at(store, table).state(BTC[table]), len(at(store, table))) == ("syncing", 0)
    assert [messages for _, messages, _ in ws.snapshot_requests] == [AGAIN[table]]
    store.onmessage(START[table], ws)
    assert (at(store, table).state(BTC[table]), book(store, table)) == ("live", (ASKS, BIDS))
    at(store, table)._check()


@pytest.mark.parametrize("table", [V5, V3])
@pytest.mark.parametrize("name", [..., None, [], {}], ids=repr)
def test_damaged_name(table: str, name: Any) -> None:
    """A message that names no book changes none; what it held is noticed as missing."""
    watched = live(table)
    place = ("arg", "instId") if table == V5 else ("data", 0, "instrument_id")
    lost = delta(table, asks=[("11", "0")], said=checksum(ASKS[1:], BIDS))
    watched.feed(damaged(lost, place, name))
    store: Any = watched.store
    assert (state(watched, table), book(store, table)) == ("live", (ASKS, BIDS))
    later = checksum(ASKS[1:], [("10", "9"), BIDS[1]])
    watched.feed(delta(table, bids=[("10", "9")], numbers=(103, 104), said=later))
    assert state(watched, table) == "syncing"


def test_number_that_is_missing() -> None:
    """A change without a number of its own is taken, but then nothing fits; one without the number before is not."""
    for place, after in ((("data", 0, "prevSeqId"), "syncing"), (("data", 0, "seqId"), "live")):
        watched = live(V5)
        watched.feed(damaged(delta(V5), place, ...))
        assert state(watched, V5) == after
        watched.feed(delta(V5, numbers=(103, 104)))
        assert state(watched, V5) == "syncing"


# -- a model of the venue ------------------------------------------------------------------------------------------


class Venue:
    """One book as OKJ has it, behind a connection that spoils messages."""

    def __init__(self, table: str, name: str) -> None:
        self.table, self.name = table, name
        self.number = 40
        self.sides: tuple[dict[str, str], dict[str, str]] = ({}, {})

    def truth(self) -> Sides:
        asks, bids = (sorted(side.items(), key=lambda level: float(level[0])) for side in self.sides)
        return asks, bids[::-1]

    def change(self, levels: Any, step: int) -> dict[str, Any]:
        before, self.number = self.number, max(self.number + step, 0)
        told: tuple[list[Any], list[Any]] = ([], [])
        for side, price, size in levels:
            told[side].append((price, size))
            self.sides[side].pop(price, None)
            if float(size):
                self.sides[side][price] = size
        asks, bids = self.truth()
        return delta(self.table, *told, numbers=(before, self.number), said=checksum(asks, bids), instrument=self.name)

    def snapshot(self) -> dict[str, Any]:
        asks, bids = self.truth()
        return snapshot(
            self.table, asks, bids, numbers=(-1, self.number), said=checksum(asks, bids), instrument=self.name
        )


class Play:
    """A store behind a connection to two such books; a method for each thing that may happen."""

    def __init__(self, table: str, seen: bool) -> None:
        self.table, self.seen = table, seen
        self.watched = Watched(OKJDataStore)
        self.store: Any = self.watched.store
        self.venues = {name: Venue(table, name) for name in "AB"}
        self.shown: dict[str, Sides] = {}  # each book as of its last message that arrived
        if not seen:  # nobody watches: the tables take the short way
            for stream in self.watched.streams.values():
                stream.close()

    def state(self, venue: Venue) -> str:
        return str(at(self.store, self.table).state(dict.fromkeys(BTC[self.table], venue.name)))

    def arrive(self, venue: Venue, *messages: Any) -> None:
        self.watched.feed(*messages)
        if self.state(venue) == "live":
            assert book(self.store, self.table, venue.name) == venue.truth()
            self.shown[venue.name] = venue.truth()

    def change(self, venue: Venue, levels: Any, step: int) -> None:
        self.arrive(venue, venue.change(levels, step))

    def twice(self, venue: Venue, levels: Any, step: int) -> None:
        self.arrive(venue, *[venue.change(levels, step)] * 2)

    def lost(self, venue: Venue, levels: Any, step: int) -> None:
        venue.change(levels, step)

    def late(self, venue: Venue, levels: Any, step: int) -> None:
        first = venue.change(levels, step)
        second = venue.change([(0, "7", "1")], 1)
        # without numbers an old change with a right checksum would pass, but a connection keeps the order
        self.arrive(venue, second, *([first] if self.table == V5 else []))

    def damaged(self, venue: Venue, levels: Any, step: int) -> None:
        made = venue.change([*levels, (0, "7", "1")], step)
        made["data"][0]["asks"][-1][1] = None
        self.arrive(venue, made)

    def snapshot(self, venue: Venue, levels: Any, step: int) -> None:
        self.arrive(venue, venue.snapshot())
        assert self.state(venue) == "live"

    def answer(self, venue: Venue, levels: Any, step: int) -> None:
        """Send the snapshots that the store must have asked for."""
        asked = [messages for _, messages, done in self.watched.ws.snapshot_requests if not done()]
        for each in self.venues.values():
            wanted = {"channel": "books", "instId": each.name} if self.table == V5 else f"spot/depth:{each.name}"
            if self.state(each) == "syncing":
                assert [{"op": op, "args": [wanted]} for op in ("unsubscribe", "subscribe")] in asked
                self.snapshot(each, levels, step)

    def closed(self, venue: Venue, levels: Any, step: int) -> None:
        self.watched.ws.lose()
        self.watched.ws = FakeSocket()
        assert "live" not in {self.state(each) for each in self.venues.values()}

    async def check(self) -> None:
        for venue in self.venues.values():
            if self.state(venue) == "syncing":
                self.shown[venue.name] = ([], [])
            assert book(self.store, self.table, venue.name) == self.shown.get(venue.name, ([], []))
        at(self.store, self.table)._check()
        if self.seen:
            await self.watched.check()


LEVEL = st.tuples(
    st.sampled_from([0, 1]), st.sampled_from(["7", "8", "9.5", "10"]), st.sampled_from(["0", "0.00", "1", "2"])
)
KINDS = [*["change"] * 6, "twice", "lost", "late", "damaged", "snapshot", "answer", "closed"]
STEPS = st.sampled_from([0, 1, 1, 5, -30])
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["A", "B"]), st.lists(LEVEL, max_size=4), STEPS), max_size=25
)


@pytest.mark.parametrize("table", [V5, V3])
def test_live_books_are_right(table: str) -> None:
    """Whatever is lost, repeated, late or damaged: a book is never live and wrong, and always live again."""

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(EVENTS, st.booleans())
    def play(events: list[Any], seen: bool) -> None:
        async def run() -> None:
            play = Play(table, seen)
            for kind, name, levels, step in [*events, ("answer", "A", [], 0)]:
                getattr(play, kind)(play.venues[name], levels, step)
                await play.check()
            assert "syncing" not in {play.state(venue) for venue in play.venues.values()}

        asyncio.run(run())

    play()
