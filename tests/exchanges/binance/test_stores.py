"""The tables of Binance but for the books: the protocol sample set, every deliberate difference, answers, damage."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.binance import EXCHANGE, BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore

if TYPE_CHECKING:
    from topgun.store import StoreChange

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
STORES: dict[str, Any] = {
    store.__name__: store for store in (BinanceSpotDataStore, BinanceUSDSMDataStore, BinanceCOINMDataStore)
}
LOGGER = "topgun.exchanges.binance"
SPOT, FAPI, DAPI = "https://api.binance.com/api/v3", "https://fapi.binance.com/fapi", "https://dapi.binance.com/dapi/v1"
OPEN_ALGO = "https://fapi.binance.com/fapi/v1/openAlgoOrders"
NEW = {"partialdepth", "algoorder"}  # tables that the sample set does not know

# -- the sample set ------------------------------------------------------------------------------------------------

GAP: dict[str, Any] = {"orderbook": []}
ALGO = load(HERE / "frames" / "usdsm_userdata_without_table.json")[0]["messages"][0]["data"]["o"]
SHALLOW = {
    **load(HERE / "frames" / "spot_orderbook.json")[4]["expect"],
    "partialdepth": [
        {"s": "BNBBTC", "levels": 20, "S": "a", "p": "0.0026", "q": "100"},
        {"s": "BNBBTC", "levels": 20, "S": "b", "p": "0.0024", "q": "10"},
    ],
}
# What must come of a step where topgun differs: the tables other than `expect_topgun`, and how many warnings.
BETTER: dict[tuple[str, int], tuple[dict[str, Any] | None, int]] = {
    ("spot_acks_errors", 2): ({}, 1),  # an error without the key `error`
    ("spot_acks_errors", 5): ({}, 1),  # the server goes: said, and another connection is made
    ("spot_acks_errors", 6): ({}, 1),
    ("spot_acks_errors", 7): ({}, 0),
    ("spot_orderbook", 4): (SHALLOW, 0),  # a partial book has a table of its own
    ("spot_orderbook_gap", 2): (GAP, 1),  # a book that is wrong is no book
    ("usdsm_orderbook_gap", 2): (GAP, 1),
    ("spot_orderbook_snapshot_too_old", 1): (GAP, 1),
    ("spot_userdata_wsapi", 1): (None, 2),
    ("usdsm_partial_depth_trap", 1): (
        {
            **load(HERE / "frames" / "usdsm_partial_depth_trap.json")[0]["expect"],
            "partialdepth": [
                {"s": "BTCUSDT", "levels": 5, "S": "a", "p": "7405.96", "q": "3.340"},
                {"s": "BTCUSDT", "levels": 5, "S": "b", "p": "7403.89", "q": "0.002"},
            ],
        },
        0,
    ),
    **{("usdsm_userdata_without_table", number): ({"algoorder": [ALGO]}, number == 3) for number in range(4)},
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_samples(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each step of a file of the sample set ends in exactly its rows, sorted views, changes and warnings."""
    watched: Any = None
    sockets = dict[str, FakeSocket]()
    for number, step in enumerate(load(path)):
        if not step.get("continue"):
            watched, sockets = Watched(STORES[step["store"]]), {}
        url = step.get("url", "")
        watched.ws = sockets.setdefault(url, FakeSocket(url))
        caplog.clear()
        watched.feed(*step.get("messages", []))
        if "request" in step:
            await watched.store.initialize(respond(step["request"]["method"], step["request"]["url"], step["response"]))
        changes = await watched.check()

        rows, warnings = step.get("expect_topgun", step["expect"]), len(step.get("expect_log", []))
        better, warnings = BETTER.get((path.stem, number), (None, warnings))
        rows = rows if better is None else better
        assert {name: list(table) for name, table in tables(watched.store).items()} == in_full(rows, watched.store)
        assert [(record.name, record.levelname) for record in caplog.records if record.name == LOGGER] == [
            (LOGGER, "WARNING")
        ] * (warnings - ("orderbook" in path.stem and warnings))
        assert len(caplog.records) == warnings
        if better is None:
            for name, view in step.get("expect_sorted", {}).items():
                assert tables(watched.store)[name].sorted() == view  # type: ignore[attr-defined]  # a book
        for name, value in step.get("expect_attrs", {}).items():
            assert getattr(watched.store, name) == value
        if "expect_changes" in step:
            told = {name: [vars_of(change) for change in made] for name, made in changes.items() if name not in NEW}
            assert told == {name: step["expect_changes"].get(name, []) for name in told}


