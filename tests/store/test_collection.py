"""`DataStoreCollection` and `Topic`: which tables there are, which message goes where, what a response fills."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from typing import Any, ClassVar

import pytest

from tests.store.models import Replayed, Socket, pending
from tests.store.shop import API, Broken, Depth, Orders, Rows, Shop, answer, delta, message, settle, snapshot, states
from tests.support import FakeRequester, FakeResponse, FakeSocket, respond, until
from topgun.errors import InitializeError
from topgun.exchange import questions, requesters
from topgun.store import DataStore, DataStoreCollection, Topic

LOGGER = "topgun.store"


# -- topics --------------------------------------------------------------------------------------------------------


def test_topic_of_class_and_of_instance() -> None:
    """The class gives the declaration, an instance its own table, with the name and keys that were declared."""
    assert isinstance(Shop.trade, Topic)
    assert (Shop.trade.table, Shop.trade.name, Shop.trade.docs, Shop.trade.keys) == (
        Rows,
        "publicTrade",
        "https://docs.example.test/trade",
        None,
    )
    store, other = Shop(), Shop()
    assert type(store.trade) is Rows
    assert store.trade is store["publicTrade"] is store._get("publicTrade") is store._get("publicTrade", Rows)
    assert store.trade is not other.trade
    assert store.trade.name == "publicTrade"
    assert (store.orders._keys, store.wallet._keys) == (("id",), ("coin", "account"))
    store.onmessage(message("wallet", rows=[{"coin": "B", "account": 1}, {"coin": "B", "account": 2}, {"id": 3}]))
    assert len(store.wallet) == 2


def test_topics_of_subclasses() -> None:
    """A subclass has the topics of its parents; one that it declares anew counts, and what is no topic ends one."""

    class Extra:
        extra = Topic(Rows, "extra")

    class Mine(Extra, Shop):
        trade = Topic(Orders, "trades.v2", keys=["id", "venue"])  # type: ignore[assignment]  # another table
        mine = Topic(Rows, "mine")
        wallet = None  # type: ignore[assignment]  # not any more

    store = Mine()
    assert set(store._stores) == {"trades.v2", "order", "broken", "depth", "extra", "mine"}
    assert (type(store.trade), store.trade._keys) == (Orders, ("id", "venue"))
    assert store.trade is store["trades.v2"]
    assert store.mine is store["mine"]
    assert "wallet" not in store
    assert set(Shop()._stores) == {"publicTrade", "order", "wallet", "broken", "depth"}


def test_names() -> None:
    """``in`` and ``[]`` know tables by their name on the wire; a name that there is not raises, `_get` gives None."""
    store = Shop()
    assert "publicTrade" in store
    assert "trade" not in store
    assert 7 not in store
    with pytest.raises(KeyError):
        store["trade"]
    assert store._get("trade") is None
    assert store._get("trade", Rows) is None


def test_create_replaces() -> None:
    """`_create` registers a table, with keys and rows if given; one of the same name is replaced."""
    store = Shop()
    before = store.trade
    store._create("publicTrade", keys=["id"], data=[{"id": 5}], datastore_class=Rows)
    assert store.trade is store["publicTrade"] is not before
    assert (store.trade._keys, list(store.trade)) == (("id",), [{"id": 5}])
    store.onmessage(message("publicTrade"))
    assert (list(store.trade), list(before)) == ([{"id": 5}, {"id": 1}], [])
    store._create("plain")
    assert type(store["plain"]) is DataStore
    assert store["plain"]._keys == ()


@pytest.mark.parametrize("heal", [True, False])
def test_heal_reaches_every_book(heal: bool) -> None:
    """Books of topics and of `_create` are told whether to ask for a snapshot; without healing they only mark."""

    class Mine(Shop):
        def _init(self) -> None:
            self._create("late", datastore_class=Depth)

    store, ws = Mine(heal=heal), Socket()
    assert (store.book.heal, store._get("late", Depth).heal) == (heal, heal)
    assert Shop().book.heal is True
    store.onmessage(snapshot(1, [(11, 1)], [(9, 1)]), ws)
    store.onmessage(delta(3, [(12, 1)], []), ws)
    assert store.book.state({"symbol": "X"}) == "syncing"
    assert [messages for _, messages, _ in ws.snapshot_requests] == ([["again"]] if heal else [])


# -- messages ------------------------------------------------------------------------------------------------------


def test_a_collection_without_rules_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `_onmessage` or `_topic` a message is printed, with and without tables, and changes nothing."""

    class Silent(DataStoreCollection):
        trade = Topic(Rows, "publicTrade")

    for store in (DataStoreCollection(), Silent()):
        store.onmessage({"to": ["publicTrade"], "rows": [1]})
        store.onmessage("pong", Socket())
        assert capsys.readouterr().out == "{'to': ['publicTrade'], 'rows': [1]}\npong\n"
    assert len(store["publicTrade"]) == 0


