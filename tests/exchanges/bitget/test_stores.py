"""The tables of Bitget but for the book: the protocol sample set, every deliberate difference, answers, damage."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, play, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges.bitget import EXCHANGE, BitgetDataStore, BitgetV2DataStore, BitgetV3DataStore

HERE = Path(__file__).parent
LOGGER = "topgun.exchanges.bitget"
API = "https://api.bitget.com"
STORES: dict[str, Any] = {"BitgetDataStore": BitgetDataStore, "BitgetV2DataStore": BitgetV2DataStore}
USDT, COIN = {"instType": "USDT-FUTURES"}, {"instType": "COIN-FUTURES"}

# -- the sample set ------------------------------------------------------------------------------------------------

CASES = {
    f"{path.stem}: {case['name']}": case
    for path in sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
    for case in load(path)
    if "expect" in case
}


def sample(file: str, number: int = 0) -> dict[str, Any]:
    case: dict[str, Any] = load(HERE / "frames" / f"{file}.json")[number]
    return case


def row_of(file: str, number: int, message: int, place: int) -> dict[str, Any]:
    """Return a row of a message of the samples, with its instType in front."""
    told = sample(file, number)["messages"][message]
    return {"instType": told["arg"]["instType"], **told["data"][place]}


MARGIN = {"instType": "MARGIN"}
# What must come of the cases whose ``expect`` says what topgun must do better: rows, and the beginnings of warnings.
BETTER: dict[str, tuple[dict[str, Any], list[str]]] = {
    "v1_books: re-snapshot does not clear old levels": (
        {
            "orderbook": [
                {"instId": "BTCUSDT", "side": "asks", "px": "8480", "sz": "7"},
                {"instId": "BTCUSDT", "side": "bids", "px": "8479", "sz": "1"},
            ]
        },
        [],
    ),
    "v1_candle: v1_candle": (
        {
            "candlesticks": [
                *sample("v1_candle")["expect"]["candlesticks"],
                {**sample("v1_candle")["expect"]["candlesticks"][0], "interval": "5m"},
            ]
        },
        [],
    ),
    "v1_positions: v1_positions": ({}, []),
    "v2_account: spot account with several coins": (
        {"account": [row_of("v2_account", 1, 0, place) for place in (0, 1)]},
        [],
    ),
    "v2_books: pseq gap": ({}, ["book USDT-FUTURES BTCUSDT: changes between number 10 and number 14 are missing"]),
    "v2_books: legacy checksum form, values computed with the documented formula": (
        {},
        ["book USDT-FUTURES BTCUSDT: the checksum differs"],
    ),
    "v2_orders: spot cancel is spelled 'cancelled'": ({}, []),
    "v2_positions: positions of two product types": (
        {"positions": [row_of("v2_positions", 1, message, 0) for message in (0, 1)]},
        [],
    ),
    "v2_unhandled: channel without a table is ignored": (
        {"account_crossed": [{**MARGIN, "coin": "BTC"}]},
        ["orders-crossed: a message is ignored (TypeError: a row without status"],
    ),
    "v2_unhandled: v3 (UTA) push uses topic and symbol, not channel": ({}, []),
}


@pytest.mark.parametrize("name", CASES)
async def test_samples(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each case of the sample set ends in exactly its rows, sorted views and warnings."""
    case = CASES[name]
    if name in BETTER:
        rows, warnings = BETTER[name]
        watched = Watched(STORES[case["store_class"]])
        watched.feed(*case["messages"])
        await watched.check()
        assert {table: list(it) for table, it in tables(watched.store).items() if len(it)} == rows
        assert [record.levelname for record in caplog.records] == ["WARNING"] * len(warnings)
        for record, text in zip(caplog.records, warnings, strict=True):
            assert record.getMessage().startswith(text)
        return
    played = {key: value for key, value in case.items() if key != "expect_log"}
    played["expect_warnings"] = [{"logger": LOGGER, "level": each["level"]} for each in case.get("expect_log", [])]
    played["expect_sorted"] = [{**view, "store_attribute": view["store"]} for view in case.get("expect_sorted", [])]
    if "pybotters_raises" in case:
        [raised] = case["pybotters_raises"]
        with pytest.raises(ValueError, match="Response error at DataStore initialization") as caught:
            await play(STORES[case["store_class"]], played, caplog)
        assert isinstance(caught.value, InitializeError)
        assert str(caught.value).split() == raised["message"].split()
        return
    await play(STORES[case["store_class"]], played, caplog)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "integrity" in case])
