"""The tables of BitTrade but for the books: the sample set, orders and balances in trouble, damaged messages."""

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
from topgun.exchanges.bittrade import EXCHANGE, BitTradeDataStore

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
API = "https://api-cloud.bittrade.co.jp"
LOGGER = "topgun.exchanges.bittrade"
WARNINGS = {"public_control": 2, "private_control": 1, "private_login_nack": 1}

# -- the sample set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_samples(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each case of a file of the sample set ends in exactly its rows, sorted views and warnings."""
    for case in load(path):
        if "response" in case:
            continue
        watched = Watched(BitTradeDataStore, case["url"])
        watched.feed(*case.get("messages", []))
        for step in case.get("steps", []):
            request, response = step["rest"]["request"], step["rest"]["response"]
            await watched.store.initialize(respond(request["method"], request["url"], response))
        await watched.check()
        expected, found = case.get("expect", {}), tables(watched.store)
        assert expected.keys() <= found.keys()
        for name, table in found.items():
            assert in_any_order(table) == in_any_order(expected.get(name, []))
        for view in case.get("expect_sorted", []):
            table: Any = found[view["store_attribute"]]
            assert table.sorted(view["query"], view["limit"]) == view["result"]
        logged = [(record.name, record.levelname) for record in caplog.records]
        assert logged == [(LOGGER, "WARNING")] * WARNINGS.get(path.stem, 0)


def in_any_order(rows: Any) -> list[str]:
    """Return rows by content; numbers compare by value."""

    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, int) and abs(value) < 2**53 else value

    return sorted(json.dumps({key: plain(value) for key, value in row.items()}, sort_keys=True) for row in rows)


async def test_big_numbers_stay_whole() -> None:
    """The id of a trade has more than 64 bits and is kept to the last digit."""
    store = BitTradeDataStore()
    [case] = load(HERE / "frames" / "trade_detail.json")
    for message in case["messages"]:
        store.onmessage(message)
    assert [row["id"] for row in store.trade] == [137005445109359286410323766]


@pytest.mark.parametrize("case", load(HERE / "responses" / "rest_errors.json"), ids=lambda case: case["request"]["url"])
async def test_replies_that_fill_nothing(case: dict[str, Any]) -> None:
    """An error raises, with BitTrade's words; the answer to an order is none of the tables' business."""
    store, request = BitTradeDataStore(), case["request"]
    asked = store.initialize(respond(request["method"], request["url"], case["response"]))
    if case["response"]["status"] == "ok":
        await asked
    else:
        with pytest.raises(InitializeError, match=case["response"]["err-msg"]) as caught:
            await asked
        assert caught.value.url == request["url"].partition("?")[0]
    assert not any(len(table) for table in tables(store).values())


def test_tables() -> None:
    """The collection has the tables, keys and limits that users know; books and orders have no limit."""
    store = BitTradeDataStore()
    assert EXCHANGE.stores == (BitTradeDataStore,)
    assert {name: (table.name, list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == {
        "mbp": ("mbp", ["symbol", "side", "price"], None),
        "depth": ("depth", ["symbol", "type", "side", "price"], None),
        "bbo": ("bbo", ["symbol"], 9999),
        "trade": ("trade", [], 99999),
        "kline": ("kline", ["symbol", "period", "id"], 99999),
        "detail": ("detail", ["symbol"], 9999),
        "orders": ("orders", ["orderId"], None),
        "trade_clearing": ("trade_clearing", [], 99999),
        "accounts": ("accounts", ["accountId", "accountType", "currency"], 9999),
    }
    assert all(store[table.name] is table for table in tables(store).values())


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/v1/order/openOrders", "orders"),
        ("/v1/account/accounts/{account-id}/balance", "accounts"),
        ("/market/depth", "depth"),
        ("/market/history/kline", "kline"),
        ("/market/detail/merged", "detail"),
        ("/market/tickers", "detail"),
    ],
)
def test_paths(path: str, table: str) -> None:
    """The answer of each path fills its table, whatever the number of the account."""
    for number in ("7", "100009", "375977156321165"):
        assert BitTradeDataStore._RESPONSES.get(path.replace("{account-id}", number)) == table
    assert len(BitTradeDataStore._RESPONSES) == 6


