"""The order book of Bitget: numbers, checksums, gaps, second depths, lost connections, damage; against a model."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged
from topgun.exchanges.bitget import BitgetDataStore, BitgetV2DataStore

ARG = {"instType": "USDT-FUTURES", "channel": "books", "instId": "BTCUSDT"}
GROUP = {"instType": "USDT-FUTURES", "instId": "BTCUSDT"}
LOGGER = "topgun.exchanges.bitget"
AGAIN = [{"op": "unsubscribe", "args": [ARG]}, {"op": "subscribe", "args": [ARG]}]

Levels = tuple[tuple[str, str], ...]


def message(
    action: str, asks: Levels = (), bids: Levels = (), arg: dict[str, str] | None = None, **numbers: Any
) -> dict[str, Any]:
    data = {"asks": [list(level) for level in asks], "bids": [list(level) for level in bids], "ts": "1", **numbers}
    return {"action": action, "arg": dict(arg or ARG), "data": [data], "ts": 1701842994341}


def snapshot(seq: Any, asks: Levels = (), bids: Levels = (), arg: dict[str, str] | None = None) -> dict[str, Any]:
    return message("snapshot", asks, bids, arg, seq=str(seq), pseq="0")


def update(seq: Any, pseq: Any, asks: Levels = (), bids: Levels = (), **more: Any) -> dict[str, Any]:
    return message("update", asks, bids, seq=str(seq), pseq=str(pseq), **more)


def book(store: Any, group: dict[str, str] | None = None) -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = store.book.sorted(group or GROUP)
    asks, bids = ([(row["price"], row["amount"]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


START = snapshot(100, asks=(("11", "1"), ("12", "2")), bids=(("10", "1"), ("9", "2")))
STARTED = ([("11", "1"), ("12", "2")], [("10", "1"), ("9", "2")])


def live(start: dict[str, Any] = START) -> Watched:
    """Return a store whose book is live at number 100."""
    watched = Watched(BitgetV2DataStore, "wss://ws.bitget.com/v2/ws/public")
    watched.feed(start)
    assert state(watched) == "live"
    return watched


def state(watched: Watched, group: dict[str, str] | None = None) -> str:
    table: Any = watched.store
    return str(table.book.state(group or GROUP))


def asked(watched: Watched) -> list[Any]:
    return [messages for _, messages, _ in watched.ws.snapshot_requests]


# -- numbers -------------------------------------------------------------------------------------------------------


async def test_changes_follow() -> None:
    """A change that names the number before it is applied; the same message once more changes nothing."""
    watched = live()
    change = update(117, 100, asks=(("11", "0"), ("13", "5")))
    watched.feed(change, change, update(120, 117, bids=(("10", "3"),)))
    assert book(watched.store) == ([("12", "2"), ("13", "5")], [("10", "3"), ("9", "2")])
    assert (state(watched), asked(watched)) == ("live", [])
    await watched.check()


@pytest.mark.parametrize(
    "change",
    [
        update(117, 101),  # something between is missing
        update(117, 99),
        update(100, 100),  # the number stands still
        update(99, 98),  # and goes back: a reset
        update(1, 0),
        message("update", seq="100"),
        message("update", seq="7"),
        message("update", pseq="100"),  # the number is missing
        message("update"),
    ],
    ids=lambda change: str({name: change["data"][0].get(name) for name in ("seq", "pseq")}),
)
async def test_gap(change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A number that does not fit empties the book, says so, and subscribes anew to that channel alone."""
    watched = live()
    other = {**ARG, "instId": "ETHUSDT"}
    watched.feed(snapshot(5, asks=(("1", "1"),), arg=other))
    await watched.check()
    change["data"][0]["asks"] = [["11", "5"]]
    watched.feed(change)
    assert (state(watched), book(watched.store), asked(watched)) == ("syncing", ([], []), [AGAIN])
    status: Any = watched.store["book"]
    assert "are missing" in status.status.get(GROUP)["reason"]
    assert ["USDT-FUTURES BTCUSDT" in record.getMessage() for record in caplog.records] == [True]
    changes = (await watched.check())["book"]
    assert [change.operation for change in changes] == ["delete"] * 4

    watched.feed(update(118, 117, asks=(("11", "6"),)), *[update(n + 1, n) for n in range(118, 140)])
    assert (book(watched.store), len(asked(watched))) == (([], []), 1)
    assert state(watched, {**GROUP, "instId": "ETHUSDT"}) == "live"
    watched.feed(snapshot(3, asks=(("11", "7"),)), update(5, 3, bids=(("10", "8"),)))
    assert state(watched) == "live"
    assert watched.ws.snapshot_requests[0][2]()
    assert book(watched.store) == ([("11", "7")], [("10", "8")])
    assert len(caplog.records) == 1
    await watched.check()