def vars_of(change: StoreChange) -> dict[str, Any]:
    return {"operation": change.operation, "source": change.source, "data": change.data}


def in_full(said: dict[str, Any], store: Any) -> dict[str, Any]:
    """Return what is said of each table; nothing is said of a table that is empty."""
    assert said.keys() <= tables(store).keys()
    return {name: said.get(name, []) for name in tables(store)}


def test_samples_that_differ_are_all_described() -> None:
    """Every step that is marked as different has its expectation; the few others above are those of new tables."""
    marked = {
        (path.stem, number)
        for path in FILES
        for number, step in enumerate(load(path))
        if step.get("compat") is False and "expect_topgun" not in step
    }
    assert marked <= BETTER.keys()
    assert {stem for stem, _ in BETTER.keys() - marked} == {
        "spot_acks_errors",
        "spot_orderbook",
        "spot_userdata_wsapi",
        "usdsm_userdata_without_table",
    }


COMMON = {
    "trade": ([], 99999),
    "kline": (["t", "s", "i"], 9999),
    "ticker": (["s"], 9999),
    "bookticker": (["s"], 9999),
    "orderbook": (["s", "S", "p"], None),
    "partialdepth": (["s", "levels", "S", "p"], None),
    "order": (["s", "i"], None),
}
FUTURES = {
    **COMMON,
    "markprice": (["s"], 9999),
    "continuouskline": (["ps", "ct", "t", "i"], 9999),
    "liquidation": ([], 9999),
    "algoorder": (["aid"], None),
    "balance": (["a"], 9999),
    "position": (["s", "ps"], None),
}


