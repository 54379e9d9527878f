"""The tables of Phemex but for the book: the protocol sample set, every deliberate difference, answers, damage."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, play, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.exchanges.phemex import EXCHANGE, PhemexDataStore

HERE = Path(__file__).parent
LOGGER = "topgun.exchanges.phemex"
API = "https://api.phemex.com"

# -- the sample set ------------------------------------------------------------------------------------------------

FILES = sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
CASES = {f"{path.stem} {number}": case for path in FILES for number, case in enumerate(load(path))}
WARNED = {"login_nack 0": 1, "subscribe_error 0": 3}


def sample(file: str, number: int = 0) -> list[Any]:
    messages: list[Any] = load(HERE / "frames" / f"{file}.json")[number]["messages"]
    return messages


def first_and_last() -> list[dict[str, Any]]:
    """Return what the all-symbol ticker of the samples comes to."""
    whole, change = sample("new_perp_market24h_pack_p")
    rows = {values[0]: dict(zip(whole["fields"], values, strict=True)) for values in whole["data"] + change["data"]}
    return list(rows.values())


WALLET, MARGIN, RISK = sample("new_wo_spot_wallet_order"), sample("new_mao_margin")[0], sample("new_ras_p")[0]
# What must come of the cases that say nothing of it, or what another client made of them.
BETTER: dict[str, dict[str, Any]] = {
    "aop 0": {"index_market24h": [sample("aop")[0]["index_market24h"]]},
    "initialize_kline 5": {"orderbook": [{"symbol": "BTCUSDT", "side": "asks", "priceEp": "1", "qty": "2"}]},
    "new_wo_spot_wallet_order 0": {
        "orders": WALLET[1]["orders"]["open"],
        "fills": WALLET[0]["orders"]["fills"],
        "wallets": [*WALLET[0]["wallets"], *WALLET[1]["wallets"]],
    },
    "new_perp_market24h_pack_p 0": {"market24h": first_and_last()},
    "new_spot_market24h 0": {"market24h": [sample("new_spot_market24h")[0]["spot_market24h"]]},
    "new_ras_p 0": {"risk_units": RISK["risk_units"], "risk_wallets": RISK["risk_wallets"]},
    "new_wm_investments 0": {"investments": sample("new_wm_investments")[0]["investments"]},
    "new_mao_margin 0": {"wallets_mao": MARGIN["wallets_mao"], "orders_mao": MARGIN["orders_mao"]["open"]},
}


@pytest.mark.parametrize("name", CASES)
async def test_samples(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each case of the sample set ends in exactly its rows, sorted views, attributes and warnings."""
    case = dict(CASES[name])
    case["expect"] = {**case.get("expect_fixed", case.get("expect", {})), **BETTER.get(name, {})}
    case["expect_warnings"] = [{"logger": LOGGER, "level": "WARNING"}] * WARNED.get(name, 0)
    case["expect_sorted"] = [
        {"store_attribute": call["store"], **call["kwargs"], "result": call["result"]}
        for call in case.get("expect_calls", [])
    ]
    assert all(call["method"] == "sorted" for call in case.get("expect_calls", []))
    await play(PhemexDataStore, case, caplog)


def test_samples_without_an_expectation_are_all_described() -> None:
    """Every case that says nothing of its rows is listed above; besides them two that another client ignores."""
    silent = {name for name, case in CASES.items() if "expect" not in case}
    assert silent | {"aop 0", "initialize_kline 5"} == BETTER.keys()
    assert len(CASES) == 40


async def test_changes_of_orders() -> None:
    """The life of orders is told by exactly the changes of the sample."""
    [case] = load(HERE / "frames" / "order_lifecycle.json")
    watched = Watched(PhemexDataStore)
    watched.feed(*case["messages"])
    changes = (await watched.check())["orders"]
    assert [[change.operation, change.source, change.data] for change in changes] == case["expect_events"]["orders"]


