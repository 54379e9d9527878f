"""`BookStore`: two sides in order, changes that rebuild them, and a state that says whether they are right."""

from __future__ import annotations

import asyncio
import copy
import gc
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.store.models import Replayed, Socket, pending, scan, told, wakes
from topgun.errors import ConfigError
from topgun.store import Best, BookStore, DataStore

if TYPE_CHECKING:
    from topgun.typedefs import Item


class Book(BookStore):
    """One field names a book."""


class Deep(BookStore):
    """Two fields name a book; the venue has words of its own."""

    _GROUP: ClassVar = ("category", "s")
    _SIDE, _ASK, _BID = "S", "a", "b"
    _PRICE, _SIZE = "p", "v"


BTC = {"symbol": "BTC"}
ONE = ("BTC",)


def row(side: str, price: Any, size: Any, symbol: str = "BTC") -> Item:
    return {"symbol": symbol, "side": side, "price": price, "size": size}


def begun(*, watched: bool = False) -> tuple[Book, Any]:
    """Return a book with three levels, and a stream if it is to be watched from here on."""
    book = Book("book")
    book._replace(ONE, [("101", "1"), ("102", "2")], [("100", "3")])
    return book, book.watch() if watched else None


# -- reading -------------------------------------------------------------------------------------------------------


def test_sorted_and_best() -> None:
    """Both sides come best price first; a query that is not just the name of a book is answered by a sort."""
    book = Book()
    assert book.sorted() == book.sorted(BTC) == {"ask": [], "bid": []}
    assert book.best() == book.best(BTC) == Best(None, None)
    book._replace(ONE, [(102, 1), ("101.5", 2), (103.0, 3)], [("99", 4), (100, 5)])
    asks = [row("ask", "101.5", 2), row("ask", 102, 1), row("ask", 103.0, 3)]
    bids = [row("bid", 100, 5), row("bid", "99", 4)]
    whole = {"ask": asks, "bid": bids}
    assert book.sorted() == book.sorted(BTC) == book.sorted({}) == book.sorted(BTC, 0) == whole
    assert list(book.sorted()) == ["ask", "bid"]
    assert book.sorted(BTC, 1) == {"ask": asks[:1], "bid": bids[:1]}
    assert book.sorted(BTC, -1) == {"ask": asks[:-1], "bid": bids[:-1]}
    assert book.sorted({"size": 2}) == {"ask": [asks[0]], "bid": []}
    assert book.sorted({"side": "bid"}, 1) == {"ask": [], "bid": bids[:1]}
    assert book.best() == book.best(BTC) == (asks[0], bids[0])
    assert book.best().ask is book.get({**BTC, "side": "ask", "price": "101.5"})
    assert book.best({"side": "bid"}) == Best(None, bids[0])
    for nothing in ({"symbol": "ETH"}, {"symbol": ["BTC"]}, {"size": 9}):
        assert book.sorted(nothing) == {"ask": [], "bid": []}
        assert book.best(nothing) == Best(None, None)
    book._replace(("ETH",), [(7, 1)], [])
    assert book.sorted(limit=1) == {"ask": [row("ask", 7, 1, "ETH")], "bid": bids[:1]}
    assert book.best() == (row("ask", 7, 1, "ETH"), bids[0])


def test_reading_one_level_or_one_book_makes_no_other_rows() -> None:
    """Only what somebody looks at becomes a row; rows that were handed out are kept up to date."""
    book = Book()
    for symbol in ("BTC", "ETH"):
        book._replace((symbol,), [(price, 1) for price in range(101, 201)], [(price, 1) for price in range(1, 101)])
    asks, bids = book._books[ONE]
    level = book.get({**BTC, "side": "ask", "price": 150})
    best = book.best(BTC)
    assert (list(asks.rows), list(bids.rows)) == ([150, 101], [100])
    book._levels(ONE, [(150, 7), (101, 8), (300, 9)], [(100, 0)])
    assert (level, best.ask) == (row("ask", 150, 7), row("ask", 101, 8))
    assert (len(book), len(asks.rows), len(bids.rows)) == (400, 2, 0)
    assert book.get({**BTC, "side": "bid", "price": 100}) is None
    assert book.get(BTC) is None
    assert book.get({**BTC, "side": "neither", "price": 100}) is None
    assert [found["price"] for found in book.find(BTC)] == [*range(101, 201), *range(1, 100), 300]
    assert not any(side.rows for side in book._books["ETH",])
    assert [found["price"] for found in book.find({**BTC, "size": 7})] == [150]
    book._delete([row("bid", price, 0) for price in (99, 100)])
    assert book._pop(row("ask", 150, 0)) is level
    book._remove([("BTC", "ask", 102), ("BTC", "ask", 9999), ("XRP", "bid", 1)])
    assert (len(book), len(asks.rows), len(bids.rows)) == (397, len(asks.sizes), len(bids.sizes))
    assert not any(side.rows for side in book._books["ETH",])
    assert book.find()[0] is best.ask
    book._check()


