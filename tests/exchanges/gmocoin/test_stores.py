"""The tables of GMO Coin but for the book: the protocol sample set, every deliberate difference, every trap."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.exchanges.samples import Watched, cases, play, tables
from tests.support import FakeRequester, FakeResponse, FakeSocket, damaged, load, places, respond
from topgun.errors import InitializeError
from topgun.exchange import requesters
from topgun.exchanges._recent import Recent
from topgun.exchanges.gmocoin import EXCHANGE, GMOCoinDataStore
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
CASES = cases(HERE / "frames", HERE / "responses")
API = "https://api.coin.z.com/private/v1"
AUTH = f"{API}/ws-auth"
LOGGER = "topgun.exchanges.gmocoin"
TOKEN = "token-of-a-test-4711"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_samples(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A case of the sample set ends in exactly its rows, views, attributes, sent messages and warnings."""
    await play(GMOCoinDataStore, case, caplog)


@pytest.mark.parametrize("case", load(HERE / "responses" / "rest_error.json"), ids=lambda case: case["name"])
async def test_refused_answers_of_the_samples(case: dict[str, Any]) -> None:
    """An answer whose status is not 0 raises one error with URL and body, and changes nothing."""
    store, request = GMOCoinDataStore(), case["request"]
    assert case["store_raises"] == "ValueError"
    with pytest.raises(ValueError, match="MAINTENANCE") as caught:
        await store.initialize(respond(request["method"], request["url"], case["response"]))
    assert isinstance(caught.value, InitializeError)
    assert request["url"].partition("?")[0] in str(caught.value)
    assert caught.value.data == case["response"]
    assert not any(len(table) for table in tables(store).values())


def test_tables() -> None:
    """The collection has the tables, keys and limits that users know; books, orders and positions are not capped."""
    store = GMOCoinDataStore()
    assert EXCHANGE.stores == (GMOCoinDataStore,)
    assert {name: (list(table._KEYS), table._MAXLEN) for name, table in tables(store).items()} == {
        "ticker": (["symbol"], 9999),
        "orderbooks": (["symbol", "side", "price"], None),
        "trades": ([], 9999),
        "orders": (["orderId"], None),
        "positions": (["positionId"], None),
        "executions": (["executionId"], 9999),
        "position_summary": (["symbol", "side"], None),
    }
    assert all(store[name] is table for name, table in tables(store).items())


# -- messages ------------------------------------------------------------------------------------------------------


def order(number: int = 1, kind: str = "NOR", executed: str = "0", symbol: str = "BTC_JPY", **more: Any) -> Any:
    return {
        "channel": "orderEvents", "orderId": number, "symbol": symbol, "side": "BUY", "orderStatus": "ORDERED",
        "orderPrice": "100", "orderSize": "1", "orderExecutedSize": executed, "msgType": kind, **more,
    }  # fmt: skip


def execution(number: int = 1, executed: str = "0.5", size: str = "1", ident: int = 7, **more: Any) -> Any:
    return {
        "channel": "executionEvents", "orderId": number, "executionId": ident, "symbol": "BTC_JPY",
        "orderSize": size, "orderExecutedSize": executed, "msgType": "ER", **more,
    }  # fmt: skip


def position(number: int = 1, kind: str = "OPR", size: str = "1", symbol: str = "BTC_JPY") -> Any:
    told = {"positionId": number, "symbol": symbol, "side": "BUY", "size": size, "msgType": kind}
    return {"channel": "positionEvents", **told}


def total(quantity: str, symbol: str = "BTC_JPY", side: str = "BUY", name: str = "sumPositionQuantity") -> Any:
    told = {"symbol": symbol, "side": side, name: quantity, "msgType": "UPDATE"}
    return {"channel": "positionSummaryEvents", **told}


def answer(*rows: Any, count: int | None = None) -> Any:
    page = {} if count is None else {"pagination": {"currentPage": 1, "count": count}}
    return {"status": 0, "data": {**page, "list": list(rows)} if rows else {}}


def rest(number: int, executed: str = "0", symbol: str = "BTC_JPY", status: str = "ORDERED", price: str = "100") -> Any:
    told = {"orderId": number, "symbol": symbol, "size": "1", "executedSize": executed, "price": price}
    return {**told, "status": status}