def test_tables() -> None:
    """The collections have the tables, keys and limits that users know; books, orders, positions have no limit."""
    assert EXCHANGE.stores == tuple(STORES.values())
    expected = {
        BinanceSpotDataStore: {**COMMON, "account": (["a"], 9999), "ocoorder": (["s", "g"], None)},
        BinanceUSDSMDataStore: {**FUTURES, "compositeindex": (["s"], 9999)},
        BinanceCOINMDataStore: {
            **FUTURES,
            "indexprice": (["i"], 9999),
            "indexpricekline": (["t", "s", "i"], 9999),
            "markpricekline": (["t", "s", "i"], 9999),
        },
    }
    for kind, wanted in expected.items():
        store = kind()  # type: ignore[abstract]
        assert {name: (list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == wanted
        assert all(store[name] is table for name, table in tables(store).items())
        assert store.listenkey is None


# -- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        {"error": {"code": 2, "msg": "Invalid request"}, "id": 9},
        {"id": "x", "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}},
        {"code": 2, "msg": "Invalid request: missing field `method`", "id": 4},
    ],
)
@pytest.mark.parametrize("kind", STORES)
def test_refusals_are_one_warning(kind: str, message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What Binance refuses is logged once, with the whole message."""
    STORES[kind]().onmessage(message, FakeSocket())
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert repr(message) in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        {"result": None, "id": 1},
        {"id": 1, "status": 200, "result": {"e": "trade"}},
        {"e": "TRADE_LITE", "s": "BTCUSDT"},
        {"e": "1hTicker", "s": "BTCUSDT"},
        {"stream": "btcusdt@avgPrice", "data": {"e": "avgPrice", "s": "BTCUSDT"}},
        {"stream": "btcusdt@rpiDepth@500ms", "data": {"e": "depthUpdate", "s": "BTCUSDT"}},
        {"lastUpdateId": 1, "bids": [["1", "1"]], "asks": []},  # of which symbol?
        {"stream": "!ticker@arr", "data": []},
        {"data": None},
        {"event": None},
        {"subscriptionId": 0, "event": {"e": "balanceUpdate", "a": "BTC"}},
        {"e": ["trade"]},
        {},
        [],
        [None],
        [["trade"]],
        "text",
        None,
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", STORES)
def test_messages_without_data_are_ignored(kind: str, message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks and events without a table change nothing and say nothing."""
    store = STORES[kind]()
    store.onmessage(message, FakeSocket("wss://stream.binance.com/ws"))
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


def test_rows_are_copies() -> None:
    """The message stays as it is and the user's; no row changes with it."""
    store = BinanceUSDSMDataStore()
    message = {"e": "continuous_kline", "ps": "BTCUSDT", "ct": "PERPETUAL", "k": {"t": 1, "i": "1m", "c": "3"}}
    before = copy.deepcopy(message)
    store.onmessage(message)
    assert message == before
    message["k"]["c"] = "4"  # type: ignore[index]
    assert list(store.continuouskline) == [{"ps": "BTCUSDT", "ct": "PERPETUAL", "t": 1, "i": "1m", "c": "3"}]


async def test_arrays() -> None:
    """Every row of an array counts, whatever wraps it; a mini ticker keeps what only the full one has."""
    store = BinanceUSDSMDataStore()
    store.onmessage([{"e": "24hrTicker", "s": "A", "w": "1"}, {"e": "24hrTicker", "s": "B"}])
    store.onmessage({"stream": "!miniTicker@arr", "data": [{"e": "24hrMiniTicker", "s": "A", "c": "2"}]})
    store.onmessage({"stream": "!markPrice@arr", "data": [{"e": "markPriceUpdate", "s": "A", "st": 2}]})
    store.onmessage({"stream": "!forceOrder@arr", "data": [{"e": "forceOrder", "o": {"s": "A"}}]})
    assert store.ticker.find() == [
        {"e": "24hrMiniTicker", "s": "A", "w": "1", "c": "2"},
        {"e": "24hrTicker", "s": "B"},
    ]
    assert store.markprice.find() == [{"e": "markPriceUpdate", "s": "A", "st": 2}]
    assert store.liquidation.find() == [{"s": "A"}]


def test_partial_books_without_a_name_in_the_message() -> None:
    """On a raw connection the URL names the stream; levels of several depths stand side by side."""
    store = BinanceSpotDataStore()
    shallow = FakeSocket("wss://stream.binance.com:9443/ws/bnbbtc@depth5@100ms")
    store.onmessage({"lastUpdateId": 1, "bids": [["1", "5"]], "asks": [["2", "5"], ["3", "0"]]}, shallow)
    store.onmessage({"lastUpdateId": 2, "bids": [["1", "6"]], "asks": []}, shallow)
    store.onmessage({"stream": "bnbbtc@depth10", "data": {"lastUpdateId": 1, "bids": [], "asks": [["2", "7"]]}})
    assert store.partialdepth.sorted({"s": "BNBBTC", "levels": 5}) == {
        "a": [],
        "b": [{"s": "BNBBTC", "levels": 5, "S": "b", "p": "1", "q": "6"}],
    }
    assert store.partialdepth.state({"s": "BNBBTC", "levels": 5}) == "live"
    assert store.partialdepth.best({"s": "BNBBTC", "levels": 10}).ask == {
        "s": "BNBBTC", "levels": 10, "S": "a", "p": "2", "q": "7",
    }  # fmt: skip
    shallow.lose()
    assert store.partialdepth.state({"s": "BNBBTC", "levels": 5}) == "stale"
    assert len(store.orderbook) == 0


# -- candles -------------------------------------------------------------------------------------------------------


def kline(n: int, *, x: bool, c: str) -> dict[str, Any]:
    return {"e": "kline", "s": "BTCUSDT", "k": {"t": 1, "s": "BTCUSDT", "i": "1m", "n": n, "x": x, "c": c}}


async def test_a_candle_of_an_answer_that_knows_less() -> None:
    """An answer does not put an older candle over the one of the stream; one that knows more it does."""
    store = BinanceSpotDataStore()
    store.onmessage(kline(5, x=False, c="5"))
    for n, close in ((4, "5"), (6, "7")):
        values = [1, "1", "1", "1", "7", "1", 60, "1", n, "1", "1", "0"]
        await store.initialize(respond("GET", f"{SPOT}/klines?symbol=BTCUSDT&interval=1m", [values]))
        assert store.kline.find()[0]["c"] == close
    with pytest.raises(InitializeError):
        await store.initialize(respond("GET", f"{SPOT}/klines?symbol=BTCUSDT&interval=1m", [[1, "1"]]))


# -- orders --------------------------------------------------------------------------------------------------------

FINAL = ["FILLED", "CANCELED", "EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"]


def order(number: int, status: str = "NEW", symbol: str = "BTCUSDT", z: str = "0") -> dict[str, Any]:
    return {"e": "executionReport", "s": symbol, "i": number, "X": status, "z": z}


def listed(number: int, status: str = "NEW", symbol: str = "BTCUSDT", z: str = "0") -> dict[str, Any]:
    return {"symbol": symbol, "orderId": number, "status": status, "executedQty": z, "positionSide": "BOTH"}


def idents(table: Any) -> list[Any]:
    return [(row["s"], row["i"]) for row in table]


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("wrapped", [True, False], ids=["WebSocket API", "raw"])
async def test_final_orders(status: str, wrapped: bool) -> None:
    """A final order goes and does not come back: neither with a late event nor with an answer that is behind."""
    watched = Watched(BinanceSpotDataStore)
    events = [order(1), order(2), order(1, symbol="ETHUSDT"), order(1, status), order(1, "PARTIALLY_FILLED")]
    watched.feed(*[{"subscriptionId": 0, "event": event} if wrapped else event for event in events])
    assert idents(watched.store.order) == [("BTCUSDT", 2), ("ETHUSDT", 1)]
    await watched.store.initialize(respond("GET", f"{SPOT}/openOrders", [listed(1), listed(2), listed(3, status)]))
    assert idents(watched.store.order) == [("BTCUSDT", 2)]
    await watched.check()


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", [("BTCUSD_PERP", 9)]),
        ("?symbol=BTCUSD_PERP", [("BTCUSD_260925", 2), ("ETHUSD_PERP", 3), ("BTCUSD_PERP", 9)]),
        ("?pair=BTCUSD", [("ETHUSD_PERP", 3), ("BTCUSD_PERP", 9)]),
    ],
)
async def test_what_an_answer_covers(query: str, left: list[Any]) -> None:
    """An answer replaces the orders that its query covers, and no others."""
    store = BinanceCOINMDataStore()
    for number, symbol in enumerate(("BTCUSD_PERP", "BTCUSD_260925", "ETHUSD_PERP"), 1):
        store.onmessage({"e": "ORDER_TRADE_UPDATE", "o": order(number, symbol=symbol)})
    await store.initialize(respond("GET", f"{DAPI}/openOrders{query}", [listed(9, symbol="BTCUSD_PERP")]))
    assert idents(store.order) == left