def test_numbers_alone() -> None:
    """Spot tells no number before: a number that rises is all that can be asked for."""
    watched = live(message("snapshot", asks=(("11", "1"),), seq=100))
    watched.feed(message("update", asks=(("12", "1"),), seq=117), message("update", asks=(("13", "1"),), seq="118"))
    assert book(watched.store)[0] == [("11", "1"), ("12", "1"), ("13", "1")]
    watched.feed(message("update", asks=(("14", "1"),), seq=118))
    assert state(watched) == "syncing"


def test_no_numbers() -> None:
    """Without a number in the snapshot any change is taken; once there is one it counts."""
    watched = live(message("snapshot", asks=(("11", "1"),)))
    watched.feed(message("update", asks=(("12", "1"),)), update(50, 49, asks=(("13", "1"),)))
    assert book(watched.store)[0] == [("11", "1"), ("12", "1"), ("13", "1")]
    watched.feed(update(52, 51))
    assert state(watched) == "syncing"


@pytest.mark.parametrize("zero", ["0", "0.000", "-0", "0e-8", 0, 0.0])
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
def test_every_zero_removes(zero: Any, seen: bool) -> None:
    """A size of zero removes its level however it is written; in a snapshot it is no level."""
    store = BitgetV2DataStore()
    stream = store.book.watch() if seen else None
    store.onmessage(snapshot(1, asks=(("11", "1"), ("12", zero))))
    store.onmessage(update(2, 1, asks=(("11", zero),), bids=(("9", zero), ("8", "1"))))
    assert book(store) == ([], [("8", "1")])
    assert (stream is not None) is seen


@pytest.mark.parametrize("heal", [True, False])
def test_gap_without_healing(heal: bool) -> None:
    """With ``heal=False``, or without a socket, a book that is wrong says so and asks for nothing."""
    store, ws = BitgetV2DataStore(heal=heal), None if heal else FakeSocket()
    store.onmessage(START, ws)  # type: ignore[arg-type]  # a stand-in
    store.onmessage(update(117, 101), ws)  # type: ignore[arg-type]
    assert (store.book.state(GROUP), len(store.book)) == ("syncing", 0)
    assert ws is None or ws.snapshot_requests == ws.sent == []
    store.onmessage(START, ws)  # type: ignore[arg-type]
    assert (store.book.state(GROUP), book(store)) == ("live", STARTED)


