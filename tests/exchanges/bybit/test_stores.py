"""The tables of Bybit but for the book: the protocol sample set, every deliberate difference, damaged messages."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges.bybit import EXCHANGE, BybitDataStore

if TYPE_CHECKING:
    from topgun.store import StoreChange

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
API = "https://api.bybit.com/v5"
LOGGER = "topgun.exchanges.bybit"

# -- the sample set ------------------------------------------------------------------------------------------------

# What must come of the steps whose ``expect`` says what topgun must not do: rows, and how many warnings.
BETTER: dict[tuple[str, int], tuple[dict[str, Any], int]] = {
    ("acks", 7): ({}, 2),  # a refusal on a trade socket is one warning each
    ("orderbook_rpi_full", 0): ({}, 0),  # neither of these books is the one in `orderbook`
    ("orderbook_rpi_full", 1): ({}, 0),
    ("orderbook_zero_forms", 1): (load(HERE / "frames" / "orderbook_zero_forms.json")[1]["expect_topgun"], 0),
    **{("topics_without_store", number): ({}, 0) for number in range(4)},  # ignored, without a word
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_samples(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each step of a file of the sample set ends in exactly its rows, sorted views, changes and warnings."""
    steps = load(path)
    watched, sockets = Watched(BybitDataStore), dict[str, FakeSocket]()
    for number, step in enumerate(steps):
        if not step.get("continue"):
            watched, sockets = Watched(BybitDataStore), {}
        url = step.get("url", "")
        watched.ws = sockets.setdefault(url, FakeSocket(url))
        caplog.clear()
        await feed(watched, step)
        changes = await watched.check()

        rows, warnings = step["expect"], len(step.get("expect_log", []))
        if step.get("compat") is False:
            rows, warnings = BETTER[path.stem, number]
        assert {name: list(table) for name, table in tables(watched.store).items()} == in_full(rows, watched.store)
        assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")] * warnings
        if step.get("compat") is not False:
            for name, view in step.get("expect_sorted", {}).items():
                assert tables(watched.store)[name].sorted() == view  # type: ignore[attr-defined]  # a book
        if "expect_changes" in step:
            told = {name: [vars_of(change) for change in made] for name, made in changes.items()}
            expected = in_full(step["expect_changes"], watched.store)
            expected["orderbook"] = asks_first(expected["orderbook"])
            assert told == expected


async def feed(watched: Watched, step: dict[str, Any]) -> None:
    watched.feed(*step.get("messages", []))
    if "request" in step:
        reply = respond(step["request"]["method"], step["request"]["url"], step["response"])
        refused = step.get("pybotters_raises", [])
        if refused:
            with pytest.raises(ValueError, match=refused[0]["message"]) as caught:
                await watched.store.initialize(reply)
            assert isinstance(caught.value, InitializeError)
            assert step["request"]["url"].partition("?")[0] in str(caught.value)
            assert caught.value.data == step["response"]
        else:
            await watched.store.initialize(reply)


def vars_of(change: StoreChange) -> dict[str, Any]:
    return {"operation": change.operation, "source": change.source, "data": change.data}


def asks_first(changes: list[Any]) -> list[Any]:
    """Return the changes of a book with the rows that a snapshot deletes side by side, as topgun announces them."""
    gone = [change for change in changes if change["operation"] == "delete"]
    assert changes[: len(gone)] == gone
    return sorted(gone, key=lambda change: change["data"]["S"]) + changes[len(gone) :]


def in_full(said: dict[str, Any], store: BybitDataStore) -> dict[str, Any]:
    """Return what is said of each table; nothing is said of a table that is empty."""
    assert said.keys() <= tables(store).keys()
    return {name: said.get(name, []) for name in tables(store)}


def test_samples_that_differ_are_all_described() -> None:
    """Every step that topgun treats otherwise is listed above, and nothing else is."""
    marked = {(path.stem, number) for path in FILES for number, step in enumerate(load(path)) if "compat" in step}
    assert marked == BETTER.keys()