@pytest.mark.parametrize(("z", "kept"), [("0.5", "1.0"), ("1", "1"), ("1.00", "1.00"), ("10", "10"), ("0", "1.0")])
async def test_an_answer_that_is_behind(z: str, kept: str) -> None:
    """Of two states of an order the one with more filled is right; amounts are compared as numbers."""
    store = BinanceUSDSMDataStore()
    store.onmessage({"e": "ORDER_TRADE_UPDATE", "o": {**order(1, "PARTIALLY_FILLED", z="1.0"), "ap": "7"}})
    await store.initialize(respond("GET", f"{FAPI}/v1/openOrders", [listed(1, z=z)]))
    [row] = store.order
    assert (row["z"], "ap" in row) == (kept, kept == "1.0")


def test_an_event_that_is_behind() -> None:
    """A slow second socket does not take a fill back; an amount that is none costs no order."""
    store, quick, slow = BinanceSpotDataStore(), FakeSocket(), FakeSocket()
    late, now = order(1, "PARTIALLY_FILLED", z="9"), order(1, "PARTIALLY_FILLED", z="10.0")
    for event, ws in ((late, quick), (now, quick), (late, slow), ({**now, "p": "5"}, slow)):
        store.onmessage(event, ws)
    assert list(store.order) == [{**now, "p": "5"}]
    for number, junk in enumerate((None, "", "x", [], "NaN"), 2):
        for status in ("NEW", "PARTIALLY_FILLED"):
            event = order(number, status) | {"z": junk}
            store.onmessage(event, quick)
            assert store.order.get(event) == event


