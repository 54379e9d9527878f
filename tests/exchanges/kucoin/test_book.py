"""The books of KuCoin: the official examples, gaps, snapshots, parts, whole books, and random streams."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.books.cases import play
from tests.books.feeds import kucoin
from tests.exchanges.samples import Watched
from tests.support import FakeSocket, load, respond
from topgun.errors import InitializeError
from topgun.exchanges.kucoin import KuCoinDataStore
from topgun.exchanges.kucoin import book as module

HERE = Path(__file__).parent
SPOT_CASE, FUTURES_CASE = load(HERE / "frames" / "level2.json")[1:]
FULL = "https://api.kucoin.com/api/v3/market/orderbook/level2"
PART = "https://api.kucoin.com/api/v1/market/orderbook/level2_100"
FUTURES = "https://api-futures.kucoin.com/api/v1/level2/snapshot"
BTC, XBT = {"symbol": "BTC-USDT"}, {"symbol": "XBTUSDTM"}
KEYLESS = {"code": "400001", "msg": "Please check the header of your request for KC-API-KEY"}


class Socket(FakeSocket):
    """A socket that fetches when a test says so, as often as it is asked to."""

    def request_snapshot(self, key: Any, messages: Any, done: Any) -> None:
        self.snapshot_requests = [each for each in self.snapshot_requests if each[0] != key or not each[2]()]
        if key not in [each[0] for each in self.snapshot_requests]:
            super().request_snapshot(key, messages, done)

    def open_requests(self) -> list[Any]:
        return [each for each in self.snapshot_requests if not each[2]()]

    async def fetch(self, **answers: Any) -> None:
        """Answer what is asked for by the last part of its URL; the others fail."""
        self.requester.answers = {
            url: answers[url.rpartition("/")[2]] for url in (FULL, PART, FUTURES) if url.rpartition("/")[2] in answers
        }
        for _, messages, _ in self.open_requests():
            for message in messages:
                await message()


def spot(first: int, last: int, asks: Any = (), bids: Any = (), time: int = 0) -> dict[str, Any]:
    data = {"symbol": "BTC-USDT", "sequenceStart": first, "sequenceEnd": last, "time": time or last}
    data["changes"] = {
        side: [[str(price), str(size), str(number)] for price, size, number in levels]
        for side, levels in (("asks", asks), ("bids", bids))
    }
    return {"topic": "/market/level2:BTC-USDT", "type": "message", "subject": "trade.l2update", "data": data}


def futures(number: int, change: str, time: int = 0) -> dict[str, Any]:
    data = {"sequence": number, "change": change, "timestamp": time or number}
    return {"topic": "/contractMarket/level2:XBTUSDTM", "type": "message", "subject": "level2", "data": data}


def snapshot(number: int, asks: Any = (("101", "1"),), bids: Any = (("99", "1"),)) -> dict[str, Any]:
    return {"code": "200000", "data": {"sequence": str(number), "time": 1, "asks": asks, "bids": bids}}


def levels(store: KuCoinDataStore, group: dict[str, str] = BTC) -> dict[str, list[list[Any]]]:
    return {side: [[row["price"], row["size"]] for row in rows] for side, rows in store.orderbook.sorted(group).items()}


def following() -> tuple[KuCoinDataStore, Socket]:
    """Return a store whose book waits for a snapshot, after the changes 8 to 10."""
    store, ws = KuCoinDataStore(), Socket()
    store.onmessage(spot(8, 8), ws)  # type: ignore[arg-type]  # a stand-in
    store.onmessage(spot(9, 10, asks=[(102, 1, 9)], bids=[(98, 2, 10)]), ws)  # type: ignore[arg-type]
    return store, ws


async def living() -> tuple[KuCoinDataStore, Socket]:
    """Return a store whose book is live, up to number 10."""
    store, ws = following()
    await ws.fetch(level2=snapshot(8))
    assert store.orderbook.state(BTC) == "live"
    return store, ws


# -- the official examples -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False], ids=["the stream first", "the snapshot first"])
async def test_the_example_of_spot(early: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Of a message that begins before the snapshot, only what is newer counts."""
    watched, case = Watched(KuCoinDataStore), SPOT_CASE
    given = case["snapshot"]
    if early:
        watched.feed(*case["messages"])
        assert watched.store.orderbook.state(BTC) == "syncing"
    await watched.store.initialize(respond("GET", given["request"]["url"], given["response"]))
    if not early:
        assert watched.store.orderbook.status.find() == [
            {**BTC, "state": "syncing", "reason": "waiting for the first change"}
        ]
        watched.feed(*case["messages"])
    assert levels(watched.store) == {side: case["expect_book"][side] for side in ("asks", "bids")}
    assert watched.store.orderbook.state(BTC) == "live"
    watched.feed(spot(20, 20, bids=[("3988.51", "0", 20)]))
    assert watched.store.orderbook.best(BTC).bid == {**BTC, "side": "bids", "price": "3988.50", "size": "44"}
    await watched.check()
    assert caplog.records == []


