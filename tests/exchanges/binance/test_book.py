"""The order books of Binance: snapshots and numbered changes, gaps, fetches, lost sockets; against a model."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, respond
from topgun.errors import InitializeError
from topgun.exchanges.binance import BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
from topgun.exchanges.binance.shapes import rest_of

SPOT, USDSM, COINM = BinanceSpotDataStore, BinanceUSDSMDataStore, BinanceCOINMDataStore
WS = {
    SPOT: "wss://stream.binance.com/stream",
    USDSM: "wss://fstream.binance.com/public/ws",
    COINM: "wss://dstream.binance.com/ws",
}
REST = {
    SPOT: "https://api.binance.com/api/v3/depth",
    USDSM: "https://fapi.binance.com/fapi/v1/depth",
    COINM: "https://dapi.binance.com/dapi/v1/depth",
}
KINDS = pytest.mark.parametrize("kind", [SPOT, USDSM, COINM], ids=lambda kind: kind.__name__)
GROUP = {"s": "X"}
LOGGER = "orderbook"

Levels = tuple[tuple[str, str], ...]


def change(kind: Any, before: int, number: int, asks: Levels = (), bids: Levels = (), **more: Any) -> dict[str, Any]:
    """Return the change of a book that follows number `before`."""
    told = {"e": "depthUpdate", "E": number, "s": "X", "u": number, "a": [*map(list, asks)], "b": [*map(list, bids)]}
    told |= {"U": before + 1} if kind is SPOT else {"U": before + 2, "pu": before}
    return {**told, **more}


def snapshot(number: int, asks: Levels = (("11", "1"),), bids: Levels = (("10", "1"),)) -> dict[str, Any]:
    return {"lastUpdateId": number, "asks": [*map(list, asks)], "bids": [*map(list, bids)]}


def book(watched: Watched) -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = watched.store.orderbook.sorted(GROUP)  # type: ignore[attr-defined]
    asks, bids = ([(row["p"], row["q"]) for row in sides[side]] for side in ("a", "b"))
    return asks, bids


def state(watched: Watched) -> str:
    return str(watched.store.orderbook.state(GROUP))  # type: ignore[attr-defined]


def reason(watched: Watched) -> str:
    return str(watched.store.orderbook.status.get(GROUP)["reason"])  # type: ignore[attr-defined]


def is_initialized(watched: Watched) -> bool:
    return bool(watched.store.orderbook.initialized["X"])  # type: ignore[attr-defined]


async def initialize(watched: Watched, kind: Any, answer: Any, query: str = "symbol=X") -> None:
    await watched.store.initialize(respond("GET", f"{REST[kind]}?{query}", answer))


async def live(kind: Any) -> Watched:
    """Return a store whose book is live at number 100."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 90, 95))
    await initialize(watched, kind, snapshot(100))
    assert state(watched) == "live"
    await watched.check()
    watched.ws.snapshot_requests.clear()
    return watched


# -- the beginning -------------------------------------------------------------------------------------------------


@KINDS
async def test_changes_wait_for_the_snapshot(kind: Any) -> None:
    """What is older than the snapshot is dropped, what straddles it and what is newer is applied."""
    watched = Watched(kind, WS[kind])
    watched.feed(
        change(kind, 90, 100, asks=(("99", "1"),)),
        change(kind, 100, 102, asks=(("11", "2"),)),
        change(kind, 102, 103, bids=(("9", "5"),)),
    )
    assert (state(watched), reason(watched), is_initialized(watched)) == ("syncing", "waiting for a snapshot", False)
    assert len(watched.store.orderbook) == 0  # type: ignore[attr-defined]
    await initialize(watched, kind, snapshot(101, asks=(("11", "1"), ("12", "1"))))
    assert (state(watched), is_initialized(watched)) == ("live", True)
    assert book(watched) == ([("11", "2"), ("12", "1")], [("10", "1"), ("9", "5")])
    watched.feed(change(kind, 103, 104, asks=(("12", "0"),)))
    assert book(watched)[0] == [("11", "2")]
    await watched.check()


@KINDS
async def test_a_snapshot_before_any_change(kind: Any) -> None:
    """The rows are there at once, the book is live when the first change says that it follows."""
    watched = Watched(kind, WS[kind])
    await initialize(watched, kind, snapshot(100))
    assert (state(watched), reason(watched), is_initialized(watched)) == (
        "syncing",
        "waiting for the first change",
        True,
    )
    assert book(watched) == ([("11", "1")], [("10", "1")])
    watched.feed(change(kind, 95, 99))  # all of it is known, and the stream flows
    assert state(watched) == "live"
    watched.feed(change(kind, 99, 101, bids=(("10", "2"),)))
    assert book(watched) == ([("11", "1")], [("10", "2")])
    assert watched.ws.snapshot_requests == []