# -- trades --------------------------------------------------------------------------------------------------------

ROW = ("symbol", "timestamp", "side", "priceEp", "qty")


def trades(kind: str, *rows: list[Any]) -> dict[str, Any]:
    return {"sequence": 5, "symbol": "BTCUSDT", "trades_p": list(rows), "type": kind}


def stored(store: PhemexDataStore) -> list[list[Any]]:
    return [[row[name] for name in ROW[1:]] for row in store.trade]


async def test_equal_trades_are_kept_and_a_snapshot_repeats_none() -> None:
    """Two equal fills of one instant are two rows; a snapshot adds only what is not there, be it a third equal one."""
    watched = Watched(PhemexDataStore)
    same, older, newer = [7, "Buy", "10", "1"], [5, "Sell", "9", "2"], [9, "Buy", "11", "1"]
    watched.feed(trades("snapshot", same, same, older))
    watched.feed(trades("snapshot", newer, same, same, same, older))
    watched.feed({**trades("snapshot", same), "symbol": "ETHUSDT"})
    watched.feed(trades("incremental", newer))
    await watched.check()
    assert stored(watched.store) == [same, same, older, newer, same, same, newer]  # type: ignore[arg-type]
    assert watched.store["trade"].get({"symbol": "BTCUSDT", "timestamp": 7}) == dict(
        zip(ROW, ["BTCUSDT", *same], strict=True)
    )
    assert watched.store["trade"].get({"symbol": "BTCUSDT", "timestamp": 8}) is None
    assert watched.store["trade"].get({"symbol": "BTCUSDT"}) is None


@pytest.mark.parametrize(("path", "field"), [("/md/v2/trade", "trades_p"), ("/md/trade", "trades")])
async def test_initialize_trades(path: str, field: str) -> None:
    """Recent trades of an answer are stored once."""
    store = PhemexDataStore()
    told = {"sequence": 1, "symbol": "BTCUSDT", field: [[7, "Buy", "10", "1"]], "type": "snapshot"}
    for _ in range(2):
        await store.initialize(respond("GET", f"{API}{path}?symbol=BTCUSDT", {"error": None, "id": 0, "result": told}))
    assert stored(store) == [[7, "Buy", "10", "1"]]
    assert store.trade.state() == "live"


# -- books over HTTP (the rest of the book is in test_book.py) ------------------------------------------------------


@pytest.mark.parametrize(("path", "field"), [("/md/v2/orderbook", "orderbook_p"), ("/md/orderbook", "book")])
async def test_initialize_a_book(path: str, field: str) -> None:
    """An answer fills a book that nothing else does, and that nothing keeps right; a live one it leaves alone."""
    store = PhemexDataStore()
    told = {"sequence": 9, "symbol": "BTCUSDT", "depth": 30, "timestamp": 1, "type": "snapshot"}
    two = {"asks": [["11", "1"]], "bids": [["10", "1"]]}
    answer = {"error": None, "id": 0, "result": {**told, field: two}}
    await store.initialize(respond("GET", f"{API}{path}?symbol=BTCUSDT", answer))
    assert (store.orderbook.state(), len(store.orderbook), store.orderbook.timestamp) == ("stale", 2, None)
    one = {**told, "orderbook_p": {**two, "bids": []}}
    store.onmessage(one, FakeSocket())  # type: ignore[arg-type]
    await store.initialize(respond("GET", f"{API}{path}?symbol=BTCUSDT", answer))
    assert (store.orderbook.state(), len(store.orderbook)) == ("live", 1)


# -- tickers -------------------------------------------------------------------------------------------------------


