"""The order book of Coincheck in both forms: snapshots, numbers, lost connections, damage; and against a model."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeRequester, FakeResponse, FakeSocket, damaged, respond
from topgun.errors import InitializeError
from topgun.exchanges.coincheck import CoincheckDataStore, source

PAIR = "btc_jpy"
GROUP = {"pair": PAIR}
API = "https://coincheck.com/api/order_books"
LOGGER = "topgun.exchanges.coincheck"

Levels = dict[str, str]


def rows(levels: Levels, asks: bool) -> list[dict[str, str]]:
    """Return levels of one side as the numbered form writes them."""
    names = ("ask_amount", "bid_amount") if asks else ("bid_amount", "ask_amount")
    return [{"rate": rate, names[0]: amount, names[1]: "0.0"} for rate, amount in levels.items()]


def numbered(number: Any, asks: Levels | None = None, bids: Levels | None = None) -> dict[str, Any]:
    """Return the numbered form of a snapshot or of a change."""
    sides = {"upper": rows(asks or {}, True), "lower": rows(bids or {}, False)}
    return {**sides, "sequence_number": str(number), "last_update_at": "1700000000"}


def plain(asks: Levels | None = None, bids: Levels | None = None, **more: Any) -> dict[str, Any]:
    """Return the form without numbers."""
    return {"asks": list(map(list, (asks or {}).items())), "bids": list(map(list, (bids or {}).items())), **more}


def book(store: CoincheckDataStore, pair: str = PAIR) -> tuple[Levels, Levels]:
    """Return the amounts by rate: asks ascending, bids descending."""
    sides = store.orderbook.sorted({"pair": pair})
    asks, bids = ({row["rate"]: row["amount"] for row in sides[side]} for side in ("asks", "bids"))
    return asks, bids


async def initialize(store: CoincheckDataStore, answer: Any, pair: str = PAIR) -> None:
    await store.initialize(respond("GET", f"{API}?pair={pair}", answer))


async def answer(watched: Watched, data: Any) -> None:
    """Let the latest question of the store be answered."""
    _, [ask], done = watched.ws.snapshot_requests[-1]
    assert not done()
    url = watched.ws.requester.answers[API] = data
    assert url is data
    await ask()


def state(watched: Watched) -> tuple[str, str]:
    row = watched.store.orderbook.status.get(GROUP) or {"reason": ""}
    return watched.store.orderbook.state(GROUP), row["reason"]


def heard(*changes: Any, pair: str = PAIR) -> Watched:
    """Return a store that has heard changes."""
    watched = Watched(CoincheckDataStore, "wss://ws-api.coincheck.com")
    watched.feed(*([pair, change] for change in changes))
    return watched


async def live() -> Watched:
    """Return a store with a live numbered book: its snapshot has the number 100, the last change 101."""
    watched = heard(numbered(101, {"12": "3"}))
    await answer(watched, numbered(100, {"11": "1"}, {"10": "1", "9": "2"}))
    assert (state(watched), book(watched.store)) == (("live", ""), ({"11": "1", "12": "3"}, {"10": "1", "9": "2"}))
    return watched


# -- numbered ------------------------------------------------------------------------------------------------------


async def test_the_snapshot_is_asked_for() -> None:
    """A first change is kept and the snapshot is asked for, unsigned; nothing is live before it is there."""
    watched = heard(numbered(101, {"12": "3"}), numbered(105, {"12": "0"}))
    assert state(watched) == ("stale", "no snapshot yet")
    assert (len(watched.store.orderbook), watched.store.orderbook.initialized[PAIR]) == (0, False)
    [(_, [_], done)] = watched.ws.snapshot_requests
    await answer(watched, numbered(104, {"11": "1", "12": "3"}))
    assert watched.ws.requester.asked == [("GET", API, {"params": {"pair": PAIR, "version": "1.0"}, "auth": None})]
    assert (done(), state(watched)) == (True, ("live", ""))
    assert (book(watched.store), watched.store.orderbook.initialized[PAIR]) == (({"11": "1"}, {}), True)
    await watched.check()


async def test_the_snapshot_is_asked_for_once() -> None:
    """Neither further changes nor a live book ask again; each pair has its own question."""
    watched = await live()
    watched.feed([PAIR, numbered(102)], ["eth_jpy", numbered(7)], ["eth_jpy", numbered(8)])
    assert len(watched.ws.snapshot_requests) == 2
    keys = {key for key, _, _ in watched.ws.snapshot_requests}
    assert len(keys) == 2


async def test_a_snapshot_older_than_the_stream() -> None:
    """It shows what it has, but what came between it and the first change is missing: not live, and asked again."""
    watched = heard(numbered(101, {"12": "3"}))
    await initialize(watched.store, numbered(99, {"11": "1"}))
    assert (state(watched)[0], book(watched.store)) == ("stale", ({"11": "1", "12": "3"}, {}))
    [(_, _, done)] = watched.ws.snapshot_requests
    assert not done()
    await answer(watched, numbered(100, {"11": "2"}))
    assert (state(watched)[0], book(watched.store)) == ("live", ({"11": "2", "12": "3"}, {}))
    await initialize(watched.store, numbered(99, {"11": "1"}))  # cached somewhere
    assert (state(watched)[0], book(watched.store)) == ("live", ({"11": "2", "12": "3"}, {}))
    await watched.check()


@pytest.mark.parametrize(("first", "after"), [(95, "live"), (101, "live"), (102, "stale")])
async def test_a_snapshot_before_the_stream(first: int, after: str) -> None:
    """It is live with the first change, if nothing can be missing in between; else it goes on, but is not live."""
    watched = Watched(CoincheckDataStore)
    await initialize(watched.store, numbered(100, {"11": "1"}))
    assert state(watched) == ("stale", "not the snapshot of an open stream")
    assert (book(watched.store)[0], watched.store.orderbook.initialized[PAIR]) == ({"11": "1"}, True)
    watched.feed([PAIR, numbered(first, {"12": "3"})])
    assert state(watched)[0] == after
    assert book(watched.store)[0] == ({"11": "1"} if first < 101 else {"11": "1", "12": "3"})
    assert len(watched.ws.snapshot_requests) == (after != "live")
    watched.feed([PAIR, numbered(110, {"11": "0"})])
    assert state(watched)[0] == after
    assert "11" not in book(watched.store)[0]
    if after == "stale":
        await answer(watched, numbered(101))
        assert (state(watched)[0], book(watched.store)[0]) == ("live", {"12": "3"})
    await watched.check()


async def test_numbers_with_gaps(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody says that numbers follow each other: one that is skipped is a line for those who debug."""
    caplog.set_level(logging.DEBUG, LOGGER)
    watched = await live()
    watched.feed([PAIR, numbered(102)], [PAIR, numbered(105, {"12": "4"})])
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1", "12": "4"})
    assert [record.getMessage() for record in caplog.records] == [f"{PAIR}: after change 102 came 105"]


