"""The order books of MEXC: the traps of their numbers, spellings and snapshots. Faults at random are in tests/books."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import FakeSocket, respond
from topgun.errors import InitializeError
from topgun.exchanges.mexc import MEXCDataStore

SPOT, CONTRACT = "BTCUSDT", "BTC_USDT"
SPOT_URL = "https://api.mexc.com/api/v3/depth"
CONTRACT_URL = "https://api.mexc.com/api/v1/contract/depth/BTC_USDT"
BOOK = {"symbol": SPOT}


def change(first: int, last: int, asks: Any = (), bids: Any = (), symbol: str = SPOT) -> dict[str, Any]:
    if "_" in symbol:
        data = {"asks": list(asks), "bids": list(bids), "version": last, "begin": first, "end": last}
        return {"channel": "push.depth", "symbol": symbol, "data": data, "ts": 1}
    sides = {
        name: [{"price": price, "quantity": size} for price, size in levels]
        for name, levels in (("asks", asks), ("bids", bids))
    }
    body = {**sides, "eventType": "", "fromVersion": str(first), "toVersion": str(last), "lastOrderCreateTime": 0}
    return {"channel": f"spot@public.aggre.depth.v3.api.pb@100ms@{symbol}", "symbol": symbol, "publicAggreDepths": body}


def whole(version: int, price: str) -> dict[str, Any]:
    body = {"asks": [{"price": price, "quantity": "1"}], "bids": [], "eventType": "", "version": str(version)}
    return {"channel": f"spot@public.limit.depth.v3.api.pb@{SPOT}@5", "symbol": SPOT, "publicLimitDepths": body}


def snapshot(number: int, *asks: tuple[str, str], bids: Any = ()) -> dict[str, Any]:
    return {"lastUpdateId": number, "asks": [list(each) for each in asks], "bids": [list(each) for each in bids]}


class Bot:
    """A store with a socket, and what HTTP answers it."""

    def __init__(self, *, heal: bool = True) -> None:
        self.store = MEXCDataStore(heal=heal)
        self.ws = FakeSocket("wss://wbs-api.mexc.com/ws")

    def hear(self, *messages: Any) -> None:
        for message in messages:
            self.store.onmessage(message, self.ws)  # type: ignore[arg-type]  # a stand-in

    async def initialize(self, data: Any, url: str = f"{SPOT_URL}?symbol={SPOT}") -> None:
        await self.store.initialize(respond("GET", url, data))

    @property
    def book(self) -> tuple[str, dict[str, str]]:
        """The state, and the sizes of the asks."""
        rows = self.store.orderbook.sorted(BOOK)["asks"]
        return self.store.orderbook.state(BOOK), {row["price"]: row["quantity"] for row in rows}


async def test_a_snapshot_before_the_first_change() -> None:
    """The book is there, but nobody keeps it right yet."""
    bot = Bot()
    await bot.initialize(snapshot(10, ("1", "1")))
    assert bot.book == ("syncing", {"1": "1"})
    bot.hear(change(9, 10, [("1", "9")]))
    assert bot.book == ("live", {"1": "1"})
    bot.hear(change(11, 11, [("2", "2")]))
    assert bot.book == ("live", {"1": "1", "2": "2"})
    assert bot.ws.snapshot_requests == []


async def test_a_range_that_straddles_the_snapshot() -> None:
    """It is applied: sizes are absolute."""
    bot = Bot()
    bot.hear(change(8, 12, [("1", "3")]))
    await bot.initialize(snapshot(10, ("1", "1")))
    assert bot.book == ("live", {"1": "3"})


async def test_a_gap() -> None:
    """The book goes, a snapshot is asked for, and what came since is applied to it."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    bot.hear(change(12, 13, [("2", "2")]))
    assert bot.book == ("syncing", {})
    await bot.initialize(snapshot(9, ("1", "1")))  # too old: 10 to 11 are missing
    assert bot.book == ("syncing", {})
    await bot.initialize(snapshot(12, ("1", "1")))
    assert bot.book == ("live", {"1": "1", "2": "2"})


async def test_a_gap_among_what_was_kept() -> None:
    """Only what follows the gap is kept for the next snapshot."""
    bot = Bot()
    bot.hear(change(10, 10), change(11, 11, [("1", "2")]), change(13, 13, [("3", "3")]))
    await bot.initialize(snapshot(10, ("1", "1")))
    assert bot.book == ("syncing", {})
    await bot.initialize(snapshot(12, ("1", "2")))
    assert bot.book == ("live", {"1": "2", "3": "3"})


