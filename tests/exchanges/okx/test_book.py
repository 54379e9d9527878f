"""The order book of OKX: numbers, gaps, snapshots on both ways, other channels, damage; and against a model of OKX."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, respond
from topgun.exchanges.okx import OKXDataStore
from topgun.exchanges.okx.chain import Chain

WS = "wss://ws.okx.com:8443/ws/v5/public"
BTC = "BTC-USDT"
GROUP = {"instId": BTC}
LOGGER = "topgun.exchanges.okx"

Levels = tuple[tuple[str, str], ...]


def arg(channel: str = "books", inst: str = BTC) -> dict[str, str]:
    return {"channel": channel, "instId": inst}


def again(channel: str = "books", inst: str = BTC) -> list[Any]:
    return [{"op": op, "args": [arg(channel, inst)]} for op in ("unsubscribe", "subscribe")]


def rows(levels: Levels) -> list[list[str]]:
    return [[price, size, "0", "1"] for price, size in levels]


def update(before: Any, number: Any, asks: Levels = (), bids: Levels = (), *, of: Any = None) -> dict[str, Any]:
    data = {"asks": rows(asks), "bids": rows(bids), "ts": "1597026383085", "checksum": 0}
    return {"arg": of or arg(), "action": "update", "data": [{**data, "prevSeqId": before, "seqId": number}]}


def snapshot(number: Any, asks: Levels = (), bids: Levels = (), *, of: Any = None) -> dict[str, Any]:
    return {**update(-1, number, asks, bids, of=of), "action": "snapshot"}


def whole(asks: Levels = (), bids: Levels = (), *, of: Any = None) -> dict[str, Any]:
    """Return a message of a channel that sends nothing but snapshots."""
    data = {"asks": rows(asks), "bids": rows(bids), "ts": "1597026383085", "seqId": 7}
    return {"arg": of or arg("books5"), "data": [data]}


def book(store: OKXDataStore, inst: str = BTC) -> tuple[list[Any], list[Any]]:
    """Return price and size of the asks, ascending, and of the bids, descending."""
    sides = store.books.sorted({"instId": inst})
    asks, bids = ([(row["px"], row["sz"]) for row in sides[side]] for side in ("asks", "bids"))
    return asks, bids


START = snapshot(100, asks=(("11", "1"), ("12", "2")), bids=(("10", "1"), ("9", "2")))
STARTED = ([("11", "1"), ("12", "2")], [("10", "1"), ("9", "2")])


def live(url: str = WS) -> Watched:
    """Return a store whose book is live at number 100."""
    watched = Watched(OKXDataStore, url)
    watched.feed(START)
    assert state(watched) == "live"
    return watched


def state(watched: Watched, inst: str = BTC) -> str:
    return watched.store.books.state({"instId": inst})


# -- numbers -------------------------------------------------------------------------------------------------------


def test_chain() -> None:
    """The two exceptions are sound: a number that stays, and one that goes down; a message told twice is known."""
    chain = Chain()
    assert chain.update(1, 2) == "buffer"
    chain.snapshot(10)
    steps = [(10, 15), (15, 15), (15, 15), (15, 3), (15, 3), (3, 5)]
    assert [chain.update(*step) for step in steps] == ["apply", "apply", "apply", "apply", "drop", "apply"]
    assert chain.last == 5
    assert [chain.update(9, 12), chain.update(5, 6)] == ["gap", "buffer"]
    chain.snapshot(5)
    chain.forget()
    assert (chain.last, chain.update(5, 6)) == (None, "buffer")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(90, 95), (95, 100), (100, 101)], ["drop", "drop", "apply"]),
        ([(95, 105), (105, 110)], ["apply", "apply"]),
        ([(100, 100), (100, 101)], ["apply", "apply"]),
        ([(100, 3), (3, 4)], ["apply", "apply"]),
        ([(95, 3)], ["gap"]),
        ([(101, 105)], ["gap"]),
        ([(95, 105), (95, 105), (90, 95)], ["apply", "drop", "gap"]),
    ],
)
def test_chain_that_joins(steps: list[tuple[int, int]], expected: list[str]) -> None:
    """A snapshot by HTTP (number 100) may lie inside a change, or after changes that have yet to come."""
    chain = Chain()
    chain.snapshot(100, joining=True)
    assert [chain.update(*step) for step in steps] == expected


@pytest.mark.parametrize("number", ["1", 1.0, True, None])
def test_chain_wants_whole_numbers(number: Any) -> None:
    """Anything but a whole number is refused, and changes nothing."""
    chain = Chain()
    chain.snapshot(10)
    for pair in ((10, number), (number, 11)):
        with pytest.raises(ValueError, match="no sequence numbers"):
            chain.update(*pair)
    if number is not None:
        with pytest.raises(ValueError, match="must be a whole number"):
            chain.snapshot(number)
    assert chain.update(10, 11) == "apply"


async def test_changes_follow() -> None:
    """A change that names the number before it is applied, the same one told twice is not; others are untouched."""
    watched = live()
    watched.feed(snapshot(5, asks=(("1", "1"),), of=arg(inst="ETH-USDT")))
    watched.feed(*[update(100, 107, asks=(("11", "0"), ("13", "5")))] * 2, update(107, 107), update(107, 3))
    assert book(watched.store) == ([("12", "2"), ("13", "5")], STARTED[1])
    watched.feed(update(3, 4, bids=(("10", "3"),)))
    assert book(watched.store) == ([("12", "2"), ("13", "5")], [("10", "3"), ("9", "2")])
    assert book(watched.store, "ETH-USDT") == ([("1", "1")], [])
    assert (state(watched), watched.ws.snapshot_requests) == ("live", [])
    await watched.check()


@pytest.mark.parametrize("zero", ["0", "0.000", "0.0", "-0", "0e-8", 0])
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
def test_every_zero_removes(zero: Any, seen: bool) -> None:
    """A size of zero removes its level however it is written; in a snapshot it is no level."""
    store = OKXDataStore()
    stream = store.books.watch() if seen else None
    store.onmessage(snapshot(1, asks=(("11", "1"), ("12", zero))))
    store.onmessage(update(1, 2, asks=(("11", zero),), bids=(("9", zero), ("8", "1"))))
    assert book(store) == ([], [("8", "1")])
    assert (stream is not None) is seen


@pytest.mark.parametrize("checksum", [0, 1, -881014294, None, "x"])
def test_checksum_is_kept_and_not_looked_at(checksum: Any) -> None:
    """OKX sends 0 whatever the book is: the field is there to read, and decides nothing."""
    store, ws = OKXDataStore(), FakeSocket(WS)
    for message in (START, update(100, 101, bids=(("10", "0"),))):
        store.onmessage(damaged(message, ("data", 0, "checksum"), checksum), ws)  # type: ignore[arg-type]
    assert store.books.checksum == {BTC: checksum}
    assert store.books.ts == "1597026383085"
    assert book(store)[1] == [("9", "2")]


def test_time_is_not_needed() -> None:
    """A message without its time is as good."""
    watched = live()
    watched.feed(damaged(update(100, 101, asks=(("11", "0"),)), ("data", 0, "ts"), ...))
    assert (watched.store.books.ts, book(watched.store)[0]) == ("1597026383085", [("12", "2")])


async def test_gap(caplog: pytest.LogCaptureFixture) -> None:
    """A number that is not the last one empties the book, says so, and subscribes anew to that channel alone."""
    watched = live()
    watched.feed(snapshot(5, asks=(("1", "1"),), of=arg(inst="ETH-USDT")))
    await watched.check()
    watched.feed(update(101, 102, asks=(("11", "5"),)))
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    status = watched.store.books.status.get(GROUP)
    assert status is not None
    assert status["reason"] == "changes between number 100 and 101 are missing"
    assert [BTC in record.getMessage() for record in caplog.records] == [True]
    await watched.check()
    [(_, messages, done)] = watched.ws.snapshot_requests
    assert messages[:2] == again()
    assert not done()

    watched.feed(update(102, 103, asks=(("11", "6"),)), update(103, 104, asks=(("11", "7"),)))
    assert (book(watched.store), state(watched, "ETH-USDT")) == (([], []), "live")
    watched.feed(snapshot(110, asks=(("11", "7"),)), update(110, 112, bids=(("10", "8"),)))
    assert (state(watched), done()) == ("live", True)
    assert book(watched.store) == ([("11", "7")], [("10", "8")])
    assert len(caplog.records) == 1
    await watched.check()


@pytest.mark.parametrize("heal", [True, False])
def test_gap_without_healing(heal: bool) -> None:
    """With ``heal=False``, or without a socket, a book that is wrong says so and asks for nothing."""
    store, ws = OKXDataStore(heal=heal), None if heal else FakeSocket(WS)
    store.onmessage(START, ws)  # type: ignore[arg-type]  # a stand-in
    store.onmessage(update(101, 102), ws)  # type: ignore[arg-type]
    assert (store.books.state(GROUP), len(store.books)) == ("syncing", 0)
    assert ws is None or ws.snapshot_requests == ws.sent == []
    store.onmessage(snapshot(103, asks=(("11", "7"),)), ws)  # type: ignore[arg-type]
    assert store.books.state(GROUP) == "live"


@pytest.mark.parametrize("number", [1, 100, 5_000])
async def test_snapshot_at_any_time(number: int) -> None:
    """A snapshot replaces the book of its instrument, whatever its number; the changes go on from there."""
    watched = live()
    watched.feed(snapshot(number, asks=(("20", "1"),)), update(number, number + 1, bids=(("19", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("20", "1")], [("19", "1")]))
    await watched.check()


def test_a_snapshot_that_was_overtaken() -> None:
    """One that is older than what was heard, by number and by time, changes nothing; a new count is newer."""
    watched = live()
    late = damaged(snapshot(99, asks=(("20", "1"),)), ("data", 0, "ts"), "1597026383084")
    watched.feed(late)
    assert book(watched.store) == STARTED
    watched.feed(update(101, 102), late)
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    watched.feed(damaged(late, ("data", 0, "ts"), "1597026383086"))
    assert (state(watched), book(watched.store)) == ("live", ([("20", "1")], []))


def test_books_have_no_limit() -> None:
    """Thirteen books of 400 levels a side are all there."""
    store = OKXDataStore()
    asks = tuple((str(2_000 + price), "1") for price in range(400))
    bids = tuple((str(1_999 - price), "1") for price in range(400))
    for number in range(13):
        store.onmessage(snapshot(1, asks, bids, of=arg(inst=f"C{number}")))
    assert len(store.books) == 13 * 800
    assert [len(book(store, f"C{number}")[0]) for number in range(13)] == [400] * 13


# -- other channels of the same instrument -------------------------------------------------------------------------

FIVE = whole(asks=(("20", "1"),), bids=(("19", "1"),))


async def test_snapshots_overwrite_each_other(caplog: pytest.LogCaptureFixture) -> None:
    """A store has one book of an instrument: the last snapshot of any channel. Changes of another one are ignored."""
    watched = live()
    watched.feed(FIVE)
    for number in range(100, 105):
        watched.feed(update(number, number + 1, asks=(("20", "0"),)), FIVE)
    assert (state(watched), book(watched.store)) == ("live", ([("20", "1")], [("19", "1")]))
    watched.feed(START, update(100, 101, asks=(("11", "0"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("12", "2")], STARTED[1]))
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")] * 2
    assert watched.ws.snapshot_requests == []
    await watched.check()


def test_channels_of_snapshots_alone_need_no_number() -> None:
    """``books5`` may lack ``seqId``, and has nothing to go on from."""
    store = OKXDataStore()
    store.onmessage(damaged(FIVE, ("data", 0, "seqId"), ...))
    assert (store.books.state(GROUP), book(store)) == ("live", ([("20", "1")], [("19", "1")]))
    assert store.books.checksum == {}


def test_damage_in_another_channel_costs_nothing() -> None:
    """Only a snapshot that can be read takes a book over."""
    watched = live()
    watched.feed(damaged(FIVE, ("data", 0, "asks"), None), {**FIVE, "action": "x"}, update(100, 101))
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    assert watched.ws.snapshot_requests == []


def test_two_sockets_of_one_channel() -> None:
    """The socket whose snapshot came last has the book; once it is lost, changes of the other one begin it anew."""
    watched = live()
    first, second = watched.ws, FakeSocket(WS)
    watched.ws = second
    watched.feed(snapshot(200, asks=(("20", "1"),)))
    watched.ws = first
    watched.feed(update(100, 101, asks=(("20", "0"),)))
    assert book(watched.store) == ([("20", "1")], [])
    second.lose()
    assert state(watched) == "stale"
    watched.feed(update(101, 102, asks=(("11", "0"),)))
    assert (state(watched), book(watched.store)) == ("syncing", ([], []))
    assert len(first.snapshot_requests) == 1


def test_unsubscribed() -> None:
    """A book whose channel was given up is stale; a new snapshot begins it, and one that is mended goes on."""
    watched = live()
    gone = {"event": "unsubscribe", "arg": arg(), "connId": "x"}
    watched.feed({**gone, "arg": arg("books5")})
    assert state(watched) == "live"
    watched.feed(gone)
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(snapshot(200, asks=(("13", "1"),)), update(205, 206))
    assert state(watched) == "syncing"
    watched.feed(gone)
    assert state(watched) == "syncing"
    watched.feed(snapshot(207, asks=(("14", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("14", "1")], []))


# -- lost connections ----------------------------------------------------------------------------------------------


async def test_lost_connection() -> None:
    """A lost connection makes the book stale; it keeps its rows until the snapshot of the next one."""
    watched = live()
    watched.ws.lose()
    watched.ws = FakeSocket(WS)
    assert (state(watched), book(watched.store)) == ("stale", STARTED)
    watched.feed(snapshot(200, asks=(("13", "1"),)), update(200, 201, bids=(("8", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("13", "1")], [("8", "1")]))
    await watched.check()


async def test_lost_connection_while_the_book_is_mended() -> None:
    """A book that waits for its snapshot on a socket that is lost becomes stale, and begins on the next one."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(snapshot("100"))
    assert state(watched) == "syncing"
    watched.ws.lose()
    assert state(watched) == "stale"
    watched.ws = FakeSocket(WS)
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("live", STARTED)


