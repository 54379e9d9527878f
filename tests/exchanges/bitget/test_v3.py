"""The tables of Bitget V3: messages and answers of the official pages, and what they must come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, load, respond
from topgun.errors import InitializeError
from topgun.exchanges.bitget import BitgetV3DataStore

PUBLIC, PRIVATE = (case["messages"] for case in load(Path(__file__).parent / "frames" / "v3.json"))
ANSWERS = load(Path(__file__).parent / "responses" / "v3.json")
API = "https://api.bitget.com/api/v3"
FUTURES = {"instType": "usdt-futures", "symbol": "BTCUSDT"}
BOOKS = {**FUTURES, "topic": "books"}


def told(topic: str, *rows: Any, action: str = "snapshot", **arg: str) -> dict[str, Any]:
    return {"action": action, "arg": {"instType": "UTA", "topic": topic, **arg}, "data": list(rows), "ts": 1}


async def ask(store: Any, target: str, data: Any) -> None:
    await store.initialize(respond("GET", f"{API}{target}", {"code": "00000", "msg": "success", "data": data}))


async def test_public_topics() -> None:
    """Each message becomes its row, with the market of the subscription in front."""
    watched = Watched(BitgetV3DataStore)
    watched.feed(*PUBLIC)
    store: Any = watched.store
    assert list(store.ticker) == [{**FUTURES, **PUBLIC[0]["data"][0]}]
    prices = {"openPr": "27000", "highPr": "27000.5", "lowPr": "27000", "closePr": "27000.5"}
    sizes = {"baseVolume": "0.057", "quoteVolume": "1539.0155", "usdtVolume": "1539.0155"}
    assert list(store.kline) == [{**FUTURES, "interval": "1m", "startTime": "1695685500000", **prices, **sizes}]
    assert list(store.trade) == [{**FUTURES, **PUBLIC[2]["data"][0]}]
    assert list(store.book) == [
        {**FUTURES, "side": "a", "price": "99756.7", "size": "23.9774"},
        {**FUTURES, "side": "b", "price": "99756.6", "size": "0.0128"},
    ]
    assert store.book.state(FUTURES) == "live"
    await watched.check()


async def test_book() -> None:
    """A chain of numbers; after a restart of the service ``pseq`` is 0, and the topic is subscribed to anew."""
    watched = Watched(BitgetV3DataStore)
    store: Any = watched.store
    for action, seq, pseq, asks in (
        ("snapshot", 10, 0, [["11", "1"], ["12", "2"]]),
        ("update", 14, 10, [["11", "0"]]),
        ("update", 20, 14, [["13", "1"]]),
    ):
        data = {"a": asks, "b": [["9", "1"]], "seq": seq, "pseq": pseq, "ts": "1"}
        watched.feed(told("books", data, action=action, **FUTURES))
        assert store.book.state(FUTURES) == "live"
    assert [row["price"] for row in store.book.sorted(FUTURES)["a"]] == ["12", "13"]
    watched.feed(told("books", {"a": [], "b": [], "seq": 25, "pseq": 0}, action="update", **FUTURES))
    assert (store.book.state(FUTURES), len(store.book)) == ("syncing", 0)
    [(_, messages, _)] = watched.ws.snapshot_requests
    assert messages == [{"op": op, "args": [BOOKS]} for op in ("unsubscribe", "subscribe")]
    watched.feed(told("books", {"a": [["11", "1"]], "b": [], "seq": 2, "pseq": 0}, **FUTURES))
    watched.feed(told("books50", {"a": [["1", "1"]], "b": [], "seq": 3}, **FUTURES))  # another depth
    assert (store.book.state(FUTURES), len(store.book)) == ("live", 1)
    await watched.check()


async def test_private_topics() -> None:
    """Each message becomes its rows; what has ended goes, and a fill that is told twice is there once."""
    watched = Watched(BitgetV3DataStore)
    watched.feed(*PRIVATE)
    store: Any = watched.store
    [[order], [position], [account], [fill]] = [message["data"] for message in PRIVATE]
    assert [list(store[name]) for name in ("order", "position", "fill")] == [[order], [position], [fill]]
    assert list(store.account) == [{"instType": "UTA", **account}]
    for status, there in (("partially_filled", 1), ("unheard", 1), ("cancelled", 0)):
        watched.feed(told("order", {**order, "orderStatus": status}))
        assert len(store.order) == there
    watched.feed(told("position", {**position, "size": "0.00", "positionStatus": "ended"}))
    watched.feed(told("fast-fill", {"execId": fill["execId"], "execPrice": "1"}))
    watched.feed(told("account", {"totalEquity": "1", "coin": [{"coin": "BTC", "equity": "2"}]}))
    assert (len(store.position), len(store.fill), store.fill.find()[0]["orderId"]) == (0, 1, fill["orderId"])
    [row] = store.account
    assert row["coin"] == [{"coin": "BTC", "equity": "2"}, account["coin"][0]]
    assert row["effEquity"] == account["effEquity"]
    await watched.check()


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        ("", "1 2 3"),
        ("?category=USDT-FUTURES", "1 2"),
        ("?category=usdt-futures&symbol=ethusdt", "2"),
        ("?category=SPOT", "3"),
        ("?cursor=5", ""),
        ("?startTime=5", ""),
        ("?limit=0", ""),
    ],
)
async def test_open_orders(target: str, gone: str) -> None:
    """An empty answer removes the orders that the query asked for; a page, or a full one, none."""
    watched = Watched(BitgetV3DataStore)
    rows = (("1", "usdt-futures", "BTCUSDT"), ("2", "USDT-FUTURES", "ETHUSDT"), ("3", "spot", "BTCUSDT"))
    for ident, category, symbol in rows:
        row = {"orderId": ident, "category": category, "symbol": symbol, "orderStatus": "live"}
        watched.feed(told("order", row))
    await ask(watched.store, f"/trade/unfilled-orders{target}", {"list": None, "cursor": None})
    assert [row["orderId"] for row in watched.store["order"]] == [each for each in "123" if each not in gone]
    await watched.check()


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["request"]["url"])
async def test_official_answers(case: dict[str, Any]) -> None:
    """Each answer of the official pages fills its table, as the stream would spell it."""
    store = BitgetV3DataStore()
    await store.initialize(respond("GET", case["request"]["url"], case["response"]))
    assert {name: list(table) for name, table in tables(store).items() if len(table)} == case["rows"]


async def test_answers() -> None:
    """Answers are told as the stream does, and replace what they cover."""
    watched = Watched(BitgetV3DataStore)
    store: Any = watched.store
    order = {"orderId": "7", "category": "USDT-FUTURES", "symbol": "BTCUSDT", "orderStatus": "live", "qty": "1"}
    await ask(
        store,
        "/trade/unfilled-orders?category=USDT-FUTURES",
        {"list": [order, {**order, "orderId": "8", "orderStatus": "filled"}]},
    )
    assert list(store.order) == [{**order, "category": "usdt-futures"}]

    for symbol, coin in (("BTCUSDT", "USDT"), ("ETHUSDT", "USDT"), ("BTCPERP", "USDC"), ("BTCUSD", "BTC")):
        watched.feed(told("position", {"symbol": symbol, "posSide": "long", "marginCoin": coin, "size": "1"}))
    row = {"symbol": "BTCUSDT", "posSide": "long", "marginCoin": "USDT", "total": "0.1", "liquidationPrice": "5"}
    await ask(store, "/position/current-position?category=USDT-FUTURES", {"list": [{**row, "totalFunding": "2"}]})
    assert {row["symbol"]: row["size"] for row in store.position} == {"BTCUSDT": "0.1", "BTCPERP": "1", "BTCUSD": "1"}
    known = store.position.get({"symbol": "BTCUSDT", "posSide": "long"})
    assert (known["liqPrice"], known["totalFundingFee"], "total" in known) == ("5", "2", False)
    await ask(store, "/position/current-position?category=coin-futures&symbol=BTCUSD&posSide=short", {"list": []})
    assert len(store.position) == 3
    await ask(store, "/position/current-position?category=coin-futures&symbol=BTCUSD", {"list": None})
    assert [row["symbol"] for row in store.position] == ["BTCUSDT", "BTCPERP"]

    watched.feed(told("account", {"totalEquity": "1", "coin": [{"coin": "XRP", "equity": "2"}]}))
    assets = [{"coin": "USDT", "equity": "6.1", "debt": "0"}]
    await ask(store, "/account/assets", {"accountEquity": "11.1", "unrealisedPnl": "0", "assets": assets})
    coins = [{"coin": "USDT", "equity": "6.1", "debts": "0"}]
    assert list(store.account) == [{"instType": "UTA", "totalEquity": "11.1", "unrealisedPnL": "0", "coin": coins}]
    assert {store[name].state() for name in ("order", "position", "account")} == {"live"}
    await watched.check()


@pytest.mark.parametrize(
    "target", ["/trade/unfilled-orders", "/position/current-position?category=USDT-FUTURES", "/account/assets"]
)
@pytest.mark.parametrize(
    "data", [None, [], {}, {"list": [None], "assets": [None]}, {"list": [{}], "assets": [{}]}], ids=repr
)
async def test_answers_that_cannot_be_used(target: str, data: Any) -> None:
    """An answer of another form raises and changes nothing."""
    store = BitgetV3DataStore()
    with pytest.raises(InitializeError):
        await ask(store, target, data)
    assert not any(len(table) for table in tables(store).values())


@pytest.mark.parametrize(
    ("message", "warnings"),
    [
        ({"event": "subscribe", "arg": BOOKS, "code": "", "msg": ""}, 0),
        ({"event": "error", "arg": BOOKS, "code": "30001", "msg": "doesn't exist"}, 1),
        ({"event": "login", "code": 0}, 0),
        (told("liquidation", {"x": 1}), 0),
        ({"action": "snapshot", "arg": {"channel": "books"}, "data": [{}]}, 0),
        (told("position", {"symbol": "A", "posSide": "long", "size": None}), 1),
        (told("account", {"coin": [{}]}), 1),
        (told("order", {"orderId": "1"}), 1),
        (told("kline", ["1"], **FUTURES), 1),
        (told("kline", [None], interval="1m", **FUTURES), 1),
    ],
    ids=lambda value: str(value)[:60],
)
def test_messages_that_change_nothing(message: Any, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """What has no table is passed over; what is refused or damaged is logged once."""
    store = BitgetV3DataStore()
    store.onmessage(message, FakeSocket())  # type: ignore[arg-type]  # a stand-in
    assert len(caplog.records) == warnings
    assert not any(len(table) for table in tables(store).values())