# -- market data ---------------------------------------------------------------------------------------------------


def test_trades_that_were_asked_for() -> None:
    """The answer to a ``req`` begins with the latest trade, the table with the oldest; pushes are in order."""
    store = BitTradeDataStore()
    topic, rows = "market.btcjpy.trade.detail", [{"id": number, "price": 1.0} for number in (3, 2, 1)]
    store.onmessage({"rep": topic, "status": "ok", "data": rows})
    store.onmessage({"ch": topic, "tick": {"id": 9, "data": [{"id": 4}, {"id": 5}]}})
    assert [(row["symbol"], row["id"]) for row in store.trade] == [("btcjpy", number) for number in range(1, 6)]
    assert [row["id"] for row in rows] == [3, 2, 1]


def test_candles_of_several_markets() -> None:
    """Symbol and period come from the topic, whatever else a candle says."""
    store = BitTradeDataStore()
    for symbol in ("btcjpy", "ethjpy"):
        for period in ("1min", "60min"):
            store.onmessage({"ch": f"market.{symbol}.kline.{period}", "tick": {"id": 60, "symbol": "x", "close": 1}})
    assert [(row["symbol"], row["period"]) for row in store.kline] == [
        (symbol, period) for symbol in ("btcjpy", "ethjpy") for period in ("1min", "60min")
    ]


def test_detail_under_data() -> None:
    """The answer to a ``req`` may hold its row as ``data``."""
    store = BitTradeDataStore()
    store.onmessage({"rep": "market.btcjpy.detail", "status": "ok", "data": {"close": 2.0}})
    assert list(store.detail) == [{"close": 2.0, "symbol": "btcjpy"}]