def test_snapshot_that_does_not_come() -> None:
    """Changes before the snapshot are not applied; after ten of them it is asked for."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(*(update(number, number - 1, asks=(("1", "1"),)) for number in range(100, 109)))
    assert (state(watched), len(watched.store["book"]), asked(watched)) == ("stale", 0, [])
    watched.feed(*(update(number, number - 1) for number in range(109, 130)))
    assert (state(watched), asked(watched)) == ("syncing", [AGAIN])
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("live", STARTED)


@pytest.mark.parametrize("channel", ["books1", "books5", "books15"])
async def test_channels_of_snapshots(channel: str) -> None:
    """The short channels send nothing but snapshots, with any number; a checksum there means nothing known."""
    watched, arg = Watched(BitgetV2DataStore), {**ARG, "channel": channel}
    for number, price in ((7, "11"), (9, "12"), (9, "12"), (3, "13")):
        watched.feed(message("snapshot", asks=((price, "1"),), arg=arg, seq=number, checksum=5))
        assert (state(watched), book(watched.store)) == ("live", ([(price, "1")], []))
    await watched.check()


def test_books_have_no_limit() -> None:
    """Three books of 5000 levels a side are all there, and stay so after a change."""
    store = BitgetV2DataStore()
    for number in range(3):
        asks = tuple((str(20_000 + price), "1") for price in range(5_000))
        bids = tuple((str(19_999 - price), "1") for price in range(5_000))
        arg = {**ARG, "instId": f"C{number}USDT"}
        store.onmessage(snapshot(1, asks, bids, arg))
        store.onmessage(update(2, 1, asks=(("25000", "1"),), arg=arg))
    assert len(store.book) == 30_003
    assert [len(book(store, {**GROUP, "instId": f"C{number}USDT"})[0]) for number in range(3)] == [5_001] * 3


# -- checksums -----------------------------------------------------------------------------------------------------


def checksum(asks: list[Any], bids: list[Any]) -> int:
    """Return what the official page asks for: 25 pairs of both sides in turn, CRC32 as a signed number."""
    parts: list[str] = []
    for place in range(25):
        for side in (bids, asks):
            parts += [f"{price}:{size}" for price, size in side[place : place + 1]]
    value = zlib.crc32(":".join(parts).encode())
    return value - 2**32 if value >= 2**31 else value


@pytest.mark.parametrize("form", [int, str])
def test_checksum(form: Any) -> None:
    """A checksum covers 25 levels of each side as they are spelled; one that differs is a gap."""
    asks, bids = [(f"{100 + n}.50", f"{n + 1}.0") for n in range(40)], [(f"{99 - n}.5", "1") for n in range(10)]
    right = form(checksum(asks, bids))
    watched = live(message("snapshot", tuple(asks), tuple(bids), checksum=right))
    asks[0:1] = []
    watched.feed(message("update", asks=(("100.50", "0"),), checksum=form(checksum(asks, bids))))
    assert state(watched) == "live"
    watched.feed(message("update", asks=(("139.50", "7"),), checksum=form(checksum(asks, bids))))  # too deep to count
    assert state(watched) == "live"
    watched.feed(message("update", bids=(("99.5", "2"),), checksum=form(checksum(asks, bids))))
    assert (state(watched), asked(watched)) == ("syncing", [AGAIN])
    watched.feed(message("snapshot", tuple(asks), tuple(bids), checksum=form(12345)))  # nor is every snapshot right
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    watched.feed(message("snapshot", tuple(asks), tuple(bids), checksum=form(checksum(asks, bids) % 2**32)))
    assert state(watched) == "live"


@pytest.mark.parametrize("none", [0, "0", "", None, ...])
def test_no_checksum(none: Any) -> None:
    """A checksum of 0 is none."""
    watched = live()
    watched.feed(damaged(update(117, 100, asks=(("13", "1"),), checksum=0), ("data", 0, "checksum"), none))
    assert (state(watched), len(watched.store["book"])) == ("live", 5)


# -- whose book it is ----------------------------------------------------------------------------------------------

DEEPER = {**ARG, "channel": "books15"}


async def test_second_depth_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """While a book has its channel, messages of another one change nothing; one warning says so."""
    watched = live()
    for number in (101, 102):
        watched.feed(snapshot(number, asks=(("1", "1"),), arg=DEEPER))
    assert book(watched.store) == STARTED
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert "books15" in caplog.text
    watched.feed(update(117, 100, asks=(("11", "0"),)))
    assert book(watched.store) == ([("12", "2")], STARTED[1])
    await watched.check()


def test_second_depth_takes_over() -> None:
    """Once the socket of a book is lost another channel may have it, and the first one is ignored then."""
    watched = live()
    first, watched.ws = watched.ws, FakeSocket()
    watched.feed(snapshot(500, arg=DEEPER))  # ignored
    first.lose()
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(snapshot(502, asks=(("13", "1"),), arg=DEEPER), START)
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], []))


def test_a_snapshot_that_was_overtaken() -> None:
    """One that is older than what was heard, by number and by time, changes nothing; a new count is newer."""
    watched = live(damaged(START, ("data", 0, "ts"), "1000"))
    watched.feed(update(101, 100, asks=(("11", "3"),), ts="1002"))
    now = ([("11", "3"), ("12", "2")], STARTED[1])
    watched.feed(damaged(START, ("data", 0, "ts"), "1000"))
    assert (state(watched), book(watched.store)) == ("live", now)
    watched.feed(update(102, 101, bids=(("8", "1"),), ts="1003"))
    assert (state(watched), book(watched.store)) == ("live", (now[0], [*now[1], ("8", "1")]))
    watched.feed(damaged(snapshot(7, asks=(("20", "1"),)), ("data", 0, "ts"), "1004"))
    assert (state(watched), book(watched.store)) == ("live", ([("20", "1")], []))
    watched.feed(damaged(snapshot(5, asks=(("21", "1"),)), ("data", 0, "ts"), None))  # nobody knows when that was
    assert (state(watched), book(watched.store)) == ("live", ([("21", "1")], []))


def test_unsubscribed() -> None:
    """A book whose channel was given up is stale, and another channel may have it; one that is mended goes on."""
    watched = live()
    deeper = snapshot(101, asks=(("13", "1"),), arg=DEEPER)
    watched.feed({"event": "unsubscribe", "arg": DEEPER}, deeper)  # never was this book's
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    watched.feed({"event": "unsubscribe", "arg": ARG})
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(deeper)
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], []))
    watched = live()
    watched.feed(update(117, 103), {"event": "unsubscribe", "arg": ARG})
    assert state(watched) == "syncing"
    watched.feed(snapshot(118, asks=(("13", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], []))


def test_markets_of_one_name() -> None:
    """Spot and futures of one name have a book each."""
    watched = live()
    watched.feed(snapshot(7, asks=(("1", "1"),), arg={**ARG, "instType": "SPOT"}))
    assert book(watched.store) == STARTED
    assert book(watched.store, {**GROUP, "instType": "SPOT"}) == ([("1", "1")], [])


def test_markets_of_one_name_in_v1(caplog: pytest.LogCaptureFixture) -> None:
    """In V1 the market is no part of a row: the one that came first keeps the book, the other is ignored."""
    store, ws = BitgetDataStore(), FakeSocket()
    for kind, price in (("MC", "5"), ("SP", "6")):
        store.onmessage(message("snapshot", asks=((price, "1"),), arg={**ARG, "instType": kind}), ws)  # type: ignore[arg-type]
    assert list(store.orderbook) == [{"instId": "BTCUSDT", "side": "asks", "px": "5", "sz": "1"}]
    assert (store.orderbook.state({"instId": "BTCUSDT"}), len(caplog.records)) == ("live", 1)


# -- lost connections, damage --------------------------------------------------------------------------------------


async def test_lost_connection() -> None:
    """A lost connection makes the book stale; it takes no change until the new snapshot."""
    watched = live()
    watched.ws.lose()
    watched.ws = FakeSocket()
    watched.feed(update(117, 100, asks=(("11", "0"),)))
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(snapshot(200, asks=(("13", "1"),)), update(201, 200, bids=(("8", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], [("8", "1")]))
    await watched.check()


DAMAGE: list[tuple[tuple[Any, ...], Any]] = [
    (("data",), []),
    (("data",), {}),
    (("data",), 1),
    (("data", 0), None),
    (("data", 0), "x"),
    (("action",), "x"),
    (("action",), ...),
    (("action",), []),
    *((("data", 0, field), value) for field in ("seq", "pseq") for value in ("x", "-1", 1.5, True, [], "")),
    (("data", 0, "seq"), {}),
    (("data", 0, "checksum"), "x"),
    (("data", 0, "checksum"), [1]),
    (("data", 0, "checksum"), float("inf")),
    (("data", 0, "asks"), ...),
    (("data", 0, "bids"), None),
    (("data", 0, "bids"), {"x": 1}),
    *(
        (("data", 0, side), [["11", "5"], level])
        for side in ("asks", "bids")
        for level in (
            None,
            [],
            ["13"],
            ["13", "1", "1"],
            ["x", "1"],
            ["nan", "1"],
            [None, "1"],
            ["13", "-1"],
            ["13", None],
        )
    ),
]


@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
@pytest.mark.parametrize("action", ["update", "snapshot"])
def test_damaged(action: str, place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book behind: it is logged and the channel subscribed anew."""
    store, ws = BitgetV2DataStore(), FakeSocket()
    store.onmessage(START, ws)  # type: ignore[arg-type]  # a stand-in
    sound = message(action, asks=(("11", "3"),), bids=(("9", "0"),), seq=117, pseq=100)
    if action == "snapshot" and place == ("data", 0, "pseq"):
        return  # it says nothing there
    store.onmessage(damaged(sound, place, junk), ws)  # type: ignore[arg-type]
    assert (store.book.state(GROUP), len(store.book)) == ("syncing", 0)
    assert [messages for _, messages, _ in ws.snapshot_requests] == [AGAIN]
    assert "a message cannot be read" in caplog.records[0].getMessage()
    assert "book: a message is ignored" in caplog.records[1].getMessage()
    store.onmessage(START, ws)  # type: ignore[arg-type]
    assert (store.book.state(GROUP), book(store)) == ("live", STARTED)
    store.book._check()