def test_tables() -> None:
    """The collection has the tables, names, keys and limits that users know; books, orders, positions have no limit."""
    store = BybitDataStore()
    assert EXCHANGE.stores == (BybitDataStore,)
    assert {name: (table.name, list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == {
        "orderbook": ("orderbook", ["s", "S", "p"], None),
        "trade": ("publicTrade", [], 99999),
        "ticker": ("tickers", ["symbol"], 9999),
        "kline": ("kline", ["symbol", "start", "end"], 9999),
        "all_liquidation": ("allLiquidation", [], 99999),
        "lt_kline": ("kline_lt", ["symbol", "start", "end"], 9999),
        "lt_ticker": ("tickers_lt", ["symbol"], 9999),
        "lt_nav": ("lt", ["symbol"], 9999),
        "liquidation": ("liquidation", [], 99999),
        "position": ("position", ["symbol", "positionIdx"], None),
        "execution": ("execution", [], 99999),
        "order": ("order", ["orderId"], None),
        "wallet": ("wallet", ["accountType"], 9999),
        "greek": ("greeks", ["baseCoin"], 9999),
    }
    assert all(store[table.name] is table for table in tables(store).values())


# -- messages ------------------------------------------------------------------------------------------------------


def order(number: int, status: str = "New", symbol: str = "BTCUSDT", category: str = "linear", link: str = "") -> Any:
    ident = f"o-{number}"
    return {"orderId": ident, "symbol": symbol, "orderStatus": status, "category": category, "orderLinkId": link}


def orders(*rows: Any) -> dict[str, Any]:
    return {"topic": "order", "id": "1", "creationTime": 1672364262474, "data": list(rows)}


def listed(*rows: Any) -> dict[str, Any]:
    """Return a REST answer with these rows, which have no category there."""
    bare = [{name: value for name, value in row.items() if name != "category"} for row in rows]
    return {"retCode": 0, "retMsg": "OK", "result": {"list": bare, "nextPageCursor": ""}, "time": 1684765770483}


async def ask(store: Any, query: str, *rows: Any) -> None:
    await store.initialize(respond("GET", f"{API}/order/realtime?{query}", listed(*rows)))


def idents(store: Any) -> list[str]:
    return [row["orderId"] for row in store.order]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"success": False, "ret_msg": "error:handler not found,topic:x", "op": "subscribe"}, "handler not found"),
        ({"success": None, "op": "subscribe"}, "None"),
        ({"reqId": "1", "retCode": 10019, "retMsg": "service is restarting", "op": "order.create"}, "10019"),
        ({"success": True, "type": "COMMAND_RESP", "data": {"failTopics": ["x"], "successTopics": []}}, "failTopics"),
    ],
)
def test_refusals_are_one_warning(message: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """What Bybit refuses is logged once, with the whole message."""
    store = BybitDataStore()
    store.onmessage(message, FakeSocket())
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert said in caplog.text
    assert repr(message) in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        {"success": True, "op": "subscribe"},
        {"success": True, "type": "COMMAND_RESP", "data": {"failTopics": [], "successTopics": ["x"]}},
        {"success": True, "type": "COMMAND_RESP", "data": None},
        {"retCode": 0, "op": "order.create", "data": {}},
        {"op": "pong", "args": ["1"]},
        {"topic": "dcp.future", "data": []},
        {"topic": "strategy", "data": [None]},
        {"topic": "nothing.BTCUSDT"},
        {"topic": "orderbook.full.BTCUSDT", "type": "delta", "data": None},
        {"topic": "orderbook"},
        {"topic": ""},
        {},
        [],
        "text",
        None,
    ],
    ids=repr,
)
def test_messages_without_data_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks, pongs and topics without a table change nothing and say nothing."""
    store = BybitDataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


def test_rows_are_copies() -> None:
    """The message stays as it is and the user's; no row changes with it."""
    store = BybitDataStore()
    message = {"topic": "kline.5.BTCUSDT", "data": [{"start": 1, "end": 2, "close": "3"}]}
    before = copy.deepcopy(message)
    store.onmessage(message)
    assert message == before
    message["data"][0]["close"] = "4"  # type: ignore[index]
    assert list(store.kline) == [{"symbol": "BTCUSDT", "start": 1, "end": 2, "close": "3"}]


def test_events_keep_duplicates() -> None:
    """A fill that is sent twice, by ``execution`` and ``execution.fast``, is there twice: the table has no key."""
    store = BybitDataStore()
    fill = {"execId": "1", "execQty": "3"}
    for topic in ("execution", "execution.fast.linear"):
        store.onmessage({"topic": topic, "data": [fill]})
    assert list(store.execution) == [fill, fill]


def test_symbol_with_a_dot() -> None:
    """Only the first two dots of a topic separate."""
    store = BybitDataStore()
    store.onmessage({"topic": "kline.5.A.B", "data": [{"start": 1, "end": 2}]})
    assert store.kline.find()[0]["symbol"] == "A.B"


