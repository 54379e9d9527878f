"""The tables of OKJ but for the books: the protocol sample set, what answers may clear, damaged messages."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.okj import EXCHANGE, OKJDataStore

HERE = Path(__file__).parent
FILES = [
    *sorted(HERE.glob("frames/*.json")),
    HERE / "responses/v3_initialize.json",
    HERE / "responses/v5_initialize.json",
]
CASES = [(path.stem, case) for path in FILES for case in load(path) if "expect" in case]
ERRORS = [(path.stem, case) for path in sorted(HERE.glob("responses/*_rest_errors.json")) for case in load(path)]
LOGGER = "topgun.exchanges.okj"

# -- the sample set ------------------------------------------------------------------------------------------------


def unordered(rows: list[Any]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
async def test_samples(name: str, case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Each case of the sample set ends in exactly its rows and sorted views; only an error of OKJ is logged."""
    watched = Watched(OKJDataStore, case["url"])
    for step in case.get("steps", []):
        asked = step["rest"]["request"]
        await watched.store.initialize(respond(asked["method"], asked["url"], step["rest"]["response"]))
    watched.feed(*[message for message in case.get("messages", []) if message != "pong"])
    await watched.check()
    for attribute, table in tables(watched.store).items():
        rows, expected = list(table), case["expect"].get(attribute, [])
        assert rows == expected if not table._KEYS else unordered(rows) == unordered(expected), attribute
    for view in case.get("expect_sorted", []):
        table: Any = tables(watched.store)[view["store_attribute"]]
        assert table.sorted(view["query"], view["limit"]) == view["result"]
    errors = [message for message in case.get("messages", []) if message != "pong" and message.get("event") == "error"]
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")] * len(errors)
    for message in errors:
        assert repr(message) in caplog.text


def test_every_sample_is_played() -> None:
    """No case of the sample set is left out but those of the logins, which test_stream plays."""
    assert len(CASES) == 20
    assert {path.stem for path in FILES} - {name for name, _ in CASES} == {
        "v3_login", "v3_login_nack", "v5_login", "v5_login_nack",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "case"), ERRORS, ids=[f"{name} {each['request']['url'][-25:]}" for name, each in ERRORS]
)
async def test_sample_errors(name: str, case: dict[str, Any]) -> None:
    """An answer that reports a failure raises, with its text; one without a table is passed over."""
    store = OKJDataStore()
    request, response = case["request"], case["response"]
    reply = respond(request["method"], request["url"], response)
    if response.get("code", "0") in ("0", 0):
        await store.initialize(reply)
    else:
        with pytest.raises(InitializeError, match=response.get("msg") or response["message"]) as caught:
            await store.initialize(reply)
        assert caught.value.data == response
    assert not any(len(table) for table in tables(store).values())