def test_a_pack_before_its_columns(caplog: pytest.LogCaptureFixture) -> None:
    """Rows whose columns are not known yet change nothing; columns that come again replace those before."""
    store, (whole, change) = PhemexDataStore(), sample("new_perp_market24h_pack_p")
    store.onmessage(change)
    assert len(store.market24h) == 0
    assert "a message is ignored" in caplog.text
    store.onmessage(whole)
    store.onmessage({**whole, "fields": ["symbol", "lastRp"], "data": [["BTCUSDT", "1"]]})
    assert (store.market24h.get({"symbol": "BTCUSDT"}) or {})["lastRp"] == "1"
    assert (store.market24h.get({"symbol": "BTCUSDT"}) or {})["openRp"] == "64057.2"
    store.onmessage({"data": [["BTCUSDT", "2"]], "method": "another.update"})
    assert (store.market24h.get({"symbol": "BTCUSDT"}) or {})["lastRp"] == "1"


# -- orders --------------------------------------------------------------------------------------------------------


def order(name: str, status: str = "New", symbol: str = "BTCUSDT", **fields: Any) -> dict[str, Any]:
    return {"orderID": name, "ordStatus": status, "symbol": symbol, "accountID": 1, **fields}


def aop(kind: str, *orders: Any, field: str = "orders_p", **fields: Any) -> dict[str, Any]:
    return {field: list(orders), "type": kind, "sequence": 1, "timestamp": 1, **fields}


def wallet(kind: str, field: str = "orders", **lists: Any) -> dict[str, Any]:
    return {field: {"open": [], "closed": [], "fills": [], **lists}, "type": kind, "sequence": 1}


def names(store: Any, table: str = "orders") -> list[str]:
    return [row["orderID"] for row in store[table]]


async def test_a_snapshot_replaces_the_orders_of_its_family_alone() -> None:
    """Of three families in one table each is replaced by its own snapshot; margin has a table of its own."""
    watched = Watched(PhemexDataStore)
    watched.feed(
        aop("snapshot", order("c1", symbol="BTCUSD"), field="orders"),
        aop("snapshot", order("u1"), order("u2")),
        wallet("snapshot", open=[order("s1", symbol="sBTCUSDT")]),
        wallet("snapshot", "orders_mao", open=[order("m1", symbol="sBTCUSDT")]),
    )
    assert names(watched.store) == ["c1", "u1", "u2", "s1"]
    watched.feed(aop("snapshot", order("u2", "PartiallyFilled"), order("u3")))
    assert names(watched.store) == ["c1", "u2", "s1", "u3"]
    watched.feed(wallet("snapshot"))
    assert names(watched.store) == ["c1", "u2", "u3"]
    watched.feed({**aop("snapshot", field="orders"), "orders": None})
    assert names(watched.store) == ["u2", "u3"]
    assert names(watched.store, "orders_mao") == ["m1"]
    watched.feed(wallet("snapshot", "orders_mao", closed=[order("m1", "Filled", "sBTCUSDT")], fills=[{"execID": "e"}]))
    assert names(watched.store, "orders_mao") == []
    assert list(watched.store["fills_mao"]) == [{"execID": "e"}]
    assert list(watched.store["fills"]) == []
    changes = await watched.check()
    assert (changes["orders_mao"][-1].source or {})["ordStatus"] == "Filled"  # the change says why


def test_a_snapshot_of_one_account_leaves_the_others_alone() -> None:
    """Where a snapshot names its accounts, it says nothing of another; an order without an account belongs to it."""
    store = PhemexDataStore()
    mine, other = order("a", symbol="BTCUSD"), order("b", symbol="ETHUSD", accountID=2)
    lacking = {**order("c", symbol="BTCUSD")}
    del lacking["accountID"]
    store.onmessage(aop("snapshot", mine, other, lacking, field="orders"))
    store.onmessage(aop("snapshot", field="orders", accounts=[{"accountID": 1, "currency": "BTC"}]))
    assert names(store) == ["b"]
    store.onmessage(aop("snapshot", field="orders", accounts=[{"currency": "BTC"}]))
    assert names(store) == []