async def test_the_example_of_futures(caplog: pytest.LogCaptureFixture) -> None:
    """A number that is missing ends the book."""
    watched, case = Watched(KuCoinDataStore), FUTURES_CASE
    given = case["snapshot"]
    await watched.store.initialize(respond("GET", given["request"]["url"], given["response"]))
    for verdict, message in zip(case["integrity"], case["messages"], strict=True):
        watched.feed(message)
        assert (watched.store.orderbook.state(XBT) == "live") == verdict["ok"]
        if verdict["message"] == 1:
            assert levels(watched.store, XBT) == {
                "asks": [["3988.59", 3], ["3988.60", 47], ["3988.62", 8]],
                "bids": [["3988.51", 56], ["3988.50", "44"], ["3988.49", 100], ["3988.48", 10]],
            }
    assert len(watched.store.orderbook) == 0
    [record] = caplog.records
    assert "between 18 and 20" in record.getMessage()
    await watched.check()


# -- snapshots -----------------------------------------------------------------------------------------------------


async def test_a_book_fetches_its_snapshot() -> None:
    """Once, with a signature on spot, without one on futures; what was kept is applied."""
    store, ws = await living()
    assert ws.requester.asked == [("GET", FULL, {"params": BTC})]
    assert levels(store) == {"asks": [["101", "1"], ["102", "1"]], "bids": [["99", "1"], ["98", "2"]]}
    store.onmessage(futures(5, "100,sell,7"), ws)  # type: ignore[arg-type]
    await ws.fetch(snapshot=snapshot(4))
    assert ws.requester.asked[1:] == [("GET", FUTURES, {"params": XBT, "auth": None})]
    assert levels(store, XBT) == {"asks": [["100", "7"], ["101", "1"]], "bids": [["99", "1"]]}
    assert store.orderbook.state() == "live"
    assert ws.open_requests() == []


async def test_a_snapshot_that_is_too_old() -> None:
    """It is left out, and another one fetched; one that is older than the book too."""
    store, ws = following()
    await ws.fetch(level2=snapshot(6))
    assert store.orderbook.state(BTC) == "syncing"
    assert len(ws.open_requests()) == 1
    await ws.fetch(level2=snapshot(7))
    assert store.orderbook.state(BTC) == "live"
    before = levels(store)
    await store.initialize(respond("GET", f"{FULL}?symbol=BTC-USDT", snapshot(9)))
    assert levels(store) == before
    await store.initialize(respond("GET", f"{FULL}?symbol=BTC-USDT", snapshot(12)))
    store.onmessage(spot(11, 11, bids=[(97, 1, 11)]), ws)  # type: ignore[arg-type]
    assert levels(store) == {"asks": [["101", "1"]], "bids": [["99", "1"]]}