async def test_repeated_changes() -> None:
    """A change that is told again, or that the snapshot holds, is dropped."""
    watched = await live()
    watched.feed([PAIR, numbered(101, {"12": "9"})], [PAIR, numbered(100, {"11": "9"})])
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1", "12": "3"})
    await watched.check()


async def test_a_late_change(caplog: pytest.LogCaptureFixture) -> None:
    """One that comes after a later one was missing there: the book is made anew, with both in their order."""
    watched = await live()
    watched.feed([PAIR, numbered(103, {"12": "4"})], [PAIR, numbered(102, {"12": "9", "13": "1"})])
    assert state(watched) == ("syncing", "change 102 came after 103")
    assert (len(watched.store.orderbook), watched.store.orderbook.initialized[PAIR]) == (0, False)
    watched.feed([PAIR, numbered(104, {"14": "1"})])
    assert len(watched.store.orderbook) == 0
    await answer(watched, numbered(99, {"11": "7"}))  # too old: the changes before 101 are not kept any more
    assert (state(watched)[0], len(watched.store.orderbook)) == ("syncing", 0)
    await answer(watched, numbered(101, {"11": "1"}))
    assert book(watched.store)[0] == {"11": "1", "12": "4", "13": "1", "14": "1"}
    assert (state(watched), len(caplog.records)) == (("live", ""), 1)
    await watched.check()