@pytest.mark.parametrize(
    "told",
    [
        [order("a", "Filled"), order("a", "PartiallyFilled"), order("a", "New")],
        [order("a", "New"), order("a", "PartiallyFilled"), order("a", "Filled")],
        [order("a", "PartiallyFilled", transactTimeNs=9), order("a", "Canceled", action="Cancel", transactTimeNs=5)],
    ],
)
def test_a_snapshot_does_not_bring_an_ended_order_back(told: list[Any]) -> None:
    """A snapshot also tells what happened before an order ended, in whichever order: the end counts."""
    store = PhemexDataStore()
    store.onmessage(aop("snapshot", *told))
    assert names(store) == []


@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_rows_of_an_open_order_a_snapshot_counts_the_last(turn: int) -> None:
    """What happened last to an open order is what is known of it; one that was replaced goes on."""
    store = PhemexDataStore()
    told = [
        order("a", "New", cumQty="0", transactTimeNs=1),
        order("a", "PartiallyFilled", cumQty="2", transactTimeNs="9"),
        order("a", "Canceled", action="Replace", cumQty="1", transactTimeNs=5),
    ]
    store.onmessage(aop("snapshot", *told[::turn]))
    assert [row["cumQty"] for row in store.orders] == ["2"]


def test_ends() -> None:
    """Filled, Canceled, Rejected and Deactivated end an order, on the stream of spot too; Replace does not."""
    for status in ("Filled", "Canceled", "Rejected", "Deactivated"):
        store = PhemexDataStore()
        store.onmessage(aop("incremental", order("a"), order("b")))
        store.onmessage(aop("incremental", order("a", status)))
        store.onmessage(wallet("incremental", open=[order("b")], closed=[order("b", status)]))
        assert names(store) == [], status
    store = PhemexDataStore()
    store.onmessage(wallet("incremental", open=[order("a")]))
    store.onmessage(wallet("incremental", closed=[order("a", "Canceled", action="Replace")]))
    assert names(store) == ["a"]


LISTS = {"/orders/activeList": "BTCUSD", "/g-orders/activeList": "BTCUSDT", "/spot/orders": "sBTCUSDT"}


def listed(path: str, *rows: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "", "data": list(rows) if path == "/spot/orders" else {"rows": list(rows)}}


@pytest.mark.parametrize("path", LISTS)
async def test_initialize_orders(path: str) -> None:
    """An answer replaces the orders of its symbol, in the words of the stream; other symbols and families stay."""
    store, symbol = PhemexDataStore(), LISTS[path]
    others = [order(f"other {each}", symbol=each) for each in [*LISTS.values(), "ETHUSD"] if each != symbol]
    for each in others:
        store.onmessage(aop("incremental", each))
    await store.initialize(respond("GET", f"{API}{path}?symbol={symbol}", listed(path, order("old", symbol=symbol))))
    row = {"orderID": "new", "ordStatus": "PartiallyFilled", "symbol": symbol, "orderQtyRq": "2", "orderType": None}
    await store.initialize(respond("GET", f"{API}{path}?symbol={symbol}", listed(path, row)))
    told = {"orderID": "new", "ordStatus": "PartiallyFilled", "symbol": symbol, "orderQty": "2"}
    assert store.orders.find() == [*others, told]
    assert store.orders.state() == "live"
    none = {"code": 10002, "msg": "OM_ORDER_NOT_FOUND", "data": None}  # how Phemex says that there is none
    await store.initialize(respond("GET", f"{API}{path}?symbol={symbol}", none))
    assert store.orders.find() == others


async def test_initialize_orders_of_some_states() -> None:
    """An answer to a question for certain states removes nothing, unless they are all the states of open orders."""
    store, path = PhemexDataStore(), "/orders/activeList"
    store.onmessage(aop("incremental", order("a", symbol="BTCUSD"), field="orders"))
    asked = f"{API}{path}?symbol=BTCUSD"
    await store.initialize(respond("GET", f"{asked}&ordStatus=PartiallyFilled", listed(path)))
    assert names(store) == ["a"]
    states = "&ordStatus=New&ordStatus=PartiallyFilled&ordStatus=Untriggered"
    await store.initialize(respond("GET", f"{asked}{states}", listed(path, order("b", symbol="BTCUSD"))))
    assert names(store) == ["b"]
    states = "&ordStatus=New,PartiallyFilled,Untriggered"
    await store.initialize(respond("GET", f"{API}{path}?x=1{states}", listed(path)))
    assert names(store) == []