async def test_an_answer_that_is_no_list() -> None:
    """An error, or a row without its key, keeps the rows; the error says where and what."""
    store = BinanceSpotDataStore()
    store.onmessage(order(1))
    for answer in ({"code": -2015, "msg": "Invalid API-key"}, {}, [None], [{"symbol": "BTCUSDT"}], "x"):
        with pytest.raises(InitializeError, match="openOrders") as caught:
            await store.initialize(respond("GET", f"{SPOT}/openOrders", answer))
        assert caught.value.data == answer
    assert idents(store.order) == [("BTCUSDT", 1)]


async def test_orders_that_are_over_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = BinanceSpotDataStore()
    for number in (1, 2, 3):
        store.onmessage(order(number, "FILLED"))
    for number in (1, 2, 3):
        store.onmessage(order(number))
    assert idents(store.order) == [("BTCUSDT", 1)]


async def test_lists_of_orders() -> None:
    """An answer replaces the lists; one that is all done does not come back."""
    store = BinanceSpotDataStore()
    old = {"e": "listStatus", "s": "BTCUSDT", "g": 1, "l": "EXEC_STARTED"}
    store.onmessage(old)
    store.onmessage({**old, "g": 2, "l": "ALL_DONE"})
    rows = [
        {"symbol": "BTCUSDT", "orderListId": number, "listStatusType": state, "orders": []}
        for number, state in ((2, "EXEC_STARTED"), (3, "EXEC_STARTED"), (4, "ALL_DONE"))
    ]
    await store.initialize(respond("GET", f"{SPOT}/openOrderList", rows))
    assert [row["g"] for row in store.ocoorder] == [3]


REST_ALGO = {  # the example of the official page
    "algoId": 2148627, "clientAlgoId": "MRumok0dkhrP4kCm12AHaB", "algoType": "CONDITIONAL", "orderType": "TAKE_PROFIT",
    "symbol": "BNBUSDT", "side": "SELL", "positionSide": "BOTH", "timeInForce": "GTC", "quantity": "0.01",
    "algoStatus": "NEW", "actualOrderId": "", "actualPrice": "0.00000", "triggerPrice": "750.000", "price": "750.000",
    "icebergQuantity": None, "tpTriggerPrice": "0.000", "tpPrice": "0.000", "slTriggerPrice": "0.000",
    "slPrice": "0.000", "tpOrderType": "", "selfTradePreventionMode": "EXPIRE_MAKER", "workingType": "CONTRACT_PRICE",
    "priceMatch": "NONE", "closePosition": False, "priceProtect": False, "reduceOnly": False,
    "createTime": 1750514941540, "updateTime": 1750514941540, "triggerTime": 0, "goodTillDate": 0,
}  # fmt: skip


async def test_conditional_orders() -> None:
    """They have the fields of the stream, whoever told of them; one that is triggered is not over."""
    store = BinanceUSDSMDataStore()
    store.onmessage({"e": "ALGO_UPDATE", "o": ALGO})
    await store.initialize(respond("GET", f"{OPEN_ALGO}?algoId=2148627", [REST_ALGO]))
    assert [row["aid"] for row in store.algoorder] == [ALGO["aid"], 2148627]
    row = store.algoorder.find({"aid": 2148627})[0]
    assert row.keys() < ALGO.keys()
    assert (row["tp"], row["X"], row["V"]) == ("750.000", "NEW", "EXPIRE_MAKER")
    assert store.algoorder.state() == "stale"  # a part says nothing of the rest
    await store.initialize(respond("GET", OPEN_ALGO, [REST_ALGO]))
    assert store.algoorder.state() == "live"
    assert [row["aid"] for row in store.algoorder] == [2148627]
    for state, left in (("TRIGGERING", 1), ("TRIGGERED", 1), ("FINISHED", 0), ("TRIGGERED", 0)):
        store.onmessage({"e": "ALGO_UPDATE", "o": {**ALGO, "aid": 2148627, "X": state}})
        assert len(store.algoorder) == left


# -- what an account has -------------------------------------------------------------------------------------------


def position(symbol: str, amount: str, side: str = "BOTH") -> dict[str, Any]:
    return {"s": symbol, "pa": amount, "ep": "5", "up": "1", "ps": side}