def test_integrity_of_the_samples(name: str) -> None:
    """Each message of a book is right or wrong as the sample says."""
    watched = Watched(BitgetV2DataStore)
    case = CASES[name]
    for message, told in zip(case["messages"], case["integrity"], strict=True):
        watched.feed(message)
        assert (watched.store["book"].state() == "live") is told["ok"]


def test_samples_that_differ_are_all_described() -> None:
    """Every case that asks for better is listed above; besides them just the one of channels that have a table now."""
    marked = {name for name, case in CASES.items() if "improve" in case}
    assert marked | {"v2_unhandled: channel without a table is ignored"} == BETTER.keys()
    assert len(CASES) == 34


def test_tables() -> None:
    """The collections have the tables, names, keys and limits that users know; orders and positions have no limit."""
    assert EXCHANGE.stores == (BitgetV2DataStore, BitgetV3DataStore, BitgetDataStore)
    told = {
        collection: {
            name: (table.name, " ".join(table._KEYS), table._MAXLEN) for name, table in tables(collection()).items()
        }
        for collection in EXCHANGE.stores
    }
    assert told[BitgetV2DataStore] == {
        "ticker": ("ticker", "instType instId", 9999),
        "candle": ("candle", "instType instId granularity startTime", 9999),
        "book": ("book", "instType instId side price", None),
        "trade": ("trade", "instType instId tradeId", 99999),
        "account": ("account", "instType coin", 9999),
        "positions": ("positions", "instType instId posId", None),
        "fill": ("fill", "instType tradeId symbol", 99999),
        "orders": ("orders", "instType instId orderId", None),
        "orders_algo": ("orders-algo", "instType instId orderId", None),
        "positions_history": ("positions-history", "instType instId posId", 99999),
        "orders_crossed": ("orders-crossed", "instType instId orderId", None),
        "orders_isolated": ("orders-isolated", "instType instId orderId", None),
        "account_crossed": ("account-crossed", "instType coin", 9999),
        "account_isolated": ("account-isolated", "instType symbol coin", 9999),
    }
    assert told[BitgetV3DataStore] == {
        "ticker": ("ticker", "instType symbol", 9999),
        "kline": ("kline", "instType symbol interval startTime", 9999),
        "book": ("book", "instType symbol side price", None),
        "trade": ("publicTrade", "instType symbol i", 99999),
        "account": ("account", "instType", 9999),
        "position": ("position", "symbol posSide", None),
        "fill": ("fill", "execId", 99999),
        "order": ("order", "orderId", None),
    }
    assert told[BitgetDataStore] == {
        "trade": ("trade", "instId ts", 99999),
        "orderbook": ("orderbook", "instId side px", None),
        "ticker": ("ticker", "instId", 9999),
        "candlesticks": ("candlesticks", "instId interval ts", 9999),
        "account": ("account", "marginCoin", 9999),
        "orders": ("orders", "instId clOrdId", None),
        "positions": ("positions", "posId instId", None),
    }


# -- messages ------------------------------------------------------------------------------------------------------


def told(channel: str, *rows: Any, action: str = "snapshot", **arg: str) -> dict[str, Any]:
    head = {"instType": "USDT-FUTURES", "channel": channel, "instId": "default", **arg}
    return {"action": action, "arg": head, "data": list(rows), "ts": 1701842994341}


def order(number: int, status: str = "live", **more: Any) -> dict[str, Any]:
    return {"instId": "BTCUSDT", "orderId": str(number), "status": status, **more}


def listed(*rows: Any) -> dict[str, Any]:
    """Return an answer that lists rows."""
    return {"code": "00000", "msg": "success", "requestTime": 1695808949356, "data": list(rows)}


async def ask(store: Any, target: str, *rows: Any) -> None:
    """Initialize from an answer, in the form of its path."""
    answer: Any = listed(*rows)
    if "orders-pending" in target:
        answer["data"] = {"entrustedList": answer["data"], "endId": "1"}
    await store.initialize(respond("GET", f"{API}{target}", answer))