async def test_an_answer_never_overrules_the_stream() -> None:
    """What ended or began while the list was on its way stays so."""
    store, path = PhemexDataStore(), "/g-orders/activeList"
    store.onmessage(aop("snapshot", order("a")))

    async def slow() -> Any:
        store.onmessage(aop("incremental", order("a", "Filled"), order("b")))
        return await respond("GET", f"{API}{path}?symbol=BTCUSDT", listed(path, order("a")))

    await store.initialize(slow())
    assert names(store) == ["b"]


# -- positions -----------------------------------------------------------------------------------------------------


def position(side: str | None = None, size: str = "1", symbol: str = "BTCUSDT", **fields: Any) -> dict[str, Any]:
    sided = {} if side is None else {"posSide": side}
    return {"accountID": 1, "symbol": symbol, **sided, "currency": "USDT", "size": size, **fields}


def told_positions(kind: str, *rows: Any, field: str = "positions_p") -> dict[str, Any]:
    return {field: list(rows), "type": kind, "sequence": 1, "timestamp": 1}


def held(store: Any) -> list[tuple[Any, ...]]:
    return [(row["symbol"], row.get("posSide"), row["size"]) for row in store["positions"]]


async def test_hedged_positions() -> None:
    """Long and Short are two rows; without a side `get` finds the last, Merged where there is that, COIN-M's own."""
    watched = Watched(PhemexDataStore)
    store: Any = watched.store
    watched.feed(told_positions("snapshot", position("Long"), position("Short", "2")))
    watched.feed(told_positions("incremental", position("Long", "3")))
    assert held(store) == [("BTCUSDT", "Long", "3"), ("BTCUSDT", "Short", "2")]
    here = {"accountID": 1, "symbol": "BTCUSDT"}
    assert store.positions.find(here) == [position("Long", "3"), position("Short", "2")]
    assert store.positions.get(here) == position("Short", "2")
    assert store.positions.get({**here, "posSide": "Long"}) == position("Long", "3")
    assert store.positions.get({**here, "posSide": "Merged"}) is None
    assert store.positions.get({"accountID": 1, "symbol": "ETHUSDT"}) is None
    assert store.positions.get({"symbol": "BTCUSDT"}) is None
    watched.feed(told_positions("incremental", position("Merged", "5")))  # back in one-way mode
    assert held(store) == [("BTCUSDT", "Merged", "5")]
    assert store.positions.get(here) == position("Merged", "5")
    watched.feed(told_positions("incremental", position("Long", "6")))
    watched.feed(told_positions("incremental", position(None, "7", "BTCUSD"), field="positions"))
    assert held(store) == [("BTCUSDT", "Long", "6"), ("BTCUSD", None, "7")]
    assert store.positions.get({"accountID": 1, "symbol": "BTCUSD"}) == position(None, "7", "BTCUSD")
    await watched.check()


def test_a_snapshot_replaces_the_positions_of_its_family_alone() -> None:
    """A position that was closed meanwhile goes; the whole row is replaced."""
    store = PhemexDataStore()
    store.onmessage(told_positions("snapshot", position(None, "7", "BTCUSD"), field="positions"))
    store.onmessage(told_positions("snapshot", position("Merged", term=1), position("Merged", symbol="ETHUSDT")))
    store.onmessage(told_positions("snapshot", position("Merged", "2")))
    assert store.positions.find() == [position(None, "7", "BTCUSD"), position("Merged", "2")]
    store.onmessage(told_positions("incremental", position("Merged", "0")))
    assert held(store)[-1] == ("BTCUSDT", "Merged", "0")  # a closed one stays


