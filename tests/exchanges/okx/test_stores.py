"""The tables of OKX but for the book: the protocol sample set, every deliberate difference, damaged messages."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.exchanges.samples import Watched, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchanges._recent import Recent
from topgun.exchanges.okx import EXCHANGE, OKXDataStore

if TYPE_CHECKING:
    from topgun.store import DataStore

HERE = Path(__file__).parent
CASES = {
    f"{path.stem}: {case['name']}": case
    for path in sorted([*HERE.glob("frames/*.json"), *HERE.glob("responses/*.json")])
    for case in load(path)
}
PLAYED = {name: case for name, case in CASES.items() if case.get("kind") not in ("heartbeat", "ws_order")}
API = "https://www.okx.com/api/v5"
LOGGER = "topgun.exchanges.okx"

# -- the sample set ------------------------------------------------------------------------------------------------

# What must come of the cases whose ``expect`` says what topgun must not do, or does not do all of it.
CHASE = {"algoId": "7", "instId": "BTC-USDT", "ordType": "chase", "state": "live"}
BETTER: dict[str, dict[str, Any]] = {
    "books: sequence gap and maintenance reset": {"expect": {}, "warnings": ["changes between number 5 and 9"]},
    "bbo-tbt: bbo-tbt has no store": {"expect": {}},
    "bbo-tbt: other channels without a table": {"expect": {}},
    "control: notice 64008": {},  # the connection is left, see test_stream.py
    "control: channel connection count": {"warnings": ["channel-conn-count-error"]},
    "initialize: orders-algo-pending splits by ordType": {"add": {"ordersalgo": [CHASE]}},
    "status: status": {},  # the table has an attribute, too
    "candle: candle": {},  # two more fields
    "initialize: error response is logged and skipped": {"raises": "Invalid Sign", "warnings": []},
}


def table_of(store: OKXDataStore, name: str) -> DataStore:
    """Return the table that a case names: an attribute, one inside another, or ``['name']``."""
    if match := re.fullmatch(r"\['(.*)'\]", name):
        return store[match[1]]
    found: Any = store
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", PLAYED)
async def test_samples(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each case of the sample set ends in exactly its rows, views, attributes and warnings."""
    case, better = PLAYED[name], BETTER.get(name, {})
    watched = Watched(OKXDataStore, case.get("url", "wss://ws.okx.com:8443/ws/v5/public"))
    store = watched.store
    for pair in case.get("initialize", []):
        reply = respond(pair["request"]["method"], pair["request"]["url"], pair["response"])
        if "raises" in better:
            with pytest.raises(InitializeError, match=better["raises"]):
                await store.initialize(reply)
        else:
            await store.initialize(reply)
    watched.feed(*case.get("messages", []))
    await watched.check()

    expected = {**better.get("expect", case.get("expect", {}))}
    for table, rows in better.get("add", {}).items():
        expected[table] = [*expected[table], *rows]
    for table, rows in expected.items():
        seen = list(table_of(store, table))
        if case.get("compare") == "subset":
            seen = [{key: row[key] for key in wanted} for row, wanted in zip(seen, rows, strict=True)]
        assert seen == rows, table
    named = {table_of(store, table).name for table in expected}
    assert [table.name for table in tables(store).values() if len(table) and table.name not in named] == []
    for view in case.get("expect_sorted", []):
        assert table_of(store, view["store"]).sorted(view["query"], view["limit"]) == view["result"]  # type: ignore[attr-defined]
    for path, value in case.get("expect_attrs", {}).items():
        table, attribute = path.split(".")
        assert getattr(table_of(store, table), attribute) == value
    warnings = better.get("warnings", [""] * len(case.get("expect_log", [])))
    assert [(record.levelname, text in record.getMessage()) for record, text in zip(caplog.records, warnings)] == [  # noqa: B905
        ("WARNING", True)
    ] * len(warnings)
    assert len(caplog.records) == len(warnings)


