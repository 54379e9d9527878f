"""The watcher, given sockets and tables that the test moves by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.support import until
from topgun import BookStore, DataStore, DataStoreCollection, Topic
from topgun.cli.watcher import Event, Tables, Watcher, first
from topgun.ws import State
from topgun.ws.reader import Handlers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Book(BookStore):
    _GROUP = ("s",)
    _SIDE, _ASK, _BID, _PRICE, _SIZE = "S", "a", "b", "p", "v"
    _KEYS = ("s", "S", "p")


class Orders(DataStore):
    _KEYS = ("id",)


class Venue(DataStoreCollection):
    book = Topic(Book, "book")
    order_events = Topic(DataStore, "orderevents")
    orders = Topic(Orders, "orders")
    stoporders = Topic(Orders, "stoporders")
    positions = Topic(DataStore, "positions")
    trades = Topic(DataStore, "trades")


class App:
    """A socket as the watcher sees it."""

    def __init__(self, *handlers: Any) -> None:
        self.url = "wss://example.test/ws?token=secret"
        self.handlers = Handlers(json=handlers)
        self.current_ws: object | None = None
        self.state = State.CONNECTING


@asynccontextmanager
async def watching(*apps: App) -> AsyncIterator[Watcher]:
    watcher = Watcher(lambda: [SimpleNamespace(apps=apps)], lambda event: None)  # type: ignore[list-item]
    task = asyncio.create_task(watcher.run())
    await until(lambda: len(watcher.apps) == len(apps))
    await asyncio.sleep(0.05)  # the followers start
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def kinds(watcher: Watcher) -> list[str]:
    return [event.kind for event in watcher.events]


def test_first_takes_the_first_field_with_a_value() -> None:
    """A field is found under any of its spellings; an empty text counts as absent."""
    assert first({"size": 0, "qty": 1}, "size", "qty") == 0
    assert first({"price": "", "p": "7"}, "price", "p") == "7"
    assert first({}, "price") == "?"


def test_an_event_reads_as_one_line() -> None:
    """An event shows when, what and which."""
    assert str(Event(1.234, "fill", "BUY 1 at 2")) == "  1.23 s  fill: BUY 1 at 2"


def test_tables_are_found_by_what_they_are() -> None:
    """The first book, orders, positions and trades of a collection are found; event logs are none of them."""
    venue, tables = Venue(), Tables()
    tables.take(venue)
    assert (tables.book, tables.orders) == (venue.book, venue.orders)
    assert (tables.positions, tables.trades) == (venue.positions, venue.trades)
    tables.take(Venue())
    assert tables.book is venue.book
    assert tables.orders is venue.orders


def test_orders_under_another_name() -> None:
    """Of two tables of orders the first one counts."""

    class Other(DataStoreCollection):
        order_updates = Topic(Orders, "orderUpdates")
        open_orders = Topic(Orders, "openOrders")

    venue, tables = Other(), Tables()
    tables.take(venue)
    assert tables.orders is venue.order_updates


async def test_a_socket_that_goes_and_comes_back() -> None:
    """A connection is announced when it is subscribed, when it is gone, and when it is subscribed again."""
    app = App()
    async with watching(app) as watcher:
        app.current_ws, app.state = object(), State.LOGIN
        await asyncio.sleep(0.05)
        assert kinds(watcher) == []
        app.state = State.OPEN
        await until(lambda: kinds(watcher) == ["connected"])
        app.current_ws, app.state = None, State.WAITING
        await until(lambda: kinds(watcher)[1:] == ["connection lost"])
        app.current_ws, app.state = object(), State.OPEN
        await until(lambda: kinds(watcher)[2:] == ["connection recovered"])
        assert "secret" not in " ".join(map(str, watcher.events))


async def test_a_socket_replaced_between_two_looks_was_lost() -> None:
    """A connection that was lost and remade faster than the watcher looks is announced all the same."""
    app = App()
    app.current_ws, app.state = object(), State.OPEN
    async with watching(app) as watcher:
        await until(lambda: kinds(watcher) == ["connected"])
        app.current_ws = object()
        await until(lambda: kinds(watcher)[1:] == ["connection lost", "connection recovered"])


async def test_a_book_that_becomes_right_wrong_and_right() -> None:
    """The state of a book is told in the words of the demo, with its reason and its size."""
    venue = Venue(heal=False)
    async with watching(App(venue.onmessage, print, venue.onmessage)) as watcher:
        venue.book._replace(("X",), [("2", "1")], [("1", "1")])
        venue.book._mark(("X",), "live")
        await until(lambda: kinds(watcher) == ["book live"])
        assert watcher.events[-1].detail == "X, 1 asks, 1 bids"
        venue.book._mark(("X",), "syncing", "7 is missing")
        await until(lambda: kinds(watcher)[1:] == ["gap detected"])
        assert watcher.events[-1].detail == "X, 7 is missing"
        venue.book._mark(("X",), "live")
        await until(lambda: kinds(watcher)[2:] == ["book live again"])
        venue.book._mark(("X",), "stale", "gone")
        await until(lambda: kinds(watcher)[3:] == ["book stale"])
        venue.book._mark(("X",), "syncing", "")
        venue.book._mark(("X",), "live")
        await until(lambda: kinds(watcher)[4:] == ["book live again"])


async def test_a_book_that_was_quicker_than_the_watcher() -> None:
    """A book that is live when it is first looked at is live *again* after the next loss."""
    venue = Venue()
    venue.book._mark(("x",), "live")
    async with watching(App(venue.onmessage)) as watcher:
        venue.book._mark(("x",), "stale", "connection lost")
        venue.book._mark(("x",), "live")
        await until(lambda: kinds(watcher) == ["book stale", "book live again"])


async def test_orders_that_rest_fill_and_go() -> None:
    """An order is told when it rests, fills in part, fills, or goes without a fill."""
    venue = Venue()
    order = {"id": 1, "side": "BUY", "size": 2, "price": 10}
    async with watching(App(venue.onmessage)) as watcher:
        venue.orders._insert([order])
        venue.orders._update([{"id": 1, "note": "nothing new"}])
        venue.orders._update([{"id": 1, "size": 1, "status": "PartiallyFilled"}])
        venue.orders._delete([{"id": 1, "status": "Filled"}])
        venue.orders._update([order])
        venue.orders._delete([{"id": 1, "status": "Cancelled"}])
        venue.orders._update([order])
        venue.orders._delete([{"id": 1, "state": 3, "remainVol": 0}])
        await until(lambda: len(watcher.events) == 7)
        assert [(event.kind, event.detail) for event in watcher.events] == [
            ("order resting", "BUY 2 at 10"),
            ("partial fill", "BUY 1 at 10"),
            ("fill", "BUY 1 at 10"),
            ("order resting", "BUY 2 at 10"),
            ("order gone", "BUY 2 at 10"),
            ("order resting", "BUY 2 at 10"),
            ("fill", "BUY 2 at 10"),
        ]


async def test_tables_fed_with_texts_and_tables_that_no_socket_feeds() -> None:
    """A collection is found behind a handler of texts, and among the stores that were made; each is followed once."""
    venue, other = Venue(), Venue()
    app = App()
    app.handlers = Handlers(text=(venue.onmessage,))
    watcher = Watcher(lambda: [SimpleNamespace(apps=[app])], lambda event: None, lambda: [venue, other])  # type: ignore[list-item]
    task = asyncio.create_task(watcher.run())
    await until(lambda: watcher.apps)
    await asyncio.sleep(0.05)
    for store in (venue, other):
        store.orders._insert([{"id": 1, "side": "buy", "amount": "2", "price": "10"}])
        store.orders._delete([{"id": 1, "status": "FULLY_FILLED"}])
    await until(lambda: len(watcher.events) == 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kinds(watcher) == ["order resting", "fill"] * 2
    assert watcher.events[0].detail == "buy 2 at 10"


async def test_orders_in_another_spelling() -> None:
    """Where side and kind are one word, and price and size have longer names, they are told all the same."""
    venue = Venue()
    async with watching(App(venue.onmessage)) as watcher:
        venue.orders._insert([{"id": 1, "type": "buy-limit", "orderSize": "2", "orderPrice": "10"}])
        await until(lambda: watcher.events)
        assert watcher.events[-1].detail == "buy-limit 2 at 10"


async def test_saw_waits_for_what_is_new() -> None:
    """Waiting for an event counts from a given one on, whatever the order of the kinds."""
    watcher = Watcher(list, lambda event: None)
    watcher.tell("fill", "old")
    waiting = asyncio.create_task(watcher.saw("fill", "order resting", since=1))
    watcher.tell("order resting", "new")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    watcher.tell("fill", "new")
    await asyncio.wait_for(waiting, 1)


class Quotes(DataStoreCollection):
    """Neither a book nor orders."""

    trades = Topic(DataStore, "trades")


async def test_tables_that_have_nothing_to_tell() -> None:
    """A collection without book and orders is looked at all the same, and nobody follows its tables."""
    quotes = Quotes()
    async with watching(App(quotes.onmessage)) as watcher:
        await until(lambda: watcher.tables.trades is quotes.trades)
        assert list(watcher._follow_tables(quotes)) == []
        assert watcher.events == []