@pytest.mark.parametrize("asked", [True, 1.0, Decimal(1)], ids=repr)
def test_asking_changes_no_row(asked: Any) -> None:
    """However a reader, or a later message, spells a price: the row has it as the exchange spelled it first."""
    book = Book()
    book._levels(ONE, [(1, 5)], [])
    assert book.get({**BTC, "side": "ask", "price": asked}) == row("ask", 1, 5)
    assert type(book.sorted(BTC)["ask"][0]["price"]) is int
    stream = book.watch()
    for level in ((1.0, 6), (1.0, 0)):
        book._drop(ONE)
        book._replace(ONE, [(1, 5)], [])
        pending(stream)
        book._levels(ONE, [level], [])
        assert [type(change.data["price"]) for change in pending(stream)] == [int]


def test_rows_come_in_the_order_of_their_levels() -> None:
    """Iteration goes by when a level came, over sides and books, and what a program stored itself is among them."""
    book, _ = begun()
    book._insert([{**row("neither", "1", "1"), "note": "foreign"}])
    book._levels(ONE, [("103", "1"), ("101", "0")], [("99", "1")])
    book._update([row("ask", "102", "5"), {**row("ask", "101", "6"), "orders": 2}])
    prices = ["102", "100", "1", "103", "99", "101"]
    assert [each["price"] for each in book] == prices
    assert [each["price"] for each in reversed(book)] == prices[::-1]
    assert [each["price"] for each in book.find(BTC)] == prices
    book._levels(ONE, [("101", "7")], [])
    assert book.get(row("ask", "101", "")) == {**row("ask", "101", "7"), "orders": 2}
    assert book.find({"orders": 2, "size": "7"}) == book.sorted(BTC)["ask"][:1]
    book._check()


def test_d27_foreign_sides_are_ignored() -> None:
    """D27: a row of a side that is neither is in the table, and in no view of the book."""
    book, _ = begun()
    book._insert([row("auction", "1", "1"), row("ask", "100.5", "4")])
    asks = [row("ask", price, size) for price, size in (("100.5", "4"), ("101", "1"), ("102", "2"))]
    assert book.sorted() == book.sorted(BTC) == {"ask": asks, "bid": [row("bid", "100", "3")]}
    book._replace(("ETH",), [], [])
    assert book.sorted() == {"ask": asks, "bid": [row("bid", "100", "3")]}
    book._check()
    book._delete([row("auction", "1", "1")])
    book._check()
    assert len(book) == 4


def test_prices_are_told_apart_as_they_are_spelled() -> None:
    """``"8.5"`` and ``"8.50"`` are two levels, ``8.5`` is a third."""
    book = Book()
    book._levels(ONE, [("8.5", 1), ("8.50", 2), (8.5, 3)], [])
    assert [level["price"] for level in book.sorted(BTC)["ask"]] == ["8.5", "8.50", 8.5]
    book._levels(ONE, [("8.5", 0)], [])
    assert book.sorted(BTC)["ask"] == [row("ask", "8.50", 2), row("ask", 8.5, 3)]


def test_books_of_two_fields() -> None:
    """Books of one symbol in two categories are two books, with the names and sides of the venue."""
    book = Deep("orderbook", ["category", "s", "S", "p"], [{"category": "spot", "s": "X", "S": "a", "p": 1, "v": 1}])
    book._levels(("linear", "X"), [(2, 1)], [(1, 1)])
    spot, linear = {"category": "spot", "s": "X"}, {"s": "X", "category": "linear"}
    assert book.sorted(spot) == {"a": [{**spot, "S": "a", "p": 1, "v": 1}], "b": []}
    assert book.best(linear).bid == {**linear, "S": "b", "p": 1, "v": 1}
    assert book.find({"category": "linear", "S": "a"}) == [{**linear, "S": "a", "p": 2, "v": 1}]
    book._mark(("spot", "X"), "live")
    book._mark(("linear", "X"), "syncing", "why")
    assert [book.state(group) for group in (spot, linear, {"category": "spot"}, {"s": "X"}, {}, None)] == [
        "live",
        "syncing",
        "live",
        "syncing",
        "syncing",
        "syncing",
    ]
    assert book.status.find({"category": "spot"}) == [{**spot, "state": "live", "reason": ""}]
    assert book.status.get(linear) == {**linear, "state": "syncing", "reason": "why"}
    assert book.status.name == "orderbook.status"


