"""The tables of Hyperliquid: the protocol sample set, answers of /info, the book, orders that end, damage."""

from __future__ import annotations

import asyncio
import copy
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.samples import Watched, cases, play, tables
from tests.support import FakeResponse, FakeSocket, damaged, load, places, respond, until
from topgun.errors import InitializeError
from topgun.exchange import questions
from topgun.exchanges.hyperliquid import EXCHANGE, HyperliquidDataStore

HERE = Path(__file__).parent
CASES = cases(HERE / "frames")
ANSWERS = {pair["request"]["json"]["type"]: pair for pair in load(HERE / "responses" / "rest_info.json")}
FILLED = load(HERE / "frames" / "userFills.json")[0]["messages"][1]["data"]["fills"][0]
LOGGER = "topgun.exchanges.hyperliquid"
INFO = "https://api.hyperliquid.xyz/info"
URL = "wss://api.hyperliquid.xyz/ws"
USER = "0x5e9ee1089755c3435139848e47e6635505d5a13a"


async def answer(body: Any, question: Any = None, status: int = 200) -> FakeResponse:
    """Return an answer of ``/info``, to a question that is known or not."""
    response = await respond("POST", INFO, body, status)
    if question is not None:
        questions[response] = question
    return response


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_samples(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A case of the sample set ends in exactly its rows, views and warnings."""
    await play(HyperliquidDataStore, case, caplog)


def test_every_channel_has_a_sample() -> None:
    """No table without frames; and a table of every channel."""
    assert {name for case in CASES for name in case["expect"]} == {*tables(HyperliquidDataStore())}


def test_tables() -> None:
    """The collection has the tables, names, keys and limits that users know; what an account has is not capped."""
    store = HyperliquidDataStore()
    assert EXCHANGE.stores == (HyperliquidDataStore,)
    found = {name: (table.name, " ".join(table._KEYS), table._MAXLEN) for name, table in tables(store).items()}
    assert found == {
        "all_mids": ("allMids", "coin", 9999),
        "notification": ("notification", "", 9999),
        "web_data2": ("webData2", "user", 9999),
        "candle": ("candle", "t T s i", 99999),
        "l2_book": ("l2Book", "coin side px", None),
        "trades": ("trades", "", 99999),
        "order_updates": ("orderUpdates", "coin oid", None),
        "user_events": ("userEvents", "", 99999),
        "user_fills": ("userFills", "", 99999),
        "user_fundings": ("userFundings", "", 99999),
        "user_non_funding_ledger_updates": ("userNonFundingLedgerUpdates", "", 99999),
        "active_asset_ctx": ("activeAssetCtx", "coin", 9999),
        "active_asset_data": ("activeAssetData", "user coin", 9999),
        "user_twap_slice_fills": ("userTwapSliceFills", "", 99999),
        "user_twap_history": ("userTwapHistory", "", 99999),
        "bbo": ("bbo", "coin", 9999),
        "clearinghouse_state": ("clearinghouseState", "user dex", 9999),
        "positions": ("positions", "user dex coin", None),
        "open_orders": ("openOrders", "user dex coin oid", None),
        "spot_state": ("spotState", "user coin", None),
        "web_data3": ("webData3", "user", 9999),
        "twap_states": ("twapStates", "user dex twapId", None),
        "all_dexs_asset_ctxs": ("allDexsAssetCtxs", "dex index", None),
        "outcome_meta_updates": ("outcomeMetaUpdates", "", 99999),
        "fast_asset_ctxs": ("fastAssetCtxs", "coin", 9999),
    }
    assert all(store[table.name] is table for table in tables(store).values())


# --- dispatch ---


@pytest.mark.parametrize(
    ("message", "warnings"),
    [
        ({"channel": "error", "data": "Invalid subscription"}, 1),
        ({"channel": "post", "data": {"id": 1, "response": {"type": "error", "payload": "422"}}}, 1),
        (
            {
                "channel": "post",
                "data": {"response": {"type": "action", "payload": {"status": "err", "response": "x"}}},
            },
            1,
        ),
        ({"channel": "post"}, 0),
        ({"channel": "pong"}, 0),
        ({"channel": "positions", "data": []}, 0),
        ({"channel": "userEvents", "data": {}}, 0),
        ({"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {"type": "trades"}}}, 0),
        ({"channel": "blocks"}, 0),
        ({"channel": ["l2Book"]}, 0),
        ({}, 0),
        ([], 0),
        ("pong", 0),
        (None, 0),
    ],
    ids=repr,
)
def test_messages_without_data(message: Any, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one warning, everything else that is no data is passed over."""
    store = HyperliquidDataStore()
    store.onmessage(message, FakeSocket(URL))
    assert not any(len(table) for table in tables(store).values())
    assert [record.name for record in caplog.records] == [LOGGER] * warnings


def test_a_refusal_shows_no_signature(caplog: pytest.LogCaptureFixture) -> None:
    """It quotes what was sent, and the signature of an order that was not taken is still good."""
    sent = '{"method":"post","request":{"payload":{"nonce":1,"signature":{"r":"0xb878","s":"0x764b","v":28}}}}'
    HyperliquidDataStore().onmessage({"channel": "error", "data": f"Error parsing JSON into a request: {sent}"}, None)
    [record] = caplog.records
    assert "Error parsing JSON" in record.getMessage()
    assert not any(secret in caplog.text for secret in ("0xb878", "0x764b"))


def test_one_of_several_orders_refused(caplog: pytest.LogCaptureFixture) -> None:
    """An order that is refused is a warning, also among others; orders that rest are none."""
    store = HyperliquidDataStore()
    for statuses in ([{"resting": {"oid": 1}}], ["success"], [{"resting": {"oid": 1}}, {"error": "too small"}]):
        payload = {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}
        store.onmessage({"channel": "post", "data": {"id": 1, "response": {"type": "action", "payload": payload}}})
    assert ["too small" in record.getMessage() for record in caplog.records] == [True]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_messages(data: st.DataObject) -> None:
    """Whatever is damaged in a message: nothing is raised, the tables stay sound, and the next message is taken."""
    case = data.draw(st.sampled_from(CASES))
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    for message in case["messages"]:
        place = data.draw(st.sampled_from(places(message)))
        junk = data.draw(st.sampled_from([None, ..., 0, -1, "", "x", [], {}, [[]], [None], {"a": 1}, True, 1.5]))
        logging.disable(logging.CRITICAL)
        try:
            store.onmessage(damaged(message, place, junk), ws)  # type: ignore[arg-type]  # a stand-in
        finally:
            logging.disable(logging.NOTSET)
        for table in tables(store).values():
            table._check()
    for message in case["messages"]:
        store.onmessage(copy.deepcopy(message), ws)  # type: ignore[arg-type]  # a stand-in


# --- the book ---

BOOK = {"coin": "BTC"}


def book(time: Any, bid: str = "100.0", ask: str = "101.0", coin: Any = "BTC") -> dict[str, Any]:
    sides = [[{"px": price, "sz": "1.0", "n": 1}] for price in (bid, ask)]
    return {"channel": "l2Book", "data": {"coin": coin, "time": time, "levels": sides}}


def best(store: HyperliquidDataStore) -> tuple[str, str]:
    ask, bid = store.l2_book.best(BOOK)
    return (bid or {"px": ""})["px"], (ask or {"px": ""})["px"]


def test_each_message_is_a_whole_book() -> None:
    """Levels that are not named again are gone; `time` is that of the latest message of any coin."""
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    assert store.l2_book.time is None
    for message in (book(1), book(2, "99.0"), book(1, coin="ETH")):
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert (best(store), store.l2_book.time) == (("99.0", "101.0"), 1)
    assert [store.l2_book.state({"coin": coin}) for coin in ("BTC", "ETH", "SOL")] == ["live", "live", "stale"]
    assert store.l2_book.sorted(BOOK)["A"] == [{"coin": "BTC", "side": "A", "px": "101.0", "sz": "1.0", "n": 1}]
    ws.lose()
    assert store.l2_book.state(BOOK) == "stale"


def test_an_older_message_is_left_out() -> None:
    """A message that comes late changes nothing; one of the same time does."""
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    for message in (book(5), book(4, "98.0"), book(5, "99.0")):
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert best(store) == ("99.0", "101.0")


def test_of_two_sockets_the_slow_one_is_left_out() -> None:
    """As long as the other one is open, what it has told counts."""
    store, fast, slow = HyperliquidDataStore(), FakeSocket(URL), FakeSocket(URL)
    store.onmessage(book(5), fast)  # type: ignore[arg-type]  # a stand-in
    store.onmessage(book(4, "98.0"), slow)  # type: ignore[arg-type]  # a stand-in
    assert (best(store), store.l2_book.state(BOOK)) == (("100.0", "101.0"), "live")
    store.onmessage(book(6, "99.0"), slow)  # type: ignore[arg-type]  # a stand-in
    fast.lose()
    assert (best(store), store.l2_book.state(BOOK)) == (("99.0", "101.0"), "live")


def test_a_book_that_was_unsubscribed_is_stale() -> None:
    """Nobody tells it any more; what another socket tells stays live, and a new subscription brings it back."""
    store, ws, other = HyperliquidDataStore(), FakeSocket(URL), FakeSocket(URL)
    store.onmessage(book(5), ws)  # type: ignore[arg-type]  # a stand-in
    gone = {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC", "nSigFigs": None}}
    message = {"channel": "subscriptionResponse", "data": gone}
    store.onmessage(message, other)  # type: ignore[arg-type]  # a stand-in
    assert store.l2_book.state(BOOK) == "live"
    store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert store.l2_book.status.find() == [{"coin": "BTC", "state": "stale", "reason": "unsubscribed"}]
    store.onmessage(book(6), ws)  # type: ignore[arg-type]  # a stand-in
    assert store.l2_book.state(BOOK) == "live"


async def test_an_answer_does_not_bring_an_unsubscribed_book_back() -> None:
    """Neither one that was asked for to mend it, nor one that the user asks for."""
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    broken = book(5)
    broken["data"]["levels"] = [[]]
    store.onmessage(broken, ws)  # type: ignore[arg-type]  # a stand-in
    [(_, [fetch], done)] = ws.snapshot_requests
    gone = {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC"}}
    store.onmessage({"channel": "subscriptionResponse", "data": gone}, ws)  # type: ignore[arg-type]  # a stand-in
    ws.requester.answers[INFO] = book(7)["data"]
    await fetch()
    assert (store.l2_book.state(BOOK), done()) == ("stale", True)
    await store.initialize(answer(book(8)["data"]))
    assert store.l2_book.state(BOOK) == "stale"


def test_a_time_that_was_wrong() -> None:
    """After ten older messages in a row it is the latest time that was wrong; a new connection begins anew."""
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    store.onmessage(book(10_000), ws)  # type: ignore[arg-type]  # a stand-in
    for number in range(10):
        store.onmessage(book(number, "99.0"), ws)  # type: ignore[arg-type]  # a stand-in
    assert best(store) == ("100.0", "101.0")
    store.onmessage(book(11, "99.0"), ws)  # type: ignore[arg-type]  # a stand-in
    assert best(store) == ("99.0", "101.0")
    ws.lose()
    store.onmessage(book(3, "98.0"), FakeSocket(URL))  # type: ignore[arg-type]  # a stand-in
    assert best(store) == ("98.0", "101.0")


@pytest.mark.parametrize("time", [None, "x", 6], ids=repr)
async def test_a_message_that_cannot_be_read(time: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The book goes until it is told again: by the next message, or by HTTP with the aggregation of the stream."""
    store, ws = HyperliquidDataStore(), FakeSocket("wss://api.hyperliquid-testnet.xyz/ws")
    wanted = {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": None, "fast": True}
    told = {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": wanted}}
    for message in (told, book(5)):
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    broken = book(time)
    broken["data"]["levels"][0][0].pop("sz")
    store.onmessage(broken, ws)  # type: ignore[arg-type]  # a stand-in
    assert (store.l2_book.state(BOOK), len(store.l2_book)) == ("syncing", 0)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    [(_, [fetch], done)] = ws.snapshot_requests
    url = "https://api.hyperliquid-testnet.xyz/info"
    ws.requester.answers[url] = book(7, "97.0")["data"]
    assert not done()
    await fetch()
    assert (store.l2_book.state(BOOK), best(store), done()) == ("live", ("97.0", "101.0"), True)
    question = {"type": "l2Book", "coin": "BTC", "nSigFigs": 5}
    assert ws.requester.asked == [("POST", url, {"data": question, "auth": None})]


def test_the_next_message_mends_it() -> None:
    """Nobody needs to wait for HTTP, and without healing nobody asks."""
    store, ws = HyperliquidDataStore(heal=False), FakeSocket(URL)
    broken = book(5)
    broken["data"]["levels"] = [[]]
    for message in (broken, book(6)):
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert (store.l2_book.state(BOOK), ws.snapshot_requests) == ("live", [])


async def test_a_book_by_http() -> None:
    """Without a stream it is stale; beside a stream it counts if it is not older."""
    store = HyperliquidDataStore()
    await store.initialize(answer(ANSWERS["l2Book"]["response"]))
    assert (best(store), store.l2_book.state(BOOK)) == (("113377.0", "113397.0"), "stale")
    ws = FakeSocket(URL)
    store.onmessage(book(5), ws)  # type: ignore[arg-type]  # a stand-in
    await store.initialize(answer(book(4, "98.0")["data"]), answer(book(6, "99.0")["data"]))
    assert (best(store), store.l2_book.state(BOOK)) == (("99.0", "101.0"), "live")
    ws.lose()
    await store.initialize(answer(book(7)["data"]))
    assert store.l2_book.state(BOOK) == "stale"


# --- answers ---

FIRST_ORDER = ANSWERS["openOrders"]["response"][0]
STATE = ANSWERS["clearinghouseState"]["response"]
POSITION = STATE["assetPositions"][0]["position"]
SPOT = ANSWERS["spotClearinghouseState"]["response"]["balances"][0]
ROWS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "allMids": {"all_mids": [{"coin": "APE", "px": "4.33245"}, {"coin": "ARB", "px": "1.21695"}]},
    "l2Book": {"l2_book": []},  # see above
    "candleSnapshot": {"candle": ANSWERS["candleSnapshot"]["response"]},
    "openOrders": {
        "order_updates": [{**FIRST_ORDER, "status": "open", "statusTimestamp": 1681247412573}],
        "open_orders": [{"user": USER, "dex": "", **FIRST_ORDER}],
    },
    "frontendOpenOrders": {
        "order_updates": [
            {**ANSWERS["frontendOpenOrders"]["response"][0], "status": "open", "statusTimestamp": 1681247412573}
        ],
        "open_orders": [{"user": USER, "dex": "", **ANSWERS["frontendOpenOrders"]["response"][0]}],
    },
    "userFills": {"user_fills": ANSWERS["userFills"]["response"]},
    "clearinghouseState": {
        "clearinghouse_state": [{"user": USER, "dex": "", **STATE}],
        "positions": [{"user": USER, "dex": "", **POSITION}],
    },
    "spotClearinghouseState": {"spot_state": [{"user": USER, **SPOT}]},
}
SHAPES = [kind for kind in ROWS if kind != "l2Book"]


def filled(store: HyperliquidDataStore) -> dict[str, list[Any]]:
    return {name: list(table) for name, table in tables(store).items() if len(table)}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("spelled", [False, True], ids=["as a dict", "as a text"])
async def test_answers_to_known_questions(kind: str, spelled: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The question says what an answer is, whose, and of which dex; an address in upper case is the same one."""
    import json

    pair = ANSWERS[kind]
    question = {**pair["request"]["json"], **({"user": USER.upper()} if "user" in pair["request"]["json"] else {})}
    store = HyperliquidDataStore()
    await store.initialize(answer(pair["response"], json.dumps(question).encode() if spelled else question))
    assert filled(store) == ROWS[kind]
    assert not caplog.records


@pytest.mark.parametrize("kind", SHAPES)
async def test_answers_by_their_shape(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without a question the shape tells, and `user` says whose it is."""
    store = HyperliquidDataStore()
    await store.initialize(answer(ANSWERS[kind]["response"]), user=USER)
    assert filled(store) == ROWS[kind]
    assert not caplog.records


@pytest.mark.parametrize("kind", ["clearinghouseState", "spotClearinghouseState"])
async def test_answers_of_nobody(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Rows that need a user and have none are left out, with a warning; `user` holds for its own call alone."""
    store = HyperliquidDataStore()
    await store.initialize(user=USER)
    await store.initialize(answer(ANSWERS[kind]["response"]), answer(ANSWERS["openOrders"]["response"]))
    assert [*filled(store)] == ["order_updates"]
    assert [record.name for record in caplog.records] == [LOGGER]


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (ANSWERS["meta"]["response"], None),
        (ANSWERS["meta"]["response"], ANSWERS["meta"]["request"]["json"]),
        ([], None),
        ({}, None),
        ([1], None),
        ([{}], None),
        ("text", None),
        (1, "not JSON"),
        ([], {"user": USER}),
    ],
    ids=repr,
)
async def test_answers_that_fill_no_table(body: Any, question: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They are a warning, and clear nothing."""
    store = HyperliquidDataStore()
    await store.initialize(answer(ANSWERS["openOrders"]["response"]))
    await store.initialize(answer(body, question))
    assert len(store.order_updates) == 1
    assert [record.name for record in caplog.records] == [LOGGER]


async def test_an_answer_of_another_path(caplog: pytest.LogCaptureFixture) -> None:
    """What is no answer of /info is none of this."""
    store = HyperliquidDataStore()
    await store.initialize(respond("POST", "https://api.hyperliquid.xyz/exchange", {"status": "ok"}))
    assert [record.name for record in caplog.records] == [LOGGER]


@pytest.mark.parametrize(
    "body", [None, load(HERE / "responses" / "rest_exchange.json")[2]["response"]], ids=["null", "err"]
)
async def test_refused_answers(body: Any) -> None:
    """A refusal raises."""
    with pytest.raises(InitializeError):
        await HyperliquidDataStore().initialize(answer(body))


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind != "allMids"])
async def test_answers_that_are_damaged(kind: str) -> None:
    """An answer that is not what was asked for raises."""
    question = ANSWERS[kind]["request"]["json"]
    inside = {"assetPositions": [None], "balances": [None]}
    for body in ([None], inside) if isinstance(ANSWERS[kind]["response"], dict) else ([None],):
        with pytest.raises(InitializeError):
            await HyperliquidDataStore().initialize(answer(body, question))


async def test_further_answers() -> None:
    """Answers that look like the messages of a stream fill its table."""
    fills = load(HERE / "frames" / "userTwapSliceFills.json")[0]["messages"][1]["data"]["twapSliceFills"]
    ledger = load(HERE / "frames" / "userNonFundingLedgerUpdates.json")[0]["messages"][1]["data"]
    data = load(HERE / "frames" / "activeAssetData.json")[0]["messages"][1]["data"]
    trades = load(HERE / "frames" / "trades.json")[0]["messages"][1]["data"]
    web = load(HERE / "frames" / "webData2.json")[0]["messages"][1]["data"]
    web["clearinghouseState"] = STATE
    store = HyperliquidDataStore()
    await store.initialize(
        answer(fills, {"type": "userTwapSliceFills", "user": USER}),
        answer(ledger["nonFundingLedgerUpdates"], {"type": "userNonFundingLedgerUpdates", "user": USER}),
        answer(data, {"type": "activeAssetData", "user": USER, "coin": "ETH"}),
        answer(trades, {"type": "recentTrades", "coin": "SOL"}),
        answer(web, {"type": "webData2", "user": USER}),
        answer([FILLED], {"type": "userFillsByTime", "user": USER}),
    )
    assert filled(store) == {
        "user_twap_slice_fills": fills,
        "user_non_funding_ledger_updates": ledger["nonFundingLedgerUpdates"],
        "active_asset_data": [data],
        "trades": trades,
        "web_data2": [web],
        "positions": [{"user": USER, "dex": "", **POSITION}],
        "user_fills": [FILLED],
    }


# --- orders ---


def order(oid: int, status: str = "open", at: int = 10, coin: str = "BTC", **fields: Any) -> dict[str, Any]:
    row = {"coin": coin, "oid": oid, "side": "B", "limitPx": "1.0", "sz": "1.0", "timestamp": at, **fields}
    return {"order": row, "status": status, "statusTimestamp": at}


def updates(store: HyperliquidDataStore, *orders: Any) -> list[int]:
    """Tell the store of orders; return the numbers of those that it has then."""
    store.onmessage({"channel": "orderUpdates", "data": list(orders)}, None)
    return [row["oid"] for row in store.order_updates]


@pytest.mark.parametrize("status", ["filled", "canceled", "rejected", "marginCanceled", "whatever comes"])
def test_an_order_that_has_ended_stays_away(status: str) -> None:
    """Every status but open is the end, also before the beginning was told."""
    store = HyperliquidDataStore()
    assert updates(store, order(1), order(2)) == [1, 2]
    assert updates(store, order(1, status, 11), order(3, status, 11)) == [2]
    assert updates(store, order(1, at=12), order(3, at=12)) == [2]


def test_a_triggered_order_goes_on() -> None:
    """It goes, and comes again as the order that it has become."""
    store = HyperliquidDataStore()
    updates(store, order(1, isTrigger=True))
    assert updates(store, order(1, "triggered", 11)) == []
    assert updates(store, order(1, at=11)) == [1]


def test_an_update_that_comes_late() -> None:
    """What is older than the row is left out."""
    store = HyperliquidDataStore()
    updates(store, order(1, at=12, sz="0.5"))
    updates(store, order(1, at=11, sz="0.7"))
    assert [row["sz"] for row in store.order_updates] == ["0.5"]


def test_updates_before_deletes() -> None:
    """An order that is opened and filled in one message is gone, in whatever order."""
    store = HyperliquidDataStore()
    assert updates(store, order(1, "filled"), order(1), order(2)) == [2]


def test_updates_that_are_none() -> None:
    """Elements without an order or a status are passed over."""
    store = HyperliquidDataStore()
    assert updates(store, {"order": 1, "status": "open"}, {"order": {}}, {}, order(2)) == [2]


def test_the_memory_has_an_end() -> None:
    """Ten thousand ends are remembered."""
    store = HyperliquidDataStore()
    updates(store, *(order(number, "filled") for number in range(10_001)))
    assert updates(store, order(0), order(1)) == [0]


async def orders(
    store: HyperliquidDataStore, *rows: dict[str, Any], dex: str = "", kind: str = "openOrders"
) -> list[int]:
    """Answer a question for open orders; return the numbers of those that the store has then."""
    question = {"type": kind, "user": USER, **({"dex": dex} if dex else {})}
    await store.initialize(answer([row["order"] for row in rows], question))
    return [row["oid"] for row in store.order_updates]


async def test_an_answer_lists_all_orders() -> None:
    """What it does not list is gone, of its dex alone; what has ended does not come back."""
    store = HyperliquidDataStore()
    updates(store, order(1), order(2), order(3, coin="xyz:NVDA"), order(4, coin="@107"), order(5, "filled"))
    assert await orders(store, order(2), order(5), order(6)) == [2, 3, 6]
    assert await orders(store, dex="xyz") == [2, 6]
    assert await orders(store, order(7, coin="xyz:NVDA"), dex="xyz") == [2, 6, 7]
    assert await orders(store) == [7]
    assert [(row["dex"], row["oid"]) for row in store.open_orders] == [("xyz", 7)]


async def test_a_stream_is_right_while_the_answer_is_on_its_way() -> None:
    """An order that is filled meanwhile does not come back, one that is placed meanwhile does not go."""
    store = HyperliquidDataStore()
    updates(store, order(1))
    asked = asyncio.Event()

    async def slow() -> FakeResponse:
        await asked.wait()
        return await answer([order(1)["order"]], {"type": "openOrders", "user": USER})

    asking = asyncio.create_task(store.initialize(slow()))
    await until(lambda: store.order_updates._race.logs)
    updates(store, order(1, "filled", 11), order(2, at=11))
    asked.set()
    await asking
    assert [row["oid"] for row in store.order_updates] == [2]


async def test_states() -> None:
    """Only orders wait for an answer; the other tables are told everything by the stream."""
    store, ws = HyperliquidDataStore(), FakeSocket(URL)
    for case in CASES:
        for message in case["messages"]:
            store.onmessage(copy.deepcopy(message), ws)  # type: ignore[arg-type]  # a stand-in
    assert {name for name, table in tables(store).items() if table.state() != "live"} == {"order_updates"}
    await orders(store)
    assert store.order_updates.state() == "live"
    ws.lose()
    assert {table.state() for table in tables(store).values()} == {"stale"}


# --- what an account has ---


def state(dex: str = "", *coins: str) -> dict[str, Any]:
    held = [{"type": "oneWay", "position": {**POSITION, "coin": coin}} for coin in coins]
    return {"dex": dex, "user": USER, "clearinghouseState": {**STATE, "assetPositions": held}}


def held(store: HyperliquidDataStore) -> list[tuple[str, str]]:
    return [(row["dex"], row["coin"]) for row in store.positions]


async def test_closed_positions_go() -> None:
    """A state lists all positions of its dex, and one of all dexes all there are; nothing else is touched."""
    watched = Watched(HyperliquidDataStore, URL)
    store = watched.store
    watched.feed({"channel": "clearinghouseState", "data": state("", "BTC", "ETH")})
    watched.feed({"channel": "clearinghouseState", "data": state("xyz", "xyz:NVDA")})
    watched.feed({"channel": "clearinghouseState", "data": {**state("", "SOL"), "user": "0xother"}})
    assert held(store) == [("", "BTC"), ("", "ETH"), ("xyz", "xyz:NVDA"), ("", "SOL")]
    await watched.check()
    watched.feed({"channel": "clearinghouseState", "data": state("", "BTC")})
    assert held(store) == [("", "BTC"), ("xyz", "xyz:NVDA"), ("", "SOL")]
    changes = (await watched.check())["positions"]
    assert [(change.operation, change.data["coin"]) for change in changes] == [("delete", "ETH")]
    every = {"user": USER, "clearinghouseStates": [["", state("", "ETH")["clearinghouseState"]]]}
    watched.feed({"channel": "allDexsClearinghouseState", "data": every})
    assert held(store) == [("", "SOL"), ("", "ETH")]
    await store.initialize(answer({**STATE, "assetPositions": []}, {"type": "clearinghouseState", "user": USER}))
    assert held(store) == [("", "SOL")]
    web = load(HERE / "frames" / "webData2.json")[0]["messages"][1]["data"]
    watched.feed({"channel": "webData2", "data": {**web, "user": "0xother"}})
    assert held(store) == []


@pytest.mark.parametrize("every", [False, True])
async def test_a_position_that_was_closed_meanwhile_does_not_come_back(every: bool) -> None:
    """A response that was on its way while the stream told all positions is older, although none of them was known."""
    store = HyperliquidDataStore()
    message = {"channel": "clearinghouseState", "data": state("")}
    if every:
        told = {"user": USER, "clearinghouseStates": [["", state("")["clearinghouseState"]]]}
        message = {"channel": "allDexsClearinghouseState", "data": told}

    async def late() -> FakeResponse:
        store.onmessage(message, None)
        return await answer(STATE, {"type": "clearinghouseState", "user": USER})

    await store.initialize(late())
    assert held(store) == []
    await store.initialize(answer(STATE, {"type": "clearinghouseState", "user": USER}))
    assert held(store) == [("", POSITION["coin"])]


def test_what_is_not_told_again_is_gone() -> None:
    """Open orders, balances and TWAPs are told whole."""
    store = HyperliquidDataStore()
    rows: list[tuple[str, Any, str]] = [
        ("openOrders", {"dex": "", "orders": [order(1)["order"], order(2)["order"]]}, "oid"),
        ("openOrders", {"dex": "", "orders": [order(2)["order"]]}, "oid"),
        ("spotState", {"spotState": {"balances": [SPOT, {**SPOT, "coin": "PURR"}]}}, "coin"),
        ("spotState", {"spotState": {"balances": [SPOT]}}, "coin"),
        ("twapStates", {"dex": "", "states": [[1, {"coin": "BTC"}], [2, {"coin": "BTC"}]]}, "twapId"),
        ("twapStates", {"dex": "", "states": [[2, {"coin": "BTC"}]]}, "twapId"),
    ]
    seen = []
    for channel, data, field in rows:
        store.onmessage({"channel": channel, "data": {"user": USER, **data}}, None)
        seen.append([row[field] for row in store[channel]])
    assert seen == [[1, 2], [2], ["USDC", "PURR"], ["USDC"], [1, 2], [2]]


# --- what repeats ---

REPEATED = ["userFills", "userFundings", "userNonFundingLedgerUpdates", "userTwapSliceFills", "userTwapHistory"]


@pytest.mark.parametrize("channel", REPEATED)
@pytest.mark.parametrize("unique", [False, True])
def test_snapshots_after_a_reconnect(channel: str, unique: bool) -> None:
    """They repeat what is there; with `unique` only what is new is added. What is no snapshot is always added."""
    [case] = [case for case in CASES if case["name"] == channel]
    store = HyperliquidDataStore(unique=unique)
    for message in [*case["messages"], case["messages"][1]]:
        store.onmessage(copy.deepcopy(message), None)
    [rows] = case["expect"].values()
    again = next(value for value in case["messages"][1]["data"].values() if isinstance(value, list))
    assert list(store[channel]) == rows + ([] if unique else again)
    message = copy.deepcopy(case["messages"][1])
    del message["data"]["isSnapshot"]
    before = len(store[channel])
    store.onmessage(message, None)
    assert len(store[channel]) == before + len(again)


async def test_answers_after_a_stream() -> None:
    """With `unique` an answer adds what is not there."""
    fills = [{**FILLED, "tid": number} for number in (1, 2)]
    store = HyperliquidDataStore(unique=True)
    for number in (1, 2):
        await store.initialize(answer(fills[:number], {"type": "userFills", "user": USER}))
    assert list(store.user_fills) == fills