# -- orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["New", "PartiallyFilled", "Untriggered", "Created", "Active"])
def test_open_order(status: str) -> None:
    """An order of an open status is stored, and merged into its row."""
    store = BybitDataStore()
    store.onmessage(orders({**order(1, "New"), "price": "7"}))
    store.onmessage(orders(order(1, status), order(2, status)))
    assert list(store.order) == [{**order(1, status), "price": "7"}, order(2, status)]


@pytest.mark.parametrize(
    "status", ["Filled", "Cancelled", "Rejected", "PartiallyFilledCanceled", "Deactivated", "Triggered"]
)
async def test_final_order(status: str) -> None:
    """A final order goes, and with it whatever has the same link; twice is as good as once."""
    watched = Watched(BybitDataStore)
    linked = [order(2, link="mine"), order(3, category="spot", link="mine"), order(4, link="other"), order(5)]
    watched.feed(orders(order(1), *linked), orders(order(1, status)), orders(order(9, status, link="mine")))
    watched.feed(orders(order(9, status, link="mine")))
    assert idents(watched.store) == ["o-4", "o-5"]
    await watched.check()


def test_order_of_unknown_status() -> None:
    """A status that nobody has heard of changes nothing."""
    store = BybitDataStore()
    store.onmessage(orders(order(1)))
    store.onmessage(orders(order(1, "Unheard"), order(2, "Unheard")))
    assert list(store.order) == [order(1)]


OLD = [
    order(1, symbol="BTCUSDT"),
    order(2, symbol="BTCPERP"),
    order(3, symbol="BTCUSDT-26MAR27"),
    order(4, symbol="BTC-26MAR27"),
    order(5, symbol="BTCDOMUSDT"),
    order(6, symbol="ETHUSDT"),
    order(11, symbol="BTCUSD", category="inverse"),
    order(12, symbol="BTCUSDH27", category="inverse"),
    order(13, symbol="ETHUSD", category="inverse"),
    order(21, symbol="BTC-26MAR27-80000-C", category="option"),
    order(22, symbol="BTC-26MAR27-80000-C-USDT", category="option"),
    order(23, symbol="ETH-26MAR27-3000-P-USDT", category="option"),
    order(31, symbol="BTCUSDT", category="spot"),
    order(32, symbol="BTCUSDC", category="spot"),
]


@pytest.mark.parametrize(
    ("query", "gone"),
    [
        ("category=linear&symbol=BTCUSDT", [1]),
        ("category=linear&symbol=BTCUSDT&baseCoin=ETH", [1]),  # the symbol comes first
        ("category=linear&baseCoin=BTC", [1, 2, 3, 4]),
        ("category=linear&baseCoin=ETH", [6]),
        ("category=linear&settleCoin=USDT", [1, 3, 5, 6]),
        ("category=linear&settleCoin=USDC", [2, 4]),
        ("category=linear&baseCoin=BTC&settleCoin=USDT", [1, 3]),
        ("category=inverse&settleCoin=BTC", [11, 12]),
        ("category=inverse&baseCoin=BTC", [11, 12]),
        ("category=inverse&symbol=BTCUSD&settleCoin=BTC", [11]),
        ("category=inverse", [11, 12, 13]),
        ("category=option&settleCoin=USDC", [21]),
        ("category=option&settleCoin=USDT", [22, 23]),
        ("category=option&baseCoin=BTC", [21, 22]),
        ("category=option", [21, 22, 23]),
        ("category=spot", [31, 32]),
        ("category=spot&openOnly=0&cursor=&orderId=", [31, 32]),  # nothing is said by an empty text
        ("category=spot&limit=50", [31, 32]),
        ("category=spot&cursor=page%253D2", []),
        ("category=spot&openOnly=1", []),
        ("category=linear&symbol=BTCUSDT&openOnly=2", []),
        ("category=linear&symbol=BTCUSDT&orderId=o-1", []),
        ("category=linear&symbol=BTCUSDT&orderLinkId=mine", []),
        ("category=linear&symbol=BTCUSDT&orderFilter=StopOrder", []),
        ("category=linear&symbol=BTCUSDT&cursor=2", []),
    ],
)
async def test_answer_clears_what_it_covers(query: str, gone: list[int]) -> None:
    """An empty answer removes the open orders that the query asked for, and no other."""
    watched = Watched(BybitDataStore)
    watched.feed(orders(*OLD))
    await ask(watched.store, query)
    assert [int(ident[2:]) for ident in idents(watched.store)] == [
        int(row["orderId"][2:]) for row in OLD if int(row["orderId"][2:]) not in gone
    ]
    await watched.check()