def test_definitions_that_cannot_work() -> None:
    """Keys that do not name group, side and price, a book without a name, and a limit are refused."""
    for members in (
        {"_KEYS": ("symbol", "price", "side")},
        {"_GROUP": ()},
        {"_GROUP": ("s",), "_KEYS": ("symbol", "side", "price")},
        {"_MAXLEN": 100},
    ):
        with pytest.raises(ConfigError, match=r"^Bad\._(KEYS|MAXLEN) must be "):
            type("Bad", (BookStore,), members)
    with pytest.raises(ConfigError, match="has the keys"):
        Book(keys=["symbol"])
    assert Book("x", ("symbol", "side", "price")).status.name == "x.status"
    assert type("Good", (Deep,), {"_KEYS": ["category", "s", "S", "p"]})._KEYS == ("category", "s", "S", "p")


def test_sizes_are_never_indexed() -> None:
    """A declared index on the size does not mislead: sizes change too fast to keep it."""
    book = type("Sized", (Book,), {"_INDEXES": ("size", "side")})()
    book._replace(ONE, [(1, 5)], [(0.5, 5)])
    assert len(book.find({"size": 5})) == 2
    book._levels(ONE, [(1, 6)], [])
    assert book.find({"size": 5}) == [row("bid", 0.5, 5)]
    assert book.find({"side": "ask"}) == [row("ask", 1, 6)]
    book._levels(ONE, [(1, 0), (2, 1)], [])
    assert book.find({"side": "ask"}) == [row("ask", 2, 1)]
    book._drop(ONE)
    assert book.find({"side": "ask"}) == []
    book._check()


# -- changing ------------------------------------------------------------------------------------------------------


def test_changes_of_levels() -> None:
    """What goes is told first, then what comes or changes, asks before bids; levels not there go silently."""
    book, stream = begun(watched=True)
    book._levels(ONE, [("101", "7"), ("102", "0"), ("105", "0.0")], [("100", 0), ("99", "1")])
    assert told(pending(stream)) == [
        ("delete", row("ask", "102", "0"), row("ask", "102", "2")),
        ("delete", row("bid", "100", 0), row("bid", "100", "3")),
        ("update", row("ask", "101", "7"), row("ask", "101", "7")),
        ("update", None, row("bid", "99", "1")),
    ]
    assert book.sorted(BTC) == {"ask": [row("ask", "101", "7")], "bid": [row("bid", "99", "1")]}


def test_changes_of_a_snapshot() -> None:
    """A snapshot tells each level that goes, then each that comes; sizes of 0 in it are no levels."""
    book, stream = begun(watched=True)
    old = list(book)
    book._replace(ONE, iter([("101", "9"), ("104", "0")]), [["98", 1]])
    new = [row("ask", "101", "9"), row("bid", "98", 1)]
    assert told(pending(stream)) == [
        *(("delete", each, each) for each in old),
        *(("insert", None, each) for each in new),
    ]
    assert list(book) == new


class BidsFirst(Book):
    _BIDS_FIRST = True


def test_bids_first() -> None:
    """Where a venue tells bids first, rows of a snapshot and its changes come in that order."""
    book = BidsFirst()
    stream = book.watch()
    book._replace(ONE, [("101", 1)], [("99", 1), ("98", 1)])
    assert [each["price"] for each in book] == ["99", "98", "101"]
    assert [change.data for change in pending(stream)] == list(book)
    book._check()


class WideDepth(BookStore):
    _MORE = ("orders",)


@pytest.mark.parametrize("watched", [True, False])
def test_levels_that_tell_more(watched: bool) -> None:
    """The values after price and size are fields of the rows and of the changes."""
    book = WideDepth("depth")
    stream = book.watch() if watched else None
    book._replace(("X",), [["11", "1", "3"], ["12", "0", "0"]], [["10", "1", "4"]])
    book._levels(("X",), [["11", "2", "5"], ["13", "1", "6"]], [["10", "0", "0"]])
    asks = [{"symbol": "X", "side": "ask", "price": price, "size": size, "orders": orders}
            for price, size, orders in (("11", "2", "5"), ("13", "1", "6"))]  # fmt: skip
    assert book.sorted() == {"ask": asks, "bid": []}
    if stream is not None:
        seen = [(change.operation, change.data["price"], change.data["orders"]) for change in pending(stream)]
        assert seen == [
            ("insert", "11", "3"), ("insert", "10", "4"), ("delete", "10", "4"), ("update", "11", "5"),
            ("update", "13", "6"),
        ]  # fmt: skip
    book._check()