async def test_numbers_that_begin_anew() -> None:
    """Three lower numbers in a row: the exchange counts anew, and what was counted before is forgotten."""
    watched = await live()
    watched.feed([PAIR, numbered(1, {"12": "4"})], [PAIR, numbered(2)])
    assert state(watched)[0] == "live"
    watched.feed([PAIR, numbered(5, {"13": "1"})])
    assert state(watched) == ("syncing", "the numbers begin anew at 5")
    watched.feed([PAIR, numbered(6, {"14": "1"})])
    await answer(watched, numbered(3, {"12": "4"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"12": "4", "13": "1", "14": "1"})
    watched.feed([PAIR, numbered(7, {"14": "0"})])
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"12": "4", "13": "1"})
    await watched.check()


async def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the snapshot is so long in coming that changes fall out of the log, it must be newer than those."""
    monkeypatch.setattr(source, "_KEPT", 3)
    watched = heard(*(numbered(number, {str(number): "1"}) for number in (11, 12, 13, 14, 15)))
    await answer(watched, numbered(11, {"1": "1"}))
    assert state(watched)[0] == "stale"
    await answer(watched, numbered(12, {"1": "1"}))
    assert (state(watched)[0], list(book(watched.store)[0])) == ("live", ["1", "13", "14", "15"])


async def test_amounts_that_are_not_named() -> None:
    """An amount that a row does not name stays; one of zero goes, however it is written."""
    watched = await live()
    change = {"upper": [{"rate": "11"}], "sequence_number": 102}
    watched.feed([PAIR, {**change, "lower": [{"rate": "10", "bid_amount": "0.000"}, {"rate": "9", "ask_amount": 0}]}])
    assert book(watched.store) == ({"11": "1", "12": "3"}, {"9": "2"})
    watched.feed([PAIR, {"lower": [{"rate": "9", "bid_amount": 5}], "sequence_number": "103"}])
    assert (book(watched.store)[1], watched.store.orderbook.last_update_at) == ({"9": 5}, "1700000000")
    assert state(watched)[0] == "live"


async def test_initialize_again() -> None:
    """A snapshot replaces the book at any time, and the changes after it are applied to it again."""
    watched = await live()
    watched.feed([PAIR, numbered(102, {"13": "1"})], ["eth_jpy", numbered(1)])
    await initialize(watched.store, {**numbered(101, {"11": "5"}), "pair": "eth_jpy"})
    assert (state(watched)[0], book(watched.store)) == ("live", ({"11": "5", "13": "1"}, {}))
    await watched.store.initialize(respond("GET", f"{API}?version=1.0", {**numbered(2, {"1": "1"}), "pair": "eth_jpy"}))
    assert book(watched.store, "eth_jpy")[0] == {"1": "1"}
    await watched.check()


# -- without numbers -----------------------------------------------------------------------------------------------


async def test_changes_without_a_snapshot() -> None:
    """They are applied as they come, but the book is live only with a snapshot, to which they are applied again."""
    watched = heard(plain({"11": "1", "12": "2"}, {"9": "0"}, last_update_at="1"))
    assert (state(watched), book(watched.store)) == (("stale", "no snapshot yet"), ({"11": "1", "12": "2"}, {}))
    watched.feed([PAIR, plain({"12": "0"}, {"9": "5"})])
    assert book(watched.store) == ({"11": "1"}, {"9": "5"})
    await answer(watched, plain({"11": "7", "12": "2", "13": "3"}, {"8": "1"}))
    assert watched.ws.requester.asked == [("GET", API, {"params": {"pair": PAIR}, "auth": None})]
    assert (state(watched), book(watched.store)) == (("live", ""), ({"11": "1", "13": "3"}, {"9": "5", "8": "1"}))
    assert (watched.store.orderbook.initialized[PAIR], watched.store.orderbook.last_update_at) == (False, "1")
    watched.feed([PAIR, plain({"13": "0"})])
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1"})
    assert len(watched.ws.snapshot_requests) == 1
    await watched.check()


async def test_a_plain_snapshot_without_a_stream() -> None:
    """A snapshot alone is what it is, but nobody keeps it right: not live, and neither is it with a first change."""
    watched = Watched(CoincheckDataStore)
    await initialize(watched.store, plain({"11": "1"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("stale", {"11": "1"})
    watched.feed([PAIR, plain({"12": "1"})])
    assert (state(watched)[0], book(watched.store)[0]) == ("stale", {"11": "1", "12": "1"})
    await answer(watched, plain({"11": "1"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1", "12": "1"})
    await watched.check()


class SlowRequester(FakeRequester):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        return await self.answer


async def asked_early(watched: Watched) -> tuple[asyncio.Future[Any], asyncio.Task[None]]:
    """Return the answer to come of a request of the user that is under way."""
    sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(watched.store.initialize(sent))
    for _ in range(5):  # until it is asked
        await asyncio.sleep(0)
    return sent, asking


async def test_a_plain_snapshot_asked_for_before_the_first_change() -> None:
    """What happened between the request and the first change is told by nobody: the book is not live with it."""
    watched = Watched(CoincheckDataStore)
    sent, asking = await asked_early(watched)
    watched.feed([PAIR, plain({"12": "1"})])
    sent.set_result(FakeResponse("GET", f"{API}?pair={PAIR}", plain({"11": "1"})))
    await asking
    assert (state(watched)[0], book(watched.store)[0]) == ("stale", {"11": "1", "12": "1"})
    await answer(watched, plain({"10": "1"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"10": "1", "12": "1"})
    await watched.check()


async def test_a_plain_snapshot_asked_for_on_the_connection_before() -> None:
    """It does not replace the one that the store has asked for since."""
    watched = heard(plain({"12": "1"}))
    await answer(watched, plain({"11": "1"}))
    sent, asking = await asked_early(watched)
    watched.ws.lose()
    watched.ws = FakeSocket()
    watched.feed([PAIR, plain({"13": "1"})])
    await answer(watched, plain({"10": "1"}))
    sent.set_result(FakeResponse("GET", f"{API}?pair={PAIR}", plain({"11": "1"})))
    await asking
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"10": "1", "13": "1"})
    await watched.check()


async def test_a_plain_snapshot_on_its_way_while_a_change_is_lost() -> None:
    """It may be older than the change that could not be read, and so is the one that a user has asked for."""
    watched = heard(plain({"12": "1"}))
    sent, asking = await asked_early(watched)
    watched.ws.requester = slow = SlowRequester()
    _, [ask], done = watched.ws.snapshot_requests[-1]
    fetching = asyncio.create_task(ask())
    for _ in range(5):  # until it is asked
        await asyncio.sleep(0)
    watched.feed([PAIR, {**plain(), "asks": 1}])
    slow.answer.set_result(plain({"11": "1"}))
    await fetching
    sent.set_result(FakeResponse("GET", f"{API}?pair={PAIR}", plain({"11": "1"})))
    await asking
    assert (done(), state(watched), len(watched.store.orderbook)) == (
        False,
        ("syncing", "a message cannot be read"),
        0,
    )
    watched.ws.requester = FakeRequester()
    await answer(watched, plain({"10": "1"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"10": "1"})
    await watched.check()


async def test_what_is_old_says_less_than_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest changes are applied again, so that a new snapshot mends what was lost long ago."""
    monkeypatch.setattr(source, "_RECENT", 2)
    watched = heard(plain({"11": "1"}), plain({"12": "1"}), plain({"13": "1"}))
    await answer(watched, plain({"14": "1"}))
    assert book(watched.store)[0] == {"12": "1", "13": "1", "14": "1"}