async def test_a_book_that_is_newer_stays() -> None:
    """An answer that is behind does not take a live book back; a newer one replaces it."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    bot.hear(change(11, 11, [("1", "5")]))
    await bot.initialize(snapshot(10, ("1", "1")))
    assert bot.book == ("live", {"1": "5"})
    await bot.initialize(snapshot(12, ("2", "1")))
    assert bot.book == ("live", {"2": "1"})


@pytest.mark.parametrize(
    ("first", "last", "left"),
    [
        (("92878.00", "1"), ("92878", "2"), {"92878.00": "2"}),
        (("92878", "1"), ("92878.00", "0.000"), {}),
        (("92878", "1"), ("92878.01", "2"), {"92878": "1", "92878.01": "2"}),
    ],
)
async def test_spellings(first: Any, last: Any, left: dict[str, str]) -> None:
    """Prices that differ in zeros at the end are the same level, in the spelling that came first."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, first))
    bot.hear(change(11, 11, [last]))
    assert bot.book == ("live", left)
    bot.hear(change(12, 12, [(last[0], "0")]), change(13, 13, [("92878.0", "3")]))
    assert "92878.0" in bot.book[1] or "92878" in left


async def test_contracts() -> None:
    """Levels tell the number of orders; numbers are the same level however they are written; answers may be bare."""
    bot = Bot()
    bot.hear(change(10, 10, symbol=CONTRACT))
    await bot.initialize({"asks": [[6860, 10, 2]], "bids": [[6859.5, 1]], "version": 10}, CONTRACT_URL)
    bot.hear(change(11, 13, asks=[[6860.0, 7, 3], [6861, 1]], symbol=CONTRACT))
    store = bot.store.orderbook
    assert store.state({"symbol": CONTRACT}) == "live"
    assert store.sorted() == {
        "asks": [
            {"symbol": CONTRACT, "side": "asks", "price": 6860, "quantity": 7, "count": 3},
            {"symbol": CONTRACT, "side": "asks", "price": 6861, "quantity": 1},
        ],
        "bids": [{"symbol": CONTRACT, "side": "bids", "price": 6859.5, "quantity": 1}],
    }


BROKEN = [
    {"fromVersion": "12", "toVersion": "11"},
    {"fromVersion": None},
    {"fromVersion": True},
    {"toVersion": "x"},
    {"asks": None},
    {"asks": [{"price": "1"}]},
    {"asks": [{"price": "", "quantity": "1"}]},
    {"asks": [{"price": "1", "quantity": "-1"}]},
    {"bids": [["1"]]},
]


