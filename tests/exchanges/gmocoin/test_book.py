"""The order book of GMO Coin: whole books that replace each other, late ones, damaged ones, lost sockets."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.books.cases import random_case
from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, places
from topgun.exchanges.gmocoin import GMOCoinDataStore
from topgun.testing import FakeClock
from topgun.testing.truth import Feed, Truth
from topgun.testing.venues.gmocoin import GMOCoin

BTC = {"symbol": "BTC"}
AGAIN = [{"command": command, "channel": "orderbooks", **BTC} for command in ("unsubscribe", "subscribe")]
JUNK: list[Any] = [None, True, -1, 1.5, "", "x", [], {}, [[]], {"x": 1}, float("nan"), ...]


class Unhurried(GMOCoin):
    """A fake that takes any number of messages a second: the limit is not part of this game."""

    spacing_ns = 0


MARKETS = ("BTC", "BTC_JPY")
FEED = Feed(
    venue=Unhurried,
    collection=GMOCoinDataStore,
    url="wss://api.coin.z.com/ws/public/v1",
    messages=[{"command": "subscribe", "channel": "orderbooks", "symbol": name} for name in MARKETS],
    book="orderbooks",
    price="price",
    size="size",
    markets={name: {"symbol": name} for name in MARKETS},
)


def book(asks: dict[str, str], bids: dict[str, str], time: int = 0, symbol: str = "BTC") -> Any:
    sides = {"asks": asks, "bids": bids}
    rows = {name: [{"price": price, "size": size} for price, size in side.items()] for name, side in sides.items()}
    stamp = f"2026-01-05T12:{time // 60:02}:{time % 60:02}.000Z"
    return {"channel": "orderbooks", **rows, "symbol": symbol, "timestamp": stamp}


def seen(store: GMOCoinDataStore) -> list[dict[str, str]]:
    sides = store.orderbooks.sorted(BTC)
    return [{row["price"]: row["size"] for row in sides[name]} for name in ("asks", "bids")]


async def test_each_message_is_the_whole_book() -> None:
    """It replaces the one before, and wakes and tells with deletes and inserts; other symbols are not touched."""
    watched = Watched(GMOCoinDataStore)
    table = watched.store.orderbooks
    assert (table.state(BTC), table.timestamp) == ("stale", None)
    watched.feed(book({"101": "1", "102": "2"}, {"100": "1"}, 1), book({"7": "1"}, {}, 1, "ETH"))
    await watched.check()
    watched.feed(book({"101": "3"}, {"99": "1", "98": "4"}, 2))
    changes = (await watched.check())["orderbooks"]
    assert [(change.operation, change.data["price"]) for change in changes] == [
        *[("delete", price) for price in ("101", "102", "100")],
        *[("insert", price) for price in ("101", "99", "98")],
    ]
    assert seen(watched.store) == [{"101": "3"}, {"99": "1", "98": "4"}]
    assert table.best(BTC) == (
        {**BTC, "side": "asks", "price": "101", "size": "3"},
        table.find({**BTC, "price": "99"})[0],
    )
    assert {table.state(BTC), table.state({"symbol": "ETH"})} == {"live"}


async def test_a_lost_socket_makes_its_books_stale() -> None:
    """The first message of the next one replaces the book, however old its time is."""
    store, first, second = GMOCoinDataStore(), FakeSocket(), FakeSocket()
    store.onmessage(book({"101": "1"}, {}, 9), first)
    first.lose()
    assert store.orderbooks.state(BTC) == "stale"
    assert seen(store) == [{"101": "1"}, {}]
    store.onmessage(book({"102": "1"}, {}, 1), second)
    assert store.orderbooks.state(BTC) == "live"
    assert seen(store) == [{"102": "1"}, {}]


async def test_a_late_message_is_left_out() -> None:
    """One that is older than the book does not replace it; ten and one in a row mean that the clock was set back."""
    store, ws = GMOCoinDataStore(), FakeSocket()
    new, old, older = book({"103": "1"}, {}, 3), book({"102": "1"}, {}, 2), book({"101": "1"}, {}, 1)
    for message, expected in (
        *((new, "103"), (old, "103"), (older, "103"), (new, "103")),
        *[(old, "103")] * 10,
        *((older, "101"), (old, "102"), (older, "102")),
    ):
        store.onmessage(copy.deepcopy(message), ws)
        assert seen(store) == [{expected: "1"}, {}]
        assert store.orderbooks.state(BTC) == "live"
        assert store.orderbooks.timestamp == message["timestamp"]


@pytest.mark.parametrize("place", [("asks",), ("bids", 0, "size"), ("asks", 0), ("timestamp",), ("asks", 0, "price")])
async def test_a_message_that_cannot_be_read(place: tuple[Any, ...], caplog: pytest.LogCaptureFixture) -> None:
    """The book goes, and is asked for anew; the next message that can be read brings it back."""
    store, ws = GMOCoinDataStore(), FakeSocket()
    store.onmessage(book({"101": "1"}, {"100": "1"}, 1), ws)
    store.onmessage(damaged(book({"102": "1"}, {"100": "1"}, 2), place, None), ws)
    assert store.orderbooks.state(BTC) == "syncing"
    assert seen(store) == [{}, {}]
    [(_, [_], done)] = ws.snapshot_requests
    assert not done()
    store.onmessage(book({"103": "1"}, {}, 1), ws)
    assert done()
    assert store.orderbooks.state(BTC) == "live"
    assert seen(store) == [{"103": "1"}, {}]
    assert len([record for record in caplog.records if "a message is ignored" in record.getMessage()]) == 1


@pytest.mark.parametrize("quiet", [True, False])
async def test_subscribing_anew(quiet: bool) -> None:
    """Nothing is sent for two seconds, and nothing at all if a good message has come."""
    store, ws, clock = GMOCoinDataStore(), FakeSocket(), FakeClock()
    ws.clock = clock  # type: ignore[attr-defined]  # a socket has one
    store.onmessage(damaged(book({"102": "1"}, {}, 2), ("asks",), None), ws)
    [(_, [ask], _)] = ws.snapshot_requests
    asking = asyncio.create_task(ask())
    await clock.advance(1.9)
    assert ws.sent == []
    if not quiet:
        store.onmessage(book({"103": "1"}, {}, 3), ws)
    await clock.advance(0.1)
    await asking
    assert ws.sent == (AGAIN if quiet else [])


@pytest.mark.parametrize("symbol", [None, 5, [], ...])
async def test_a_message_that_names_no_book(symbol: Any) -> None:
    """It changes nothing."""
    store, ws = GMOCoinDataStore(), FakeSocket()
    store.onmessage(book({"101": "1"}, {}, 1), ws)
    store.onmessage(damaged(book({"102": "1"}, {}, 2), ("symbol",), symbol), ws)
    assert store.orderbooks.state(BTC) == "live"
    assert seen(store) == [{"101": "1"}, {}]
    assert len(store.orderbooks.status) == 1


SIDE = st.dictionaries(st.integers(1, 30).map(str), st.integers(1, 9).map(str), max_size=6)
FAULTS = st.sampled_from(["none", "none", "none", "gap", "duplicate", "reorder", "corrupt", "lose"])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(SIDE, SIDE, FAULTS), max_size=15), st.data())
def test_never_live_and_wrong(stream: list[tuple[dict[str, str], dict[str, str], str]], data: st.DataObject) -> None:
    """However a stream is spoiled: a live book is the newest one that arrived, and a good message makes it live."""
    store, ws = GMOCoinDataStore(), FakeSocket()
    newest: list[dict[str, str]] | None = None
    late: list[Any] = []

    def arrive(message: Any) -> None:
        store.onmessage(copy.deepcopy(message), ws)

    for number, (asks, bids, fault) in enumerate(stream, 1):
        message, whole = book(asks, bids, number), [asks, bids]
        if fault == "gap":
            continue
        if fault == "reorder":
            late.append(message)
            continue
        if fault == "lose":
            ws.lose()
            assert store.orderbooks.state(BTC) == "stale"
            ws, late, newest = FakeSocket(), [], None
        if fault == "corrupt":
            spot = data.draw(st.sampled_from([spot for spot in places(message)[1:] if spot != ("channel",)]))
            arrive(damaged(message, spot, data.draw(st.sampled_from(JUNK))))
            if store.orderbooks.state(BTC) == "live":  # it still is a book, of this symbol or of another
                store, late = GMOCoinDataStore(), []
        arrive(message)
        newest = whole
        if fault == "duplicate":
            arrive(message)
        for each in late:
            arrive(each)
        late = []
        store.orderbooks._check()
        assert store.orderbooks.state(BTC) == "live"
        assert seen(store) == newest
    arrive(book({"50": "1"}, {"40": "1"}, len(stream) + 1))
    assert store.orderbooks.state(BTC) == "live"
    assert seen(store) == [{"50": "1"}, {"40": "1"}]


def test_a_live_book_is_one_that_gmo_coin_had() -> None:
    """Played against the fake, with lost, late, repeated and broken messages: no book is wrong or goes back in time."""
    gaps = requests = 0
    for number in range(120):
        truth = Truth(FEED, seed=number % 5)
        truth.play(random_case(number))
        gaps, requests = gaps + truth.gaps, requests + truth.requests
    assert gaps >= 10
    assert requests >= 5