# -- snapshots by HTTP ---------------------------------------------------------------------------------------------


def by_http(number: Any, asks: Levels = (), bids: Levels = ()) -> dict[str, Any]:
    data = {"asks": rows(asks), "bids": rows(bids), "ts": "1", "seqId": number}
    return {"code": "0", "msg": "", "data": [data]}


def fetching(watched: Watched) -> Any:
    """Return what a store wants to be called for a snapshot by HTTP."""
    return watched.ws.snapshot_requests[-1][1][-1]


def answers(watched: Watched, told: Any, host: str = "www.okx.com") -> None:
    watched.ws.requester.answers[f"https://{host}/api/v5/market/books"] = told


async def test_no_snapshot_comes() -> None:
    """A book that begins with changes is fetched; what was heard meanwhile goes on from there."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99, asks=(("1", "1"),)), update(99, 105, asks=(("11", "3"),)), update(105, 106))
    assert state(watched) == "syncing"
    assert [callable(message) for message in watched.ws.snapshot_requests[0][1]] == [True]
    answers(watched, by_http(102, asks=(("11", "1"), ("12", "2")), bids=(("10", "1"),)))
    await fetching(watched)()
    assert (state(watched), book(watched.store)) == ("live", ([("11", "3"), ("12", "2")], [("10", "1")]))
    [asked] = watched.ws.requester.asked
    assert asked[2] == {"params": {"instId": BTC, "sz": "400"}, "headers": {}, "auth": None}
    watched.feed(update(106, 107, asks=(("12", "0"),)))
    assert book(watched.store) == ([("11", "3")], [("10", "1")])
    await watched.check()


async def test_snapshot_newer_than_all_that_was_heard() -> None:
    """Changes that it holds already are left out until one goes on from it."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99, asks=(("1", "1"),)))
    answers(watched, by_http("110", asks=(("11", "1"),)))
    await fetching(watched)()
    assert (state(watched), book(watched.store)) == ("live", ([("11", "1")], []))
    watched.feed(update(99, 104, asks=(("1", "1"),)), update(104, 112, bids=(("10", "1"),)), update(112, 113))
    assert (state(watched), book(watched.store)) == ("live", ([("11", "1")], [("10", "1")]))