async def test_pages_add_up() -> None:
    """The first page replaces, the ones after it add."""
    store = BybitDataStore()
    await ask(store, "category=linear&settleCoin=USDT&limit=2", order(7), order(8))
    await ask(store, "category=linear&settleCoin=USDT&limit=2", order(1), order(2))
    await ask(store, "category=linear&settleCoin=USDT&limit=2&cursor=x", order(3))
    assert list(store.order) == [order(1), order(2), order(3)]


async def test_answer_with_closed_orders() -> None:
    """Orders that are over are not stored; known ones go, but not those that only share their link."""
    watched = Watched(BybitDataStore)
    watched.feed(orders(order(1), order(2)))
    await ask(watched.store, "category=linear&openOnly=1&symbol=BTCUSDT", order(3, link="a"), order(4, "Filled"))
    await ask(watched.store, "category=linear&orderId=o-1", order(1, "Triggered", link="a"))
    assert idents(watched.store) == ["o-2", "o-3"]
    await watched.check()


async def test_answer_with_an_unknown_status() -> None:
    """An order of a status that nobody has heard of is stored if an answer lists it."""
    store = BybitDataStore()
    await ask(store, "category=linear&symbol=BTCUSDT", order(1, "Unheard"))
    assert list(store.order) == [order(1, "Unheard")]


async def test_answer_without_a_category() -> None:
    """A query without category cannot be placed."""
    store = BybitDataStore()
    with pytest.raises(InitializeError):
        await ask(store, "symbol=BTCUSDT", order(1))
    assert len(store.order) == 0


# -- wallet and positions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "page", "closed"),
    [
        ("category=linear&settleCoin=USDT", "", {"ETHUSDT", "BTCUSDT-26MAR27"}),
        ("category=linear&settleCoin=USDC", "", {"BTCPERP"}),
        ("category=inverse&settleCoin=BTC", "", {"BTCUSDH27"}),
        ("category=option&settleCoin=USDT", "", {"BTC-26MAR27-80000-C-USDT"}),
        ("category=linear&settleCoin=USDT", "page 2", set()),
        ("category=linear&settleCoin=USDT&cursor=page%201", "", set()),
        ("category=linear&settleCoin=USDT&symbol=BTCUSDT", "", set()),
        ("category=linear&baseCoin=BTC", "", set()),
    ],
)
async def test_positions_closed_while_offline(query: str, page: str, closed: set[str]) -> None:
    """An answer for a settle coin lists open positions only: if it is complete, the others of that coin are closed."""
    symbols = "BTCUSDT ETHUSDT BTCUSDT-26MAR27 BTCPERP BTCUSDH27 BTC-26MAR27-80000-C-USDT".split()
    store = BybitDataStore()
    store.onmessage(
        {"topic": "position", "data": [{"symbol": each, "positionIdx": 0, "size": "3"} for each in symbols]}
    )
    answer = {
        "retCode": 0,
        "result": {"list": [{"symbol": "BTCUSDT", "positionIdx": 0, "size": "5"}], "nextPageCursor": page},
    }
    await store.initialize(respond("GET", f"https://api.bybit.com/v5/position/list?{query}", answer))
    assert {row["symbol"] for row in store.position.find({"size": "0"})} == closed
    assert store.position.get({"symbol": "BTCUSDT", "positionIdx": 0}) == {**answer["result"]["list"][0]}  # type: ignore[index]


def coin(name: str, balance: str) -> dict[str, str]:
    return {"coin": name, "walletBalance": balance}


async def test_wallet_accounts_are_separate() -> None:
    """Coins are kept account by account, also where one message names an account twice; no message is changed."""
    watched = Watched(BybitDataStore)
    accounts = [
        {"accountType": "UNIFIED", "coin": [coin("BTC", "1"), coin("ETH", "2")]},
        {"accountType": "FUND", "coin": [coin("XRP", "3")]},
        {"accountType": "UNIFIED", "coin": [coin("USDT", "4"), coin("BTC", "5")]},
    ]
    before = copy.deepcopy(accounts)
    watched.store.onmessage({"topic": "wallet", "data": accounts})
    assert accounts == before
    assert list(watched.store.wallet) == [
        {"accountType": "UNIFIED", "coin": [coin("USDT", "4"), coin("BTC", "5"), coin("ETH", "2")]},
        {"accountType": "FUND", "coin": [coin("XRP", "3")]},
    ]
    changes = (await watched.check())["wallet"]
    assert [len(change.data["coin"]) for change in changes] == [2, 1, 3]  # what was announced stays as it was