def test_routing(caplog: pytest.LogCaptureFixture) -> None:
    """A message goes to the tables that `_topic` names, in their order, with its socket; other names are nothing."""
    heard: list[Any] = []

    class Listening(DataStore):
        def _onmessage(self, msg: Any, ws: Any = None) -> None:
            heard.append((self.name, msg, ws))

    class Mine(Shop):
        a = Topic(Listening, "a")
        b = Topic(Listening, "b")

    store, ws = Mine(), Socket()
    both = message("b", "nobody", "a", "publicTrade")
    store.onmessage(both, ws)
    store.onmessage(message("nobody"), ws)
    store.onmessage(message(), ws)
    assert heard == [("b", both, ws), ("a", both, ws)]
    assert heard[0][1] is both
    assert list(store.trade) == [{"id": 1}]
    assert not caplog.records


def test_a_table_may_feed_its_collection() -> None:
    """A table that hands a message on while it takes one neither loses nor repeats anything."""

    class Echo(Rows):
        store: Any = None

        def _onmessage(self, msg: Any, ws: Any = None) -> None:
            super()._onmessage(msg, ws)
            if msg["more"]:
                self.store.onmessage({**msg, "more": msg["more"] - 1}, ws)
                super()._onmessage(msg, ws)

    class Loop(Shop):
        trade = Topic(Echo, "publicTrade")

        def _init(self) -> None:
            self.trade.store = self

    store, ws = Loop(), Socket()
    stream, replayed = store.trade.watch(), Replayed(store.trade)
    store.onmessage({**message("publicTrade"), "more": 2}, ws)
    replayed.apply(pending(stream))
    assert list(store.trade) == list(replayed) == [{"id": 1}] * 5
    assert ws.listeners == 1


def test_d36_nobody_is_asked_whether_it_is_a_coroutine_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """D36: collections do without `asyncio.iscoroutinefunction`, which is deprecated."""
    asked: list[Any] = []
    monkeypatch.setattr(asyncio, "iscoroutinefunction", asked.append)
    store = Shop()
    store.onmessage(message("order"), Socket())
    assert list(store.orders) == [{"id": 1}]
    assert not asked