async def test_tickers_beside_one_market() -> None:
    """``tickers`` and ``detail/merged`` fill the same table, field by field."""
    store = BitTradeDataStore()
    tickers = {"status": "ok", "data": [{"symbol": "btcjpy", "close": 1}, {"symbol": "ethjpy", "close": 2}]}
    merged = {"status": "ok", "tick": {"close": 3, "version": 9}}
    await store.initialize(respond("GET", f"{API}/market/tickers", tickers))
    await store.initialize(respond("GET", f"{API}/market/detail/merged?symbol=btcjpy", merged))
    assert list(store.detail) == [
        {"symbol": "btcjpy", "close": 3, "version": 9},
        {"symbol": "ethjpy", "close": 2},
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"ping": 1},
        {"pong": 1},
        {"id": "1", "status": "ok", "subbed": "market.btcjpy.bbo"},
        {"id": "1", "status": "ok", "unsubbed": "market.btcjpy.bbo"},
        {"action": "ping", "data": {"ts": 1}},
        {"action": "sub", "code": 200, "ch": "orders#btcjpy", "data": {}},
        {"action": "req", "code": 200, "ch": "accounts.update", "data": [{}]},
        {"action": 1, "topic": 1, "data": {"offer": []}},
        {"ch": "market.overview", "tick": {}},
        {"ch": "market.btcjpy.ticker", "tick": {"close": 1}},
        {"ch": "market.btcjpy.detail.merged", "tick": {"close": 1}},
        {"ch": "market.btcjpy.mbp.refresh.20.x", "tick": {}},
        {"ch": "market.btcjpy.trade.x", "tick": {}},
        {"action": "push", "ch": "trade.clearing.x#btcjpy", "data": {}},
        {"ch": "", "tick": {}},
        {},
        [],
        "text",
        None,
    ],
    ids=repr,
)
def test_messages_without_a_table(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks, pings and topics without a table change nothing and say nothing."""
    store = BitTradeDataStore()
    store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


@pytest.mark.parametrize(
    "message",
    [
        {"status": "error", "err-code": "bad-request", "err-msg": "invalid symbol x", "id": "1"},
        {"action": "sub", "code": 2001, "ch": "orders#nope", "message": "invalid.ch"},
        {"action": "unsub", "code": 2001, "ch": "orders#nope", "message": "invalid.ch"},
        {"action": "req", "code": 2002, "ch": "auth", "message": "auth.fail"},
        {"action": "sub", "ch": "orders#btcjpy"},
        {"action": "push", "ch": "orders#btcjpy", "data": {"clientOrderId": "c", "orderStatus": "rejected", "a": 1}},
    ],
    ids=repr,
)
def test_refusals_are_one_warning(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What BitTrade refuses is logged once, with the whole message."""
    store = BitTradeDataStore()
    store.onmessage(message, FakeSocket())
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert repr(message) in caplog.text
    assert not any(len(table) for table in tables(store).values())


# -- orders --------------------------------------------------------------------------------------------------------


def push(number: int, status: str = "submitted", symbol: str = "btcjpy", **more: Any) -> dict[str, Any]:
    data = {"orderId": number, "symbol": symbol, "accountId": 1, "orderStatus": status, **more}
    return {"action": "push", "ch": f"orders#{symbol}", "data": data}


def listed(*numbers: int, symbol: str = "btcjpy", account: int = 1, **more: Any) -> dict[str, Any]:
    rows = [{"id": number, "symbol": symbol, "account-id": account, "state": "submitted", **more} for number in numbers]
    return {"status": "ok", "data": rows}


async def ask(store: BitTradeDataStore, answer: Any, query: str = "account-id=1&symbol=btcjpy") -> None:
    await store.initialize(respond("GET", f"{API}/v1/order/openOrders?{query}", answer))


def idents(store: BitTradeDataStore) -> list[int]:
    return [row["orderId"] for row in store.orders]


@pytest.mark.parametrize("status", ["created", "submitted", "partial-filled"])
@pytest.mark.parametrize("end", ["filled", "canceled", "partial-canceled", "rejected"])
async def test_an_order_from_begin_to_end(status: str, end: str) -> None:
    """An open order is there, its pushes are merged; a final status ends it, and nothing brings it back."""
    watched = Watched(BitTradeDataStore)
    watched.feed(push(1, orderSize="2"), push(1, status, execAmt="0.5"), push(2))
    assert watched.store.orders.get({"orderId": 1}) == {**push(1, status)["data"], "orderSize": "2", "execAmt": "0.5"}
    watched.feed(push(1, end))
    assert idents(watched.store) == [2]
    changes = (await watched.check())["orders"]
    assert changes[-1].source == push(1, end)["data"]
    watched.feed(push(1, "partial-filled"))
    await ask(watched.store, listed(1, 2, 3))
    assert idents(watched.store) == [2, 3]
    await watched.check()


def test_an_unknown_status() -> None:
    """Whatever is not open is gone; a later push that says open is believed, as nobody knows what it was."""
    store = BitTradeDataStore()
    for status, left in (("submitted", [1]), ("unheard-of", []), ("submitted", [1])):
        store.onmessage(push(1, status))
        assert idents(store) == left


def test_only_so_many_ends_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest end is forgotten first."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = BitTradeDataStore()
    for number in (1, 2, 3):
        store.onmessage(push(number, "filled"))
    for number in (1, 2, 3):
        store.onmessage(push(number))
    assert idents(store) == [1]


@pytest.mark.parametrize("event", ["trigger", "deletion"])
@pytest.mark.parametrize(("status", "warned"), [("rejected", True), ("canceled", False)])
def test_a_conditional_order_that_fails(
    event: str, status: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an order number no row changes, though another order has the same name; a rejection is a warning."""
    store = BitTradeDataStore()
    store.onmessage(push(1, clientOrderId="a"))
    data = {"symbol": "btcjpy", "clientOrderId": "a", "eventType": event, "orderStatus": status, "errMessage": "x"}
    store.onmessage({"action": "push", "ch": "orders#btcjpy", "data": data})
    assert idents(store) == [1]
    assert len(caplog.records) == warned


async def test_an_answer_replaces_what_it_covers() -> None:
    """Orders of its symbol and account that it does not list are gone, others stay; its own have all fields."""
    watched = Watched(BitTradeDataStore)
    watched.feed(push(1), push(2), push(3, symbol="ethjpy"), push(4, accountId=2), push(5))
    await ask(watched.store, listed(2, 6, price="7"))
    assert idents(watched.store) == [2, 3, 4, 6]
    assert watched.store.orders.get({"orderId": 6}) == {
        "orderId": 6, "symbol": "btcjpy", "accountId": 1, "orderStatus": "submitted", "orderPrice": "7",
    }  # fmt: skip
    await ask(watched.store, listed(symbol="ethjpy"), "account-id=1&symbol=ethjpy")
    assert idents(watched.store) == [2, 4, 6]
    await ask(watched.store, listed(), "")
    assert idents(watched.store) == []
    await watched.check()


@pytest.mark.parametrize(
    ("query", "found"),
    [("side=buy", 1), ("from=7&direct=next", 1), ("types=buy-limit", 1), ("size=2", 2), ("", 100)],
)
async def test_an_answer_that_is_a_part(query: str, found: int) -> None:
    """One that was asked for some orders, or that is full, adds its rows and takes nothing away."""
    store = BitTradeDataStore()
    store.onmessage(push(1))
    await ask(store, listed(*range(2, 2 + found)), query)
    assert idents(store) == list(range(1, 2 + found))


@pytest.mark.parametrize("state", ["filled", "canceled", "partial-canceled", "rejected"])
async def test_an_answer_with_an_order_that_is_over(state: str) -> None:
    """It ends that order for good."""
    store = BitTradeDataStore()
    store.onmessage(push(1))
    await ask(store, listed(1, 2, state=state))
    store.onmessage(push(2))
    assert idents(store) == []


@pytest.mark.parametrize(
    ("known", "told", "kept"),
    [
        ("10", "9.5", "10"),
        ("0.50", "0.5", "0.5"),
        ("9", "10", "10"),
        ("x", "1", "1"),
        ("NaN", "1", "1"),
        (None, "0", "0"),
    ],
)
async def test_an_answer_older_than_a_fill(known: Any, told: str, kept: str) -> None:
    """An answer that knows less of what is filled, as a number, changes nothing."""
    store = BitTradeDataStore()
    store.onmessage(push(1, "partial-filled", execAmt=known))
    await ask(store, listed(1, **{"filled-amount": told}))
    [row] = store.orders
    assert (row["execAmt"], row["orderStatus"]) == (kept, "submitted" if kept == told else "partial-filled")


async def test_pushes_while_an_answer_is_on_its_way() -> None:
    """What came on the stream after the request left is newer than its answer: ends, new orders, balances."""
    store, gate = BitTradeDataStore(), asyncio.Event()
    store.onmessage(push(1))
    store.onmessage(balance("btc", "1", 10))

    async def slow(url: str, data: Any) -> Any:
        await gate.wait()
        return await respond("GET", f"{API}{url}", data)

    account = {"id": 7, "list": [{"currency": "btc", "type": "trade", "balance": "1"}]}
    task = asyncio.create_task(
        store.initialize(
            slow("/v1/order/openOrders?symbol=btcjpy", listed(1, 2)),
            slow("/v1/account/accounts/7/balance", {"status": "ok", "data": account}),
        )
    )
    for _ in range(3):
        await asyncio.sleep(0)
    for message in (push(1, "filled"), push(2, "filled"), push(3), balance("btc", "0.5", 11), balance("jpy", "9", 1)):
        store.onmessage(message)
    gate.set()
    await task
    assert idents(store) == [3]
    assert {row["currency"]: row["balance"] for row in store.accounts} == {"btc": "0.5", "jpy": "9"}


# -- balances ------------------------------------------------------------------------------------------------------


def balance(currency: str, amount: str, number: Any = 1, **more: Any) -> dict[str, Any]:
    data = {"accountId": 7, "accountType": "trade", "currency": currency, "balance": amount, "seqNum": number, **more}
    return {"action": "push", "ch": "accounts.update#2", "data": data}


@pytest.mark.parametrize(
    ("numbers", "last"),
    [((5, 6), "b"), ((5, 5), "b"), ((5, 4), "a"), ((5, None), "b"), ((None, 1), "b"), ((5, None, 4), "c")],
)
async def test_old_pushes(numbers: tuple[Any, ...], last: str) -> None:
    """A push with a lower number than the row's is ignored; one without a number is not."""
    watched = Watched(BitTradeDataStore)
    watched.feed(*[balance("btc", name, number) for name, number in zip("abc", numbers, strict=False)])
    assert [row["balance"] for row in watched.store.accounts] == [last]
    await watched.check()


def test_balance_and_available_one_by_one() -> None:
    """In mode 1 each message has one of them."""
    store = BitTradeDataStore()
    both = balance("btc", "2", 1)
    store.onmessage(both)
    free = {**both["data"], "available": "1.5", "seqNum": 2}
    del free["balance"]
    store.onmessage({**both, "ch": "accounts.update#1", "data": free})
    assert list(store.accounts) == [{**both["data"], "available": "1.5", "seqNum": 2}]


async def test_the_balances_of_an_account() -> None:
    """They are added as decimals to the last digit, and replace those of this account that are not named any more."""
    store = BitTradeDataStore()
    for message in (balance("xrp", "1"), balance("btc", "1", 9), balance("btc", "3", accountId=8)):
        store.onmessage(message)
    amounts = [
        ("btc", "trade", "123456789012345678.000000000000000001"),
        ("btc", "frozen", "0.1"),
        ("btc", "lock", "5"),
        ("jpy", "frozen", "1E+3"),
    ]
    parts = [{"currency": currency, "type": kind, "balance": amount} for currency, kind, amount in amounts]
    answer = {"status": "ok", "data": {"id": 7, "type": "spot", "state": "working", "list": parts}}
    await store.initialize(respond("GET", f"{API}/v1/account/accounts/7/balance", answer))
    rows = {(row["accountId"], row["currency"]): (row.get("available"), row["balance"]) for row in store.accounts}
    assert rows == {
        (7, "btc"): ("123456789012345678.000000000000000001", "123456789012345678.100000000000000001"),
        (8, "btc"): (None, "3"),
        (7, "jpy"): ("0", "1000"),
    }
    assert store.accounts.find({"accountId": 7, "currency": "btc"})[0]["seqNum"] == 9


@pytest.mark.parametrize(
    "path", ["/v1/account/accounts/x/balance", "/v1/account/accounts//balance", "/v1/account/accounts"]
)
async def test_other_paths_below_accounts(path: str) -> None:
    """Only the balance of an account fills a table."""
    store = BitTradeDataStore()
    await store.initialize(respond("GET", f"{API}{path}", {"status": "ok", "data": {"id": 7, "list": []}}))
    assert store.accounts.state() == "stale"


# -- states and answers --------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[str, Any]] = {
    "/v1/order/openOrders": ("orders", listed(1)["data"]),
    "/v1/account/accounts/7/balance": (
        "accounts",
        {"id": 7, "list": [{"currency": "btc", "type": "trade", "balance": "1"}]},
    ),
    "/market/history/kline": ("kline", [{"id": 60, "close": 1}]),
    "/market/tickers": ("detail", [{"symbol": "btcjpy", "close": 1}]),
}


async def test_private_tables_after_a_lost_connection() -> None:
    """They keep their rows when the connection is lost, and say that they are stale until they are asked for."""
    watched = Watched(BitTradeDataStore)
    store = watched.store
    watched.feed(push(1), balance("btc", "1"))
    assert (store.orders.state(), store.accounts.state()) == ("stale", "stale")
    await ask(store, listed(1))
    assert (store.orders.state(), store.accounts.state()) == ("live", "stale")
    watched.ws.lose()
    assert store.orders.state() == "stale"
    assert idents(store) == [1]


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "maintenance",
        {},
        {"status": "error", "err-code": "api-signature-not-valid", "err-msg": "Signature not valid", "data": None},
        {"status": "ok"},
        {"status": "ok", "data": None},
        {"status": "ok", "data": "x"},
        {"status": "ok", "data": [None]},
        {"status": "ok", "data": [{}]},
        {"status": "ok", "data": {}},
        {"status": "ok", "data": {"id": 7}},
        {"status": "ok", "data": {"id": 7, "list": [{}]}},
        {"status": "ok", "data": {"id": [], "list": [{"currency": "btc", "type": "trade", "balance": "1"}]}},
        {"status": "ok", "data": {"id": 7, "list": [{"currency": "btc", "type": "trade", "balance": "x"}]}},
    ],
    ids=repr,
)
async def test_answer_that_cannot_be_used(path: str, answer: Any) -> None:
    """A refusal, or an answer of another form, raises and leaves the rows; a good answer beside it is applied."""
    watched = Watched(BitTradeDataStore)
    name, data = ANSWERS[path]
    url = f"{API}{path}?symbol=btcjpy&period=1min"
    await watched.store.initialize(respond("GET", url, {"status": "ok", "data": data}))
    before = copy.deepcopy(list(watched.store[name]))
    other = next(each for each in ANSWERS if each != path)
    good = respond("GET", f"{API}{other}", {"status": "ok", "data": ANSWERS[other][1]})
    with pytest.raises(InitializeError, match="Response error at DataStore initialization") as caught:
        await watched.store.initialize(respond("GET", url, answer), good)
    assert caught.value.url == f"{API}{path}"
    assert list(watched.store[name]) == before != []
    assert len(watched.store[ANSWERS[other][0]]) == 1
    await watched.check()