def test_samples_that_differ_are_all_described() -> None:
    """Every case that topgun treats otherwise is listed above."""
    assert {name for name, case in PLAYED.items() if "improve" in case or "raises" in BETTER.get(name, {})} <= {*BETTER}
    assert {*BETTER} <= {*PLAYED}


def test_candles_have_two_more_fields() -> None:
    """The turnover in the quote currency, and whether the candle is over, are kept."""
    store = OKXDataStore()
    for name in ("candle", "index-candle", "mark-price-candle"):
        for message in CASES[f"{name}: {name}"]["messages"]:
            store.onmessage(message)
    assert [(row["volCcyQuote"], row["confirm"]) for row in store.candle] == [
        ("5530.1", "1"),
        ("166741046.22583129", "0"),
    ]
    assert [row["confirm"] for row in [*store.indexcandle, *store.markpricecandle]] == ["0", "0"]


def test_answer_to_an_order_over_the_socket(caplog: pytest.LogCaptureFixture) -> None:
    """What was accepted is nothing to tell; a refusal is a warning with the whole message."""
    store = OKXDataStore()
    [answer] = CASES["control: order over WebSocket (no per-message signing)"]["messages"]
    store.onmessage(answer)
    assert not caplog.records
    refused = {**answer, "code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient balance"}]}
    store.onmessage(refused)
    [record] = caplog.records
    assert (record.name, record.levelname) == (LOGGER, "WARNING")
    assert repr(refused) in record.getMessage()


def test_tables() -> None:
    """The collection has the tables, names, keys and limits that users know; books, orders, positions have no limit."""
    store = OKXDataStore()
    assert EXCHANGE.stores == (OKXDataStore,)
    one, candle, held = ["instId"], ["channel", "instId", "ts"], ["instId", "mgnMode", "posSide"]
    assert {name: (table.name, list(table._keys), table._MAXLEN) for name, table in tables(store).items()} == {
        "instruments": ("instruments", one, 9999),
        "tickers": ("tickers", one, 9999),
        "openinterest": ("open-interest", one, 9999),
        "candle": ("candle", candle, 9999),
        "trades": ("trades", [], 9999),
        "estimatedprice": ("estimated-price", one, 9999),
        "markprice": ("mark-price", one, 9999),
        "markpricecandle": ("mark-price-candle", candle, 9999),
        "pricelimit": ("price-limit", one, 9999),
        "books": ("books", ["instId", "side", "px"], None),
        "optsummary": ("opt-summary", one, 9999),
        "fundingrate": ("funding-rate", one, 9999),
        "indexcandle": ("index-candle", candle, 9999),
        "indextickers": ("index-tickers", one, 9999),
        "status": ("status", [], 9999),
        "account": ("account", [], 9999),
        "positions": ("positions", held, None),
        "balance_and_position": ("balance_and_position", [], 9999),
        "orders": ("orders", ["ordId"], None),
        "ordersalgo": ("orders-algo", ["algoId"], None),
        "algoadvance": ("algo-advance", ["algoId"], None),
        "liquidationwarning": ("liquidation-warning", one, 9999),
        "accountgreeks": ("account-greeks", ["ccy"], 9999),
    }
    assert all(store[table.name] is table for table in tables(store).values())
    parts = store.balance_and_position.balance, store.balance_and_position.position
    assert [(part.name, list(part._keys), part._MAXLEN) for part in parts] == [
        ("balance_and_position.balance", ["ccy"], None),
        ("balance_and_position.position", held, None),
    ]