def idents(table: Any) -> list[str]:
    return [row["orderId"] for row in table]


@pytest.mark.parametrize(
    "message",
    [
        {"event": "error", "code": 30001, "msg": "channel doesn't exist", "arg": {"channel": "x"}},
        {"event": "error", "arg": [{"id": "a1", "channel": "place-order"}], "code": 43012, "msg": "Insufficient"},
        {"event": "trade", "arg": [{"id": "a1"}], "code": 43012, "msg": "Insufficient balance"},
        {"event": "login", "code": "30005"},
        {"event": "error"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("collection", STORES.values())
def test_refusals_are_one_warning(message: Any, collection: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What Bitget refuses is logged once, with the whole message."""
    collection().onmessage(message, FakeSocket())
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert repr(message) in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        {"event": "subscribe", "arg": {"channel": "ticker"}},
        {"event": "unsubscribe", "arg": {"channel": "ticker"}},
        {"event": "login", "code": "0"},
        *next(case for case in load(HERE / "frames" / "control.json") if case.get("kind") == "ws_order")["messages"],
        {"arg": {"channel": "ticker"}, "data": None},
        {"action": "snapshot", "arg": {"instType": "INSTRUMENT", "channel": "auction"}, "data": [{"stage": "none"}]},
        {"action": "snapshot", "arg": {"instType": "USDT-FUTURES", "channel": "equity"}, "data": [None]},
        {"action": "snapshot", "arg": {"instType": "UTA", "topic": "order"}, "data": [{"orderId": "1"}]},
        {"code": 5},
        {},
        [],
        "text",
        None,
    ],
    ids=lambda message: json.dumps(message)[:60],
)
def test_messages_without_a_table_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks, answers to orders, channels without a table and V3 change nothing and say nothing."""
    store = BitgetV2DataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


@pytest.mark.parametrize("channel", ["books5", "books15", "orderbook", "auction"])
def test_channels_that_v1_does_not_know(channel: str) -> None:
    """V1 has a table for the full book alone."""
    store = BitgetDataStore()
    store.onmessage(
        {"action": "snapshot", "arg": {"channel": channel, "instId": "A"}, "data": [{"asks": [], "bids": []}]}
    )
    assert not any(len(table) for table in tables(store).values())


def test_rows_are_copies() -> None:
    """The message stays as it is and the user's; instType is the first field of a row, its own value comes first."""
    store = BitgetV2DataStore()
    message = told("ticker", {"instId": "BTCUSDT", "lastPr": "1"}, {"instType": "SPOT", "instId": "BTCUSDT"})
    before = copy.deepcopy(message)
    store.onmessage(message)
    assert message == before
    message["data"][0]["lastPr"] = "2"
    assert [list(row.items()) for row in store.ticker] == [
        [("instType", "USDT-FUTURES"), ("instId", "BTCUSDT"), ("lastPr", "1")],
        [("instType", "SPOT"), ("instId", "BTCUSDT")],
    ]


def test_candles() -> None:
    """A candle may have fewer values, or more; a snapshot replaces its row, an update merges, others do nothing."""
    store = BitgetV2DataStore()
    head = {**USDT, "instId": "BTCUSDT", "granularity": "candle15m", "startTime": "1"}
    for action, values in (
        ("snapshot", ["1", "2", "3"]),
        ("update", ["1", "4", "5", "6", "7", "8", "9", "10", "11", "12"]),
        ("other", ["1", "0"]),
    ):
        store.onmessage(told("candle15m", values, action=action, instId="BTCUSDT"))
    rest = {"closePr": "7", "baseVolume": "8", "quoteVolume": "9", "usdtVolume": "10"}
    assert list(store.candle) == [{**head, "openPr": "4", "highPr": "5", "lowPr": "6", **rest}]
    store.onmessage(told("candle15m", ["1", "2"], instId="BTCUSDT"))
    assert list(store.candle) == [{**head, "openPr": "2"}]


def test_margin() -> None:
    """Orders and balances of cross and isolated margin have tables of their own."""
    store = BitgetV2DataStore()
    for channel, table in (("orders-crossed", store.orders_crossed), ("orders-isolated", store.orders_isolated)):
        for status in ("live", "partially_filled", "new"):
            store.onmessage(told(channel, {"orderId": "1", "status": status}, instType="MARGIN", instId="BTCUSDT"))
            assert list(table) == [{**MARGIN, "instId": "BTCUSDT", "orderId": "1", "status": status}]
        store.onmessage(told(channel, {"orderId": "1", "status": "cancelled"}, instType="MARGIN", instId="BTCUSDT"))
        assert not len(table)
    for row in ({"coin": "BTC", "borrow": "1"}, {"coin": "USDT"}, {"coin": "BTC", "frozen": "2"}):
        store.onmessage(told("account-crossed", row, instType="MARGIN", coin="default"))
        store.onmessage(told("account-isolated", {"symbol": "BTCUSDT", **row}, instType="MARGIN", coin="default"))
    assert list(store.account_crossed) == [
        {**MARGIN, "coin": "BTC", "borrow": "1", "frozen": "2"},
        {**MARGIN, "coin": "USDT"},
    ]
    assert [row["coin"] for row in store.account_isolated.find({"symbol": "BTCUSDT"})] == ["BTC", "USDT"]
    assert not len(store.account)


# -- orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["filled", "canceled", "cancelled"])
async def test_final_order(status: str) -> None:
    """A final order goes, however its end is spelled; unknown ones and unknown statuses change nothing."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(told("orders", order(1), order(2)), told("orders", order(1, "unheard"), order(3, "unheard")))
    assert list(watched.store["orders"]) == [{**USDT, **order(1)}, {**USDT, **order(2)}]
    watched.feed(told("orders", order(1, status), order(9, status)))
    assert idents(watched.store["orders"]) == ["2"]
    watched.feed(told("orders", order(3), order(3, status)))  # updates come before deletes
    assert idents(watched.store["orders"]) == ["2"]
    await watched.check()


PENDING, UNFILLED = "/api/v2/mix/order/orders-pending", "/api/v2/spot/trade/unfilled-orders"


async def test_futures_orders_from_an_answer() -> None:
    """An answer of futures is told as the stream tells orders."""
    store = BitgetV2DataStore()
    row = {
        "symbol": "ethusdt",
        "size": "100",
        "orderId": "123",
        "clientOid": "12321",
        "baseVolume": "12.1",
        "price": "1900",
        "priceAvg": "1903",
        "status": "partially_filled",
    }
    await ask(store, f"{PENDING}?productType=usdt-futures", row)
    assert list(store.orders) == [
        {
            **USDT,
            "instId": "ETHUSDT",
            "size": "100",
            "orderId": "123",
            "clientOid": "12321",
            "accBaseVolume": "12.1",
            "price": "1900",
            "priceAvg": "1903",
            "status": "partially_filled",
        }
    ]
    assert store.orders.state() == "live"


async def test_spot_orders_from_an_answer() -> None:
    """In an answer of spot ``priceAvg`` is the price of the order, ``basePrice`` that of its fills."""
    store = BitgetV2DataStore()
    row = {
        "symbol": "BTCUSDT",
        "orderId": "2222222",
        "priceAvg": "34829.12",
        "size": "1",
        "status": "new",
        "basePrice": "0",
        "baseVolume": "0.5",
    }
    await ask(store, UNFILLED, row)
    assert list(store.orders) == [
        {
            "instType": "SPOT",
            "instId": "BTCUSDT",
            "orderId": "2222222",
            "price": "34829.12",
            "size": "1",
            "status": "new",
            "priceAvg": "0",
            "accBaseVolume": "0.5",
        }
    ]


OLD = [
    told("orders", order(11), order(12, instId="ETHUSDT"), order(13), order(14, instId="ETHUSDT")),
    told("orders", order(21, instId="BTCUSD"), instType="COIN-FUTURES"),
    told("orders", order(31), order(32, instId="ETHUSDT"), instType="SPOT"),
]


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        (f"{PENDING}?productType=USDT-FUTURES", {11, 12, 13, 14}),
        (f"{PENDING}?productType=usdt-futures&symbol=btcusdt&limit=100", {11, 13}),
        (f"{PENDING}?productType=COIN-FUTURES&orderId=", {21}),
        (f"{PENDING}?productType=USDT-FUTURES&idLessThan=13", {11, 12}),
        (f"{PENDING}?productType=USDT-FUTURES&orderId=11", set()),
        (f"{PENDING}?productType=USDT-FUTURES&clientOid=x", set()),
        (f"{PENDING}?productType=USDT-FUTURES&status=live", set()),
        (f"{PENDING}?productType=USDT-FUTURES&startTime=5", set()),
        (f"{PENDING}?productType=USDT-FUTURES&endTime=5", set()),
        (UNFILLED, {31, 32}),
        (f"{UNFILLED}?symbol=ETHUSDT&tpslType=normal", {32}),
        (f"{UNFILLED}?idLessThan=32", {31}),
        (f"{UNFILLED}?tpslType=tpsl", set()),
        (f"{UNFILLED}?limit=0", {31, 32}),
    ],
)
async def test_answer_clears_what_it_covers(target: str, gone: set[int]) -> None:
    """An empty answer removes the open orders that the query asked for, and no other."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(*OLD)
    await ask(watched.store, target)
    assert {11, 12, 13, 14, 21, 31, 32} - {int(ident) for ident in idents(watched.store["orders"])} == gone
    await watched.check()


async def test_pages() -> None:
    """A full page says nothing of orders that are older than its last one; the next page does."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(*OLD)
    target = f"{PENDING}?productType=USDT-FUTURES&limit=2"
    await ask(watched.store, target, *({**order(n), "symbol": "BTCUSDT"} for n in (15, 13)))
    assert idents(watched.store["orders"].find(USDT)) == ["11", "12", "13", "15"]
    await ask(watched.store, f"{target}&idLessThan=13", {**order(12), "symbol": "ETHUSDT"})
    assert idents(watched.store["orders"].find(USDT)) == ["12", "13", "15"]
    await watched.check()


async def test_orders_without_a_number() -> None:
    """An order whose id is no number is covered by a whole list alone."""
    store = BitgetV2DataStore()
    store.onmessage(told("orders", order(11), {**order(0), "orderId": "x"}))
    await ask(store, f"{PENDING}?productType=USDT-FUTURES&limit=1", {**order(12), "symbol": "BTCUSDT"})
    assert idents(store.orders) == ["11", "x", "12"]
    await ask(store, f"{PENDING}?productType=USDT-FUTURES", {**order(12), "symbol": "BTCUSDT"})
    assert idents(store.orders) == ["12"]


async def test_answer_without_orders() -> None:
    """No open futures order is no list at all."""
    store = BitgetV2DataStore()
    store.onmessage(told("orders", order(1)))
    answer = {"code": "00000", "data": {"entrustedList": None, "endId": None}}
    await store.initialize(respond("GET", f"{API}{PENDING}?productType=USDT-FUTURES", answer))
    assert (len(store.orders), store.orders.state()) == (0, "live")


async def test_answer_with_final_orders() -> None:
    """An order that an answer calls final goes."""
    store = BitgetV2DataStore()
    store.onmessage(told("orders", order(1), order(2), instType="SPOT"))
    await ask(store, f"{UNFILLED}?orderId=1", {**order(1, "cancelled"), "symbol": "BTCUSDT"})
    assert idents(store.orders) == ["2"]


async def test_stop_orders_of_spot_are_no_orders() -> None:
    """An answer of take-profit and stop-loss orders is passed over, and makes nothing live."""
    store = BitgetV2DataStore()
    await ask(store, f"{UNFILLED}?tpslType=tpsl", {**order(1), "symbol": "BTCUSDT"})
    assert (len(store.orders), store.orders.state()) == (0, "stale")


async def test_the_stream_is_newer_than_an_answer() -> None:
    """What the stream says while the request is under way counts: a filled order stays away, a new one stays."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(told("orders", order(1), order(2)))

    async def slow() -> Any:
        watched.feed(told("orders", order(1, "filled"), order(3)))
        rows = [{**order(number), "symbol": "BTCUSDT"} for number in (2, 1)]
        answer = {"code": "00000", "data": {"entrustedList": rows}}
        return await respond("GET", f"{API}{PENDING}?productType=USDT-FUTURES", answer)

    await watched.store.initialize(slow())
    assert idents(watched.store["orders"]) == ["2", "3"]
    await watched.check()


# -- positions -----------------------------------------------------------------------------------------------------

ALL = "/api/v2/mix/position/all-position?productType=USDT-FUTURES"


def position(ident: str | None, symbol: str = "BTCUSDT", side: str = "long", **more: Any) -> dict[str, Any]:
    """Return a position: as the stream tells it, or without an id as an answer does."""
    name = {"symbol": symbol} if ident is None else {"posId": ident, "instId": symbol}
    return {**name, "marginCoin": "USDT", "holdSide": side, "total": "0.1", **more}


async def test_positions_of_one_product_type() -> None:
    """An empty list closes the positions of its type, of its instrument if it names one, and no others."""
    watched = Watched(BitgetV2DataStore)
    watched.feed(
        told("positions", position("1"), position("2", "ETHUSDT")),
        told("positions", position("3", "BTCUSD"), instType="COIN-FUTURES"),
        told("positions", position("4"), instType="USDC-FUTURES"),
    )
    for arg, left in (
        ({"instType": "USDC-FUTURES"}, ["1", "2", "3"]),
        ({"instId": "ETHUSDT"}, ["1", "3"]),
        ({}, ["3"]),
        ({"instType": "COIN-FUTURES"}, []),
    ):
        watched.feed(told("positions", **arg))
        assert [row["posId"] for row in watched.store["positions"]] == left
    await watched.check()


async def test_positions_from_an_answer() -> None:
    """A position that the stream has not told yet has its coin and its side for an id, until the stream tells it."""
    watched = Watched(BitgetV2DataStore)
    store: Any = watched.store
    row = position(None, locked="0.09", marginRatio="0.1", markPrice="25100")
    await ask(store, ALL, row, position(None, side="short"))
    head = {**USDT, "instId": "BTCUSDT", "marginCoin": "USDT"}
    more = {"total": "0.1", "frozen": "0.09", "marginRate": "0.1", "markPrice": "25100"}
    assert list(store.positions) == [
        {**head, "holdSide": "long", **more, "posId": "USDT long"},
        {**head, "holdSide": "short", "total": "0.1", "posId": "USDT short"},
    ]
    await ask(store, ALL, {**row, "total": "0.2"})
    assert list(store.positions) == [{**head, "holdSide": "long", **more, "total": "0.2", "posId": "USDT long"}]
    watched.feed(told("positions", position("7")))
    assert list(store.positions) == [{**USDT, **position("7")}]
    await watched.check()


async def test_answer_while_the_stream_tells_positions() -> None:
    """An answer changes nothing while a socket tells all positions, and is taken again once that is lost."""
    watched = Watched(BitgetV2DataStore)
    store: Any = watched.store

    async def slow() -> Any:
        watched.feed(told("positions"))  # closed meanwhile
        return await respond("GET", f"{API}{ALL}", listed(position(None)))

    await store.initialize(slow())
    assert (len(store.positions), store.positions.state()) == (0, "live")
    await ask(store, ALL.replace("USDT", "COIN"), position(None, "BTCUSD"))
    watched.feed(told("positions", position("7"), position("8", "ETHUSDT")))
    await ask(store, ALL)
    assert [row["posId"] for row in store.positions.find(USDT)] == ["7", "8"]
    watched.ws.lose()
    watched.ws = FakeSocket()
    await ask(store, ALL, position(None, total="0.3"))
    assert [(row["posId"], row["total"]) for row in store.positions.find(USDT)] == [("7", "0.3")]
    assert len(store.positions.find(COIN)) == 1
    await watched.check()


async def test_answer_for_one_margin_coin() -> None:
    """An answer for a margin coin leaves the positions of other coins; an id of the answer is taken."""
    store = BitgetV2DataStore()
    store.onmessage(told("positions", position("1"), {**position("2", "BTCPERP"), "marginCoin": "USDC"}))
    await ask(store, f"{ALL}&marginCoin=usdt", {**position(None, "ETHUSDT"), "posId": "3"})
    assert [row["posId"] for row in store.positions] == ["2", "3"]


# -- balances ------------------------------------------------------------------------------------------------------

ASSETS, ACCOUNTS = "/api/v2/spot/account/assets", "/api/v2/mix/account/accounts?productType="


def test_finding_balances() -> None:
    """A balance is found by its coin or margin coin; by the instType alone the first one is."""
    store = BitgetV2DataStore()
    spot, futures = {"instType": "SPOT"}, {**USDT, "marginCoin": "USDT", "available": "1"}
    store.onmessage(told("account", {"marginCoin": "USDT", "available": "1"}))
    store.onmessage(told("account", {"coin": "BTC"}, {"coin": "USDT", "available": "2"}, **spot))
    store.onmessage(told("account", {"coin": "USDT", "available": "3"}, **spot))
    account = store.account
    assert account.get({**spot, "coin": "USDT"}) == {**spot, "coin": "USDT", "available": "3"}
    assert account.get({**USDT, "marginCoin": "USDT"}) == account.get(USDT) == futures
    assert account.get(spot) == {**spot, "coin": "BTC"}
    assert account.get(COIN) is account.get({}) is account.get({**spot, "coin": "XRP"}) is None
    assert len(account.find(spot)) == 2
    assert account.find({"coin": "USDT"}) == account.find({**spot, "coin": "USDT"})
    assert account.find({**USDT, "coin": "USDT"}) == []
    assert account.find({**USDT, "marginCoin": "USDT"}) == [futures]


async def test_balances_from_answers() -> None:
    """Answers are told as the stream does, and replace what they cover."""
    watched = Watched(BitgetV2DataStore)
    store: Any = watched.store
    spot = {"instType": "SPOT"}
    watched.feed(
        told("account", {"coin": "BTC"}, {"coin": "XRP"}, **spot),
        told("account", {"marginCoin": "BTC"}, {"marginCoin": "ETH"}, instType="COIN-FUTURES"),
    )
    row = {"coin": "USDT", "available": "19.1", "frozen": "7", "locked": "0", "uTime": "1"}
    await ask(store, f"{ASSETS}?coin=usdt", row)
    assert [row.get("coin") for row in store.account.find(spot)] == ["BTC", "XRP", "USDT"]
    await ask(store, f"{ASSETS}?coin=XRP")
    assert store.account.find(spot) == [{**spot, "coin": "BTC"}, {**spot, **row}]
    await ask(store, ASSETS, row)
    assert store.account.find(spot) == [{**spot, **row}]
    account = {"marginCoin": "ETH", "locked": "1", "available": "2", "crossedMaxAvailable": "3", "accountEquity": "4"}
    await ask(store, f"{ACCOUNTS}coin-futures", account)
    told_so = {"marginCoin": "ETH", "frozen": "1", "available": "2", "maxOpenPosAvailable": "3", "equity": "4"}
    assert store.account.find(COIN) == [{**COIN, **told_so}]
    await watched.check()


# -- answers -------------------------------------------------------------------------------------------------------

FOUND: dict[str, tuple[str, Any]] = {
    f"{UNFILLED}?symbol=BTCUSDT": ("orders", {**order(1), "symbol": "BTCUSDT"}),
    f"{PENDING}?productType=USDT-FUTURES": ("orders", {**order(1), "symbol": "BTCUSDT"}),
    ALL: ("positions", position(None)),
    ASSETS: ("account", {"coin": "BTC"}),
    f"{ACCOUNTS}USDT-FUTURES": ("account", {"marginCoin": "USDT"}),
}


def test_every_answer_is_tested() -> None:
    """Each path that fills a table is among these."""
    assert {target.partition("?")[0]: table for target, (table, _) in FOUND.items()} == BitgetV2DataStore._RESPONSES


@pytest.mark.parametrize("target", FOUND)
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "maintenance",
        {"code": "40009", "msg": "sign signature error", "data": None},
        {"code": 45001, "data": []},
        {"code": "x", "data": []},
        {"code": "00000"},
        {"code": "00000", "data": None},
        {"code": "00000", "data": {"entrustedList": [None]}},
        {"code": "00000", "data": {"entrustedList": [{}]}},
        {"code": "00000", "data": [None]},
        {"code": "00000", "data": [{}]},
        {"code": "00000", "data": {}},
    ],
    ids=repr,
)
async def test_answer_that_cannot_be_used(target: str, data: Any) -> None:
    """A refusal, or an answer of another form, raises and leaves the rows."""
    watched = Watched(BitgetV2DataStore)
    name, row = FOUND[target]
    await ask(watched.store, target, row)
    before = copy.deepcopy(list(watched.store[name]))
    with pytest.raises(InitializeError, match="Response error at DataStore initialization") as caught:
        await watched.store.initialize(respond("GET", f"{API}{target}", data))
    assert caught.value.url == f"{API}{target.partition('?')[0]}"
    assert list(watched.store[name]) == before != []
    await watched.check()


async def test_answer_without_a_product_type() -> None:
    """An answer that cannot be placed raises."""
    with pytest.raises(InitializeError):
        await ask(BitgetV2DataStore(), PENDING, {**order(1), "symbol": "BTCUSDT"})


async def test_orders_of_v1() -> None:
    """An answer of V1 for a symbol replaces the orders of that symbol; a missing code is none."""
    [case, _] = load(HERE / "responses" / "v1_initialize.json")
    watched = Watched(BitgetDataStore)
    rows = [{"instId": name, "clOrdId": "x", "status": "new"} for name in ("BTCUSDT_UMCBL", "ETHUSDT_UMCBL")]
    watched.feed(told("orders", *rows, instType="UMCBL"))
    [pair] = case["initialize"]
    answer = {name: value for name, value in pair["response"].items() if name != "code"}
    await watched.store.initialize(respond("GET", pair["request"]["url"], answer))
    assert list(watched.store["orders"]) == [rows[1], *case["expect"]["orders"]]
    await watched.store.initialize(respond("GET", f"{API}/api/mix/v1/order/history", answer))  # read and ignored
    await watched.check()


@pytest.mark.parametrize("zero", [0, "0", 0.0, "0.000"])
def test_closed_position_of_v1(zero: Any) -> None:
    """A position with nothing in it goes, however that is written."""
    store = BitgetDataStore()
    row = {"posId": "1", "instId": "ETHUSDT_UMCBL", "total": "0.1"}
    store.onmessage(told("positions", row))
    assert list(store.positions) == [row]
    store.onmessage(told("positions", {**row, "total": zero}))
    assert len(store.positions) == 0


# -- damaged messages ----------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, -1, float("nan"), "", "x", [], {}, [None], [[1]], {"x": 1}, ...]
FILES = {
    "BitgetV2DataStore": "ticker candle trade account positions fill orders orders-algo positions-history",
    "BitgetDataStore": "trade ticker candle account orders positions",
}
MANY = [(name, file) for name, files in FILES.items() for file in files.split()]
LOOKED_AT = {
    "instId",
    "tradeId",
    "symbol",
    "orderId",
    "clOrdId",
    "posId",
    "status",
    "total",
    "coin",
    "marginCoin",
    0,
    1,
}


def short(row: Any) -> Any:
    """Return a row with the fields that somebody looks at, and a few others."""
    if not isinstance(row, dict):
        return row
    return {field: value for place, (field, value) in enumerate(row.items()) if place < 3 or field in LOOKED_AT}


@pytest.mark.parametrize(("name", "file"), MANY)
def test_damaged_messages(name: str, file: str, caplog: pytest.LogCaptureFixture) -> None:
    """With any value missing or replaced by junk nothing raises; a message that is logged has changed nothing."""
    logged, prefix = 0, "v2" if name == "BitgetV2DataStore" else "v1"
    message = next(each for each in sample(f"{prefix}_{file}")["messages"] if each["data"])
    message = {**message, "data": [short(row) for row in message["data"][:2]]}
    for place in [place for place in places(message) if len(place) < 4 or place[3] in LOOKED_AT]:
        for junk in JUNK:
            caplog.clear()
            store = STORES[name]()
            store.onmessage(damaged(message, place, junk), FakeSocket())
            filled = [table for table in tables(store).values() if len(table)]
            if caplog.records:
                logged += 1
                assert filled == []
            store.onmessage(message, FakeSocket())
            for table in tables(store).values():
                table._check()
            assert any(len(table) for table in tables(store).values())
    assert logged > 10