class Table:
    """A watched store, and the ids in one of its tables."""

    def __init__(self, name: str, path: str, key: str) -> None:
        self.watched = Watched(GMOCoinDataStore)
        self.store, self.feed = self.watched.store, self.watched.feed
        self.path, self._name, self._key = path, name, key

    async def ask(self, data: Any, **query: str) -> None:
        url = f"{API}/{self.path}?" + "&".join(f"{name}={value}" for name, value in query.items())
        await self.store.initialize(respond("GET", url, data))

    async def ids(self) -> list[Any]:
        await self.watched.check()
        return [row[self._key] for row in self.store[self._name]]


def orders() -> Table:
    return Table("orders", "activeOrders", "orderId")


def positions() -> Table:
    return Table("positions", "openPositions", "positionId")


# -- orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["CANCELED", "EXPIRED", "EXECUTED"])
async def test_a_final_status_ends_an_order_whatever_its_kind(status: str) -> None:
    """The official sample has an order that is CANCELED in a message of the kind NOR: it goes."""
    here = orders()
    here.feed(order(1), order(2), order(1, orderStatus=status))
    assert await here.ids() == [2]


async def test_sizes_are_compared_as_numbers() -> None:
    """``1`` and ``1.0`` are the same: an order that is filled leaves no row."""
    here = orders()
    here.feed(order(1), execution(1, "1.0", "1"))
    assert await here.ids() == []


async def test_an_ended_order_never_comes_back() -> None:
    """Its last execution may come before its first event, and a slow answer may still list it."""
    here = orders()
    here.feed(execution(1, "1"), order(1), execution(1, "0.5", ident=8), order(1, "ROR"))
    await here.ask(answer(rest(1), rest(2)), symbol="BTC_JPY")
    assert await here.ids() == [2]
    assert len(here.store.executions) == 2


async def test_only_so_many_ended_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of what has ended has a limit; the oldest are forgotten."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    here = orders()
    here.feed(*(order(number, "COR") for number in (1, 2, 3)), *(order(number) for number in (1, 2, 3)))
    assert await here.ids() == [1]


async def test_what_is_executed_never_falls() -> None:
    """An event that an execution has overtaken does not take it back."""
    here = orders()
    here.feed(execution(1, "0.5"), order(1, executed="0"), execution(1, "0.25", ident=8))
    assert here.store.orders.find() == [order(1, executed="0.5")]
    here.feed(order(1, "ROR", executed="0.75", orderPrice="90"))
    assert here.store.orders.find() == [order(1, "ROR", executed="0.75", orderPrice="90")]


async def test_an_event_without_executed_size() -> None:
    """The field is not asked for where it is not needed."""
    here, told = orders(), order(1)
    del told["orderExecutedSize"]
    here.feed(told)
    assert here.store.orders.find() == [told]


async def test_an_answer_brings_both_spellings_up_to_date() -> None:
    """A row that the stream has begun keeps its names, with what the answer says."""
    here = orders()
    here.feed(order(1))
    await here.ask(answer(rest(1, "0.5", price="90")), symbol="BTC_JPY")
    [row] = here.store.orders.find()
    assert row == {**order(1, executed="0.5", orderPrice="90"), **rest(1, "0.5", price="90")}


async def test_an_answer_takes_away_what_it_would_list() -> None:
    """Orders of its symbol that are not in the answer are gone; an empty answer has no list."""
    here = orders()
    here.feed(order(1), order(2), order(3, symbol="ETH_JPY"))
    await here.ask(answer(rest(2)), symbol="BTC_JPY")
    assert await here.ids() == [2, 3]
    await here.ask(answer(), symbol="BTC_JPY")
    assert await here.ids() == [3]
    await here.ask(answer())  # FX: of all symbols
    assert await here.ids() == []


async def test_an_answer_takes_away_orders_known_from_an_execution_alone() -> None:
    """Their rows have no symbol, but the execution told it."""
    here = orders()
    here.feed(execution(1, "0.5"), execution(2, "0.5"), execution(3, "0.5", symbol="ETH_JPY"))
    assert [sorted(row) for row in here.store.orders] == [["orderExecutedSize", "orderId"]] * 3
    await here.ask(answer(rest(2, "0.5")), symbol="BTC_JPY")
    assert await here.ids() == [2, 3]