@pytest.mark.parametrize("error", [KeyError("price"), ValueError("no number"), ZeroDivisionError(), RuntimeError("?")])
def test_a_failing_table_harms_no_other(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What a table raises is one line with its name, the error and where; the tables before and after are fed."""
    store = Shop()
    store.onmessage({**message("publicTrade", "broken", "order"), "error": error})
    assert (list(store.trade), list(store.orders)) == ([{"id": 1}], [{"id": 1}])
    [record] = caplog.records
    place = Broken._onmessage.__code__.co_firstlineno + 2
    assert (record.name, record.levelname, record.exc_info) == (LOGGER, "WARNING", None)
    assert record.getMessage().startswith(
        f"broken: a message is ignored ({type(error).__name__}: {error}, line {place}): {{'to': ('publicTrade', "
    )
    assert store.broken.state() == "stale"
    assert store.trade.state() == "live"


def test_a_failing_table_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Of a message that is ignored the log has the beginning."""
    Shop().onmessage({**message("broken", rows=[{"id": "x" * 10_000}]), "error": KeyError("id")})
    assert len(caplog.records[0].getMessage()) < 300


@pytest.mark.parametrize("topic", [{}, {"to": None}, {"to": 7}, {"to": [["order"]]}, {"to": ["order", {}]}, None, 7])
async def test_a_message_without_a_readable_topic(topic: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A `_topic` that fails, or names nothing that can be looked up, is logged; no table gets the message."""
    store = Shop()
    waiter = asyncio.ensure_future(store.wait())
    await settle()
    store.onmessage(topic)
    [record] = caplog.records
    assert (record.name, record.levelname) == (LOGGER, "ERROR")
    assert record.getMessage().startswith("Shop: ")
    assert not any(map(len, store._stores.values()))
    store.onmessage(message("order"))
    assert len(store.orders) == 1
    await asyncio.wait_for(waiter, 1)


async def test_wait() -> None:
    """`wait` returns with the next message, whatever it says, and with `_set`; not with a response."""
    store = Shop()
    for wake in (lambda: store.onmessage(message()), lambda: store.onmessage(message("order")), store._set):
        waiters = [asyncio.ensure_future(store.wait()) for _ in range(3)]
        await settle()
        await store.initialize(answer("/orders"))
        assert not any(waiter.done() for waiter in waiters)
        wake()
        assert await asyncio.wait_for(asyncio.gather(*waiters), 1) == [None] * 3
    assert not store._waiters._waiting


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """However often waiting is given up, nothing is kept, and those who still wait are woken."""
    store = Shop()
    last = asyncio.ensure_future(store.wait())
    for _ in range(20):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.wait(), 0)
        given_up = asyncio.ensure_future(store.wait())
        await settle()
        given_up.cancel()
        await settle()
        assert given_up.cancelled()
        assert len(store._waiters._waiting) == 1
    store.onmessage(message())
    await asyncio.wait_for(last, 1)
    assert not store._waiters._waiting


# -- collections in the style of pybotters -------------------------------------------------------------------------


class Own(DataStoreCollection):
    """What a program written for pybotters brings along."""

    def _init(self) -> None:
        self._create("order", datastore_class=Orders)
        self._create("ticker", keys=["symbol"])

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self.sockets = [*getattr(self, "sockets", []), ws]
        if msg["table"] in self:
            self[msg["table"]]._update(msg["rows"])
        self.orders._delete([{"id": msg["gone"]}])

    @property
    def orders(self) -> Any:
        return self._get("order", Orders)

    @property
    def ticker(self) -> Any:
        return self._get("ticker")


async def test_own_collection(capsys: pytest.CaptureFixture[str]) -> None:
    """`_init`, `_create`, `_onmessage`, `_get` and properties do what they did; the socket comes along."""
    store, ws = Own(), Socket()
    waiter = asyncio.ensure_future(store.wait())
    await settle()
    store.onmessage({"table": "order", "rows": [{"id": 1}, {"id": 2}], "gone": 1}, ws)
    store.onmessage({"table": "none", "rows": [], "gone": 9})
    assert list(store.orders) == [{"id": 2}]
    assert (type(store.orders), type(store.ticker), store.ticker._keys) == (Orders, DataStore, ("symbol",))
    assert store.sockets == [ws, None]
    await asyncio.wait_for(waiter, 1)
    assert capsys.readouterr().out == ""


async def test_what_an_own_collection_raises_comes_out() -> None:
    """An exception of `_onmessage` comes out of `onmessage` as it is, and then nobody who waits is woken."""
    store = Own()
    waiter = asyncio.ensure_future(store.wait())
    await settle()
    with pytest.raises(KeyError, match="gone"):
        store.onmessage({"table": "order", "rows": [{"id": 1}]})
    await settle()
    assert not waiter.done()
    assert list(store.orders) == [{"id": 1}]
    store.onmessage({"table": "none", "gone": None})
    await asyncio.wait_for(waiter, 1)


# -- responses -----------------------------------------------------------------------------------------------------


class RawResponse(FakeResponse):
    """A response with any bytes as its body."""

    async def text(self, **_: Any) -> str:
        return bytes(self._data).decode()


async def raw(url: str, body: bytes) -> FakeResponse:
    return RawResponse("GET", url, body)


async def fail(error: BaseException) -> FakeResponse:
    raise error


async def test_requests_are_sent_at_the_same_time() -> None:
    """All are on their way before the first is answered; they are applied as they come, in any order."""
    store, sent, go = Shop(), [], [asyncio.Event() for _ in range(3)]

    async def request(number: int) -> FakeResponse:
        sent.append(number)
        await go[number].wait()
        return await answer(("/orders", "/nothing", "/wallet")[number], {"id": number, "coin": "B", "account": 1})

    task = asyncio.ensure_future(store.initialize(*map(request, range(3))))
    await until(lambda: len(sent) == 3)
    go[2].set()
    await until(lambda: len(store.wallet))
    assert len(store.orders) == 0
    assert not task.done()
    go[0].set()
    go[1].set()
    assert await task is None
    assert list(store.orders) == [{"id": 0, "coin": "B", "account": 1}]
    await store.initialize()  # nothing to ask for is nothing


async def test_good_responses_are_applied_whatever_the_others_are() -> None:
    """The failure of the first request that failed is raised, with a line about each other; the good ones count."""
    store = Shop()
    late = asyncio.Event()

    async def refused() -> FakeResponse:
        await late.wait()
        return FakeResponse("GET", f"{API}/wallet", {"error": "no permission"})

    async def gone() -> FakeResponse:
        late.set()  # fails first, but stands behind
        raise ConnectionError("gone")

    with pytest.raises(InitializeError) as raised:
        await store.initialize(refused(), answer("/orders", {"id": 1}), gone(), fail(TimeoutError()), answer("/none"))
    assert (raised.value.url, raised.value.data) == (f"{API}/wallet", {"error": "no permission"})
    assert raised.value.__notes__ == ["besides: ConnectionError: gone", "besides: TimeoutError: "]
    assert list(store.orders) == [{"id": 1}]
    assert (store.orders.state(), store.wallet.state()) == ("live", "stale")


async def test_an_error_of_a_request_comes_out_as_it_is() -> None:
    """A request without a response raises its own error, without notes when it is alone."""
    for error in (ConnectionError("gone"), TimeoutError(), LookupError("none of ours")):
        with pytest.raises(type(error)) as raised:
            await Shop().initialize(fail(error))
        assert raised.value is error
        assert not hasattr(error, "__notes__")


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"<html>" + b"x" * 500, "<html>" + "x" * 194),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"rows": [', '{"rows": ['),
        (b'{"rows": ["\xff"]}', "'utf-8' codec can't decode byte 0xff in position 11: invalid start byte"),
    ],
)
async def test_what_is_not_json(body: bytes, data: str) -> None:
    """A body that is no JSON, or no text, raises with its beginning, or with what is wrong; the table stays."""
    store = Shop()
    await store.initialize(answer("/orders", {"id": 1}))
    with pytest.raises(InitializeError) as raised:
        await store.initialize(raw(f"{API}/orders?a=b", body))
    assert (raised.value.url, raised.value.data, raised.value.__cause__) == (f"{API}/orders", data, None)
    assert list(store.orders) == [{"id": 1}]


async def test_unknown_paths() -> None:
    """A response of a path without a table fills nothing, but is looked at: a failure is a failure."""
    store = Shop()
    await store.initialize(answer("/order", {"id": 1}), answer("/orders/", {"id": 2}), answer("/", {"id": 3}))
    assert not any(map(len, store._stores.values()))
    assert set(states(store).values()) == {"stale"}
    with pytest.raises(InitializeError):
        await store.initialize(respond("GET", f"{API}/other", {"error": 1}))


async def test_without_a_rule_nothing_is_a_failure() -> None:
    """`_failure` says no unless a collection says otherwise."""

    class Trusting(DataStoreCollection):
        orders = Topic(Orders, "order")
        _RESPONSES: ClassVar = {"/orders": "order"}

    store = Trusting()
    await store.initialize(respond("GET", f"{API}/orders", {"error": 1, "rows": [{"id": 1}]}, status=400))
    assert list(store.orders) == [{"id": 1}]


@pytest.mark.parametrize(
    "error", [KeyError("rows"), TypeError("t"), ValueError("v"), AttributeError("a"), OverflowError("o")]
)
async def test_a_response_that_a_table_cannot_read(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `_onresponse` raises about the data is the cause of an `InitializeError`; the table is not live by it."""

    def onresponse(*_: Any) -> None:
        raise error

    store = Shop()
    monkeypatch.setattr(store.wallet, "_onresponse", onresponse)
    with pytest.raises(InitializeError) as raised:
        await store.initialize(answer("/wallet", 1), answer("/orders", {"id": 1}))
    assert raised.value.__cause__ is error
    assert (raised.value.url, raised.value.data) == (f"{API}/wallet", {"rows": [1]})
    assert (store.wallet.state(), store.orders.state()) == ("stale", "live")


async def test_answers_that_are_told_apart_by_their_question() -> None:
    """A collection may choose the tables by what was asked, and give them something else than the response."""

    class Asking(Shop):
        def _answered(self, url: Any, data: Any, question: Any) -> tuple[tuple[str, ...], Any]:
            return ("order",) if question == "orders" else (), {"rows": data, "gone": []}

    store = Asking()
    for question, rows in (("orders", [{"id": 1}]), ("wallet", [{"id": 2}]), (None, [{"id": 3}])):
        response = await respond("POST", f"{API}/info", rows)
        questions[response] = question
        await store.initialize(asyncio.sleep(0, response))
    assert list(store.orders) == [{"id": 1}]


async def test_a_table_that_only_the_question_names_is_right_as_well() -> None:
    """What the stream says while such an answer is on its way is newer than the answer."""

    class Asking(Shop):
        _RESPONSES: ClassVar = {}

        def _answered(self, url: Any, data: Any, question: Any) -> tuple[tuple[str, ...], Any]:
            return ("order",), data

    store, asked = Asking(), asyncio.Event()

    async def slow() -> Any:
        await asked.wait()
        return await respond("POST", f"{API}/info", {"rows": [{"id": 1}, {"id": 2}]})

    asking = asyncio.create_task(store.initialize(slow()))
    await until(lambda: store.orders._race.logs)
    store.onmessage(message("order", rows=[{"id": 3}], gone=[{"id": 1}]))
    asked.set()
    await asking
    assert list(store.orders) == [{"id": 3}, {"id": 2}]


async def test_a_response_that_fills_two_tables() -> None:
    """Each table that the path names gets the answer, and is live by it, unless its stream has been lost."""

    class Two(Shop):
        wallet = Topic(Orders, "wallet", keys=["id"])
        _RESPONSES: ClassVar = {"/both": ("order", "wallet"), "/wallet": "wallet"}

    store, ws = Two(), FakeSocket()
    await store.initialize(answer("/both", {"id": 1}))
    assert list(store.orders) == list(store.wallet) == [{"id": 1}]
    assert (store.orders.state(), store.wallet.state()) == ("live", "live")
    store.onmessage(message("trade"), ws)
    ws.lose()
    assert (store.orders.state(), store.wallet.state()) == ("stale", "stale")


async def test_a_path_of_a_table_that_there_is_not() -> None:
    """A response for a table that a subclass does not have raises like any that cannot be used."""

    class Less(Shop):
        wallet = None  # type: ignore[assignment]  # not any more

    with pytest.raises(InitializeError) as raised:
        await Less().initialize(answer("/wallet"))
    assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b'{"error": 1}', b"{}", b'{"rows": [1]}'])