async def test_snapshot_of_the_channel_older_than_the_one_by_http() -> None:
    """It was overtaken on its way, and changes nothing; the changes after it that are newer do."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99))
    newer = by_http("110", asks=(("11", "1"),))
    newer["data"][0]["ts"] = "1597026383099"
    answers(watched, newer)
    await fetching(watched)()
    watched.feed(snapshot(104, asks=(("1", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("11", "1")], []))
    watched.feed(update(104, 110, asks=(("11", "1"),)), update(110, 112, bids=(("10", "1"),)))
    assert (state(watched), book(watched.store)) == ("live", ([("11", "1")], [("10", "1")]))


async def test_snapshot_older_than_what_was_heard() -> None:
    """It is of no use, and asked for again."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99))
    for number, seen in ((97, "syncing"), (98, "live")):
        answers(watched, by_http(number, asks=(("11", "1"),)))
        await fetching(watched)()
        assert state(watched) == seen


@pytest.mark.parametrize("meanwhile", [update(103, 104), update(99, 3)], ids=["gap", "new count"])
async def test_changes_that_break_off_while_a_snapshot_is_on_its_way(meanwhile: dict[str, Any]) -> None:
    """Nobody knows on which side of the break it is, so another one is asked for."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99))

    async def request_json(*_: Any, **__: Any) -> Any:
        watched.feed(meanwhile)
        return by_http(103, asks=(("11", "1"),))

    fetch, requester = fetching(watched), watched.ws.requester
    requester.request_json = request_json  # type: ignore[method-assign]
    await fetch()
    assert (state(watched), len(watched.store.books)) == ("syncing", 0)
    del requester.request_json  # type: ignore[method-assign]
    number = meanwhile["data"][0]["seqId"]
    watched.feed(update(number, number + 1, asks=(("11", "2"),)))
    answers(watched, by_http(number, asks=(("11", "1"),)))
    await fetch()
    assert (state(watched), book(watched.store)) == ("live", ([("11", "2")], []))


async def test_snapshot_that_is_not_needed_any_more() -> None:
    """One of the stream came first: the other one is thrown away."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 99))
    fetch = fetching(watched)
    watched.feed(START)
    answers(watched, by_http(500))
    await fetch()
    assert (state(watched), book(watched.store)) == ("live", STARTED)