@pytest.mark.parametrize(
    ("query", "count"),
    [({"page": "2"}, None), ({"count": "1"}, None), ({"count": "1"}, 30), ({"prevId": "9"}, None)],
)
async def test_a_page_that_does_not_tell_takes_nothing_away(query: dict[str, str], count: int | None) -> None:
    """A further page, or a full one: what it does not list may be on another."""
    here = orders()
    here.feed(order(1))
    await here.ask(answer(rest(2), count=count), symbol="BTC_JPY", **query)
    assert await here.ids() == [1, 2]


@pytest.mark.parametrize("table", [orders, positions])
async def test_a_count_in_the_answer(table: Callable[[], Table]) -> None:
    """It may be how many rows there are: what is not among them is gone all the same."""
    here = table()
    here.feed(order(1), position(1))
    row = rest(2) if table is orders else position(2)
    await here.ask(answer(row, count=1), symbol="BTC_JPY", page="1", count="100")
    assert await here.ids() == [2]


@pytest.mark.parametrize("query", [{}, {"count": "100"}, {"count": "500"}])
async def test_a_full_page_of_a_hundred(query: dict[str, str]) -> None:
    """Without ``count`` a page has 100 rows, and never has it more."""
    here = orders()
    here.feed(order(1))
    await here.ask(answer(*(rest(number) for number in range(2, 102))), symbol="BTC_JPY", **query)
    assert len(await here.ids()) == 101
    await here.ask(answer(*(rest(number) for number in range(2, 101))), symbol="BTC_JPY", **query)
    assert len(await here.ids()) == 99


async def test_orders_of_an_answer_that_are_over() -> None:
    """An answer that lists a final order takes it away."""
    here = orders()
    here.feed(order(1))
    await here.ask(answer(rest(1, status="EXECUTED"), rest(2, status="CANCELED")), symbol="BTC_JPY")
    assert await here.ids() == []


async def test_the_stream_goes_on_while_an_answer_is_under_way() -> None:
    """What the stream says after a request was sent is newer than its answer."""
    here = orders()
    here.feed(order(1), order(2))
    sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(here.store.initialize(sent))
    for _ in range(5):  # until it is asked
        await asyncio.sleep(0)
    here.feed(order(3), order(1, "COR"), order(2, "ROR", orderPrice="90"))
    sent.set_result(FakeResponse("GET", f"{API}/activeOrders?symbol=BTC_JPY", answer(rest(1), rest(2))))
    await asking
    assert await here.ids() == [2, 3]
    assert here.store.orders.get({"orderId": 2})["orderPrice"] == "90"  # type: ignore[index]  # it is there


# -- positions -----------------------------------------------------------------------------------------------------


async def test_a_closed_position_never_comes_back() -> None:
    """Neither by a late event nor by a slow answer."""
    here = positions()
    here.feed(position(1, "CPR", "0"), position(1), position(1, "UPR"), position(2))
    await here.ask(answer(position(1), position(2)), symbol="BTC_JPY")
    assert await here.ids() == [2]


async def test_an_unknown_position_that_changes_is_there() -> None:
    """An update of a position that was opened before the socket makes a row."""
    here = positions()
    here.feed(position(1, "ULR"))
    assert await here.ids() == [1]


async def test_an_answer_takes_away_closed_positions() -> None:
    """Those of its symbol that it does not list were closed."""
    here = positions()
    here.feed(position(1), position(2), position(3, symbol="ETH_JPY"))
    await here.ask(answer(position(2, size="0.5")), symbol="BTC_JPY")
    assert [(row["positionId"], row["size"]) for row in here.store.positions] == [(2, "0.5"), (3, "1")]
    assert await here.ids() == [2, 3]


@pytest.mark.parametrize("name", ["sumPositionQuantity", "sumPositionSize"])
async def test_position_summary(name: str) -> None:
    """An answer takes away what it does not list, but for rows that say 0 already."""
    here = Table("position_summary", "positionSummary", "symbol")
    here.feed(total("1", name=name), total("0.0", side="SELL", name=name), total("2", "ETH_JPY", name=name))
    here.feed(total("3", "XRP_JPY", name=name))
    await here.ask(answer(total("4", "XRP_JPY", name=name)), symbol="XRP_JPY")
    assert len(await here.ids()) == 4
    await here.ask(answer(total("5", "XRP_JPY", name=name)))
    assert [(row["symbol"], row[name]) for row in here.store.position_summary] == [("BTC_JPY", "0.0"), ("XRP_JPY", "5")]
    assert await here.ids() == ["BTC_JPY", "XRP_JPY"]