async def test_from_a_file() -> None:
    """Without a socket nothing is asked; a snapshot makes the book live all the same."""
    for change, snapshot in (
        (plain({"12": "1"}), plain({"11": "1"})),
        (numbered(2, {"12": "1"}), numbered(1, {"11": "1"})),
    ):
        store = CoincheckDataStore()
        store.onmessage([PAIR, change])
        await initialize(store, snapshot)
        assert (store.orderbook.state(GROUP), book(store)[0]) == ("live", {"11": "1", "12": "1"})
        store.onmessage([PAIR, {**change, "sequence_number": None, "asks": None}])
        assert (store.orderbook.state(GROUP), len(store.orderbook)) == ("syncing", 0)


@pytest.mark.parametrize(
    ("make", "bad"),
    [(partial(numbered, 5), {**numbered(5), "upper": 1, "sequence_number": "7"}), (plain, {**plain(), "asks": 1})],
    ids=["numbered", "plain"],
)
async def test_without_healing(make: Any, bad: Any) -> None:
    """With ``heal=False`` nothing is asked: call `initialize` once the first change has come."""
    store, ws = CoincheckDataStore(heal=False), FakeSocket()
    store.onmessage([PAIR, make({"11": "1"})], ws)  # type: ignore[arg-type]  # a stand-in
    assert (store.orderbook.state(GROUP), ws.snapshot_requests) == ("stale", [])
    await initialize(store, make({"12": "1"}))
    assert store.orderbook.state(GROUP) == "live"
    store.onmessage([PAIR, bad], ws)  # type: ignore[arg-type]  # a stand-in
    assert (store.orderbook.state(GROUP), ws.snapshot_requests) == ("syncing", [])
    later = make({"12": "1"})
    await initialize(store, {**later, "sequence_number": "7"} if "upper" in later else later)
    assert (store.orderbook.state(GROUP), book(store)[0]) == ("live", {"12": "1"})