@pytest.mark.parametrize("place", [("arg", "instId"), ("arg", "instType")])
@pytest.mark.parametrize("junk", [None, 1, [], {}, ...], ids=repr)
def test_damaged_name(place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that names no book is logged and changes none; what it held is noticed as missing."""
    watched = live()
    watched.feed(damaged(update(117, 100, asks=(("11", "0"),)), place, junk))
    assert len(caplog.records) == 1
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    watched.feed(update(118, 117))
    assert state(watched) == "syncing"


# -- a model of the venue ------------------------------------------------------------------------------------------


class Venue:
    """One book as Bitget has it, in one of the forms of its feed, and what is known of it behind the connection."""

    def __init__(self, name: str, form: str) -> None:
        self.arg, self.form = {**ARG, "instId": name}, form
        self.number = 40
        self.sides: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}

    def change(self, levels: list[tuple[str, str, str]], step: int = 1) -> dict[str, Any]:
        before, self.number = self.number, self.number + step
        told: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}
        for side, price, size in levels:
            told[side][price] = size
            self.sides[side].pop(price, None)
            if float(size):
                self.sides[side][price] = size
        asks, bids = (tuple(told[side].items()) for side in ("asks", "bids"))
        return message("update", asks, bids, self.arg, **self.signs(before))

    def snapshot(self) -> dict[str, Any]:
        asks, bids = self.truth()
        return message("snapshot", tuple(asks), tuple(bids), self.arg, **self.signs(0))

    def signs(self, before: int) -> dict[str, Any]:
        if self.form == "pseq":
            return {"seq": str(self.number), "pseq": str(before)}
        return {"seq": self.number, "checksum": checksum(*self.truth())}

    def truth(self) -> tuple[list[Any], list[Any]]:
        asks, bids = (sorted(self.sides[side].items(), key=lambda level: float(level[0])) for side in ("asks", "bids"))
        return asks, bids[::-1]


LEVEL = st.tuples(
    st.sampled_from(["asks", "bids"]),
    st.sampled_from(["7", "8", "9.5", "10"]),
    st.sampled_from(["0", "0.00", "1", "2"]),
)
KINDS = ["change"] * 6 + ["twice", "lost", "late", "damaged", "snapshot", "reset", "answer", "closed"]
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from("AB"), st.lists(LEVEL, min_size=1, max_size=4)), max_size=25
)


class Play:
    """A store behind a connection to two such books; what happens is given to it by name."""

    def __init__(self, form: str) -> None:
        self.watched = Watched(BitgetV2DataStore)
        self.venues = {name: Venue(name, form) for name in "AB"}
        self.known = {name: [venue.truth()] for name, venue in self.venues.items()}

    def happen(self, kind: str, name: str, levels: Any) -> None:
        venue, feed = self.venues[name], self.watched.feed
        if kind == "snapshot":
            feed(venue.snapshot())
        elif kind == "reset":
            venue.number = 0
            feed(venue.change(levels))
        elif kind == "answer":
            self.answer()
        elif kind == "closed":
            self.watched.ws.lose()
            self.watched.ws = FakeSocket()
        elif kind == "late":
            first, second = venue.change(levels), venue.change([("asks", "20", str(venue.number))], step=3)
            feed(second, first)
        else:
            made = venue.change(levels)
            if kind == "damaged":
                made["data"][0]["asks"].append(["11", None])
            feed(*[made] * {"lost": 0, "twice": 2}.get(kind, 1))

    def answer(self) -> None:
        """Send the snapshots that the store has asked for."""
        wanted = [messages[1]["args"][0] for _, messages, done in self.watched.ws.snapshot_requests if not done()]
        for venue in self.venues.values():
            syncing = state(self.watched, {**GROUP, "instId": venue.arg["instId"]}) == "syncing"
            assert not syncing or venue.arg in wanted
            if venue.arg in wanted:
                self.watched.feed(venue.snapshot())

    def check(self) -> None:
        for name, venue in self.venues.items():
            group = {**GROUP, "instId": name}
            if state(self.watched, group) == "live":
                seen, truth = book(self.watched.store, group), venue.truth()
                assert seen == truth or self.behind(name, venue, seen)
            if state(self.watched, group) == "syncing":
                assert book(self.watched.store, group) == ([], [])
            if self.known[name][-1] != venue.truth():
                self.known[name].append(venue.truth())
        table: Any = self.watched.store["book"]
        table._check()

    def behind(self, name: str, venue: Venue, seen: Any) -> bool:
        """Tell whether a live book is one that there was, of which nothing newer has arrived."""
        return seen in self.known[name]

    def settle(self) -> None:
        """Let every book hear two more changes, and get what it asks for: then it is live and the venue's."""
        for name, venue in self.venues.items():
            if state(self.watched, {**GROUP, "instId": name}) == "stale":
                self.watched.feed(venue.snapshot())
            for size in ("3", "4"):
                self.watched.feed(venue.change([("bids", "5", size)]))
        self.answer()
        for name, venue in self.venues.items():
            group = {**GROUP, "instId": name}
            assert (state(self.watched, group), book(self.watched.store, group)) == ("live", venue.truth())


@pytest.mark.parametrize("form", ["pseq", "checksum"])
def test_book_equals_the_venue(form: str) -> None:
    """Whatever is lost, late, repeated, damaged or reset: a live book is one of the venue's; in the end it is right."""

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(EVENTS)
    def prove(events: list[Any]) -> None:
        async def run() -> None:
            play = Play(form)
            for kind, name, levels in events:
                play.happen(kind, name, levels)
                play.check()
            play.settle()
            await play.watched.check()

        asyncio.run(run())

    prove()