def test_d30_a_snapshot_replaces_the_book() -> None:
    """D30: after a reconnect nothing of the old connection stays beside the new snapshot; other books stay."""
    book = Book()
    book._replace(ONE, [(91, 1)], [(90, 1)])
    book._replace(("ETH",), [(2, 1)], [])
    first, second = Socket(), Socket()
    book._mark(ONE, "live", ws=first)
    first.lose()
    assert book.state(BTC) == "stale"
    book._replace(ONE, [(101, 1)], [(100, 1)])
    book._mark(ONE, "live", ws=second)
    assert book.sorted(BTC) == {"ask": [row("ask", 101, 1)], "bid": [row("bid", 100, 1)]}
    assert book.sorted({"symbol": "ETH"})["ask"] == [row("ask", 2, 1, "ETH")]
    assert book.state(BTC) == "live"


@pytest.mark.parametrize("watched", [False, True])
async def test_calls_that_change_nothing_wake_nobody(watched: bool) -> None:
    """No level, unknown levels that go, an empty book replaced or dropped: nobody is woken, nothing told."""
    book, stream = begun(watched=watched)
    for nothing in (
        lambda: book._levels(ONE, [], []),
        lambda: book._levels(ONE, [("1", 0)], []),
        lambda: book._drop(("ETH",)),
        lambda: book._replace(("ETH",), [], [("1", "0")]),
    ):
        assert not await wakes(book, nothing)
    assert not watched or not len(stream)
    for something in (
        lambda: book._levels(ONE, [("101", "5")], []),
        lambda: book._levels(ONE, [("101", "0")], []),
        lambda: book._levels(ONE, [], [("1", 1)]),
        lambda: book._drop(ONE),
        lambda: book._replace(ONE, [("1", 1)], []),
        lambda: book._replace(ONE, [], []),
        lambda: book._mark(ONE, "live"),
        lambda: book._mark(ONE, "stale"),
    ):
        assert await wakes(book, something)
    assert not len(book)


DAMAGED: list[Any] = [
    (None, 1), ("", 1), ("x", 1), ([], 1), ("nan", 1), (float("nan"), 1), (float("inf"), 1), (True, 1), (10**400, 1),
    ("3", None), ("3", ""), ("3", "x"), ("3", []), ("3", {}), ("3", "nan"), ("3", float("nan")), ("3", "-1"), ("3", -1),
    ("3", True), ("3", False), ("3", "inf"), ("3", 10**400), ("101", True), ("101", None), ("101", "-0.1"),
    ("101", float("nan")), ("101", 10**400), ("101", "inf"),
    ("3",), ("3", 1, 2), (), None, 3, "a",
]  # fmt: skip
NOT_IN_A_SNAPSHOT: list[Any] = [("x", 0), (None, "0"), (["3"], 0)]  # where a level of no size is left out anyway


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("damaged", DAMAGED + NOT_IN_A_SNAPSHOT, ids=lambda level: repr(level)[:20])
async def test_damaged_levels(damaged: Any, watched: bool) -> None:
    """A damaged level raises TypeError or ValueError: a snapshot changes nothing, of a change the rest is sound."""
    book, stream = begun(watched=watched)
    before, replayed = copy.deepcopy(list(book)), Replayed(book)
    in_snapshots = () if damaged in NOT_IN_A_SNAPSHOT else (([("7", 1), damaged], []), ([], [("7", 1), damaged]))
    for asks, bids in in_snapshots:

        def replace(asks: Any = asks, bids: Any = bids) -> None:
            with pytest.raises((TypeError, ValueError)):
                book._replace(ONE, asks, bids)

        assert not await wakes(book, replace)
        assert list(book) == before
    for side in (0, 1):
        levels: list[Any] = [[], []]
        levels[side] = [("101", "4"), ("7", 1), damaged]
        with pytest.raises((TypeError, ValueError)):
            book._levels(ONE, *levels)
        book._check()
        for level in book:
            assert 0 < float(level["size"]) < float("inf")
            assert not isinstance(level["size"], bool)
    if watched:
        replayed.apply(pending(stream))
        assert list(replayed) == list(book)
    assert len(book.sorted(BTC)["ask"]) + len(book.sorted(BTC)["bid"]) == len(book)


@pytest.mark.parametrize("watched", [False, True])
async def test_levels_that_break_off_wake_and_tell(watched: bool) -> None:
    """What was applied before a damaged level is told and wakes."""
    book, stream = begun(watched=watched)

    def act() -> None:
        with pytest.raises(ValueError, match="could not convert"):
            book._levels(ONE, [("101", "4"), ("x", 1)], [])

    assert await wakes(book, act)
    assert book.best(BTC).ask == row("ask", "101", "4")
    if watched:
        assert told(pending(stream)) == [("update", row("ask", "101", "4"), row("ask", "101", "4"))]