async def test_private_tables_after_a_lost_connection() -> None:
    """Orders, positions and wallet keep their rows when the connection is lost, and say that they are stale."""
    watched = Watched(BybitDataStore)
    store = watched.store
    watched.feed(orders(order(1)))
    assert store.order.state() == "stale"  # not asked for yet
    await ask(store, "category=linear&symbol=BTCUSDT", order(1))
    assert store.order.state() == "live"
    watched.ws.lose()
    assert [store[name].state() for name in ("order", "position", "wallet")] == ["stale"] * 3
    assert idents(store) == ["o-1"]


# -- answers -------------------------------------------------------------------------------------------------------

PATHS = {
    "/v5/order/realtime": order(1),
    "/v5/position/list": {"symbol": "BTCUSDT", "positionIdx": 0, "size": "1"},
    "/v5/account/wallet-balance": {"accountType": "UNIFIED", "coin": [coin("BTC", "1")]},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "maintenance",
        {},
        {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}},
        {"retCode": "0", "result": {"list": []}},
        {"retCode": 0},
        {"retCode": 0, "result": None},
        {"retCode": 0, "result": {}},
        {"retCode": 0, "result": {"list": None}},
        {"retCode": 0, "result": {"list": [None]}},
        {"retCode": 0, "result": {"list": [{}]}},
    ],
    ids=repr,
)
async def test_answer_that_cannot_be_used(path: str, data: Any) -> None:
    """A refusal, or an answer of another form, raises and leaves the rows; a good answer beside it is applied."""
    watched = Watched(BybitDataStore)
    url = f"https://api.bybit.com{path}?category=linear&symbol=BTCUSDT"
    await watched.store.initialize(respond("GET", url, listed(PATHS[path])))
    table = watched.store[BybitDataStore._RESPONSES[path]]
    before = copy.deepcopy(list(table))
    other = next(each for each in PATHS if each != path)
    good = respond("GET", f"https://api.bybit.com{other}?category=linear", listed(PATHS[other]))
    with pytest.raises(InitializeError, match="Response error at DataStore initialization") as caught:
        await watched.store.initialize(respond("GET", url, data), good)
    assert caught.value.url == f"https://api.bybit.com{path}"
    assert list(table) == before != []
    assert len(watched.store[BybitDataStore._RESPONSES[other]]) == 1
    await watched.check()


# -- damaged messages ----------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, -1, 1e400, float("nan"), 10**400, "", "x", [], {}, [None], [[1]], {"x": 1}, ...]
SOUND = [
    {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "data": [{"i": "1", "p": "2"}, {"i": "2", "p": "3"}]},
    {"topic": "tickers.BTCUSDT", "type": "delta", "data": {"symbol": "BTCUSDT", "lastPrice": "1"}},
    {"topic": "kline.5.BTCUSDT", "data": [{"start": 1, "end": 2, "close": "3"}, {"start": 3, "end": 4, "close": "5"}]},
    {"topic": "position", "data": [{"symbol": "BTCUSDT", "positionIdx": 0, "size": "1"}]},
    {"topic": "greeks", "data": [{"baseCoin": "ETH", "totalDelta": "1"}]},
    {"topic": "wallet", "data": [{"accountType": "UNIFIED", "coin": [coin("BTC", "1"), coin("ETH", "2")]}]},
    orders(order(1, link="a"), order(2, "Filled", link="b")),
]


@pytest.mark.parametrize("message", SOUND, ids=lambda message: json.dumps(message)[:60])
async def test_damaged_messages(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """With any value missing or replaced by junk nothing raises; a message that is logged has changed nothing."""
    logged = 0
    for place in places(message):
        for junk in JUNK:
            caplog.clear()
            watched = Watched(BybitDataStore)
            watched.feed(damaged(message, place, junk))
            changes = await watched.check()
            if caplog.records:
                logged += 1
                assert not any(changes.values())
            watched.feed(message)
            await watched.check()
            assert any(len(table) for table in tables(watched.store).values())
    assert logged > 20


@pytest.mark.parametrize("message", SOUND[1:], ids=lambda message: json.dumps(message)[:60])
def test_row_without_a_key(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A row that lacks a key field is logged with its channel, and none of its message is stored."""
    data = message["data"]
    last = data if isinstance(data, dict) else data[-1]
    store = BybitDataStore()
    name = message["topic"].partition(".")[0]
    for field in [key for key in store[name]._keys if key in last]:
        store.onmessage(damaged(message, ("data", field) if last is data else ("data", len(data) - 1, field), ...))
    assert caplog.records
    assert all(f"{name}: a message is ignored (TypeError: a row without" in each.message for each in caplog.records)
    assert not any(len(table) for table in tables(store).values())