@KINDS
async def test_a_snapshot_that_is_too_old(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is no beginning for what was heard since, so another one is wanted; the changes are kept for that."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 101, 105, bids=(("9", "9"),)))
    await initialize(watched, kind, snapshot(100))
    assert (state(watched), is_initialized(watched)) == ("syncing", False)
    assert book(watched) == ([], [])
    assert ["too old" in record.getMessage() for record in caplog.records] == [True]
    watched.feed(change(kind, 105, 106, bids=(("8", "8"),)))
    await initialize(watched, kind, snapshot(103))
    assert state(watched) == "live"
    assert book(watched)[1] == [("10", "1"), ("9", "9"), ("8", "8")]


@KINDS
async def test_initializing_again(kind: Any) -> None:
    """A newer snapshot, an older one, one too old for what is remembered: the book stays right."""
    watched = await live(kind)
    watched.feed(change(kind, 100, 101, asks=(("11", "2"),)), change(kind, 101, 102, asks=(("11", "3"),)))
    await initialize(watched, kind, snapshot(101, asks=(("11", "2"), ("20", "1"))))
    assert book(watched)[0] == [("11", "3"), ("20", "1")]
    await initialize(watched, kind, snapshot(110, asks=(("11", "7"),)))
    watched.feed(change(kind, 102, 105, asks=(("11", "1"),)), change(kind, 105, 111, asks=(("12", "1"),)))
    assert book(watched)[0] == [("11", "7"), ("12", "1")]
    await initialize(watched, kind, snapshot(50, asks=(("1", "1"),)))
    assert book(watched)[0] == [("11", "7"), ("12", "1")]
    assert (state(watched), watched.ws.snapshot_requests) == ("live", [])
    await watched.check()


@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
async def test_five_thousand_levels(seen: bool) -> None:
    """Of a snapshot of 5,000 levels a side none is lost, least of all the best, and changes apply to all of them."""
    store = SPOT()
    stream = store.orderbook.watch() if seen else None
    asks = [[f"{price}.0", "1"] for price in range(10_000, 15_000)]
    bids = [[f"{price}.0", "1"] for price in range(9_999, 4_999, -1)]
    store.onmessage(change(SPOT, 0, 5))
    answer = {"lastUpdateId": 5, "asks": asks, "bids": bids}
    await store.initialize(respond("GET", f"{REST[SPOT]}?symbol=X&limit=5000", answer))
    assert len(store.orderbook) == 10_000
    rows = store.orderbook.sorted(GROUP)
    assert [[row["p"], row["q"]] for row in rows["a"]] == asks
    assert [[row["p"], row["q"]] for row in rows["b"]] == bids
    gone = change(SPOT, 5, 6, asks=(("14999.0", "0"),), bids=(("5000.0", "2"),))
    store.onmessage(gone)
    assert len(store.orderbook) == 9_999
    assert store.orderbook.best(GROUP).ask == {"s": "X", "S": "a", "p": "10000.0", "q": "1"}
    assert (stream is not None) is seen


@KINDS
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"lastUpdateId": 5},
        {"lastUpdateId": "5", "asks": [], "bids": []},
        {"lastUpdateId": 5, "asks": None, "bids": []},
        {"lastUpdateId": 500, "asks": [["1"]], "bids": []},
        {"code": -1121, "msg": "Invalid symbol."},
        [],
    ],
)
async def test_an_answer_that_is_no_snapshot(kind: Any, answer: Any) -> None:
    """It raises, and the book is as it was."""
    watched = await live(kind)
    with pytest.raises(InitializeError):
        await initialize(watched, kind, answer)
    assert (book(watched), state(watched)) == (([("11", "1")], [("10", "1")]), "live")
    watched.feed(change(kind, 100, 101, asks=(("11", "5"),)))
    assert book(watched)[0] == [("11", "5")]


async def test_a_snapshot_of_no_symbol() -> None:
    """An answer whose request named no symbol is skipped."""
    watched = Watched(SPOT)
    await initialize(watched, SPOT, snapshot(5), "limit=5")
    assert len(watched.store.orderbook.status) == 0  # type: ignore[attr-defined]


# -- numbers -------------------------------------------------------------------------------------------------------