# -- damaged messages ----------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, -1, 1e400, float("nan"), 10**400, "", "x", [], {}, [None], [[1]], {"x": 1}, ...]
SOUND: list[dict[str, Any]] = [
    {"ch": "market.btcjpy.trade.detail", "tick": {"id": 1, "data": [{"id": 1, "price": 2.0}, {"id": 2, "price": 3.0}]}},
    {"rep": "market.btcjpy.trade.detail", "data": [{"id": 1, "price": 2.0}, {"id": 2, "price": 3.0}]},
    {"ch": "market.btcjpy.bbo", "tick": {"ask": 2.0, "symbol": "btcjpy"}},
    {"ch": "market.btcjpy.detail", "tick": {"close": 1.0}},
    {"ch": "market.btcjpy.kline.1min", "tick": {"id": 60, "close": 1.0}},
    {"rep": "market.btcjpy.kline.1min", "status": "ok", "data": [{"id": 60, "close": 1.0}, {"id": 120}]},
    push(1, execAmt="1"),
    balance("btc", "1", 5),
    {"action": "push", "ch": "trade.clearing#btcjpy#0", "data": {"eventType": "trade", "tradeId": 1}},
]


@pytest.mark.parametrize("message", SOUND, ids=lambda message: json.dumps(message)[:50])
async def test_damaged_messages(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """With any value missing or replaced by junk nothing raises; a message that is logged has changed nothing."""
    logged = 0
    for place in places(message):
        for junk in JUNK:
            caplog.clear()
            watched = Watched(BitTradeDataStore)
            watched.feed(damaged(message, place, junk))
            changes = await watched.check()
            if caplog.records:
                logged += 1
                assert not any(changes.values())
            watched.feed(message)
            await watched.check()
            assert any(len(table) for table in tables(watched.store).values())
    assert logged > 10


@pytest.mark.parametrize("message", SOUND[4:8], ids=lambda message: json.dumps(message)[:50])
def test_row_without_a_key(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A row whose key field is no text and no whole number is logged with its table, and nothing of it is stored."""
    store = BitTradeDataStore()
    [name] = store._topic(message)
    holder: tuple[Any, ...] = ("tick",) if "tick" in message else ("data", 1) if "rep" in message else ("data",)
    fields = {"kline": {"id"}}.get(name, set(store[name]._keys))
    for field in fields:
        store.onmessage(damaged(message, (*holder, field), 1.5))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(fields)
    assert all(f"{name}: a message is ignored (TypeError: a row without" in each for each in told)
    assert not any(len(table) for table in tables(store).values())