async def test_a_gap_among_what_was_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Another snapshot is fetched, and what was kept behind the gap is used with it."""
    store, ws = following()
    store.onmessage(spot(12, 12, bids=[(97, 1, 12)]), ws)  # type: ignore[arg-type]
    await ws.fetch(level2=snapshot(8))
    assert (store.orderbook.state(BTC), len(store.orderbook)) == ("syncing", 0)
    assert "between 10 and 12" in caplog.text
    await ws.fetch(level2=snapshot(11))
    assert (store.orderbook.state(BTC), levels(store)["bids"]) == ("live", [["99", "1"], ["97", "1"]])


async def test_a_gap(caplog: pytest.LogCaptureFixture) -> None:
    """The book is given up, said to be so, and comes back with a snapshot."""
    store, ws = await living()
    store.onmessage(spot(12, 13, asks=[(105, 1, 12)]), ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(BTC), len(store.orderbook)) == ("syncing", 0)
    assert "changes between 10 and 12 are missing" in caplog.text
    await ws.fetch(level2=snapshot(11))
    assert levels(store) == {"asks": [["101", "1"], ["105", "1"]], "bids": [["99", "1"]]}


async def test_what_is_known_already() -> None:
    """It changes nothing; of a message that overlaps, what is new counts, and of one price the last number."""
    store, ws = await living()
    store.onmessage(spot(9, 10, asks=[(102, 5, 9)]), ws)  # type: ignore[arg-type]
    store.onmessage(spot(10, 12, asks=[(102, 9, 12), (102, 8, 11), (99, 1, 10)], bids=[("0", "0", 11)]), ws)  # type: ignore[arg-type]
    assert levels(store)["asks"] == [["101", "1"], ["102", "9"]]
    assert store.orderbook.state(BTC) == "live"


async def test_numbers_that_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A later message with a lower number: the book is another one. An older message is just late."""
    store, ws = await living()
    store.onmessage(spot(5, 5, asks=[(150, 1, 5)]), ws)  # type: ignore[arg-type]
    assert store.orderbook.state(BTC) == "live"
    store.onmessage(spot(1, 1, asks=[(150, 1, 1)], time=11), ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(BTC), len(store.orderbook)) == ("syncing", 0)
    await ws.fetch(level2=snapshot(0))
    assert levels(store)["asks"] == [["101", "1"], ["150", "1"]]
    [record] = caplog.records
    assert "the numbers have begun anew with 1" in record.getMessage()


async def test_another_connection() -> None:
    """If nothing was missed, the book goes on; while nobody tells it, it is stale."""
    store, ws = await living()
    ws.lose()
    assert store.orderbook.state(BTC) == "stale"
    again = Socket()
    store.onmessage(spot(11, 11), again)  # type: ignore[arg-type]
    assert store.orderbook.state(BTC) == "live"
    again.lose()
    third = Socket()
    store.onmessage(spot(15, 15), third)  # type: ignore[arg-type]
    assert store.orderbook.state(BTC) == "syncing"
    await third.fetch(level2=snapshot(15))
    assert store.orderbook.state(BTC) == "live"


async def test_a_connection_lost_before_the_snapshot() -> None:
    """The next one fetches it."""
    store, ws = following()
    ws.lose()
    again = Socket()
    store.onmessage(spot(11, 11), again)  # type: ignore[arg-type]
    await again.fetch(level2=snapshot(10))
    assert store.orderbook.state(BTC) == "live"


async def test_without_healing() -> None:
    """Nobody is asked; the book waits for `initialize`."""
    store, ws = KuCoinDataStore(heal=False), Socket()
    store.onmessage(spot(8, 8), ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(BTC), ws.snapshot_requests) == ("syncing", [])
    await store.initialize(respond("GET", f"{FULL}?symbol=BTC-USDT", snapshot(8)))
    assert store.orderbook.state(BTC) == "live"
    store.onmessage(spot(8, 10, time=8), None)  # type: ignore[arg-type]  # from a file
    store.onmessage(spot(20, 20), None)
    assert (store.orderbook.state(BTC), ws.snapshot_requests) == ("syncing", [])