@pytest.mark.parametrize(
    ("path", "live"),
    [
        ("/api/v5/trade/orders-pending", ["orders"]),
        ("/api/v5/trade/orders-algo-pending?ordType=oco", ["orders-algo"]),
        ("/api/v5/trade/orders-algo-pending?ordType=twap,oco", ["orders-algo", "algo-advance"]),
        ("/api/v5/market/books?instId=X", []),  # a book that nobody keeps right; see test_book.py
        ("/api/v5/market/books-full?instId=X", []),
        ("/api/v5/account/balance", []),
    ],
)
async def test_answers(path: str, live: list[str]) -> None:
    """What an answer fills is live by it, as far as it asks for what is there."""
    store = OKXDataStore()
    await store.initialize(respond("GET", f"https://www.okx.com{path}", {"code": "0", "data": []}))
    assert [table.name for table in tables(store).values() if table.state() == "live"] == live


# -- messages ------------------------------------------------------------------------------------------------------


def push(channel: str, *rows: Any, **more: Any) -> dict[str, Any]:
    arg = {"channel": channel, "uid": "1", **more.pop("arg", {})}
    return {"arg": arg, "data": list(rows), **more}


@pytest.mark.parametrize("channel", ["trades-all", "sprd-tickers", "grid-positions", "deposit-info", "fills", "", "x"])
def test_unknown_channels_change_nothing(channel: str, caplog: pytest.LogCaptureFixture) -> None:
    """A channel without a table is ignored without a word, whatever its data are."""
    store = OKXDataStore()
    for data in ([{"instId": "X"}], None, 1, {}):
        store.onmessage({"arg": {"channel": channel}, "data": data}, FakeSocket())  # type: ignore[arg-type]
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