def test_a_group_that_names_no_book() -> None:
    """Too few or too many fields raise, and nothing is kept of them."""
    book = Book()
    for group in ((), ("BTC", "spot")):
        with pytest.raises(ValueError, match=r"zip\(\)"):
            book._replace(group, [], [])
        with pytest.raises(ValueError, match=r"zip\(\)"):
            book._mark(group, "live")
    assert not book._states
    assert not book._books
    assert not len(book.status)


def test_the_other_ways_to_change_a_table_keep_the_order() -> None:
    """`_insert`, `_update`, `_delete`, `_pop`, `_remove`, `_find_and_delete` and `_clear` keep both sides right."""
    book, _ = begun()
    book.sorted(BTC)
    book._insert([row("ask", "101", "8"), row("bid", "99", "1"), {"symbol": "BTC"}])
    book._update([{**row("bid", "100", "6"), "more": 1}, row("ask", "100.5", "2")])
    assert [level["price"] for level in book.sorted(BTC)["ask"]] == ["100.5", "101", "102"]
    assert book.sorted(BTC)["bid"] == [{**row("bid", "100", "6"), "more": 1}, row("bid", "99", "1")]
    book._check()
    assert book._pop(row("ask", "100.5", 0)) == row("ask", "100.5", "2")
    book._remove(book._find_with_uuid({"price": "101"}))
    assert book.best(BTC).ask == row("ask", "102", "2")
    assert book._find_and_delete({"side": "bid"}) == [{**row("bid", "100", "6"), "more": 1}, row("bid", "99", "1")]
    book._check()
    book._clear()
    assert book.best(BTC) == Best(None, None)
    book._check()


# -- the state -----------------------------------------------------------------------------------------------------


def test_state_of_unknown_books() -> None:
    """A book that nobody has heard of is stale; of several the worst counts."""
    book = Book()
    for group in (None, {}, BTC, {"symbol": ["BTC"]}, {"nothing": 1}, {"symbol": "BTC", "side": "ask"}):
        assert book.state(group) == "stale"
    for symbol, state, worst in (("A", "live", "live"), ("B", "syncing", "syncing"), ("C", "stale", "stale")):
        book._mark((symbol,), state)
        assert book.state({"symbol": symbol}) == state
        assert book.state() == book.state({}) == worst
    assert book.state(BTC) == "stale"


async def test_status_is_a_table_that_can_be_watched() -> None:
    """Each change of a state is one change of a row; live stays live without a word; the book wakes as well."""
    book = Book("book")
    stream = book.status.watch()
    assert await wakes(book, lambda: book._mark(ONE, "syncing", "begins"))
    assert await wakes(book.status, lambda: book._mark(ONE, "live"))
    assert not await wakes(book, lambda: book._mark(ONE, "live", "still"))
    book._mark(ONE, "stale", "connection lost")
    assert [(change.operation, change.data["state"], change.data["reason"]) for change in pending(stream)] == [
        ("update", "syncing", "begins"),
        ("update", "live", ""),
        ("update", "stale", "connection lost"),
    ]
    assert book.status.get(BTC) == {**BTC, "state": "stale", "reason": "connection lost"}


def test_status_has_no_limit() -> None:
    """However many books there are, each has its row."""
    book = Book()
    for number in range(DataStore._MAXLEN + 1 if DataStore._MAXLEN else 0):
        book._mark((str(number),), "live" if number else "stale")
    assert book.state() == "stale"
    assert len(book.status) == 10_000


def test_a_lost_socket_makes_its_books_stale() -> None:
    """The books that a socket keeps right are stale at its end, those of another socket are not."""
    book, first, second = Book(), Socket(), Socket()
    for symbol, ws in (("A", first), ("B", second), ("C", first), ("D", None)):
        for _ in range(3):
            book._mark((symbol,), "live", ws=ws)
    assert (first.listeners, second.listeners) == (1, 1)
    stream = book.status.watch()
    first.lose()
    assert [(change.data["symbol"], change.data["state"]) for change in pending(stream)] == [
        ("A", "stale"),
        ("C", "stale"),
    ]
    assert [book.state({"symbol": symbol}) for symbol in "ABCD"] == ["stale", "live", "stale", "live"]
    assert book.status.get({"symbol": "A"}) == {"symbol": "A", "state": "stale", "reason": "connection lost"}