async def test_gap_and_no_snapshot() -> None:
    """After a gap the channel is subscribed to; only if that has not helped at once a snapshot is fetched as well."""
    watched = live()
    watched.feed(update(101, 102))
    answers(watched, by_http(102, asks=(("11", "1"),)))
    await fetching(watched)()
    assert (state(watched), watched.ws.requester.asked) == ("syncing", [])
    await fetching(watched)()
    assert (state(watched), book(watched.store)) == ("live", ([("11", "1")], []))


async def test_held_changes_that_cannot_be_read() -> None:
    """The book is not live with half of them: the channel is subscribed to anew."""
    watched = Watched(OKXDataStore, WS)
    watched.feed(update(98, 105, asks=(("11", "x"),)))
    answers(watched, by_http(102, asks=(("11", "1"),)))
    with pytest.raises(ValueError, match="x"):
        await fetching(watched)()
    assert (state(watched), len(watched.store.books)) == ("syncing", 0)
    assert watched.ws.snapshot_requests[-1][1][:2] == again()
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("live", STARTED)


@pytest.mark.parametrize(
    ("url", "channel", "host", "depth", "demo"),
    [
        ("wss://ws.okx.com/ws/v5/public", "books-l2-tbt", "www.okx.com", "400", False),
        ("wss://wsaws.okx.com:8443/ws/v5/public", "books50-l2-tbt", "aws.okx.com", "50", False),
        ("wss://wspap.okx.com:8443/ws/v5/public", "books", "www.okx.com", "400", True),
        ("wss://wseea.okx.com:8443/ws/v5/public", "books", "eea.okx.com", "400", False),
        ("wss://wseeapap.okx.com:8443/ws/v5/public", "books", "eea.okx.com", "400", True),
        ("wss://wsus.okx.com:8443/ws/v5/public", "books", "us.okx.com", "400", False),
        ("wss://wsuspap.okx.com:8443/ws/v5/public", "books", "us.okx.com", "400", True),
    ],
)
async def test_where_a_snapshot_is_fetched(url: str, channel: str, host: str, depth: str, demo: bool) -> None:
    """From the HTTP host of the same site and environment, as deep as the channel is."""
    watched = Watched(OKXDataStore, url)
    watched.feed(update(98, 99, of=arg(channel)))
    answers(watched, by_http(99), host)
    await fetching(watched)()
    [(_, _, how)] = watched.ws.requester.asked
    assert how["params"]["sz"] == depth
    assert how["headers"] == ({"x-simulated-trading": "1"} if demo else {})
    assert state(watched) == "live"