@pytest.mark.parametrize(
    "message",
    [
        {"event": "subscribe", "arg": {"channel": "books", "instId": "X"}},
        {"event": "channel-conn-count", "channel": "orders", "connCount": "2"},
        {"event": "login", "code": "0"},
        {"id": "1", "op": "order", "code": "0", "data": []},
        {"arg": {"channel": "books"}},
        {"data": []},
        {},
        [],
        "pong",
        None,
    ],
    ids=repr,
)
def test_messages_without_data_are_ignored(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Acks and whatever is no message of OKX change nothing and say nothing."""
    store = OKXDataStore()
    store.onmessage(message, FakeSocket())  # type: ignore[arg-type]  # a stand-in
    assert not any(len(table) for table in tables(store).values())
    assert not caplog.records


def test_rows_without_their_key_are_dropped() -> None:
    """What does not belong into a table is passed over; the rows beside it are taken."""
    store = OKXDataStore()
    store.onmessage(push("tickers", {"last": "1"}, {"instId": "X", "last": "2"}))
    assert list(store.tickers) == [{"instId": "X", "last": "2"}]


def test_rows_are_copies() -> None:
    """The message stays as it is and the user's; no row changes with it."""
    store = OKXDataStore()
    message = push("tickers", {"instId": "X", "last": "1"})
    before = copy.deepcopy(message)
    store.onmessage(message)
    message["data"][0]["last"] = "2"
    assert list(store.tickers) == before["data"]


# -- orders --------------------------------------------------------------------------------------------------------


def order(number: int, state: str = "live", **more: Any) -> dict[str, Any]:
    row = {"ordId": str(number), "instId": "BTC-USDT", "instType": "SPOT", "ordType": "limit", "state": state}
    return {**row, **more}


def swap(number: int, inst: str = "BTC-USDT-SWAP", **more: Any) -> dict[str, Any]:
    return order(number, instId=inst, instType="SWAP", **more)


async def ask(store: OKXDataStore, query: str, *rows: Any, path: str = "orders-pending") -> None:
    reply = {"code": "0", "msg": "", "data": list(rows)}
    await store.initialize(respond("GET", f"{API}/trade/{path}?{query}", reply))


def idents(table: DataStore) -> list[int]:
    return [int(row[table._keys[0]]) for row in table]


@pytest.mark.parametrize("state", ["filled", "canceled", "mmp_canceled", "unheard"])
async def test_final_order(state: str) -> None:
    """Any state but the two of open orders takes the order away; twice is as good as once."""
    watched = Watched(OKXDataStore)
    watched.feed(push("orders", order(1), order(2)), push("orders", order(2, "partially_filled", accFillSz="1")))
    watched.feed(push("orders", order(1, state)), push("orders", order(1, state), order(9, state)))
    assert list(watched.store.orders) == [order(2, "partially_filled", accFillSz="1")]
    await watched.check()


@pytest.mark.parametrize("state", ["filled", "canceled", "mmp_canceled"])
async def test_finished_orders_stay_away(state: str) -> None:
    """Neither a slow answer nor a slow second socket brings back what is over."""
    store = OKXDataStore()
    store.onmessage(push("orders", order(1), order(2)))
    store.onmessage(push("orders", order(1, state)))
    store.onmessage(push("orders", order(1, "partially_filled")))
    await ask(store, "", order(2), order(1))
    assert idents(store.orders) == [2]


async def test_older_rows_of_an_order_change_nothing() -> None:
    """Neither a slow answer nor a slow second socket takes a fill back; what is as old or older without time counts."""
    store = OKXDataStore()
    old, new = order(1, accFillSz="0", uTime="7"), order(1, "partially_filled", accFillSz="1", uTime="9")
    store.onmessage(push("orders", old))
    store.onmessage(push("orders", new))
    store.onmessage(push("orders", old))
    assert list(store.orders) == [new]
    await ask(store, "", old)
    assert list(store.orders) == [new]
    for change in ({"uTime": "9", "px": "5"}, {"uTime": "", "px": "6"}):
        store.onmessage(push("orders", {**new, **change}))
        assert list(store.orders) == [{**new, **change}]


def test_what_is_remembered_of_finished_orders_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = OKXDataStore()
    store.onmessage(push("orders", *[order(number, "filled") for number in range(4)]))
    store.onmessage(push("orders", *[order(number) for number in range(4)]))
    assert idents(store.orders) == [0, 1]


OLD = [
    order(101),
    order(102, instId="ETH-USDT"),
    order(103, ordType="post_only"),
    swap(201),
    swap(202, "BTC-USD-SWAP"),
    swap(203, "BTC-USD-260327"),
    swap(204, "BTC-USD_UM-SWAP"),
    {"ordId": "301", "state": "live"},
]


@pytest.mark.parametrize(
    ("query", "gone"),
    [
        ("", [101, 102, 103, 201, 202, 203, 204, 301]),
        ("limit=50", [101, 102, 103, 201, 202, 203, 204, 301]),
        ("instType=SPOT", [101, 102, 103]),
        ("instType=SWAP", [201, 202, 203, 204]),
        ("instType=SPOT&instId=BTC-USDT", [101, 103]),
        ("instId=BTC-USDT", [101, 103]),
        ("ordType=post_only", [103]),
        ("ordType=post_only,limit&instType=SPOT", [101, 102, 103]),
        ("instType=SWAP&instFamily=BTC-USD", [202, 203]),
        ("uly=BTC-USDT", [201]),
        ("state=live", []),
        ("after=500", []),
        ("before=5", []),
        ("instType=SPOT&state=&after=", [101, 102, 103]),
    ],
)
async def test_answer_clears_what_it_covers(query: str, gone: list[int]) -> None:
    """An empty answer removes the open orders that the query asked for, and no other."""
    watched = Watched(OKXDataStore)
    watched.feed(push("orders", *OLD))
    await ask(watched.store, query)
    assert idents(watched.store.orders) == [int(row["ordId"]) for row in OLD if int(row["ordId"]) not in gone]
    await watched.check()


async def test_answer_does_not_touch_what_it_lists() -> None:
    """A listed order is merged in its place: nobody is told that it went."""
    watched = Watched(OKXDataStore)
    watched.feed(push("orders", order(1, fillPx="3"), order(2)))
    await watched.check()
    await ask(watched.store, "", order(1, "partially_filled"), order(3))
    assert list(watched.store.orders) == [order(1, "partially_filled", fillPx="3"), order(3)]
    changes = (await watched.check())["orders"]
    assert [(change.operation, change.data["ordId"]) for change in changes] == [
        ("delete", "2"),
        ("update", "1"),
        ("update", "3"),
    ]


async def test_full_page() -> None:
    """A page that is full says nothing of orders that are older than its last one; the next one adds."""
    store = OKXDataStore()
    store.onmessage(push("orders", *[order(number) for number in (5, 60, 80, 95)]))
    await ask(store, "limit=3", order(95), order(90), order(70))
    assert idents(store.orders) == [5, 60, 95, 90, 70]
    await ask(store, "limit=3&after=70", order(60), order(55))
    assert idents(store.orders) == [5, 60, 95, 90, 70, 55]
    await ask(store, "", *[order(number) for number in range(1_000, 1_100)])
    assert idents(store.orders)[:6] == [5, 60, 95, 90, 70, 55]
    assert len(store.orders) == 106


async def test_stream_is_newer_than_the_answer() -> None:
    """What the stream says while a request is under way stays, whatever the answer lists."""
    store, ws = OKXDataStore(), FakeSocket()
    store.onmessage(push("orders", order(1, px="1"), order(2)), ws)  # type: ignore[arg-type]

    async def late() -> Any:
        store.onmessage(push("orders", order(3), order(2, "filled"), order(1, px="9")), ws)  # type: ignore[arg-type]
        reply = {"code": "0", "data": [order(1, px="1"), order(2)]}
        return await respond("GET", f"{API}/trade/orders-pending", reply)

    await store.initialize(late())
    assert list(store.orders) == [order(1, px="9"), order(3)]


def algo(number: int, kind: str, state: str = "live") -> dict[str, Any]:
    return {"algoId": str(number), "instId": "BTC-USDT", "instType": "SPOT", "ordType": kind, "state": state}


async def test_answers_for_algo_orders() -> None:
    """An answer for some types of orders replaces those, in whichever of the two tables they are."""
    store = OKXDataStore()
    store.onmessage(push("orders-algo", algo(1, "conditional"), algo(2, "oco"), algo(3, "trigger"), algo(4, "chase")))
    store.onmessage(push("algo-advance", algo(11, "iceberg"), algo(12, "twap")))
    path = "orders-algo-pending"
    await ask(store, "ordType=conditional,oco", algo(5, "oco"), path=path)
    assert (idents(store.ordersalgo), idents(store.algoadvance)) == ([3, 4, 5], [11, 12])
    await ask(store, "ordType=twap", algo(13, "twap"), path=path)
    assert (idents(store.ordersalgo), idents(store.algoadvance)) == ([3, 4, 5], [11, 13])
    await ask(store, "ordType=trigger&algoId=77", path=path)
    assert (idents(store.ordersalgo), idents(store.algoadvance)) == ([3, 4, 5], [11, 13])
    assert (store.ordersalgo.state(), store.algoadvance.state()) == ("live", "live")


def test_algo_orders_that_pause_come_back() -> None:
    """A paused order is not open, but not over either; one that was carried out is."""
    store = OKXDataStore()
    for state in ("live", "pause"):
        store.onmessage(push("algo-advance", algo(1, "twap", state)))
    assert idents(store.algoadvance) == []
    for state in ("live", "effective", "live"):
        store.onmessage(push("algo-advance", algo(1, "twap", state)))
        store.onmessage(push("orders-algo", algo(2, "oco", state)))
    assert (idents(store.algoadvance), idents(store.ordersalgo)) == ([], [])
    store.onmessage(push("orders-algo", algo(3, "oco"), algo(3, "oco", "order_failed")))
    assert list(store.ordersalgo) == [algo(3, "oco", "order_failed")]


# -- positions -----------------------------------------------------------------------------------------------------


def position(inst: str, pos: str, side: str = "net", **more: Any) -> dict[str, Any]:
    kind = "SWAP" if inst.endswith("SWAP") else "FUTURES"
    return {"instId": inst, "instType": kind, "mgnMode": "cross", "posSide": side, "pos": pos, **more}


def listed(*rows: Any, page: int = 1, last: bool = True, **arg: Any) -> dict[str, Any]:
    return push(
        "positions", *rows, arg={"instType": "ANY", **arg}, eventType="snapshot", curPage=page, lastPage=last
    )  # fmt: skip


def changed(*rows: Any, **arg: Any) -> dict[str, Any]:
    return push("positions", *rows, arg={"instType": "ANY", **arg}, eventType="event_update")


def held(store: OKXDataStore) -> dict[str, str]:
    return {row["instId"]: row["pos"] for row in store.positions}


A, B, C = "A-USD-SWAP", "B-USD-SWAP", "C-USD-260327"


async def test_positions_closed_while_offline() -> None:
    """The first snapshot of a new connection names what is open; the rest is closed, as a row of "0"."""
    watched = Watched(OKXDataStore)
    watched.feed(listed(position(A, "1"), position(B, "-2"), position(C, "3")), changed(position(C, "0.0")))
    watched.ws.lose()
    watched.ws = FakeSocket()
    await watched.check()
    watched.feed(listed(position(A, "1", upl="7")))
    assert held(watched.store) == {A: "1", B: "0", C: "0.0"}
    changes = (await watched.check())["positions"]
    assert [(change.data["instId"], change.data["pos"]) for change in changes] == [(A, "1"), (B, "0")]


async def test_later_snapshots_close_nothing() -> None:
    """What a regular push does not name stays as it is: changes are told by events."""
    store, ws = OKXDataStore(), FakeSocket()
    for message in (listed(position(A, "1"), position(B, "2")), listed(position(A, "1"))):
        store.onmessage(message, ws)  # type: ignore[arg-type]
    assert held(store) == {A: "1", B: "2"}
    store.onmessage(listed())  # not from a socket
    assert held(store) == {A: "1", B: "2"}


@pytest.mark.parametrize(
    ("arg", "closed"),
    [
        ({}, {A, B, C}),
        ({"instType": "SWAP"}, {A, B}),
        ({"instType": "FUTURES"}, {C}),
        ({"instId": B}, {B}),
        ({"instFamily": "B-USD"}, {B}),
    ],
)
def test_a_snapshot_closes_what_it_covers(arg: dict[str, str], closed: set[str]) -> None:
    """A subscription to some positions says nothing of the others."""
    store = OKXDataStore()
    store.onmessage(changed(position(A, "1"), position(B, "1"), position(C, "1")))
    store.onmessage(listed(**arg), FakeSocket())  # type: ignore[arg-type]
    assert {inst for inst, pos in held(store).items() if pos == "0"} == closed


def test_a_first_snapshot_in_pages() -> None:
    """All its pages together name what is open, and so does what is told between them."""
    store, ws = OKXDataStore(), FakeSocket()
    store.onmessage(changed(*[position(inst, "1") for inst in (A, B, C, "D")]))
    pages = listed(position(A, "1"), last=False), changed(position("D", "5")), listed(position(B, "1"), page=2)
    for message in pages:
        assert held(store)[C] == "1"
        store.onmessage(message, ws)  # type: ignore[arg-type]
    assert held(store) == {A: "1", B: "1", C: "0", "D": "5"}


def test_a_first_snapshot_without_one_of_its_pages() -> None:
    """If a page is missing, nobody knows what it named: nothing is closed."""
    store, ws = OKXDataStore(), FakeSocket()
    store.onmessage(changed(*[position(inst, "1") for inst in (A, B, C)]))
    store.onmessage(listed(position(A, "1"), last=False), ws)  # type: ignore[arg-type]
    store.onmessage(listed(position(B, "2"), page=3), ws)  # type: ignore[arg-type]
    store.onmessage(listed(position(A, "1")), ws)  # type: ignore[arg-type]
    assert held(store) == {A: "1", B: "2", C: "1"}


def test_amounts_that_are_no_numbers_are_closed_too() -> None:
    """Whatever stands in the field, what is not held any more is "0"."""
    store = OKXDataStore()
    store.onmessage(
        changed(position(A, ""), {key: None if key == "pos" else value for key, value in position(B, "").items()})
    )
    store.onmessage(listed(), FakeSocket())  # type: ignore[arg-type]
    assert held(store) == {A: "0", B: "0"}


# -- account -------------------------------------------------------------------------------------------------------


def coin(name: str, amount: str) -> dict[str, str]:
    return {"ccy": name, "cashBal": amount}


def account(total: str, *coins: Any, **more: Any) -> dict[str, Any]:
    kind = "snapshot" if more else "event_update"
    return push("account", {"totalEq": total, "details": list(coins)}, eventType=kind, **more)


def details(store: OKXDataStore) -> dict[str, str]:
    [row] = store.account
    return {each["ccy"]: each["cashBal"] for each in row["details"]}


async def test_account_in_pages() -> None:
    """The pages of a snapshot are one row once the last one is there; until then the row is the one before."""
    watched = Watched(OKXDataStore)
    store = watched.store
    watched.feed(account("1", coin("A", "1"), curPage=1, lastPage=False))
    assert (len(store.account), store.account.state()) == (0, "stale")
    watched.feed(account("1", coin("B", "2"), curPage=2, lastPage=False))
    watched.feed(account("3", coin("C", "3"), curPage=3, lastPage=True))
    assert (details(store), store.account.find()[0]["totalEq"]) == ({"A": "1", "B": "2", "C": "3"}, "3")
    assert store.account.state() == "live"
    await watched.check()

    watched.feed(account("4", coin("A", "4"), curPage=1, lastPage=False))
    assert (details(store), store.account.state()) == ({"A": "1", "B": "2", "C": "3"}, "live")
    watched.feed(account("5", coin("A", "5"), coin("D", "6")))  # an event is newer than the first page
    assert details(store) == {"A": "5", "D": "6"}
    watched.feed(account("6", coin("B", "7"), curPage=2, lastPage=True))
    assert details(store) == {"A": "5", "D": "6", "B": "7"}
    watched.feed(account("7", coin("E", "1"), curPage=1, lastPage=True))
    assert details(store) == {"E": "1"}
    await watched.check()


def test_account_pages_after_a_lost_connection() -> None:
    """The rows of an old connection are not called right while the pages of the new one still come."""
    store, ws, new = OKXDataStore(), FakeSocket(), FakeSocket()
    store.onmessage(account("1", coin("A", "1"), curPage=1, lastPage=True), ws)  # type: ignore[arg-type]
    assert store.account.state() == "live"
    ws.lose()
    store.onmessage(account("1", coin("A", "2"), curPage=1, lastPage=False), new)  # type: ignore[arg-type]
    store.onmessage(account("1", coin("B", "2"), curPage=2, lastPage=False), new)  # type: ignore[arg-type]
    assert (store.account.state(), details(store)) == ("stale", {"A": "1"})
    store.onmessage(account("1", coin("C", "2"), curPage=3, lastPage=True), new)  # type: ignore[arg-type]
    assert (store.account.state(), details(store)) == ("live", {"A": "2", "B": "2", "C": "2"})


def test_account_with_a_page_missing(caplog: pytest.LogCaptureFixture) -> None:
    """A snapshot of which a page is missing changes nothing, and says so; the next one counts."""
    store = OKXDataStore()
    store.onmessage(account("1", coin("A", "1"), curPage=1, lastPage=True))
    for page, last in ((2, True), (1, False), (3, False), (4, True)):
        store.onmessage(account("2", coin("B", "2"), curPage=page, lastPage=last))
    assert details(store) == {"A": "1"}
    assert ["the one before it is missing" in record.getMessage() for record in caplog.records] == [True] * 3
    store.onmessage(account("3", coin("C", "3"), curPage=1, lastPage=True))
    assert details(store) == {"C": "3"}


# -- balance_and_position ------------------------------------------------------------------------------------------


def both(kind: str, coins: Any = (), positions: Any = ()) -> dict[str, Any]:
    return push("balance_and_position", {"eventType": kind, "balData": list(coins), "posData": list(positions)})


async def test_parts_of_balance_and_position() -> None:
    """A snapshot names whatever is not zero; the two parts share the state of the table, and wake with it."""
    watched = Watched(OKXDataStore)
    table = watched.store.balance_and_position
    assert (table.balance.state(), table.position.state()) == ("stale", "stale")
    watched.feed(both("snapshot", [coin("A", "1"), coin("B", "2")], [position(A, "1"), position(B, "2")]))
    assert (table.balance.state(), table.position.state()) == ("live", "live")
    watched.feed(both("filled", [coin("A", "3")], [position(A, "0")]))
    watched.ws.lose()
    assert (table.balance.state(), table.position.state()) == ("stale", "stale")
    watched.ws = FakeSocket()
    watched.feed(both("snapshot", [coin("B", "2")], []))
    assert list(table.balance) == [coin("A", "0"), coin("B", "2")]
    assert [row["pos"] for row in table.position] == ["0", "0"]
    assert [row["eventType"] for row in table] == ["snapshot", "filled", "snapshot"]
    await watched.check()


def test_messages_of_one_part_alone() -> None:
    """A message may lack one of the two."""
    store = OKXDataStore()
    store.onmessage(push("balance_and_position", {"eventType": "filled", "balData": [coin("A", "1")]}))
    assert list(store.balance_and_position.balance) == [coin("A", "1")]
    assert len(store.balance_and_position) == 1


# -- damage --------------------------------------------------------------------------------------------------------

JUNK: list[Any] = [None, True, "x", [], {"x": 1}, ...]
SOUND = [
    push("tickers", {"instId": "X", "last": "1"}),
    push("trades", {"instId": "X", "px": "1"}),
    push("candle1m", ["1", "2", "3", "4", "5", "6", "7", "8", "0"], arg={"instId": "X"}),
    push("orders", order(1), order(2, "filled")),
    push("algo-advance", algo(1, "twap")),
    listed(position(A, "1"), position(B, "2")),
    account("1", coin("A", "1"), curPage=1, lastPage=True),
    both("snapshot", [coin("A", "1")], [position(A, "1")]),
]


@pytest.mark.parametrize("message", SOUND, ids=lambda message: message["arg"]["channel"])
async def test_damaged_messages(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """With any value missing or replaced by junk nothing raises; a message that is logged has changed nothing."""
    logged = 0
    for place in places(message):
        for junk in JUNK:
            caplog.clear()
            watched = Watched(OKXDataStore)
            watched.feed(damaged(message, place, junk))
            changes = await watched.check()
            if caplog.records:
                logged += 1
                assert not any(changes.values())
            watched.feed(message)
            await watched.check()
            assert any(len(table) for table in tables(watched.store).values())
    assert logged > 10


@pytest.mark.parametrize("data", [None, 1, {}, [None], ["x"], [{"ordId": []}], [{"state": "live"}]], ids=repr)
async def test_damaged_answers(data: Any) -> None:
    """An answer that cannot be read raises, and the orders are as they were."""
    store = OKXDataStore()
    store.onmessage(push("orders", order(1)))
    with pytest.raises(InitializeError):
        await store.initialize(respond("GET", f"{API}/trade/orders-pending", {"code": "0", "data": data}))
    assert idents(store.orders) == [1]


@pytest.mark.parametrize(
    "answer", [[], None, "x", {"code": 0}, {"code": "50011", "msg": "Too Many Requests"}], ids=repr
)
async def test_failures(answer: Any) -> None:
    """Only the code "0" is a success."""
    with pytest.raises(InitializeError):
        await OKXDataStore().initialize(respond("GET", f"{API}/account/balance", answer))