def test_a_book_that_another_socket_took_over() -> None:
    """A snapshot from another socket makes that one responsible; the end of the first changes nothing any more."""
    book, first, second = Book(), Socket(), Socket()
    book._mark(ONE, "live", ws=first)
    book._mark(ONE, "live", ws=second)
    first.lose()
    assert book.state(BTC) == "live"
    second.lose()
    assert book.state(BTC) == "stale"


@pytest.mark.parametrize("state", ["live", "syncing", "stale"])
def test_a_socket_that_is_closed_already(state: str) -> None:
    """A book cannot be kept right by a socket that is closed, nor a snapshot come from it."""
    book, ws, other = Book(), Socket(), Socket()
    book._mark(ONE, "live", ws=other)
    ws.lose()
    book._mark(ONE, state, "why", ws)
    assert book.state(BTC) == "stale"
    assert book.status.get(BTC) == {**BTC, "state": "stale", "reason": "why" if state == "stale" else "connection lost"}
    assert set(book._feeds) == {other}


def test_nothing_is_kept_of_closed_sockets() -> None:
    """Sockets that come and go leave nothing behind."""
    book = Book()
    gone = []
    for number in range(20):
        ws = Socket()
        book._mark((str(number % 3),), "live", ws=ws)
        book._resync((str(number % 3),), "gap", ws, ["subscribe"])
        ws.lose()
        gone.append(weakref.ref(ws))
        del ws
    gc.collect()
    assert not book._feeds
    assert not any(ref() for ref in gone)