@pytest.mark.parametrize(
    "message",
    [
        spot(12, 11),
        {**spot(11, 11), "data": {}},
        spot(11, 11, asks=[(102, "much", 11)]),
        spot(11, 11, asks=[("much", 1, 11)]),
        spot(11, 11, asks=[(102, 1, "11.5")]),
        {**spot(11, 11), "data": {**spot(11, 11)["data"], "sequenceEnd": 11.0}},
        {**spot(11, 11), "data": {**spot(11, 11)["data"], "changes": None}},
        {**futures(11, "100,sell,1"), "topic": "/market/level2:BTC-USDT", "data": {"sequence": 11, "change": "1,2"}},
        {**futures(11, "100,up,1"), "topic": "/market/level2:BTC-USDT"},
        {**futures(11, "x"), "topic": "/market/level2:BTC-USDT", "data": {"sequence": 11, "change": 5}},
    ],
)
async def test_a_message_that_cannot_be_read(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The book is given up, and comes back with a snapshot."""
    store, ws = await living()
    store.onmessage(message, ws)  # type: ignore[arg-type]
    assert (store.orderbook.state(BTC), len(store.orderbook)) == ("syncing", 0)
    assert len(caplog.records) == 2
    await ws.fetch(level2=snapshot(11))
    assert levels(store) == {"asks": [["101", "1"]], "bids": [["99", "1"]]}
    assert store.orderbook.state(BTC) == "live"


# -- without a key -------------------------------------------------------------------------------------------------


def part(number: int, best: int, count: int = 100) -> dict[str, Any]:
    """Return a part of a book: prices in steps of 1 away from `best`."""
    asks = [[str(best + 1 + away), "1"] for away in range(count)]
    bids = [[str(best - 1 - away), "1"] for away in range(count)]
    return snapshot(number, asks, bids)


async def test_a_part_of_a_book(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key 100 levels of each side are had; what is beyond is left out; if few are left, it is refilled."""
    store, ws = following()
    await ws.fetch(level2=KEYLESS, level2_100=part(10, 1000))
    assert ws.requester.asked == [("GET", FULL, {"params": BTC}), ("GET", PART, {"params": BTC, "auth": None})]
    assert store.orderbook.state(BTC) == "live"
    changes = spot(11, 14, asks=[(1101, 5, 11), (1100, 5, 12)], bids=[(899, 5, 13), (900, 5, 14)])
    store.onmessage(changes, ws)  # type: ignore[arg-type]
    sides = levels(store)
    assert [len(side) for side in sides.values()] == [100, 100]
    assert (sides["asks"][-1], sides["bids"][-1]) == (["1100", "5"], ["900", "5"])
    number = 14
    for price in range(1001, 1081):
        number += 1
        store.onmessage(spot(number, number, asks=[(price, 0, number)]), ws)  # type: ignore[arg-type]
        assert store.orderbook.state(BTC) == "live"
    store.onmessage(spot(95, 95, asks=[(1081, 0, 95)]), ws)  # type: ignore[arg-type]
    assert store.orderbook.state(BTC) == "syncing"
    await ws.fetch(level2_100=part(95, 1081))
    assert (store.orderbook.state(BTC), ws.requester.asked[2:]) == (
        "live",
        [("GET", PART, {"params": BTC, "auth": None})],
    )
    monkeypatch.setattr(module, "_FEW", 101)
    await store.initialize(respond("GET", f"{PART}?symbol=BTC-USDT", part(96, 1000)))
    assert store.orderbook.state(BTC) == "syncing"


async def test_a_part_that_is_all_there_is() -> None:
    """A side with fewer levels has no end, however few are left."""
    store, ws = following()
    await ws.fetch(level2=KEYLESS, level2_100=part(10, 1000, 5))
    asks = [(price, 0, 11) for price in range(1002, 1006)]
    store.onmessage(spot(11, 11, asks=[*asks, (9999, 1, 11)], bids=[(1, 1, 11)]), ws)  # type: ignore[arg-type]
    assert levels(store)["asks"] == [["1001", "1"], ["9999", "1"]]
    one_sided = part(12, 1000)
    one_sided["data"]["bids"] = [["5", "1"]]
    await store.initialize(respond("GET", f"{PART}?symbol=BTC-USDT", one_sided))
    store.onmessage(spot(13, 13, bids=[(1, 1, 13)]), ws)  # type: ignore[arg-type]
    assert levels(store)["bids"] == [["5", "1"], ["1", "1"]]
    other_side = part(14, 1000)
    other_side["data"]["asks"] = [["2000", "1"]]
    await store.initialize(respond("GET", f"{PART}?symbol=BTC-USDT", other_side))
    store.onmessage(spot(15, 15, asks=[(3000, 1, 15)]), ws)  # type: ignore[arg-type]
    assert (levels(store)["asks"], store.orderbook.state(BTC)) == ([["2000", "1"], ["3000", "1"]], "live")


@pytest.mark.parametrize(
    "answers",
    [
        {"level2": {"code": "429000", "msg": "Too Many Requests"}},
        {"level2": {"code": "400002", "msg": "KC-API-TIMESTAMP Invalid"}},
        {"level2": None},
        {"level2": KEYLESS, "level2_100": {"code": "429000", "msg": "Too Many Requests"}},
    ],
)
async def test_a_snapshot_that_is_refused(answers: Any) -> None:
    """It is asked for again; nothing but a missing key has the part asked for."""
    store, ws = following()
    with pytest.raises(InitializeError):
        await ws.fetch(**answers)
    assert store.orderbook.state(BTC) == "syncing"
    await ws.fetch(level2=snapshot(10), level2_100=snapshot(10))
    assert store.orderbook.state(BTC) == "live"


# -- random streams of futures -------------------------------------------------------------------------------------


class Stream:
    """A contract that a store follows; changes get lost, come twice, or late."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.store, self.ws = KuCoinDataStore(), Socket()
        self.truth: list[dict[tuple[str, str], str]] = [{}]  # the book after each number
        self.flight: list[Any] = []
        self.desyncs = 0

    def told(self) -> dict[tuple[str, str], str]:
        return {(row["side"], row["price"]): row["size"] for row in self.store.orderbook}

    def move(self) -> None:
        side = self.chance.choice(("asks", "bids"))
        price, size = str(self.chance.randrange(5) + (100 if side == "asks" else 90)), str(self.chance.randrange(3))
        now = {**self.truth[-1], (side, price): size}
        self.truth.append({key: value for key, value in now.items() if value != "0"})
        self.flight.append(futures(len(self.truth) - 1, f"{price},{'sell' if side == 'asks' else 'buy'},{size}"))

    def spoil(self) -> None:
        match self.chance.randrange(30):
            case 0:
                self.flight.pop()
            case 1:
                self.flight.append(self.flight[-1])
            case 2 if len(self.flight) > 1:
                self.flight[-2:] = self.flight[:-3:-1]

    def deliver(self) -> None:
        was_live = self.store.orderbook.state(XBT) == "live"
        self.store.onmessage(self.flight.pop(0), self.ws)  # type: ignore[arg-type]
        self.desyncs += was_live and self.store.orderbook.state(XBT) != "live"
        self.check()

    async def answer(self, number: int) -> None:
        sides: dict[str, list[list[str]]] = {"asks": [], "bids": []}
        for (side, price), size in self.truth[number].items():
            sides[side].append([price, size])
        await self.ws.fetch(snapshot={"code": "200000", "data": {"sequence": number, "ts": 1, **sides}})
        self.check()

    def check(self) -> None:
        if self.store.orderbook.state(XBT) == "live":
            assert self.told() == self.truth[self.store.orderbook._lines["XBTUSDTM",].last or 0]


@pytest.mark.parametrize("seed", range(10))
async def test_random_streams_of_futures(seed: int) -> None:
    """Whatever gets lost, comes twice or late: a book that is live is right, and in the end it is live."""
    stream = Stream(seed)
    for _ in range(150):
        stream.move()
        stream.spoil()
        while stream.flight and stream.chance.random() < 0.7:
            stream.deliver()
        if stream.chance.random() < 0.3:
            await stream.answer(max(len(stream.truth) - 1 - stream.chance.randrange(4), 0))
    for _ in range(3):
        stream.move()
        while stream.flight:
            stream.deliver()
        await stream.answer(len(stream.truth) - 1)
    assert (stream.store.orderbook.state(XBT), stream.told()) == ("live", stream.truth[-1])
    assert stream.desyncs > 0


# -- whole books ---------------------------------------------------------------------------------------------------


def whole(time: Any, best: Any = 100, topic: str = "/spotMarket/level2Depth5:BTC-USDT", **more: Any) -> dict[str, Any]:
    data = {"asks": [[best, "1"]], "bids": [["9", "2"]], "timestamp": time, **more}
    return {"topic": topic, "type": "message", "subject": "level2", "data": data}


def best(store: KuCoinDataStore) -> Any:
    row = store.orderbook5.best(BTC).ask
    return None if row is None else (row["price"], row["timestamp"])


def test_whole_books_in_their_order() -> None:
    """An older one is left out, unless ten in a row have been older."""
    store, ws = KuCoinDataStore(), FakeSocket()
    for message in (whole(5), whole(7, 101), whole(6, 102), whole(7, 103)):
        store.onmessage(message, ws)  # type: ignore[arg-type]
    assert best(store) == (103, 7)
    for _ in range(10):
        store.onmessage(whole(1, 104), ws)  # type: ignore[arg-type]
    assert best(store) == (103, 7)
    store.onmessage(whole(1, 104), ws)  # type: ignore[arg-type]
    assert best(store) == (104, 1)
    ws.lose()
    assert store.orderbook5.state(BTC) == "stale"
    store.onmessage(whole(0, 105), FakeSocket())  # type: ignore[arg-type]
    assert (best(store), store.orderbook5.state(BTC)) == ((105, 0), "live")


def test_whole_books_of_futures_go_by_their_numbers() -> None:
    """Their times may be the same."""
    store = KuCoinDataStore()
    store.onmessage(whole(5, 100, sequence=8))
    store.onmessage(whole(6, 101, sequence=7))
    assert best(store) == (100, 5)


@pytest.mark.parametrize("wrong", [whole(None), whole(8, "much"), {**whole(8), "data": None}, whole(8, asks=[["1"]])])
def test_a_whole_book_that_cannot_be_read(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """There is no book until the next one."""
    store, ws = KuCoinDataStore(), FakeSocket()
    store.onmessage(whole(5), ws)  # type: ignore[arg-type]
    store.onmessage(wrong, ws)  # type: ignore[arg-type]
    assert (best(store), store.orderbook5.state(BTC), len(caplog.records)) == (None, "syncing", 2)
    store.onmessage(whole(4), ws)  # type: ignore[arg-type]
    assert store.orderbook5.state(BTC) == "live"


@pytest.mark.parametrize(
    "feed",
    [
        kucoin("/spotMarket/level2Depth5", "orderbook5", "BTC-USDT", limit=5),
        kucoin("/contractMarket/level2Depth50", "orderbook50", "XBTUSDTM", "ETHUSDTM", limit=50),
    ],
    ids=["5 of spot", "50 of futures"],
)
def test_whole_books_are_the_venues(feed: Any) -> None:
    """Whatever goes wrong on the way: no book is live and wrong, and in the end all are live and right."""
    played = [play(feed, number) for number in range(12)]
    assert {error for _, error in played} == {""}
    assert sum(truth.gaps for truth, _ in played) >= 1


def test_sizes_are_as_they_came() -> None:
    """Futures say whole numbers, spot says texts."""
    store = KuCoinDataStore()
    for case in load(HERE / "frames" / "orderbook50.json"):
        for message in case["messages"]:
            store.onmessage(message)
    sizes = {type(row["size"]) for row in store.orderbook50.find(XBT)}
    assert (sizes, {type(row["size"]) for row in store.orderbook50.find(BTC)}) == ({int}, {str})
    assert all(Decimal(str(row["size"])) > 0 for row in store.orderbook50)


async def test_a_snapshot_that_lacks_a_message_that_could_not_be_read() -> None:
    """The book would be live and wrong until the next message; so another snapshot is fetched."""
    store, ws = await living()
    store.onmessage(spot(11, 11, bids=[("x", 1, 11)]), ws)  # type: ignore[arg-type]  # a stand-in
    await ws.fetch(level2=snapshot(10))
    assert (store.orderbook.state(BTC), len(store.orderbook)) == ("syncing", 0)
    await ws.fetch(level2=snapshot(11))
    assert store.orderbook.state(BTC) == "live"