async def test_no_query_in_errors(body: bytes) -> None:
    """What was signed into the query is in no text of the error, be it raised or a note to another one."""
    secret = secrets.token_hex(8)
    for first in (answer("/none"), fail(ConnectionError("gone"))):
        with pytest.raises((InitializeError, ConnectionError)) as raised:
            await Shop().initialize(first, raw(f"{API}/orders?signature={secret}", body))
        told = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(vars(raised.value))
        assert f"{API}/orders" in told
        assert secret not in told


async def test_a_cancelled_initialize() -> None:
    """Cancelling it cancels its requests, applies nothing any more and leaves no task; what came before stays."""
    store, ended = Shop(), []

    async def slow() -> FakeResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)
        raise AssertionError

    task = asyncio.ensure_future(store.initialize(slow(), answer("/orders", {"id": 1}), slow()))
    await until(lambda: len(store.orders))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1, 1]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (list(store.orders), store.wallet.state()) == ([{"id": 1}], "stale")


async def test_a_request_that_somebody_cancelled() -> None:
    """A request that is cancelled elsewhere is a failure like others: the good ones are applied first."""
    store, lost = Shop(), asyncio.ensure_future(asyncio.Event().wait())
    lost.cancel()

    async def later() -> FakeResponse:
        await settle()
        return await answer("/orders", {"id": 1})

    with pytest.raises(asyncio.CancelledError):
        await store.initialize(lost, later())
    assert list(store.orders) == [{"id": 1}]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_requester_of_a_response_reaches_the_table() -> None:
    """`_onresponse` gets the URL with its query and the client that the response came from; else None."""
    store, requester = Shop(), FakeRequester()
    response = await answer("/orders?symbol=X")
    requesters[response] = requester

    async def request() -> FakeResponse:
        return response

    await store.initialize(request())
    await store.initialize(answer("/orders/all"))
    assert store.orders.answers == [(f"{API}/orders?symbol=X", requester), (f"{API}/orders/all", None)]
