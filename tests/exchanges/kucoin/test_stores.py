"""The tables of KuCoin but for the books: the protocol sample set, every deliberate difference, damage."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeRequester, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchange import requesters
from topgun.exchanges.kucoin import KuCoinDataStore
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
CASES = {f"{path.stem} {number}": case for path in FILES for number, case in enumerate(load(path))}
PLAYED = {name: case for name, case in CASES.items() if "expect" in case or "expect_endpoint" in case}
NOW = 1_700_000_000


def messages(name: str) -> list[Any]:
    return [message["data"] for message in CASES[name]["messages"]]


# What comes of a case where topgun differs from the sample set, which says so in `improve`.
BETTER: dict[str, dict[str, list[Any]]] = {
    "orders 0": {"orders": [{**messages("orders 0")[2], **messages("orders 0")[3]}]},  # a fill is told in the row
    "orders 3": {  # every topic of orders counts
        "orders": messages("orders 3")[1:],
        "orderevents": messages("orders 3"),
    },
    "orders 5": {"orders": []},  # a stop order that is triggered goes
    "positions 2": {  # two sides of one symbol
        "positions": [
            {**messages("positions 2")[0], "side": "BUY"},
            {**messages("positions 2")[1], "side": "SELL"},
        ]
    },
}
WARNINGS = {"subscribe error": 2}  # refusals are logged


async def play(case: dict[str, Any]) -> Watched:
    watched = Watched(KuCoinDataStore, case.get("url", "wss://example.test/ws"))
    for pair in case.get("initialize", []):
        response = respond(pair["request"]["method"], pair["request"]["url"], pair["response"], pair.get("status", 200))
        answer = await response
        requester = FakeRequester(FakeClock(NOW))
        requesters[answer] = requester
        await watched.store.initialize(ready(answer))
    watched.feed(*case.get("messages", []))
    return watched


async def ready(answer: Any) -> Any:
    return answer


@pytest.mark.parametrize("name", PLAYED)
async def test_sample_set(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every case of the sample set makes its rows, announces them, and logs nothing else."""
    case = PLAYED[name]
    watched = await play(case)
    store: Any = watched.store
    await watched.check()
    expected = {**case.get("expect", {}), **BETTER.get(name, {})}
    assert {table: list(store[table]) for table in expected} == expected
    for view in case.get("expect_sorted", []):
        assert store[view["store"]].sorted(view["query"], view["limit"]) == view["result"]
    for view in case.get("expect_latest", []):
        assert store[view["store"]].latest(*view["args"]) == view["result"]
    if "expect_endpoint" in case:
        start, _, unique = store.endpoint.rpartition("=")
        assert f"{start}=<uuid4>" == case["expect_endpoint"]
        assert UUID(unique).version == 4
    assert len(caplog.records) == WARNINGS.get(case["name"], 0)


def test_every_case_is_played() -> None:
    """What is left are the messages of the connection, the books and two refusals, which other tests play."""
    assert set(CASES) - set(PLAYED) == {
        *("control 4", "control 5", "control 6"),
        *("level2 1", "level2 2"),
        *("initialize_bullet 3", "initialize_bullet 4"),
    }


async def test_a_refused_token() -> None:
    """One error that says why, and that those catch who know the exception of old."""
    case = CASES["initialize_bullet 3"]
    with pytest.raises(InitializeError, match="KC-API-KEY not exists") as raised:
        await play(case)
    assert isinstance(raised.value, RuntimeError)
    assert str(raised.value) == case["pybotters_raises"][0]["message"]
    assert raised.value.url == case["initialize"][0]["request"]["url"]


def test_the_endpoint_before_initialize() -> None:
    """There is none."""
    with pytest.raises(RuntimeError) as raised:
        _ = KuCoinDataStore().endpoint
    assert str(raised.value) == CASES["initialize_bullet 4"]["pybotters_raises"][0]["message"]


async def test_an_answer_without_servers(caplog: pytest.LogCaptureFixture) -> None:
    """It is skipped with a warning that does not quote the token; an endpoint that is known stays."""
    store = (await play(CASES["initialize_bullet 0"])).store
    known = store.endpoint
    answer = {"code": "200000", "data": {"token": "a-secret-token", "instanceServers": []}}
    await store.initialize(respond("POST", "https://api.kucoin.com/api/v1/bullet-public", answer))
    assert store.endpoint == known
    assert "a-secret-token" not in caplog.text
    assert "without token or server" in caplog.text