@KINDS
async def test_gap(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A change that does not follow empties the book and asks for a snapshot; what comes meanwhile is kept."""
    watched = await live(kind)
    watched.feed(change(kind, 101, 102, asks=(("11", "5"),)))
    assert (state(watched), is_initialized(watched), book(watched)) == ("syncing", False, ([], []))
    assert reason(watched) == "changes between 100 and 101 are missing"
    assert len(caplog.records) == 1
    [(_, fetches, done)] = watched.ws.snapshot_requests
    assert (len(fetches), done()) == (1, False)
    watched.feed(change(kind, 102, 103, asks=(("12", "5"),)))
    await initialize(watched, kind, snapshot(101))
    assert (state(watched), is_initialized(watched), done()) == ("live", True, True)
    assert book(watched)[0] == [("11", "5"), ("12", "5")]
    assert len(caplog.records) == 1
    await watched.check()


@KINDS
async def test_gap_among_the_changes_that_waited(kind: Any) -> None:
    """A snapshot that cannot bridge it brings no book; the next one does."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 100, 101), change(kind, 102, 103, asks=(("12", "1"),)))
    await initialize(watched, kind, snapshot(100))
    assert (state(watched), book(watched)) == ("syncing", ([], []))
    await initialize(watched, kind, snapshot(102))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "1"), ("12", "1")])


@KINDS
async def test_what_is_known_already(kind: Any) -> None:
    """A change told twice, or one that straddles what is known, does no harm."""
    watched = await live(kind)
    once = change(kind, 100, 101, asks=(("11", "2"),))
    watched.feed(once, once, change(kind, 99, 102, asks=(("11", "3"),)), once, change(kind, 90, 91, E=91))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "3")])


async def test_futures_follow_pu_alone() -> None:
    """There are numbers that no change has."""
    watched = await live(USDSM)
    watched.feed(
        change(USDSM, 100, 120, U=115, asks=(("11", "2"),)), change(USDSM, 120, 140, U=139, asks=(("12", "2"),))
    )
    assert (state(watched), book(watched)[0]) == ("live", [("11", "2"), ("12", "2")])


@KINDS
async def test_numbers_that_begin_anew(kind: Any) -> None:
    """A later change with a lower number says that the exchange has begun to count again."""
    watched = await live(kind)
    watched.feed(change(kind, 100, 101, E=1000), change(kind, 4, 5, E=1001, asks=(("11", "9"),)))
    assert (state(watched), reason(watched)) == ("syncing", "the numbers have begun anew with 5")
    await initialize(watched, kind, snapshot(4))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "9")])


@KINDS
async def test_the_same_changes_at_two_speeds(kind: Any) -> None:
    """The slower of two streams tells the last number once more, and later; nothing begins anew with that."""
    watched = await live(kind)
    watched.feed(change(kind, 100, 102, E=1000, asks=(("11", "2"),)), change(kind, 102, 105, E=1100))
    watched.feed(change(kind, 100, 105, E=1103, asks=(("11", "2"),)), change(kind, 105, 106, E=1200))
    assert (state(watched), book(watched)[0], watched.ws.snapshot_requests) == ("live", [("11", "2")], [])


@KINDS
async def test_numbers_that_begin_anew_right_after_a_snapshot(kind: Any) -> None:
    """Where no time tells, so many lower numbers in a row do."""
    watched = await live(kind)
    await initialize(watched, kind, snapshot(10_000))
    for number in range(1, 605):
        watched.store.onmessage(change(kind, number - 1, number, E=None), watched.ws)  # type: ignore[arg-type]
    assert state(watched) == "syncing"


async def test_what_is_remembered_is_bounded() -> None:
    """A live book remembers a minute of changes, one that waits many more."""
    watched = Watched(SPOT, WS[SPOT])
    for number in range(1, 8_100):
        watched.store.onmessage(change(SPOT, number - 1, number))
    line = watched.store.orderbook._lines["X",]  # type: ignore[attr-defined]
    assert len(line.recent) == 8000
    await initialize(watched, SPOT, snapshot(100))
    assert state(watched) == "live"
    watched.feed(change(SPOT, 8_099, 8_100))
    assert len(line.recent) == 600


# -- damage --------------------------------------------------------------------------------------------------------


DAMAGE = [
    (kind, place, junk)
    for kind, number in ((SPOT, "U"), (USDSM, "pu"), (COINM, "pu"))
    for place in (("a", 0), ("a", 0, 0), ("a", 0, 1), ("b",), ("u",), (number,))
    for junk in (None, "x", ...)
    if not (junk is ... and place in {("a", 0), ("pu",)})  # one level less can be read; so can futures without pu
]