# -- everything else -----------------------------------------------------------------------------------------------


def test_messages_without_a_table() -> None:
    """What is no message of a table changes nothing, without a word."""
    store = GMOCoinDataStore()
    for message in (None, [], "x", {}, {"channel": "news"}, {"symbol": "BTC"}, {"command": "subscribe"}):
        store.onmessage(message, FakeSocket())
    assert not any(len(table) for table in tables(store).values())


async def test_an_error_beside_a_channel(caplog: pytest.LogCaptureFixture) -> None:
    """A message with an error is one warning, and still fills its table."""
    store = GMOCoinDataStore()
    store.onmessage({"error": "strange", "channel": "ticker", "symbol": "BTC", "ask": "1"}, FakeSocket())
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        (LOGGER, "GMO Coin refuses: 'strange'")
    ]
    assert len(store.ticker) == 1


@pytest.mark.parametrize("path", [f"{API}/activeOrders", f"{API}/openPositions", f"{API}/latestExecutions"])
@pytest.mark.parametrize("data", [{"list": [{"symbol": "BTC"}]}, {"list": ["x"]}, {"list": 5}, None])
async def test_answers_that_cannot_be_read(path: str, data: Any) -> None:
    """A good status with something else than rows is one clear error, and changes nothing."""
    store = GMOCoinDataStore()
    with pytest.raises(InitializeError):
        await store.initialize(respond("GET", path, {"status": 0, "data": data}))
    assert not any(len(table) for table in tables(store).values())


JUNK = [None, True, -1, "x", [], {}, ...]
MESSAGES = [order(1), order(1, "COR"), execution(1), execution(1, "1"), position(1), position(1, "CPR"), total("1")]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message['channel']} {message['msgType']}")
async def test_damaged_messages(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A message with anything missing or replaced raises nothing, and each table stays whole and replayable."""
    for place in places(message)[1:]:
        for junk in JUNK:
            watched = Watched(GMOCoinDataStore)
            watched.feed(order(1), position(1), damaged(message, place, junk), copy.deepcopy(message))
            await watched.check()
    assert {record.name for record in caplog.records} <= {"topgun.store"}


# -- the token (deprecated) ----------------------------------------------------------------------------------------


class Asked(FakeRequester):
    """A client that answers one thing after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(FakeClock())
        self._queue = list(answers)

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        given = self._queue.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


CREATE = load(HERE / "responses" / "ws_auth.json")[0]


async def test_token_of_the_store(caplog: pytest.LogCaptureFixture) -> None:
    """`initialize` takes a token, warns that this is deprecated, and has the client extend it every 30 minutes."""
    store, client = GMOCoinDataStore(), Asked({"status": 0}, OSError("away"), {"status": 5, "messages": []})
    response = FakeResponse("POST", AUTH, CREATE["response"])
    requesters[response] = client  # type: ignore[assignment]  # a stand-in
    assert store.token is None
    given: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    given.set_result(response)
    with pytest.warns(DeprecationWarning, match="GMOCoinHelper"):
        await store.initialize(given)
    assert store.token == CREATE["response"]["data"]

    [work] = client.spawned
    keeping = asyncio.create_task(work)
    clock = client.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(1799)
    assert client.asked == []
    await clock.advance(3601)
    assert client.asked == [("PUT", AUTH, {"data": {"token": store.token}})] * 3
    client.closed = True
    client._queue.append({"status": 0})
    await clock.advance(1800)
    await keeping
    assert [record.getMessage() for record in caplog.records] == ["the token of the store was not extended: OSError"]


async def test_token_without_a_client() -> None:
    """From a file there is nobody who could extend it."""
    store = GMOCoinDataStore()
    with pytest.warns(DeprecationWarning, match="ws-auth"):
        await store.initialize(respond("POST", AUTH, {"status": 0, "data": TOKEN}))
    assert store.token == TOKEN
    assert TOKEN not in json.dumps(repr(store))


async def test_no_token() -> None:
    """A refusal is an error; the token stays."""
    store = GMOCoinDataStore()
    with pytest.raises(InitializeError, match="ERR-5012"):
        await store.initialize(
            respond("POST", AUTH, {"status": 5, "messages": [{"message_code": "ERR-5012", "message_string": "no"}]})
        )
    assert store.token is None