def held(store: Any) -> dict[str, str]:
    return {f"{row['s']} {row['ps']}": row["pa"] for row in store.position}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"BTCUSD_PERP BOTH": "0", "BTCUSD_260925 BOTH": "0", "ETHUSD_PERP BOTH": "7"}),
        ("?symbol=BTCUSD_PERP", {"BTCUSD_PERP BOTH": "0", "BTCUSD_260925 BOTH": "2", "ETHUSD_PERP BOTH": "7"}),
        ("?pair=BTCUSD", {"BTCUSD_PERP BOTH": "0", "BTCUSD_260925 BOTH": "0", "ETHUSD_PERP BOTH": "7"}),
        ("?marginAsset=BTC", {"BTCUSD_PERP BOTH": "0", "BTCUSD_260925 BOTH": "0", "ETHUSD_PERP BOTH": "7"}),
        ("?marginAsset=ETH", {"BTCUSD_PERP BOTH": "1", "BTCUSD_260925 BOTH": "2", "ETHUSD_PERP BOTH": "7"}),
    ],
)
async def test_positions_that_an_answer_does_not_list(query: str, expected: dict[str, str]) -> None:
    """A position that the query covers and the answer does not list is closed: it stays, with "0"."""
    watched = Watched(BinanceCOINMDataStore)
    rows = [position("BTCUSD_PERP", "1"), position("BTCUSD_260925", "2"), position("ETHUSD_PERP", "3")]
    watched.feed({"e": "ACCOUNT_UPDATE", "a": {"P": rows}})
    answer = [{"symbol": "ETHUSD_PERP", "positionSide": "BOTH", "positionAmt": "7"}]
    await watched.store.initialize(respond("GET", f"{DAPI}/positionRisk{query}", answer))
    assert held(watched.store) == expected
    await watched.check()
    before = [dict(row) for row in watched.store.position]
    await watched.store.initialize(respond("GET", f"{DAPI}/positionRisk{query}", answer))
    assert [dict(row) for row in watched.store.position] == before


@pytest.mark.parametrize("path", ["v2/positionRisk", "v3/positionRisk"])
async def test_positions_of_both_versions(path: str) -> None:
    """Both sides of a symbol are rows of their own."""
    store = BinanceUSDSMDataStore()
    store.onmessage({"e": "ACCOUNT_UPDATE", "a": {"P": [position("BTCUSDT", "1", "LONG")]}})
    answer = [{"symbol": "BTCUSDT", "positionSide": "SHORT", "positionAmt": "-2"}]
    await store.initialize(respond("GET", f"{FAPI}/{path}?symbol=BTCUSDT", answer))
    assert held(store) == {"BTCUSDT LONG": "0", "BTCUSDT SHORT": "-2"}