@pytest.mark.parametrize(("url", "channel"), [(WS, "books-elp"), ("wss://example.test/ws", "books")])
def test_where_there_is_no_snapshot_to_fetch(url: str, channel: str) -> None:
    """A channel that HTTP does not have, and a host that nobody knows, are subscribed to anew."""
    watched = Watched(OKXDataStore, url)
    watched.feed(update(98, 99, of=arg(channel)))
    assert [messages for _, messages, _ in watched.ws.snapshot_requests] == [again(channel)]
    assert state(watched) == "syncing"


@pytest.mark.parametrize("path", ["books", "books-full"])
async def test_a_book_loaded_by_http(path: str) -> None:
    """A book of 5,000 levels a side has all of them; it is not live, as nobody keeps it right."""
    store = OKXDataStore()
    more = ["0", "4"] if path == "books" else ["4"]
    asks = [[f"{60_000 + step / 10:.1f}", "1", *more] for step in range(5_000)]
    bids = [[f"{59_999.9 - step / 10:.1f}", "2", *more] for step in range(5_000)]
    reply = {"code": "0", "data": [{"asks": asks, "bids": bids, "ts": "5"}]}
    url = f"https://www.okx.com/api/v5/market/{path}?instId={BTC}&sz=5000"
    await store.initialize(respond("GET", url, reply))
    sides = store.books.sorted(GROUP)
    assert (len(store.books), len(sides["asks"]), len(sides["bids"])) == (10_000, 5_000, 5_000)
    assert sides["asks"][0] == {**GROUP, "side": "asks", "px": "60000.0", "sz": "1", "liqSz": "0", "ordSz": "4"}
    assert [row["px"] for row in sides["bids"]] == [level[0] for level in bids]
    assert (store.books.state(GROUP), store.books.ts) == ("stale", "5")