def test_resync(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong book is emptied, says so, and asks for a new snapshot until it is no longer syncing."""
    book, stream = begun(watched=True)
    ws = Socket()
    book._mark(ONE, "live", ws=ws)
    rows = copy.deepcopy(list(book))
    book._resync(ONE, "numbers 5 to 6 are missing", ws, [{"op": "subscribe"}])
    assert told(pending(stream)) == [("delete", each, each) for each in rows]
    reason = "numbers 5 to 6 are missing"
    lost = {"losses": 1, "lost_at": 1_700_000_000_000, "lost_by": reason}
    assert book.status.get(BTC) == {**BTC, "state": "syncing", "reason": reason, **lost}
    ((key, messages, done),) = ws.snapshot_requests
    assert messages == [{"op": "subscribe"}]
    assert not done()
    book._resync(ONE, "again", ws, [{"op": "subscribe"}])
    book._resync(("ETH",), "gap", ws, [{"op": "subscribe"}])
    (_, (again, _, _), (other, _, _)) = ws.snapshot_requests
    assert again == key
    assert other != key
    assert hash(key)
    assert Book()._resync(ONE, "gap", ws, [1]) is None
    assert ws.snapshot_requests[3][0] != key  # another table of the same book
    book._mark(ONE, "live", ws=ws)
    assert done()
    book._resync(ONE, "gap", ws, [1], key="all")
    assert ws.snapshot_requests[4][0] == "all"
    assert "book BTC: numbers 5 to 6 are missing" in caplog.text


def test_resync_again_and_again() -> None:
    """What a book asked for at one loss is done with at the next: that one has a request of its own."""
    book, ws = Book(), Socket()
    book._resync(ONE, "gap", ws, [1])
    book._resync(ONE, "still", ws, [1])
    first, second = (done for _, _, done in ws.snapshot_requests)
    assert not first()
    assert not second()
    book._replace(ONE, [("2", "1")], [("1", "1")])
    book._mark(ONE, "live", ws=ws)
    assert first()
    book._resync(ONE, "gap", ws, [1])
    third = ws.snapshot_requests[2][2]
    assert first()
    assert second()
    assert not third()


def test_losses_are_counted() -> None:
    """The row of a book says how often it was given up, when last and why, also once it is live again."""
    book, ws = Book(), Socket()
    book._mark(ONE, "live", ws=ws)
    assert "losses" not in (book.status.get(BTC) or {})
    book._resync(ONE, "gap", ws, [1])
    book._resync(ONE, "still syncing", ws, [1])
    book._mark(ONE, "live", ws=ws)
    told = {"losses": 1, "lost_at": 1_700_000_000_000, "lost_by": "gap"}
    assert book.status.get(BTC) == {**BTC, "state": "live", "reason": "", **told}
    book._resync(ONE, "from a file")
    assert book.status.get(BTC) == {
        **BTC,
        "state": "syncing",
        "reason": "from a file",
        "losses": 2,
        "lost_at": None,
        "lost_by": "from a file",
    }


async def test_ready() -> None:
    """Wait for one book, or for all there are."""
    book = Book()
    with pytest.raises(TimeoutError):
        await book.ready(timeout=0.001)
    book._mark(ONE, "live")
    await book.ready()
    book._mark(("ETH",), "syncing")
    await book.ready(BTC)
    waiting = asyncio.ensure_future(book.ready(timeout=5.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    book._mark(("ETH",), "live")
    await waiting


def test_resync_of_a_book_that_the_socket_never_began() -> None:
    """A book whose first message was wrong is stale as soon as the socket that was asked is lost."""
    book, ws = Book(), Socket()
    book._resync(ONE, "a message cannot be read", ws, [1])
    assert book.state(BTC) == "syncing"
    ws.lose()
    assert book.state(BTC) == "stale"
    assert ws.snapshot_requests[0][2]()  # nobody needs to be asked any more
    book._resync(ONE, "again", ws, [1])
    assert book.state(BTC) == "stale"


@pytest.mark.parametrize(
    ("heal", "with_socket", "messages", "asks"),
    [(True, True, [1], 1), (False, True, [1], 0), (True, False, [1], 0), (True, True, [], 0)],
)
def test_heal(heal: bool, with_socket: bool, messages: list[Any], asks: int) -> None:
    """Without healing, a socket or something to send, the book only says that it is wrong."""
    book, _ = begun()
    book.heal = heal
    ws = Socket()
    book._resync(ONE, "gap", ws if with_socket else None, messages)
    assert book.state(BTC) == "syncing"
    assert not len(book)
    assert len(ws.snapshot_requests) == asks


# -- a book against a model ----------------------------------------------------------------------------------------

SYMBOLS = ("A", "B")
PRICES = st.sampled_from([1, 2.5, "2.5", "2.50", "3", 3, "-1", 0, "0.10", "1e3", 7, 8, 9])
SIZES = st.sampled_from([0, "0", "0.000", 1, 2.5, "3", "1e-9"])
LEVELS = st.dictionaries(PRICES, SIZES, max_size=5).map(lambda levels: list(levels.items()))
BOOK_ROWS = st.lists(
    st.fixed_dictionaries(
        {"symbol": st.sampled_from(SYMBOLS), "side": st.sampled_from(["ask", "bid", "x"]), "price": PRICES},
        optional={"size": st.sampled_from([1, 2, "5"]), "more": st.integers(0, 3)},
    ),
    max_size=3,
)
GROUPS = st.sampled_from(SYMBOLS).map(lambda symbol: (symbol,))
Key = tuple[Any, ...]


class BookMachine(RuleBasedStateMachine):
    """Two equal books, one watched and one not, are looked at now and then, and compared with a dict."""

    @initialize(indexed=st.booleans())
    def begin(self, indexed: bool) -> None:
        cls: Any = type("Indexed", (Book,), {"_INDEXES": ("side", "more", "size")}) if indexed else Book
        self.watched, self.plain = cls("watched"), cls("plain")
        self.stream, self.replayed = self.watched.watch(), Replayed(self.watched)
        self.statuses, self.told_states = self.watched.status.watch(), Replayed(self.watched.status)
        self.rows: dict[Key, Item] = {}
        self.states: dict[Key, str] = {}
        self.feeds: dict[Key, Socket] = {}
        self.sockets = [Socket(), Socket()]

    def both(self, method: str, *arguments: Any) -> None:
        for book in (self.watched, self.plain):
            getattr(book, method)(*copy.deepcopy(arguments))

    def level(self, group: Key, side: str, price: Any, size: Any) -> None:
        key = (*group, side, price)
        if not float(size):
            self.rows.pop(key, None)
        elif key in self.rows:
            self.rows[key]["size"] = size
        else:
            self.rows[key] = {"symbol": group[0], "side": side, "price": price, "size": size}

    def drop_model(self, group: Key) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key[:1] != group or key[1] == "x"}

    @rule(group=GROUPS, asks=LEVELS, bids=LEVELS)
    def replace(self, group: Key, asks: Any, bids: Any) -> None:
        self.both("_replace", group, asks, bids)
        self.drop_model(group)
        for side, levels in (("ask", asks), ("bid", bids)):
            for price, size in levels:
                self.level(group, side, price, size)

    @rule(group=GROUPS, asks=LEVELS, bids=LEVELS, damaged=st.sampled_from([None, ("3", None), ("x", 1), (7, "-")]))
    def levels(self, group: Key, asks: Any, bids: Any, damaged: Any) -> None:
        if damaged is None:
            self.both("_levels", group, asks, bids)
        else:
            bids = [level for level in bids if level[0] != damaged[0]]
            for book in (self.watched, self.plain):
                with pytest.raises((TypeError, ValueError)):
                    book._levels(group, asks, [*bids, damaged])
        for side, levels in (("ask", asks), ("bid", bids)):
            for price, size in levels:
                self.level(group, side, price, size)

    @rule(group=GROUPS)
    def drop(self, group: Key) -> None:
        self.both("_drop", group)
        self.drop_model(group)

    @rule(rows=BOOK_ROWS, merge=st.booleans())
    def write(self, rows: list[Item], merge: bool) -> None:
        self.both("_update" if merge else "_insert", rows)
        for each in rows:
            key = (each["symbol"], each["side"], each["price"])
            if merge and key in self.rows:
                self.rows[key] |= each
            else:
                self.rows[key] = dict(each)

    @rule(rows=BOOK_ROWS)
    def delete(self, rows: list[Item]) -> None:
        self.both("_delete", rows)
        for each in rows:
            self.rows.pop((each["symbol"], each["side"], each["price"]), None)

    @rule(group=GROUPS, state=st.sampled_from(["live", "syncing", "stale"]), which=st.none() | st.integers(0, 1))
    def mark(self, group: Key, state: str, which: int | None) -> None:
        ws = None if which is None else self.sockets[which]
        for book in (self.watched, self.plain):
            book._mark(group, state, "", ws)
        if ws is not None:
            self.feeds[group] = ws
        self.states[group] = state

    @rule(group=GROUPS, which=st.integers(0, 1))
    def resync(self, group: Key, which: int) -> None:
        for book in (self.watched, self.plain):
            book._resync(group, "gap", self.sockets[which], ["subscribe"])
        self.drop_model(group)
        self.feeds[group], self.states[group] = self.sockets[which], "syncing"

    @rule(which=st.integers(0, 1))
    def lose(self, which: int) -> None:
        ws, self.sockets[which] = self.sockets[which], Socket()
        ws.lose()
        self.states |= {group: "stale" for group, feed in self.feeds.items() if feed is ws}
        self.feeds = {group: feed for group, feed in self.feeds.items() if feed is not ws}

    @rule(watched=st.booleans(), query=st.sampled_from([{"symbol": "A"}, {"symbol": "B"}, None, {"more": 1}]),
          limit=st.sampled_from([None, 1, 3, -1]))  # fmt: skip
    def look(self, watched: bool, query: Item | None, limit: int | None) -> None:
        book = self.watched if watched else self.plain
        sides = self.sorted(query)
        assert book.sorted(query, limit) == {side: rows[:limit] for side, rows in sides.items()}
        assert book.best(query) == tuple(next(iter(rows), None) for rows in sides.values())
        assert book.find(query) == scan(self.rows.values(), query)

    def sorted(self, query: Item | None) -> dict[str, list[Item]]:
        found = scan(self.rows.values(), query)
        return {
            side: sorted(
                (row for row in found if row["side"] == side),
                key=lambda row: float(row["price"]),
                reverse=side == "bid",
            )
            for side in ("ask", "bid")
        }

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "watched"):
            return
        self.watched._check()  # which looks at the order; the other one is looked at by rules alone
        assert list(self.watched) == list(self.plain) == list(self.rows.values())
        self.replayed.apply(pending(self.stream))
        assert list(self.replayed) == list(self.rows.values())
        self.told_states.apply(pending(self.statuses))
        assert {(row["symbol"],): row["state"] for row in self.told_states} == self.states
        for book in (self.watched, self.plain):
            assert all(book.state({"symbol": group[0]}) == state for group, state in self.states.items())
            assert {group: ws for ws, groups in book._feeds.items() for group in groups} == self.feeds

    def teardown(self) -> None:
        if hasattr(self, "plain"):
            self.plain._check()
            assert self.plain.sorted({"symbol": "A"}) == self.sorted({"symbol": "A"})


def test_model() -> None:
    """A book equals its model under random operations; watched or not, looked at or not, it is the same book."""
    case: Any = BookMachine.TestCase()
    case.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
    case.runTest()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.tuples(PRICES, SIZES), max_size=8), max_size=6))
def test_a_price_twice_in_one_message(messages: list[list[tuple[Any, Any]]]) -> None:
    """Of a price that comes twice in one message the last size counts, watched or not."""
    watched, plain, sizes = Book(), Book(), dict[Any, Any]()
    stream, replayed = watched.watch(), Replayed(watched)
    for levels in messages:
        for book in (watched, plain):
            book._levels(ONE, [], levels)
        replayed.apply(pending(stream))
        sizes |= dict(levels)
        left = {price: size for price, size in sizes.items() if float(size)}
        for book in (watched, plain, replayed):
            assert {level["price"]: level["size"] for level in book} == left
        watched._check()
        plain._check()