@pytest.mark.parametrize(
    ("path", "currency", "field"),
    [
        ("/accounts/accountPositions", "BTC", "positions"),
        ("/accounts/positions", "BTC", "positions"),
        ("/g-accounts/accountPositions", "USDT", "positions_p"),
        ("/g-accounts/positions", "USDT", "positions_p"),
    ],
)
async def test_initialize_positions(path: str, currency: str, field: str) -> None:
    """An answer replaces the positions of its currency, and tells the account, which is called as on the stream."""
    store = PhemexDataStore()
    gone, stays = position(symbol="x", currency=currency), position(symbol="y", currency="ETH")
    store.onmessage(told_positions("snapshot", gone, stays, field=field))
    account = {"accountId": 5, "currency": currency, "accountBalanceRv": "9"}
    new = position(symbol="z", currency=currency)
    answer = {"code": 0, "msg": "", "data": {"account": account, "positions": [new]}}
    await store.initialize(respond("GET", f"{API}{path}?currency={currency}", answer))
    assert store.positions.find() == [stays, new]
    assert store.accounts.find() == [{"accountID": 5, "currency": currency, "accountBalanceRv": "9"}]
    assert store.positions.state() == store.accounts.state() == "live"
    answer["data"] = {"account": {"accountID": 5, "currency": currency, "accountBalanceRv": "8"}, "positions": []}
    await store.initialize(respond("GET", f"{API}{path}?currency={currency}&symbol=other", answer))
    assert store.positions.find() == [stays, new]
    assert store.accounts.find() == [{"accountID": 5, "currency": currency, "accountBalanceRv": "8"}]


# -- wallets -------------------------------------------------------------------------------------------------------


def test_a_snapshot_replaces_wallets() -> None:
    """A currency or an isolated position that is not told any more is gone; a change leaves the others alone."""
    store = PhemexDataStore()
    store.onmessage(RISK)
    store.onmessage({"wallets": [{"currency": "BTC", "balanceEv": 1}, {"currency": "USDT", "balanceEv": 2}]})
    store.onmessage({"wallets": [{"currency": "BTC", "balanceEv": 3}], "type": "incremental"})
    assert [row["balanceEv"] for row in store.wallets] == [3, 2]
    store.onmessage({"wallets": [{"currency": "USDT", "balanceEv": 4}], "type": "snapshot"})
    assert [row["balanceEv"] for row in store.wallets] == [4]
    store.onmessage({**RISK, "risk_units": RISK["risk_units"][:1]})
    assert [row["posSide"] for row in store.risk_units] == [0]
    assert [row["currency"] for row in store.risk_wallets] == ["USDT"]


# -- states --------------------------------------------------------------------------------------------------------


def test_after_a_lost_connection_a_snapshot_makes_tables_live_and_nothing_less() -> None:
    """The tables are stale; changes do not help, the snapshot of the new subscription does, and replaces the rows."""
    store, first, second = PhemexDataStore(), FakeSocket(), FakeSocket()
    both = {"positions_p": [position("Merged")], "accounts_p": [{"accountID": 1, "currency": "USDT"}]}
    store.onmessage(aop("snapshot", order("a"), order("b"), **both), first)  # type: ignore[arg-type]
    private: Any = (store.orders, store.positions, store.accounts)
    assert {table.state() for table in private} == {"live"}
    first.lose()
    assert {table.state() for table in private} == {"stale"}
    assert names(store) == ["a", "b"]
    store.onmessage(aop("incremental", order("c"), **both), second)  # type: ignore[arg-type]
    assert {table.state() for table in private} == {"stale"}
    store.onmessage(aop("snapshot", order("c"), **both), second)  # type: ignore[arg-type]
    assert {table.state() for table in private} == {"live"}
    assert names(store) == ["c"]
    store.onmessage({"tick_p": {"symbol": ".BTCUSDT"}}, second)  # type: ignore[arg-type]
    assert store.ticker.state() == "live"
    second.lose()
    store.onmessage(aop("snapshot", order("d"), **both), second)  # type: ignore[arg-type]
    assert store.orders.state() == "stale"