@pytest.mark.parametrize("account", [{"m": "FUNDING_FEE"}, {"B": None, "P": None}, {"B": [], "P": []}])
def test_an_account_update_without_rows(account: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Some tell of balances alone, or of positions alone."""
    store = BinanceUSDSMDataStore()
    store.onmessage({"e": "ACCOUNT_UPDATE", "a": account})
    store.onmessage({"e": "ACCOUNT_UPDATE", "a": {"B": [{"a": "USDT", "wb": "1"}]}})
    assert list(store.balance) == [{"a": "USDT", "wb": "1"}]
    assert len(store.position) == 0
    assert not caplog.records


async def test_balances_that_an_answer_does_not_list() -> None:
    """Without its zeros an answer says of the others that nothing is left."""
    store = BinanceSpotDataStore()
    store.onmessage({"e": "outboundAccountPosition", "B": [{"a": name, "f": "1", "l": "2"} for name in ("BTC", "BNB")]})
    answer = {"balances": [{"asset": "BTC", "free": "3", "locked": "0"}]}
    await store.initialize(respond("GET", f"{SPOT}/account?omitZeroBalances=true", answer))
    assert list(store.account) == [{"a": "BTC", "f": "3", "l": "0"}, {"a": "BNB", "f": "0", "l": "0"}]


# -- what is said about the stream ---------------------------------------------------------------------------------


async def test_the_end_of_user_data(caplog: pytest.LogCaptureFixture) -> None:
    """Tables that nobody feeds any more are stale."""
    store, ws = BinanceSpotDataStore(), FakeSocket("wss://ws-api.binance.com/ws-api/v3")
    store.onmessage({"event": order(1)}, ws)
    await store.initialize(respond("GET", f"{SPOT}/openOrders", []))
    assert store.order.state() == "live"
    store.onmessage({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}}, ws)
    assert store.order.state() == "stale"
    assert "subscribe again" in caplog.text
    assert not ws.closed


REFUSED = {"id": 1, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}}
ENDED = {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}}


@pytest.mark.parametrize("message", [REFUSED, ENDED])
@pytest.mark.parametrize("way", ["subscribed", "another socket"])
async def test_no_answer_is_live_without_user_data(message: Any, way: str) -> None:
    """Orders of an answer are right for a moment alone, as long as nobody tells what becomes of them."""
    store, ws = BinanceSpotDataStore(), FakeSocket("wss://ws-api.binance.com/ws-api/v3")
    store.onmessage({"id": 5, "status": 200, "result": {}}, ws)
    store.onmessage(message, ws)
    for _ in range(2):
        await store.initialize(
            respond("GET", f"{SPOT}/openOrders", [listed(1)]),
            respond("GET", f"{SPOT}/klines?symbol=X&interval=1m", []),
        )
        assert (store.order.state(), store.kline.state(), len(store.order)) == ("stale", "live", 1)
    if way == "another socket":
        ws.lose()
        ws = FakeSocket("wss://ws-api.binance.com/ws-api/v3")
    store.onmessage({"id": 1, "status": 200, "result": {"subscriptionId": 0}}, ws)
    await store.initialize(respond("GET", f"{SPOT}/openOrders", []))
    assert store.order.state() == "live"


@pytest.mark.parametrize("event", ["listenKeyExpired", "eventStreamTerminated", "serverShutdown"])
def test_notices_in_an_array_are_none(event: str) -> None:
    """Nobody sends them so, and nothing breaks."""
    BinanceUSDSMDataStore().onmessage([{"e": event}], FakeSocket("wss://fstream.binance.com/private/ws/x"))


def test_a_refusal_without_a_socket() -> None:
    """From a file it is said, and that is all; other refusals say nothing of the user data."""
    store, ws = BinanceSpotDataStore(), FakeSocket()
    store.onmessage(REFUSED)
    for error in ({"code": -2010, "msg": "x"}, {"code": []}, "text"):
        store.onmessage({"id": 1, "status": 400, "error": error}, ws)
    assert not store._silent


@pytest.mark.parametrize(
    "message",
    [
        {"e": "serverShutdown", "E": 1},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}},
        {"event": {"e": "serverShutdown", "E": 1}},
    ],
)
async def test_a_server_that_goes(message: Any) -> None:
    """The connection is closed at once, so that the app makes another one; without a socket nothing happens."""
    store, ws = BinanceSpotDataStore(), FakeSocket()
    store.onmessage(message, ws)
    [work] = ws.requester.spawned
    await work
    assert ws.closed
    store.onmessage(message)


def test_a_stream_on_a_wrong_path(caplog: pytest.LogCaptureFixture) -> None:
    """The URL of a socket that feeds a store is looked at once; one that is closed already does not feed it."""
    store, ws = BinanceUSDSMDataStore(), FakeSocket("wss://fstream.binance.com/public/ws/btcusdt@aggTrade")
    for _ in range(2):
        store.onmessage({"result": None, "id": 1}, ws)
    closed = FakeSocket("wss://fstream.binance.com/public/ws/btcusdt@aggTrade")
    closed.lose()
    for each in (ws, closed):
        store._onconnect(each)
    assert caplog.text.count("comes on the path /market") == 1


# -- damage --------------------------------------------------------------------------------------------------------


def frames() -> list[Any]:
    steps = [(step["store"], step) for path in FILES for step in load(path)]
    return [(name, message) for name, step in steps for message in step.get("messages", [])]


@pytest.mark.parametrize("junk", [None, [], {}, "x", 7, ...], ids=repr)
def test_damaged_frames_leave_tables_whole(junk: Any) -> None:
    """A value that is missing or something else raises nothing and breaks no table."""
    for name, message in frames()[::3]:
        store = STORES[name]()
        for place in places(message)[1:24]:
            store.onmessage(damaged(message, place, junk), FakeSocket())
        for table in tables(store).values():
            table._check()