@pytest.mark.parametrize("path", ["/api/v1/positions", "/api/v1/market/candles", "/api/v1/orders"])
async def test_a_refused_answer(path: str) -> None:
    """It is an error, and the table is as it was."""
    store = KuCoinDataStore()
    with pytest.raises(InitializeError, match="400003"):
        await store.initialize(
            respond("GET", f"https://api.kucoin.com{path}", {"code": "400003", "msg": "KC-API-KEY not exists"}, 401)
        )


# -- candles -------------------------------------------------------------------------------------------------------


def candle(start: int, close: str, topic: str = "/market/candles:BTC-USDT_1min") -> dict[str, Any]:
    values = [str(start), "1", close, "3", "0.5", "10", "20"]
    return {"topic": topic, "type": "message", "data": {"symbol": "x", "candles": values, "time": start}}


def closes(store: KuCoinDataStore) -> list[tuple[str, str]]:
    return [(row["timestamp"], row["close"]) for row in store.kline]


async def test_a_late_candle() -> None:
    """One that was over before corrects its row; what is running stays."""
    watched = Watched(KuCoinDataStore)
    watched.feed(candle(60, "a"), candle(120, "b"), candle(60, "c"), candle(120, "d"))
    await watched.check()
    assert closes(watched.store) == [("60", "c")]
    running = watched.store.kline.latest("BTC-USDT", "1min")
    assert running is not None
    assert running["close"] == "d"


async def test_a_candle_that_ended_while_nobody_listened() -> None:
    """What an answer says of it is not overwritten by what it was when the connection was lost."""
    store = KuCoinDataStore()
    store.onmessage(candle(60, "unfinished"))
    url = "https://api.kucoin.com/api/v1/market/candles?symbol=BTC-USDT&type=1min"

    def answer(*starts: int) -> dict[str, Any]:
        return {"code": "200000", "data": [[str(start), "1", "final", "3", "0.5", "10", "20"] for start in starts]}

    await store.initialize(respond("GET", url, answer(60)))
    assert store.kline.latest("BTC-USDT", "1min") is not None
    await store.initialize(respond("GET", url, answer(120, 60)))
    assert store.kline.latest("BTC-USDT", "1min") is None
    store.onmessage(candle(180, "new"))
    store.onmessage(candle(240, "newer"))
    assert closes(store) == [("60", "final"), ("120", "final"), ("180", "new")]


def test_candles_of_futures() -> None:
    """They are rows as well, by their own symbols."""
    store = KuCoinDataStore()
    topic = "/contractMarket/limitCandle:XBTUSDTM_1min"
    store.onmessage(candle(60, "a", topic))
    store.onmessage(candle(120, "b", topic))
    assert [(row["symbol"], row["interval"]) for row in store.kline] == [("XBTUSDTM", "1min")]
    assert store.kline.latest("XBTUSDTM", "1min") is not None


# -- whatever comes ------------------------------------------------------------------------------------------------

JUNK = (None, ..., [], {}, "x", -1)
SAMPLES = {
    name: message
    for name, case in PLAYED.items()
    if name.partition(" ")[0] not in {"control", "unhandled", "symbolsnapshot", "orderbook50", "level2"}
    for message in case.get("messages", [])[:1]
}


@pytest.mark.parametrize("name", SAMPLES)
async def test_damaged_messages(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each is applied, ignored or logged; afterwards the tables are sound and take good messages."""
    caplog.set_level(logging.CRITICAL)
    message = SAMPLES[name]
    watched = Watched(KuCoinDataStore)
    for place in places(message):
        for junk in JUNK:
            watched.feed(damaged(message, place, junk))
    watched.feed(copy.deepcopy(message))
    await watched.check()
    good = Watched(KuCoinDataStore)
    good.feed(message)
    for table, rows in tables(good.store).items():
        assert all(row in list(tables(watched.store)[table]) for row in rows), table


@pytest.mark.parametrize("message", [None, [], "x", 5, {}, {"topic": None}, {"topic": 5}, {"topic": []}])
def test_what_is_no_message(message: Any) -> None:
    """It is ignored."""
    store = KuCoinDataStore()
    store.onmessage(message)
    assert not any(len(table) for table in tables(store).values())