def test_tables() -> None:
    """The collection has these tables, names, keys and limits; books and open orders have no limit."""
    store = OKJDataStore()
    assert EXCHANGE.stores == (OKJDataStore,)
    assert {name: (list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == {
        "instruments": (["instId"], 9999),
        "tickers": (["instId"], 9999),
        "candle": (["channel", "instId", "ts"], 99999),
        "trades": ([], 99999),
        "price_limit": (["instId"], 9999),
        "books": (["instId", "side", "px"], None),
        "bbo": (["instId", "side"], 9999),
        "account": ([], 1),
        "balance": (["ccy"], 9999),
        "orders": (["ordId"], None),
        "orders_algo": (["algoId"], None),
        "v3_ticker": (["instrument_id"], 9999),
        "v3_trade": ([], 99999),
        "v3_candle": (["table", "instrument_id", "timestamp"], 99999),
        "v3_depth": (["instrument_id", "side", "price"], None),
        "v3_account": (["currency"], 9999),
        "v3_order": (["order_id"], None),
        "v3_order_algo": (["algo_id"], None),
    }
    assert all(table.name == name and store[name] is table for name, table in tables(store).items())


def test_second_names() -> None:
    """The spellings of the same tables elsewhere lead to the same tables."""
    store = OKJDataStore()
    assert store["orders-algo"] is store.ordersalgo is store.orders_algo is store["orders_algo"]
    assert store["price-limit"] is store.pricelimit is store.price_limit is store["price_limit"]
    assert "orders-algo" in store


# -- messages ------------------------------------------------------------------------------------------------------


def v5(channel: str, *rows: Any, **arg: Any) -> dict[str, Any]:
    return {"arg": {"channel": channel, **arg}, "data": list(rows)}


def v3(name: str, *rows: Any) -> dict[str, Any]:
    return {"table": f"spot/{name}", "data": list(rows)}


def order(number: int, state: str = "live", instrument: str = "BTC-JPY", kind: str = "limit", **more: Any) -> Any:
    return {"ordId": f"o-{number}", "state": state, "instType": "SPOT", "instId": instrument, "ordType": kind, **more}


def order3(number: int, state: str = "0", instrument: str = "BTC-JPY") -> dict[str, Any]:
    return {"order_id": f"o-{number}", "state": state, "instrument_id": instrument}


def told(store: OKJDataStore, *messages: Any) -> OKJDataStore:
    for message in messages:
        store.onmessage(message)
    return store


def test_price_limits_and_instruments() -> None:
    """Each instrument has one row, whose fields come as they are told."""
    rows = [
        {"instId": "BTC-JPY", "buyLmt": "2"},
        {"instId": "ETH-JPY", "buyLmt": "3"},
        {"instId": "BTC-JPY", "ts": "1"},
    ]
    for channel in ("price-limit", "instruments"):
        store = told(OKJDataStore(), *(v5(channel, row, instId=row["instId"]) for row in rows))
        table = store[channel]
        assert list(table) == [{"instId": "BTC-JPY", "buyLmt": "2", "ts": "1"}, {"instId": "ETH-JPY", "buyLmt": "3"}]


def test_candles_of_every_length() -> None:
    """Channel and instrument are part of the key; positions that are missing at the end are left out."""
    store = told(
        OKJDataStore(),
        v5("candle1m", ["1", "2", "3", "1", "2", "9"], instId="BTC-JPY"),
        v5("candle1Dutc", ["1", "2"], ["2", "5"], instId="BTC-JPY"),
    )
    assert list(store.candle) == [
        {"channel": "candle1m", "instId": "BTC-JPY", "ts": "1", "o": "2", "h": "3", "l": "1", "c": "2", "vol": "9"},
        {"channel": "candle1Dutc", "instId": "BTC-JPY", "ts": "1", "o": "2"},
        {"channel": "candle1Dutc", "instId": "BTC-JPY", "ts": "2", "o": "5"},
    ]
    for length in (60, 604800):
        store.onmessage(v3(f"candle{length}s", {"candle": ["1", "2"], "instrument_id": "BTC-JPY"}))
    assert [(row["table"], row["open"]) for row in store.v3_candle] == [
        ("spot/candle60s", "2"),
        ("spot/candle604800s", "2"),
    ]


def test_best_prices_of_an_empty_side() -> None:
    """A side that has nobody loses its row; other instruments keep theirs."""
    level = ["1", "2", "0", "1"]
    store = told(
        OKJDataStore(),
        v5("bbo-tbt", {"asks": [level], "bids": [level]}, instId="ETH-JPY"),
        v5("bbo-tbt", {"asks": [level], "bids": [level]}, instId="BTC-JPY"),
        v5("bbo-tbt", {"asks": [], "bids": [level]}, instId="BTC-JPY"),
    )
    assert [(row["instId"], row["side"]) for row in store.bbo] == [
        ("ETH-JPY", "asks"), ("ETH-JPY", "bids"), ("BTC-JPY", "bids"),
    ]  # fmt: skip


def test_balance_from_both_channels() -> None:
    """What one channel tells of a currency is merged with what the other has told."""
    store = told(
        OKJDataStore(),
        v5("account", {"totalEq": "9", "details": [{"ccy": "JPY", "cashBal": "5", "availBal": "4"}]}),
        v5("balance_and_position", {"balData": [{"ccy": "JPY", "cashBal": "6"}, {"ccy": "BTC", "cashBal": "1"}]}),
        v5("account", {"totalEq": "8"}),
    )
    assert list(store.account) == [{"totalEq": "8"}]
    assert list(store.balance) == [{"ccy": "JPY", "cashBal": "6", "availBal": "4"}, {"ccy": "BTC", "cashBal": "1"}]


@pytest.mark.parametrize("state", ["filled", "canceled", "mmp_canceled", "unheard"])
async def test_orders_v5(state: str) -> None:
    """Live and partly filled orders are kept and merged; any other state ends one, element by element."""
    watched = Watched(OKJDataStore)
    watched.feed(v5("orders", order(1, px="7"), order(2), order(1, "partially_filled")))
    assert list(watched.store.orders) == [order(1, "partially_filled", px="7"), order(2)]
    watched.feed(v5("orders", order(1, state), order(4, state), order(3), order(2, state)))
    assert list(watched.store.orders) == [order(3)]
    changes = (await watched.check())["orders"]
    assert [change.source["state"] for change in changes if change.operation == "delete"] == [state, state]


ENDS = [
    *(
        ("orders", v5("orders", order(1)), v5("orders", order(1, end)))
        for end in ("filled", "canceled", "mmp_canceled")
    ),
    *(
        ("orders_algo", *(v5("orders-algo", {"algoId": "1", "state": state}) for state in ("live", end)))
        for end in ("effective", "canceled", "order_failed", "partially_failed")
    ),
    *(("v3_order", v3("order", order3(1)), v3("order", order3(1, end))) for end in ("2", "-1", "-2")),
    *(
        ("v3_order_algo", *(v3("order_algo", {"algo_id": "1", "status": status}) for status in ("1", end)))
        for end in "236"
    ),
]
LISTS = {"orders": "orders-pending", "orders_algo": "orders-algo-pending"}


@pytest.mark.parametrize(("name", "begin", "end"), ENDS)
@pytest.mark.parametrize("known", [True, False])
async def test_what_is_over_never_comes_back(name: str, begin: Any, end: Any, known: bool) -> None:
    """Neither by a message of another socket, which comes late, nor by an answer that was slow to learn of the end."""
    store = told(OKJDataStore(), *([begin] if known else []), end, begin)
    assert list(store[name]) == []
    if name in LISTS:
        await ask(store, f"{V5}/api/v5/trade/{LISTS[name]}", *begin["data"])
        assert list(store[name]) == []


def test_only_so_many_ended_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of what has ended has a limit; the oldest are forgotten."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = told(OKJDataStore(), v5("orders", *(order(number, "filled") for number in (1, 2, 3))))
    store.onmessage(v5("orders", order(1), order(2), order(3)))
    assert list(store.orders) == [order(1)]


@pytest.mark.parametrize(
    ("state", "is_open"), [(each, each in "0 1 3 4".split()) for each in "-2 -1 0 1 2 3 4 9".split()]
)
def test_orders_v3(state: str, is_open: bool) -> None:
    """Open, partly filled, being placed, being cancelled: those are kept."""
    store = told(OKJDataStore(), v3("order", order3(1), order3(2)), v3("order", order3(1, state)))
    assert list(store.v3_order) == ([order3(1, state), order3(2)] if is_open else [order3(2)])


@pytest.mark.parametrize("state", ["live", "pause", "partially_effective", "effective", "canceled", "order_failed"])
def test_algo_orders_v5(state: str) -> None:
    """Those that wait or are at work are kept."""
    store = told(OKJDataStore(), v5("orders-algo", {"algoId": "1", "state": "live"}, {"algoId": "2", "state": "live"}))
    store.onmessage(v5("orders-algo", {"algoId": "1", "state": state}))
    assert len(store.orders_algo) == (2 if state in ("live", "pause", "partially_effective") else 1)


@pytest.mark.parametrize("status", "1 2 3 4 5 6".split())
def test_algo_orders_v3(status: str) -> None:
    """Pending, partly effective and paused ones are kept."""
    store = told(OKJDataStore(), v3("order_algo", {"algo_id": "1", "status": "1"}, {"algo_id": "2", "status": "1"}))
    store.onmessage(v3("order_algo", {"algo_id": "1", "status": status}))
    assert len(store.v3_order_algo) == (2 if status in "145" else 1)


@pytest.mark.parametrize(
    "message",
    [
        {"event": "subscribe", "arg": {"channel": "books", "instId": "BTC-JPY"}, "connId": "1"},
        {"event": "subscribe", "channel": "spot/depth:BTC-JPY"},
        {"event": "unsubscribe"},
        {"event": "login", "code": "0"},
        {"event": "channel-conn-count", "channel": "orders", "connCount": "1"},
        {"id": "1", "op": "order", "code": "0", "data": [{"ordId": "1", "sCode": "0"}]},
        v5("funding-rate", {"instId": "BTC-JPY"}),
        v5("mark-price", {"instId": "BTC-JPY"}),
        v3("nothing", {"instrument_id": "BTC-JPY"}),
        {"arg": {"channel": "orders"}},
        {},
        [],
        "pong",
        None,
    ],
    ids=repr,
)
def test_messages_without_data_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks, and channels without a table, change nothing and say nothing."""
    store = told(OKJDataStore(), message)
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


@pytest.mark.parametrize(
    "message",
    [
        {"event": "error", "code": "60018", "msg": "Wrong URL or channel"},
        {"event": "error", "message": "Channel spot/nope doesn't exist", "errorCode": 30040},
        {"id": "1", "op": "order", "code": "1", "data": [{"sCode": "51008"}], "msg": ""},
    ],
)
def test_refusals_are_one_warning(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What OKJ refuses is logged once, with the whole message."""
    told(OKJDataStore(), message)
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert repr(message) in caplog.text


def test_rows_are_copies() -> None:
    """No row changes with the message, nor the message with the row."""
    message = v5("orders", order(1))
    store = told(OKJDataStore(), message)
    message["data"][0]["px"] = "4"
    assert list(store.orders) == [order(1)]


# -- answers -------------------------------------------------------------------------------------------------------

V5, V3 = "https://api.okj.com", "https://www.okj.com"


async def ask(store: OKJDataStore, url: str, *rows: Any) -> None:
    data: Any = list(rows) if "/v3/" in url else {"code": "0", "msg": "", "data": list(rows)}
    await store.initialize(respond("GET", url, data))


def numbers(table: Any, key: str = "ordId") -> list[int]:
    return [int(row[key][2:]) for row in table]


OLD = [order(1), order(2, kind="post_only"), order(3, instrument="ETH-JPY"), order(4, "partially_filled", kind="ioc")]


@pytest.mark.parametrize(
    ("query", "gone"),
    [
        ("", [1, 2, 3, 4]),
        ("?instType=SPOT", [1, 2, 3, 4]),
        ("?instType=MARGIN", []),
        ("?instId=BTC-JPY&limit=100", [1, 2, 4]),
        ("?instId=", [1, 2, 3, 4]),
        ("?ordType=post_only,ioc", [2, 4]),
        ("?instId=ETH-JPY&ordType=post_only", []),
        ("?state=live", []),
        ("?after=o-3", []),
        ("?before=o-3", []),
        ("?instFamily=BTC-JPY", []),
        ("?limit=0", []),
    ],
)
async def test_answer_clears_what_it_covers(query: str, gone: list[int]) -> None:
    """An answer removes the open orders that it would have listed, and no other."""
    watched = Watched(OKJDataStore)
    watched.feed(v5("orders", *OLD))
    await ask(watched.store, f"{V5}/api/v5/trade/orders-pending{query}")
    assert numbers(watched.store.orders) == [number for number in (1, 2, 3, 4) if number not in gone]
    await watched.check()


async def test_answer_keeps_what_it_lists() -> None:
    """Orders that are listed stay in their place, with what the answer says; only those that are over go."""
    watched = Watched(OKJDataStore)
    watched.feed(v5("orders", *OLD))
    await ask(
        watched.store,
        f"{V5}/api/v5/trade/orders-pending",
        order(3, instrument="ETH-JPY", px="9"),
        order(9),
        order(1, "filled"),
    )
    assert list(watched.store.orders) == [order(3, instrument="ETH-JPY", px="9"), order(9)]
    changes = (await watched.check())["orders"]
    assert [change.data["ordId"] for change in changes if change.operation == "delete"] == ["o-2", "o-4", "o-1"]


async def test_a_full_page_clears_nothing() -> None:
    """Behind a full page there may be more."""
    store = told(OKJDataStore(), v5("orders", *OLD), v3("order", order3(1), order3(2, instrument="ETH-JPY")))
    await ask(store, f"{V5}/api/v5/trade/orders-pending?limit=2", order(7), order(8))
    assert numbers(store.orders) == [1, 2, 3, 4, 7, 8]
    await ask(store, f"{V5}/api/v5/trade/orders-pending", *(order(number) for number in range(100, 200)))
    assert len(store.orders) == 106
    await ask(store, f"{V5}/api/v5/trade/orders-pending?limit=2", order(7), order(8, "filled"))
    assert len(store.orders) == 105
    await ask(store, f"{V3}/api/spot/v3/orders_pending?instrument_id=BTC-JPY&limit=1", order3(5))
    assert numbers(store.v3_order, "order_id") == [1, 2, 5]
    await ask(store, f"{V3}/api/spot/v3/orders_pending?instrument_id=BTC-JPY", order3(5))
    assert numbers(store.v3_order, "order_id") == [2, 5]


async def test_algo_orders_that_are_asked_for() -> None:
    """They are asked for by type."""
    kinds = {"1": "conditional", "2": "oco", "3": "conditional"}
    rows = [{"algoId": name, "state": "live", "ordType": kind} for name, kind in kinds.items()]
    store = told(OKJDataStore(), v5("orders-algo", *rows))
    await ask(store, f"{V5}/api/v5/trade/orders-algo-pending?ordType=conditional", rows[2])
    assert list(store.orders_algo) == rows[1:]


async def test_currencies_that_are_asked_for() -> None:
    """An answer for all currencies takes those away that it does not list; one for some only those."""
    held = [{"ccy": name, "cashBal": "1"} for name in ("JPY", "BTC", "ETH")]
    store = told(OKJDataStore(), v5("account", {"details": held}))
    await ask(store, f"{V5}/api/v5/account/balance?ccy=BTC,JPY", {"totalEq": "3", "details": held[:1]})
    assert [row["ccy"] for row in store.balance] == ["JPY", "ETH"]
    await ask(store, f"{V5}/api/v5/account/balance", {"totalEq": "2", "details": held[1:2]})
    assert [row["ccy"] for row in store.balance] == ["BTC"]
    assert list(store.account) == [{"totalEq": "2"}]
    store.onmessage(v3("account", {"currency": "JPY", "hold": "1"}, {"currency": "BTC", "hold": "1"}))
    await ask(store, f"{V3}/api/spot/v3/accounts", {"currency": "BTC", "hold": "2"})
    assert list(store.v3_account) == [{"currency": "BTC", "hold": "2"}]


async def test_the_newer_account_stays() -> None:
    """An answer that was made before the last message does not replace it."""
    store = told(OKJDataStore(), v5("account", {"uTime": "1790133500002", "totalEq": "2", "details": []}))
    for time, total in (("1790133500001", "2"), ("1790133500002", "3"), ("1790133500003", "3")):
        await ask(store, f"{V5}/api/v5/account/balance", {"uTime": time, "totalEq": "3", "details": []})
        assert [row["totalEq"] for row in store.account] == [total]


async def test_one_ticker_and_all() -> None:
    """One ticker leaves the others alone."""
    store = OKJDataStore()
    rows = [{"instType": "SPOT", "instId": name, "last": "1"} for name in ("BTC-JPY", "ETH-JPY")]
    await ask(store, f"{V5}/api/v5/market/tickers?instType=SPOT", *rows)
    await ask(store, f"{V5}/api/v5/market/ticker?instId=BTC-JPY", {**rows[0], "last": "2"})
    assert [row["last"] for row in store.tickers] == ["2", "1"]


@pytest.mark.parametrize(("first", "then"), [("live", "filled"), ("unheard", "live")])
async def test_the_stream_is_newer_than_an_answer_under_way(first: str, then: str) -> None:
    """An order that ends while the list is on its way does not come back, one that is placed meanwhile does not go."""
    watched = Watched(OKJDataStore)
    watched.feed(v5("orders", order(1, first)))
    arrives = asyncio.Event()

    async def slowly() -> Any:
        await arrives.wait()
        listed = [order(1)] if first == "live" else []
        return await respond("GET", f"{V5}/api/v5/trade/orders-pending", {"code": "0", "data": listed})

    asking = asyncio.create_task(watched.store.initialize(slowly()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watched.feed(v5("orders", order(1, then)))
    arrives.set()
    await asking
    assert numbers(watched.store.orders) == ([] if then == "filled" else [1])
    await watched.check()


async def test_states_of_tables_that_are_asked_for() -> None:
    """Orders and balances are stale until they are asked for, and again when the connection is lost."""
    watched = Watched(OKJDataStore)
    store, names = watched.store, ("account", "balance", "orders", "v3_order")
    watched.feed(v5("orders", order(1)), v5("account", {"details": [{"ccy": "JPY"}]}))
    assert [store[name].state() for name in names] == ["stale"] * 4
    await ask(store, f"{V5}/api/v5/trade/orders-pending", order(1))
    await ask(store, f"{V5}/api/v5/account/balance", {"details": [{"ccy": "JPY"}]})
    assert [store[name].state() for name in names] == ["live"] * 3 + ["stale"]
    watched.ws.lose()
    assert [store[name].state() for name in names] == ["stale"] * 4
    assert numbers(store.orders) == [1]


PATHS = {
    f"{V5}/api/v5/trade/orders-pending": ("orders", order(1)),
    f"{V5}/api/v5/trade/orders-algo-pending": ("orders_algo", {"algoId": "1", "state": "live"}),
    f"{V5}/api/v5/account/balance": ("balance", {"totalEq": "1", "details": [{"ccy": "JPY"}]}),
    f"{V5}/api/v5/market/tickers": ("tickers", {"instId": "BTC-JPY"}),
    f"{V5}/api/v5/public/instruments": ("instruments", {"instId": "BTC-JPY"}),
    f"{V3}/api/spot/v3/orders_pending": ("v3_order", order3(1)),
    f"{V3}/api/spot/v3/accounts": ("v3_account", {"currency": "JPY"}),
}


@pytest.mark.parametrize("url", PATHS)
@pytest.mark.parametrize(
    "data",
    [
        *(None, "maintenance", {}, {"code": "50011", "msg": "Too Many Requests", "data": []}, {"code": 0, "data": []}),
        *({"code": "0"}, {"code": "0", "data": None}, {"code": "0", "data": [None]}, {"code": "0", "data": {}}),
        *([None], [{}], {"code": 30013, "message": "Invalid Sign"}, {"error_code": "33014", "result": False}),
    ],
    ids=repr,
)
async def test_answer_that_cannot_be_used(url: str, data: Any) -> None:
    """A refusal, or an answer of another form, raises and leaves the rows; a good answer beside it is applied."""
    name, row = PATHS[url]
    store = OKJDataStore()
    await ask(store, url, row)
    before = copy.deepcopy(list(store[name]))
    good = respond("GET", f"{V5}/api/v5/market/ticker?instId=ETH-JPY", {"code": "0", "data": [{"instId": "ETH-JPY"}]})
    with pytest.raises(InitializeError, match="Response error at DataStore initialization"):
        await store.initialize(respond("GET", url, data), good)
    assert [each for each in store[name] if each != {"instId": "ETH-JPY"}] == before != []
    assert store.tickers.get({"instId": "ETH-JPY"})


# -- damaged messages ----------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, -1, 1e400, "", "x", [], {}, [None], [[1]], {"x": 1}, ...]
BEST = ["13643522", "0.03682508", "0", "2"]
SOUND = [
    v5("trades", {"instId": "BTC-JPY", "px": "2"}, instId="BTC-JPY"),
    v5("tickers", {"instId": "BTC-JPY", "last": "1"}, instId="BTC-JPY"),
    v5("candle1m", ["1", "2"], ["2", "3"], instId="BTC-JPY"),
    v5("bbo-tbt", {"asks": [BEST], "bids": [BEST]}, instId="BTC-JPY"),
    v5("account", {"totalEq": "1", "details": [{"ccy": "JPY"}, {"ccy": "BTC"}]}),
    v5("orders", order(1), order(2, "filled")),
    v3("ticker", {"instrument_id": "BTC-JPY", "last": "1"}),
    v3("candle60s", {"candle": ["1", "2"], "instrument_id": "BTC-JPY"}),
    v3("account", {"currency": "JPY"}),
    v3("order", order3(1), order3(2, "2"), order3(3)),
    v3("order_algo", {"algo_id": "1", "status": "1"}),
]


@pytest.mark.parametrize("message", SOUND, ids=lambda message: json.dumps(message)[:60])
async def test_damaged_messages(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """With any value missing or replaced by junk nothing raises; a table whose message is logged has not changed."""
    logged = 0
    for place in places(message):
        for junk in JUNK:
            caplog.clear()
            watched = Watched(OKJDataStore)
            watched.feed(damaged(message, place, junk))
            changes = await watched.check()
            for record in caplog.records:
                logged += 1
                name = record.getMessage().partition(":")[0]
                assert not changes.get(name)
            watched.feed(message)
            await watched.check()
            assert any(len(table) for table in tables(watched.store).values())
    assert logged > 10


def test_unsubscribed_without_books() -> None:
    """An unsubscription of what is no book changes nothing."""
    store, ws = OKJDataStore(), FakeSocket()
    store.onmessage({"event": "unsubscribe", "arg": {"channel": "trades", "instId": "BTC-JPY"}}, ws)
    assert len(store.books.status) == 0