@pytest.mark.parametrize("damage", BROKEN)
async def test_a_change_that_cannot_be_read(damage: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """The book is given up at once, and comes back with the next snapshot."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    message = change(11, 11, [("1", "2")])
    message["publicAggreDepths"] |= damage
    bot.hear(message)
    assert bot.book == ("syncing", {})
    assert caplog.records
    bot.hear(change(12, 12, [("2", "2")]))
    await bot.initialize(snapshot(12, ("1", "1")))
    assert bot.book == ("live", {"1": "1"})


async def test_what_was_kept_cannot_be_read() -> None:
    """It is found when the snapshot comes; the next one helps."""
    bot = Bot()
    bot.hear(change(11, 11, [("x", "2")]))
    await bot.initialize(snapshot(10, ("1", "1")))
    assert bot.book == ("syncing", {})
    await bot.initialize(snapshot(11, ("1", "1")))
    assert bot.book == ("live", {"1": "1"})


@pytest.mark.parametrize("symbol", [None, 5, ""])
def test_a_change_of_no_symbol(symbol: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No book is made of it, but for an empty name."""
    bot = Bot()
    bot.hear({**change(10, 10), "symbol": symbol})
    assert len(bot.store.orderbook.status) == (symbol == "")
    assert bool(caplog.records) is (symbol != "")


async def test_numbers_that_begin_anew() -> None:
    """So many old changes in a row are none."""
    bot = Bot()
    bot.hear(change(1000, 1000))
    await bot.initialize(snapshot(1000, ("1", "1")))
    bot.hear(*(change(number, number) for number in range(1, 601)))
    assert bot.book[0] == "live"
    bot.hear(change(601, 601))
    assert bot.book == ("syncing", {})


async def test_without_healing() -> None:
    """A wrong book says so, and nobody is asked."""
    bot = Bot(heal=False)
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    bot.hear(change(12, 12))
    assert (bot.book, bot.ws.snapshot_requests) == (("syncing", {}), [])


async def test_messages_from_a_file() -> None:
    """Without a socket there is nobody to ask."""
    store = MEXCDataStore()
    store.onmessage(change(10, 10))
    await store.initialize(respond("GET", f"{SPOT_URL}?symbol={SPOT}", snapshot(10, ("1", "1"))))
    assert store.orderbook.state(BOOK) == "live"
    store.onmessage(change(12, 12))
    assert store.orderbook.state(BOOK) == "syncing"


async def test_another_socket() -> None:
    """A book goes on with the changes of a new socket if none is missing, else it is fetched there."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    bot.ws.lose()
    assert bot.book == ("stale", {"1": "1"})
    bot.ws = FakeSocket("wss://wbs-api.mexc.com/ws")
    bot.hear(change(11, 11, [("1", "2")]))
    assert (bot.book, bot.ws.snapshot_requests) == (("live", {"1": "2"}), [])
    bot.ws.lose()
    bot.ws = FakeSocket("wss://wbs-api.mexc.com/ws")
    bot.hear(change(13, 13))
    assert bot.book == ("syncing", {})
    assert len(bot.ws.snapshot_requests) == 1


def test_whole_books() -> None:
    """Each replaces the rows; one that comes late does not, unless from another socket."""
    bot = Bot()
    bot.hear(whole(5, "1"), whole(7, "2"), whole(6, "3"))
    assert bot.book == ("live", {"2": "1"})
    bot.hear(whole(7, "4"))
    assert bot.book == ("live", {"4": "1"})
    bot.ws.lose()
    bot.ws = FakeSocket("wss://wbs-api.mexc.com/ws")
    bot.hear(whole(1, "5"))
    assert bot.book == ("live", {"5": "1"})


async def test_an_answer_of_no_symbol() -> None:
    """Nobody knows whose book it is."""
    store = MEXCDataStore()
    await store.initialize(respond("GET", SPOT_URL, snapshot(1, ("1", "1"))))
    assert len(store.orderbook) == 0


@pytest.mark.parametrize("data", [[], {}, {"lastUpdateId": 1.5, "asks": [], "bids": []}, {"version": None}])
async def test_answers_that_are_no_books(data: Any) -> None:
    """They are errors, and change nothing."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    with pytest.raises(InitializeError):
        await bot.initialize(data)
    assert bot.book == ("live", {"1": "1"})


# -- what topgun fetches by itself ---------------------------------------------------------------------------------


async def fetched(bot: Bot, number: int = -1) -> None:
    """Do what the socket does with a request for a snapshot; its clock stands still for nobody."""
    _, [fetch], _ = bot.ws.snapshot_requests[number]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    slept: list[float] = []
    bot.ws.clock.sleep = sleep  # type: ignore[method-assign]
    await fetch()


async def test_a_new_book_is_fetched_after_a_while() -> None:
    """Unless the user has it by then; the request carries no key."""
    bot = Bot()
    bot.hear(change(10, 10), change(11, 11))
    [(_, _, done)] = bot.ws.snapshot_requests
    assert not done()
    bot.ws.requester.answers[SPOT_URL] = snapshot(10, ("1", "1"))
    await fetched(bot)
    assert bot.book == ("live", {"1": "1"})
    assert done()
    arguments = {"params": {"symbol": SPOT, "limit": 1000}, "auth": None}
    assert bot.ws.requester.asked == [("GET", SPOT_URL, arguments)]
    await fetched(bot)
    assert len(bot.ws.requester.asked) == 1


async def test_a_contract_is_fetched() -> None:
    """Its address has the symbol; an error is one."""
    bot = Bot()
    bot.hear(change(10, 10, symbol=CONTRACT))
    bot.ws.requester.answers[CONTRACT_URL] = {"success": False, "code": 1002}
    with pytest.raises(InitializeError):
        await fetched(bot)
    data = {"asks": [[1, 1, 1]], "bids": [], "version": 10}
    bot.ws.requester.answers[CONTRACT_URL] = {"success": True, "code": 0, "data": data}
    await fetched(bot)
    assert bot.store.orderbook.state({"symbol": CONTRACT}) == "live"


async def test_a_gap_is_fetched_at_once() -> None:
    """Without the grace that a new book has."""
    bot = Bot()
    bot.hear(change(10, 10))
    await bot.initialize(snapshot(10, ("1", "1")))
    bot.hear(change(12, 12))
    bot.ws.requester.answers[SPOT_URL] = snapshot(12, ("3", "1"))
    await fetched(bot)
    assert bot.book == ("live", {"3": "1"})