def test_a_snapshot_that_cannot_be_read_does_not_make_a_table_live() -> None:
    """The table stays stale and as it was; those beside it are live."""
    store = PhemexDataStore()
    store.onmessage(aop("incremental", order("a")))
    store.onmessage(aop("snapshot", {"orderID": "b"}, positions_p=[position("Merged")]))
    assert (store.orders.state(), store.positions.state()) == ("stale", "live")
    assert names(store) == ["a"]


# -- refusals and damage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/g-orders/activeList?symbol=BTCUSDT", {"code": 30000, "msg": "no", "data": None}),
        ("/g-accounts/accountPositions?currency=USDT", {"code": 10002, "msg": "no", "data": None}),
        ("/exchange/public/md/v2/kline?symbol=BTCUSDT", {"code": 401, "msg": "no", "data": None}),
        ("/md/v2/trade?symbol=BTCUSDT", {"error": {"code": 6001, "message": "no"}, "id": 0, "result": None}),
        ("/spot/orders?symbol=sBTCUSDT", "no"),
    ],
)
async def test_a_refused_answer(path: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one warning; the rows stay, and the table is stale."""
    store = PhemexDataStore()
    store.onmessage(aop("snapshot", order("a"), positions_p=[position("Merged")]))
    await store.initialize(respond("GET", f"{API}{path}", answer))
    [record] = caplog.records
    assert (record.name, record.levelname) == (LOGGER, "WARNING")
    assert path.partition("?")[0] in record.getMessage()
    assert "no" in record.getMessage()
    assert (names(store), len(store.positions)) == (["a"], 1)
    assert "stale" in {store.orders.state(), store.positions.state(), store.kline.state()}


async def test_other_answers_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """A path without a table is passed over, whatever it says."""
    store = PhemexDataStore()
    await store.initialize(respond("GET", f"{API}/public/products", {"code": 1, "data": None}))
    assert not caplog.records
    assert not any(len(table) for table in tables(store).values())


def test_messages_with_an_id_are_no_data(caplog: pytest.LogCaptureFixture) -> None:
    """An answer to a question is stored nowhere, an error in any message is said once."""
    store = PhemexDataStore()
    store.onmessage({"id": 7, **aop("snapshot", order("a"))})
    assert names(store) == []
    store.onmessage({"id": 0, **aop("snapshot", order("a")), "error": {"code": 1}})
    assert names(store) == ["a"]
    assert len(caplog.records) == 1


JUNK: list[Any] = [None, True, -1, "x", [], {}, [None], ...]


def test_damaged_messages_of_an_account() -> None:
    """Whatever is missing or replaced: the tables stay whole, and the next snapshot puts them right."""
    account = sample("aop_p")[0]
    for message in (account, WALLET[0], MARGIN, RISK):
        for place in places(message)[::3]:
            store = PhemexDataStore()
            store.onmessage(copy.deepcopy(message))
            before = {name: table.find() for name, table in tables(store).items()}
            store.onmessage(damaged(message, place, JUNK[len(place) % len(JUNK)]))
            for table in tables(store).values():
                table._check()
            store.onmessage(copy.deepcopy(message))
            assert [row["orderID"] for row in before["orders"]] == names(store)


def test_record() -> None:
    """The collection has the tables that its page names."""
    assert EXCHANGE.stores == (PhemexDataStore,)
    assert [*tables(PhemexDataStore())] == [
        *("trade", "orderbook", "ticker", "market24h", "index_market24h", "kline", "accounts", "orders", "positions"),
        *("wallets", "fills", "wallets_mao", "orders_mao", "fills_mao", "risk_units", "risk_wallets", "investments"),
    ]