async def test_a_book_loaded_by_http_disturbs_no_stream() -> None:
    """While a stream keeps a book right, or mends it, an answer is not needed; afterwards it is."""
    watched = live()
    url = f"https://www.okx.com/api/v5/market/books?instId={BTC}"
    await watched.store.initialize(respond("GET", url, by_http(500, asks=(("99", "1"),))))
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    watched.ws.lose()
    await watched.store.initialize(respond("GET", url, by_http(500, asks=(("99", "1"),))))
    assert (state(watched), book(watched.store)) == ("stale", ([("99", "1")], []))
    watched.ws = FakeSocket(WS)
    watched.feed(START)
    assert (state(watched), book(watched.store)) == ("live", STARTED)


# -- damage --------------------------------------------------------------------------------------------------------

DAMAGE: list[tuple[tuple[Any, ...], Any]] = [
    (("data",), None),
    (("data",), [None]),
    (("action",), "x"),
    *((("data", 0, field), junk) for field in ("seqId",) for junk in ("101", 101.0, True, [])),
    *((("data", 0, side), junk) for side in ("asks", "bids") for junk in (None, ..., 1, {"x": 1})),
    *(
        (("data", 0, side), [["11", "5", "0", "1"], level])
        for side in ("asks", "bids")
        for level in (None, [], ["13"], "1", ["x", "1", "0", "1"], ["nan", "1"], [None, "1"], [[], "1"], ["13", "-1"])
    ),
]