# -- whose book it is ----------------------------------------------------------------------------------------------


async def test_the_other_form_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """While a socket tells a book in one form, neither changes nor snapshots of the other one touch it."""
    watched = await live()
    watched.feed([PAIR, plain({"11": "0"})], [PAIR, plain({"12": "0"})])
    await initialize(watched.store, plain({"13": "1"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1", "12": "3"})
    assert [record.name for record in caplog.records] == [LOGGER] * 2
    watched = heard(plain({"11": "1"}))
    watched.feed([PAIR, numbered(5, {"11": "0"})])
    await initialize(watched.store, numbered(5, {"13": "1"}))
    await answer(watched, plain())
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1"})


async def test_a_second_socket_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """The socket that came first keeps the book until it is lost; messages from a file do not count either."""
    watched = await live()
    other = FakeSocket()
    for ws in (other, other, None):
        watched.store.onmessage([PAIR, numbered(102, {"11": "0"})], ws)  # type: ignore[arg-type]  # a stand-in
    assert (book(watched.store)[0], len(caplog.records), other.snapshot_requests) == ({"11": "1", "12": "3"}, 1, [])
    watched.ws.lose()
    watched.store.onmessage([PAIR, numbered(103)], other)  # type: ignore[arg-type]  # a stand-in
    assert len(other.snapshot_requests) == 1


async def test_a_socket_after_a_file() -> None:
    """A socket takes over what was begun from a file, and needs a snapshot of its own."""
    watched = Watched(CoincheckDataStore)
    watched.store.onmessage([PAIR, numbered(1)])
    await initialize(watched.store, numbered(1, {"11": "1"}))
    assert state(watched)[0] == "live"
    watched.feed([PAIR, numbered(2, {"12": "1"})])
    assert (state(watched), book(watched.store)[0]) == (("stale", "no snapshot yet"), {"11": "1"})


# -- lost connections ----------------------------------------------------------------------------------------------


async def test_lost_connection() -> None:
    """The book is stale and keeps its rows; on the next connection changes are kept until a new snapshot is there."""
    watched = await live()
    watched.ws.lose()
    assert state(watched) == ("stale", "connection lost")
    watched.ws = FakeSocket()
    watched.feed([PAIR, numbered(110, {"12": "0"})], [PAIR, numbered(112, {"13": "1"})])
    assert (state(watched), watched.store.orderbook.initialized[PAIR]) == (("stale", "no snapshot yet"), False)
    assert book(watched.store)[0] == {"11": "1", "12": "3"}
    await answer(watched, numbered(111, {"15": "1"}))
    assert (state(watched)[0], book(watched.store)) == ("live", ({"13": "1", "15": "1"}, {}))
    await watched.check()


async def test_lost_connection_and_initialize() -> None:
    """A snapshot that is there before the first change of the new connection counts, if that change follows it."""
    for first, after in ((113, "live"), (114, "stale")):
        watched = await live()
        watched.ws.lose()
        await initialize(watched.store, numbered(112, {"15": "1"}))
        assert (state(watched)[0], book(watched.store)) == ("stale", ({"15": "1"}, {}))
        watched.ws = FakeSocket()
        watched.feed([PAIR, numbered(first, {"16": "1"})])
        assert (state(watched)[0], book(watched.store)[0]) == (after, {"15": "1", "16": "1"})


async def test_lost_connection_of_a_plain_book() -> None:
    """The same; its changes are applied also while it is stale."""
    watched = heard(plain({"11": "1"}))
    await answer(watched, plain({"12": "2"}))
    watched.ws.lose()
    assert state(watched)[0] == "stale"
    watched.ws = FakeSocket()
    watched.feed([PAIR, plain({"13": "3"})])
    assert (state(watched)[0], list(book(watched.store)[0])) == ("stale", ["11", "12", "13"])
    await answer(watched, plain({"14": "4"}))
    assert (state(watched)[0], list(book(watched.store)[0])) == ("live", ["13", "14"])


async def test_lost_connection_while_the_snapshot_is_on_its_way() -> None:
    """Its answer does not make a book live that nobody tells any more."""
    watched = heard(numbered(101))
    [(_, [ask], _)] = watched.ws.snapshot_requests
    watched.ws.lose()
    watched.ws.requester.answers[API] = numbered(105, {"11": "1"})
    await ask()
    assert (state(watched)[0], book(watched.store)[0]) == ("stale", {"11": "1"})


# -- damage --------------------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, 1, "x", {}, [None], [[]], ["x"], [{}], {"rate": 1}]
LEVEL: list[tuple[tuple[Any, ...], Any]] = [
    *((("upper", 0, "rate"), junk) for junk in (..., None, "x", "nan", [], True)),
    *((("upper", 0, "ask_amount"), junk) for junk in (None, "x", "", "-1", "nan", "inf", [], True)),
]
NUMBER: list[tuple[tuple[Any, ...], Any]] = [
    (("sequence_number",), junk) for junk in (None, "x", "1.5", 1.5, True, [], ...)
]
WHOLE: list[tuple[tuple[Any, ...], Any]] = [((), None), (("upper",), None), (("lower",), 5), (("upper",), [[]])]


@pytest.mark.parametrize(("place", "junk"), [*LEVEL, *NUMBER, *WHOLE], ids=repr)
@pytest.mark.parametrize("seen", [True, False], ids=["watched", "unseen"])
async def test_damaged_numbered(place: Any, junk: Any, seen: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A message that cannot be read never leaves a live book: it is logged, and the snapshot must not be older."""
    watched = await live()
    if not seen:
        for stream in watched.streams.values():
            stream.close()
    bad = damaged(numbered(103, {"12": "4"}, {"9": "0"}), place, junk)
    watched.feed([PAIR, numbered(102, {"13": "1"})], [PAIR, bad])
    assert state(watched) == ("syncing", "a message cannot be read")
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["orderbook btc_jpy", "orderbook"]
    assert len(watched.store.orderbook) == 0
    await answer(watched, numbered(102, {"11": "1"}))
    assert state(watched)[0] == "syncing"
    watched.feed([PAIR, numbered(104, {"14": "1"})])
    await answer(watched, numbered(103, {"11": "1"}))
    assert (state(watched)[0], book(watched.store)) == ("live", ({"11": "1", "14": "1"}, {}))
    watched.store.orderbook._check()


async def test_damaged_before_the_snapshot() -> None:
    """What is damaged is noticed also while nothing is applied, and does not come back with the snapshot."""
    for place, junk in LEVEL:
        watched = heard(numbered(101, {"12": "3"}), damaged(numbered(102, {"12": "4"}), place, junk), numbered(103))
        assert state(watched)[0] == "syncing"
        await answer(watched, numbered(102, {"11": "1"}))
        assert (state(watched)[0], book(watched.store)[0]) == ("live", {"11": "1"})


@pytest.mark.parametrize("junk", [*JUNK, ...], ids=repr)
@pytest.mark.parametrize("side", ["asks", "bids"])
async def test_damaged_plain(junk: Any, side: str, caplog: pytest.LogCaptureFixture) -> None:
    """The same without numbers; changes from before the damage are not applied to the new snapshot."""
    if junk == {}:
        return  # no levels
    watched = heard(plain({"11": "1"}))
    await answer(watched, plain({"12": "2"}))
    watched.feed([PAIR, damaged(plain({"12": "3"}, {"9": "1"}), (side,), junk)])
    assert (state(watched), len(watched.store.orderbook)) == (("syncing", "a message cannot be read"), 0)
    watched.feed([PAIR, plain({"13": "1"})], [PAIR, plain({"14": "x"})], [PAIR, plain({"15": "1"})])
    assert len(watched.store.orderbook) == 0
    await answer(watched, plain({"12": "3"}))
    assert (state(watched)[0], book(watched.store)[0]) == ("live", {"12": "3", "15": "1"})
    await watched.check()


@pytest.mark.parametrize(
    "message", [["btc_jpy"], ["btc_jpy", {}, 1], ["btc_jpy", None], ["btc_jpy", {"upper": []}]], ids=repr
)
def test_damaged_from_the_beginning(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What names no book of either form is logged, and begins none."""
    store, ws = CoincheckDataStore(), FakeSocket()
    store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert (len(caplog.records), ws.snapshot_requests, store.orderbook.state(GROUP)) == (1, [], "stale")


@pytest.mark.parametrize(
    "body",
    [{}, {"asks": []}, {"asks": [], "bids": None}, plain({"11": "x"}), {**numbered(200), "upper": 1}, numbered("x")],
    ids=repr,
)
async def test_damaged_snapshots(body: Any) -> None:
    """A snapshot that cannot be read raises, and leaves the book as it is."""
    for watched in (await live(), heard(plain({"11": "1"}))):
        before = state(watched), book(watched.store)
        if ("upper" in body) is (before[0][0] == "stale"):
            continue  # of the other form: not even looked at
        with pytest.raises(InitializeError):
            await initialize(watched.store, body)
        assert (state(watched), book(watched.store)) == before


# -- a model of the exchange ---------------------------------------------------------------------------------------


class Venue:
    """One book as Coincheck has it, in both forms, and what the stream has yet to tell."""

    def __init__(self) -> None:
        self.number = 40
        self.sides: list[Levels] = [{}, {}]
        self.past: list[tuple[int, list[Levels]]] = [(40, [{}, {}])]  # every state it was in

    def change(self, levels: list[tuple[int, str, str]], step: int) -> tuple[list[Levels], int]:
        self.number += step
        told: list[Levels] = [{}, {}]
        for side, rate, amount in levels:
            told[side][rate] = amount
            if float(amount):
                self.sides[side][rate] = amount
            else:
                self.sides[side].pop(rate, None)
        self.past.append((self.number, [dict(side) for side in self.sides]))
        return told, self.number


class Play:
    """A store behind a connection to such a book; a method for each thing that may happen."""

    def __init__(self, form: str) -> None:
        self.venue, self.watched, self.form = Venue(), Watched(CoincheckDataStore), form

    def told(self, told: list[Levels], number: int) -> list[Any]:
        return [PAIR, numbered(number, *told) if self.form == "numbered" else plain(*told)]

    async def change(self, levels: Any, step: int) -> None:
        self.watched.feed(self.told(*self.venue.change(levels, step)))

    async def twice(self, levels: Any, step: int) -> None:
        self.watched.feed(*[self.told(*self.venue.change(levels, step))] * 2)

    async def swapped(self, levels: Any, step: int) -> None:
        messages = [self.told(*self.venue.change(each, step)) for each in (levels, levels[::-1])]
        self.watched.feed(*(messages[::-1] if self.form == "numbered" else messages))

    async def damaged(self, levels: Any, step: int) -> None:
        [pair, change] = self.told(*self.venue.change(levels, step))
        (change["upper"] if self.form == "numbered" else change["asks"]).append(None)
        self.watched.feed([pair, change])

    async def closed(self, levels: Any, step: int) -> None:
        self.watched.ws.lose()
        self.venue.change(levels, step)
        self.watched.ws = FakeSocket()

    def snapshot(self, back: int) -> Any:
        number, sides = self.venue.past[-1 - min(back, len(self.venue.past) - 1)]
        return numbered(number, *sides) if self.form == "numbered" else plain(*sides)

    async def initialize(self, levels: Any, step: int) -> None:
        await initialize(self.watched.store, self.snapshot(step if self.form == "numbered" else 0))

    async def answer(self, levels: Any, step: int) -> None:
        """Answer the open questions, with a numbered snapshot that is perhaps older than the last change."""
        for _, [ask], done in self.watched.ws.snapshot_requests:
            if not done():
                self.watched.ws.requester.answers[API] = self.snapshot(step if self.form == "numbered" else 0)
                await ask()

    async def check(self) -> None:
        store = self.watched.store
        if store.orderbook.state(GROUP) == "live":
            assert book(store) == tuple(self.venue.sides)
        await self.watched.check()

    async def end(self) -> None:
        """However it went: after one more change and an answer the book is live, and right."""
        await self.change([(0, "11", "5")], 1)
        await self.answer([], 0)
        assert self.watched.store.orderbook.state(GROUP) == "live"
        await self.check()


AMOUNT = st.sampled_from(["0", "0.00", "1", "2"])
RATE = st.one_of(
    st.tuples(st.just(0), st.sampled_from(["11", "12", "13.5"]), AMOUNT),
    st.tuples(st.just(1), st.sampled_from(["7", "8", "9.5"]), AMOUNT),
)
KINDS = ["change"] * 5 + ["twice", "swapped", "damaged", "closed", "initialize", "initialize", "answer", "answer"]
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.lists(RATE, min_size=1, max_size=3), st.integers(1, 3)), max_size=25
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(EVENTS, st.sampled_from(["numbered", "plain"]))
def test_book_equals_the_venue(events: list[Any], form: str) -> None:
    """Whatever is repeated, late, damaged or cut: a live book is the venue's, and every book can be live again."""

    async def run() -> None:
        play = Play(form)
        for kind, levels, step in events:
            await getattr(play, kind)(levels, step)
            await play.check()
        await play.end()

    asyncio.run(run())