@pytest.mark.parametrize(("kind", "place", "junk"), DAMAGE)
async def test_a_change_that_cannot_be_read(kind: Any, place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It costs the book, not the store: a snapshot is asked for."""
    watched = await live(kind)
    message = change(kind, 100, 101, asks=(("11", "5"), ("12", "5")), bids=(("10", "5"),))
    watched.feed(damaged(message, place, junk))
    assert (state(watched), book(watched)) == ("syncing", ([], []))
    assert len(watched.ws.snapshot_requests) == 1
    assert len(caplog.records) == 2
    watched.feed(change(kind, 101, 102, asks=(("12", "1"),)))
    await initialize(watched, kind, snapshot(101))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "1"), ("12", "1")])
    await watched.check()


@KINDS
async def test_a_change_that_waited_and_cannot_be_read(kind: Any) -> None:
    """It spoils the snapshot it waited for, not the next one."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 99, 101, asks=(("11", "x"),)))
    await initialize(watched, kind, snapshot(100))
    assert (state(watched), book(watched)) == ("syncing", ([], []))
    await initialize(watched, kind, snapshot(101))
    assert state(watched) == "live"


@KINDS
@pytest.mark.parametrize("symbol", [None, 5, [], ...], ids=repr)
def test_a_change_of_no_symbol(kind: Any, symbol: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It touches no book."""
    watched = Watched(kind)
    watched.feed(damaged(change(kind, 1, 2), ("s",), symbol))
    assert len(watched.store.orderbook.status) == 0  # type: ignore[attr-defined]
    assert len(caplog.records) == 1


# -- fetching ------------------------------------------------------------------------------------------------------


async def fetched(watched: Watched, kind: Any, answer: Any, seconds: float = 0.0) -> Any:
    """Let the fetch that was asked for last run for so long; return its task."""
    watched.ws.requester.answers[REST[kind]] = answer
    _, [fetch], _ = watched.ws.snapshot_requests[-1]
    task = asyncio.create_task(fetch())
    await watched.ws.clock.advance(seconds)
    return task


@KINDS
async def test_a_new_book_that_nobody_initializes(kind: Any) -> None:
    """After a second topgun fetches the snapshot itself, unsigned; the next fetch waits for its turn."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 100, 101), change(kind, 101, 102))
    assert len(watched.ws.snapshot_requests) == 1
    task = await fetched(watched, kind, snapshot(101), 0.9)
    assert watched.ws.requester.asked == []
    await watched.ws.clock.advance(0.1)
    assert watched.ws.requester.asked == [("GET", REST[kind], {"params": {"symbol": "X", "limit": 1000}, "auth": None})]
    assert (state(watched), task.done()) == ("live", False)
    await watched.ws.clock.advance(1)
    assert task.done()


@KINDS
async def test_a_new_book_that_the_user_initializes(kind: Any) -> None:
    """Nothing is fetched then."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 100, 101))
    task = await fetched(watched, kind, None, 0.5)
    await initialize(watched, kind, snapshot(101))
    await watched.ws.clock.advance(0.5)
    assert task.done()
    assert watched.ws.requester.asked == []


@KINDS
async def test_a_fetch_after_a_gap(kind: Any) -> None:
    """It goes out at once, for as many levels as the user asked for; a large one takes more time to itself."""
    watched = Watched(kind, WS[kind])
    await initialize(watched, kind, snapshot(100), "symbol=X&limit=5000")
    watched.feed(change(kind, 100, 101), change(kind, 102, 103, bids=(("9", "1"),)))
    task = await fetched(watched, kind, snapshot(102))
    assert [kwargs["params"]["limit"] for _, _, kwargs in watched.ws.requester.asked] == ["5000"]
    assert (state(watched), book(watched)[1]) == ("live", [("10", "1"), ("9", "1")])
    await watched.ws.clock.advance(4.9)
    assert not task.done()
    await watched.ws.clock.advance(0.1)
    await task


@KINDS
async def test_a_fetch_that_fails(kind: Any) -> None:
    """What is no snapshot raises, so that the socket logs it and asks again; a ban is waited out."""
    watched = await live(kind)
    watched.feed(change(kind, 101, 102))
    for answer, seconds in (({"code": -1000, "msg": "x"}, 0), ([], 0), ({"code": -1003, "msg": "banned"}, 60)):
        task = await fetched(watched, kind, answer, max(seconds - 1, 0))
        assert task.done() is (seconds == 0)
        await watched.ws.clock.advance(1)
        with pytest.raises(InitializeError, match="depth"):
            await task
    assert state(watched) == "syncing"


@pytest.mark.parametrize("heal", [True, False])
async def test_nothing_is_fetched(heal: bool) -> None:
    """With ``heal=False``, without a socket, or on a host that nobody knows, a book only says what is wrong."""
    for url in ("wss://example.test/ws", "") if heal else (WS[SPOT],):
        store, ws = SPOT(heal=heal), FakeSocket(url) if url else None
        store.onmessage(change(SPOT, 100, 101), ws)
        assert store.orderbook.state(GROUP) == "syncing"
        await store.initialize(respond("GET", f"{REST[SPOT]}?symbol=X", snapshot(101)))
        assert store.orderbook.state(GROUP) == "live"
        store.onmessage(change(SPOT, 102, 103), ws)
        assert store.orderbook.state(GROUP) == "syncing"
        assert ws is None or ws.snapshot_requests == []


def test_where_snapshots_come_from() -> None:
    """Every host of streams has its HTTP API."""
    hosts = {
        "stream.binance.com": "https://api.binance.com/api/v3",
        "data-stream.binance.vision": "https://data-api.binance.vision/api/v3",
        "stream.testnet.binance.vision": "https://testnet.binance.vision/api/v3",
        "testnet.binance.vision": "https://testnet.binance.vision/api/v3",
        "demo-stream.binance.com": "https://demo-api.binance.com/api/v3",
        "fstream.binance.com": "https://fapi.binance.com/fapi/v1",
        "dstream.binance.com": "https://dapi.binance.com/dapi/v1",
        "fstream.binancefuture.com": "https://testnet.binancefuture.com/fapi/v1",
        "stream.binancefuture.com": "https://testnet.binancefuture.com/fapi/v1",
        "dstream.binancefuture.com": "https://testnet.binancefuture.com/dapi/v1",
        "demo-fstream.binance.com": "https://demo-fapi.binance.com/fapi/v1",
        "demo-dstream.binance.com": "https://demo-dapi.binance.com/dapi/v1",
    }
    for host, rest in hosts.items():
        assert rest_of(FakeSocket(f"wss://{host}/ws").url) == rest


# -- sockets -------------------------------------------------------------------------------------------------------


@KINDS
async def test_a_lost_socket(kind: Any) -> None:
    """The book is stale, its rows stay; it is live again at once where nothing was missed, else after a snapshot."""
    watched = await live(kind)
    watched.feed(change(kind, 100, 101))
    watched.ws.lose()
    assert (state(watched), reason(watched)) == ("stale", "connection lost")
    assert book(watched) == ([("11", "1")], [("10", "1")])
    watched.ws = FakeSocket(WS[kind])
    watched.feed(change(kind, 101, 102, asks=(("12", "1"),)))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "1"), ("12", "1")])
    watched.ws.lose()
    watched.ws = FakeSocket(WS[kind])
    watched.feed(change(kind, 105, 106, asks=(("13", "1"),)))
    assert state(watched) == "syncing"
    await fetched(watched, kind, snapshot(106, asks=(("14", "1"),)))
    assert (state(watched), book(watched)[0]) == ("live", [("14", "1")])
    await watched.check()


@KINDS
async def test_a_snapshot_while_nobody_listens(kind: Any) -> None:
    """A book whose socket is lost is stale with a new snapshot, too, until changes follow it."""
    watched = await live(kind)
    watched.ws.lose()
    await initialize(watched, kind, snapshot(200, asks=(("15", "1"),)))
    assert (state(watched), book(watched)[0]) == ("stale", [("15", "1")])
    watched.ws = FakeSocket(WS[kind])
    watched.feed(change(kind, 199, 201))
    assert state(watched) == "live"


@KINDS
async def test_a_socket_lost_before_the_snapshot(kind: Any) -> None:
    """The next socket asks for it anew."""
    watched = Watched(kind, WS[kind])
    watched.feed(change(kind, 100, 101))
    watched.ws.lose()
    assert state(watched) == "stale"
    watched.ws = FakeSocket(WS[kind])
    watched.feed(change(kind, 110, 111), change(kind, 111, 112))
    assert (state(watched), len(watched.ws.snapshot_requests)) == ("syncing", 1)
    await fetched(watched, kind, snapshot(111), 1)
    assert state(watched) == "live"


@KINDS
async def test_two_sockets(kind: Any) -> None:
    """Two that tell the same keep one book; it lives on with the one that is left."""
    watched = await live(kind)
    other = FakeSocket(WS[kind])
    for number in (101, 102, 103):
        message = change(kind, number - 1, number, asks=(("11", str(number)),))
        watched.feed(message)
        watched.store.onmessage(message, other)  # type: ignore[arg-type]  # a stand-in
    assert (state(watched), book(watched)[0]) == ("live", [("11", "103")])
    other.lose()
    watched.feed(change(kind, 103, 104, asks=(("11", "104"),)))
    assert (state(watched), book(watched)[0]) == ("live", [("11", "104")])


# -- against a model of the venue ----------------------------------------------------------------------------------

MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            ["change", "change", "change", "lose", "repeat", "swap", "cut", "fetch", "reset", "keep alive"]
        ),
        st.integers(0, 30),
        st.sampled_from("ab"),
        st.integers(0, 4),
    ),
    max_size=40,
)


class Venue:
    """The exchange: a book, its numbers, and what is on its way to the store."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.number = 1000
        self.time = 10
        self.levels: dict[str, dict[str, str]] = {"a": {}, "b": {}}
        self.watched = Watched(kind, WS[kind])
        self.flight: list[dict[str, Any]] = []

    def change(self, price: int, side: str, size: int) -> None:
        level = (f"{100 + price if side == 'a' else 99 - price}", str(size))
        self.levels[side].pop(level[0], None)
        if size:
            self.levels[side][level[0]] = level[1]
        before, self.number = self.number, self.number + 1 + price % 3
        self.time += 100
        sides = {"asks": (level,)} if side == "a" else {"bids": (level,)}
        message = change(self.kind, before, self.number, **sides)  # type: ignore[arg-type]
        self.flight.append({**message, "E": self.time})

    def fetch(self) -> None:
        """Let the newest request for a snapshot of the open socket be answered, if there is one."""
        for _, [fetch], done in self.watched.ws.snapshot_requests:
            if not done():
                asks, bids = (tuple(self.levels[side].items()) for side in ("a", "b"))
                self.watched.ws.requester.answers[REST[self.kind]] = snapshot(self.number, asks, bids)
                work = fetch()
                while True:
                    try:
                        moment = work.send(None)
                    except StopIteration:
                        return
                    moment.set_result(None)  # it sleeps

    def play(self, move: str, price: int, side: str, size: int) -> None:
        if move == "reset":
            self.number = price  # counted anew
        elif move == "fetch":
            self.fetch()
        elif move == "cut":
            self.watched.ws.lose()
            self.watched.ws = FakeSocket(WS[self.kind])
            self.flight.clear()
        elif move == "keep alive":
            self.watched.feed({"result": None, "id": 1})
        self.change(price, side, size)
        if move == "lose":
            self.flight.pop()
        elif move == "repeat":
            self.flight.append(self.flight[-1])
        elif move == "swap":
            self.change(price + 1, side, size)
            self.flight.reverse()
        self.deliver()

    def deliver(self) -> None:
        while self.flight:
            self.watched.feed(self.flight.pop(0))

    def right(self) -> bool:
        told = book(self.watched)
        truth = [
            sorted(self.levels["a"].items(), key=lambda level: int(level[0])),
            sorted(self.levels["b"].items(), key=lambda level: -int(level[0])),
        ]
        return [[*told[0]], [*told[1]]] == truth


@KINDS
def test_never_live_and_wrong(kind: Any) -> None:
    """Whatever is lost, repeated, swapped, cut or counted anew: a live book is the true one, and it comes back."""

    @settings(max_examples=80, deadline=None, derandomize=True)
    @given(MOVES)
    def prove(moves: list[tuple[str, int, str, int]]) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(None)
        logging.disable(logging.CRITICAL)
        try:
            loop.run_until_complete(played(Venue(kind), moves))
        finally:
            logging.disable(logging.NOTSET)
            loop.close()

    async def played(venue: Venue, moves: list[tuple[str, int, str, int]]) -> None:
        for move in moves:
            venue.play(*move)
            # What was lost shows with the next change; until then the book is that of a moment ago.
            assert move[0] == "lose" or state(venue.watched) != "live" or venue.right()
        for _ in range(6):
            venue.play("change", 1, "a", 1)
            venue.fetch()
        assert state(venue.watched) == "live"
        assert venue.right()

    prove()