@pytest.mark.parametrize(("place", "junk"), DAMAGE, ids=repr)
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
@pytest.mark.parametrize("kind", ["update", "snapshot"])
def test_damaged(kind: str, seen: bool, place: Any, junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book behind: it is logged and the channel subscribed anew."""
    store, ws = OKXDataStore(), FakeSocket(WS)
    stream = store.books.watch() if seen else None
    store.onmessage(START, ws)  # type: ignore[arg-type]  # a stand-in
    sound = {**update(100, 101, asks=(("11", "3"),), bids=(("9", "0"),)), "action": kind}
    store.onmessage(damaged(sound, place, junk), ws)  # type: ignore[arg-type]
    assert (store.books.state(GROUP), len(store.books)) == ("syncing", 0)
    assert [messages[:2] for _, messages, _ in ws.snapshot_requests] == [again()]
    assert [record.getMessage()[:17] for record in caplog.records] == ["books BTC-USDT: a", "books: a message "]
    store.onmessage(update(101, 102, asks=(("11", "3"),)), ws)  # type: ignore[arg-type]
    store.onmessage(START, ws)  # type: ignore[arg-type]
    assert (store.books.state(GROUP), book(store)) == ("live", STARTED)
    store.books._check()
    assert (stream is not None) is seen


@pytest.mark.parametrize("inst", [None, [], 1, ...], ids=repr)
def test_damaged_name(inst: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message that names no book is logged and changes none; what it held is noticed as missing."""
    watched = live()
    watched.feed(damaged(update(100, 101, asks=(("11", "0"),)), ("arg", "instId"), inst))
    assert len(caplog.records) == 1
    assert (state(watched), book(watched.store)) == ("live", STARTED)
    watched.feed(update(101, 102))
    assert state(watched) == "syncing"


def test_what_is_held_is_limited() -> None:
    """A book whose snapshot does not come holds its last 5,000 changes."""
    store, ws = OKXDataStore(), FakeSocket(WS)
    for number in range(5_010):
        store.onmessage(update(number, number + 1), ws)  # type: ignore[arg-type]  # a stand-in
    [source] = store.books._sources.values()
    assert (len(source.held), source.held[0].before) == (5_000, 10)


# -- a model of the venue ------------------------------------------------------------------------------------------


class Venue:
    """One book as OKX has it, and what must be known of it behind the connection."""

    def __init__(self, inst: str) -> None:
        self.inst = inst
        self.number = 40
        self.sides: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}

    def change(self, levels: Any, step: int) -> dict[str, Any]:
        """Change the book; `step` 0 says that nothing has happened, one below it begins a new count."""
        before, self.number = self.number, self.number + step
        made = update(before, self.number, of=arg(inst=self.inst))
        for side, price, size in levels if step else ():
            made["data"][0][side].append([price, size, "0", "1"])
            if float(size):
                self.sides[side][price] = size
            else:
                self.sides[side].pop(price, None)
        return made

    def shown(self) -> tuple[list[Any], list[Any]]:
        asks, bids = (sorted(self.sides[side].items(), key=lambda level: float(level[0])) for side in self.sides)
        return asks, bids[::-1]


class Play:
    """A store behind a connection to two such books; a method for each thing that may happen."""

    def __init__(self, seen: bool) -> None:
        self.watched = Watched(OKXDataStore, WS)
        self.venues = {inst: Venue(inst) for inst in "AB"}
        self.seen = seen
        if not seen:  # nobody watches: the tables take the short way
            for stream in self.watched.streams.values():
                stream.close()

    async def change(self, venue: Venue, levels: Any) -> None:
        self.watched.feed(venue.change(levels, 3))

    async def twice(self, venue: Venue, levels: Any) -> None:
        self.watched.feed(*[venue.change(levels, 2)] * 2)

    async def quiet(self, venue: Venue, levels: Any) -> None:
        self.watched.feed(venue.change(levels, 0))

    async def reset(self, venue: Venue, levels: Any) -> None:
        self.watched.feed(venue.change(levels, -min(30, venue.number - 1)))

    async def lost(self, venue: Venue, levels: Any) -> None:
        """Lose a change. The next one shows it: until then nobody can know."""
        venue.change(levels, 1)
        self.watched.feed(venue.change(levels, 1))

    async def damaged(self, venue: Venue, levels: Any) -> None:
        made = venue.change(levels, 1)
        made["data"][0]["asks"].append(["11", None])
        self.watched.feed(made)

    async def snapshot(self, venue: Venue, levels: Any) -> None:
        asks, bids = (tuple(side.items()) for side in venue.sides.values())
        self.watched.feed(snapshot(venue.number, asks, bids, of=arg(inst=venue.inst)))

    async def fetched(self, venue: Venue, levels: Any) -> None:
        """Answer by HTTP whatever is asked for; what happens meanwhile is heard before or after it."""
        for _, messages, done in list(self.watched.ws.snapshot_requests):
            if not done() and callable(messages[-1]):
                answers(self.watched, None)
                self.watched.ws.requester.request_json = self._request  # type: ignore[method-assign]
                await messages[-1]()

    async def _request(self, method: str, url: str, *, params: Any, **_: Any) -> Any:
        venue = self.venues[params["instId"]]
        asks, bids = (tuple(side.items()) for side in venue.sides.values())
        told = by_http(venue.number, asks, bids)
        self.watched.feed(venue.change([("asks", "8", "5")], 2))
        return told

    async def closed(self, venue: Venue, levels: Any) -> None:
        self.watched.ws.lose()
        self.watched.ws = FakeSocket(WS)

    async def check(self) -> None:
        books = self.watched.store.books
        for inst, venue in self.venues.items():
            if books.state({"instId": inst}) == "live":
                assert book(self.watched.store, inst) == venue.shown()
        books._check()
        if self.seen:
            await self.watched.check()


LEVEL = st.tuples(
    st.sampled_from(["asks", "bids"]), st.sampled_from(["7", "8", "9.5", "10"]), st.sampled_from(["0", "0.00", "1"])
)
KINDS = ["change"] * 6 + ["twice", "quiet", "reset", "lost", "damaged", "snapshot", "fetched", "fetched", "closed"]
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from("AB"), st.lists(LEVEL, min_size=1, max_size=4)), max_size=30
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(EVENTS, st.booleans(), st.booleans())
def test_book_equals_the_venue(events: list[Any], seen: bool, by_stream: bool) -> None:
    """Whatever is lost, repeated or damaged: a live book is the venue's; one snapshot, of either way, mends it."""

    async def run() -> None:
        play = Play(seen)
        for kind, inst, levels in events:
            await getattr(play, kind)(play.venues[inst], levels)
            await play.check()
        for venue in play.venues.values():
            levels = [("bids", "7", "1")]
            await play.change(venue, levels)
            if by_stream:
                await play.snapshot(venue, levels)
            else:
                await play.fetched(venue, levels)
                await play.fetched(venue, levels)  # after a gap the first call leaves it to the stream
            await play.change(venue, levels)
            assert state(play.watched, venue.inst) == "live"
            await play.check()

    asyncio.run(run())
