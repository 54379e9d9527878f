"""Which tables of a `DataStoreCollection` are live and which are stale, whatever becomes of its connections."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import Mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import topgun
from tests.store.models import Replayed, Socket, pending
from tests.store.shop import API, Shop, answer, delta, message, settle, snapshot, states
from tests.support import respond, until
from tests.testing.toy import REST, SOCKET
from topgun.store import DataStore, DataStoreCollection, Topic
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from yarl import URL

    from tests.support import FakeResponse
    from topgun.exchange import Requester


async def after(event: asyncio.Event, request: Awaitable[FakeResponse]) -> FakeResponse:
    await event.wait()
    return await request


async def until_state(table: DataStore, state: str) -> None:
    await table.wait_for(lambda each: each.state() == state, timeout=1)


async def test_a_table_is_live_from_its_first_data() -> None:
    """Stale before; a message is data where there is no HTTP path, else only a response is. Who waits is woken."""
    store, ws = Shop(), Socket()
    assert states(store) == {"publicTrade": "stale", "order": "stale", "wallet": "stale"}
    waiters = [asyncio.ensure_future(until_state(table, "live")) for table in (store.trade, store.orders)]
    await settle()
    store.onmessage(message("publicTrade", "order", rows=[]), ws)
    assert states(store) == {"publicTrade": "live", "order": "stale", "wallet": "stale"}
    await waiters[0]
    assert not waiters[1].done()
    await store.initialize(answer("/orders"))
    assert states(store) == {"publicTrade": "live", "order": "live", "wallet": "stale"}
    await waiters[1]
    store.onmessage(message("order"), ws)
    assert store.orders.state() == "live"


async def test_a_lost_socket_makes_stale_what_it_fed() -> None:
    """Its tables and those that only a response can put right are stale, who waits is woken, rows stay to look at."""
    store, ws, other = Shop(), Socket(), Socket()
    store.onmessage(message("order", "wallet"), ws)
    store.onmessage(message("publicTrade"), other)
    await store.initialize(answer("/orders", {"id": 1}), answer("/wallet"))
    waiters = [asyncio.ensure_future(until_state(table, "stale")) for table in (store.orders, store.wallet)]
    await settle()
    ws.lose()
    assert states(store) == {"publicTrade": "live", "order": "stale", "wallet": "stale"}
    await asyncio.gather(*waiters)
    assert list(store.orders) == [{"id": 1}]
    other.lose()
    assert set(states(store).values()) == {"stale"}


async def test_states_that_do_not_change_wake_nobody() -> None:
    """Who waits for a change of a table is not woken by the loss of a socket when the table was stale before."""
    store, ws = Shop(), Socket()
    store.onmessage(message("publicTrade"), ws)
    waiter = asyncio.ensure_future(store.orders.wait())
    await settle()
    ws.lose()
    await settle()
    assert not waiter.done()
    waiter.cancel()


async def test_tables_of_another_socket_stay_live() -> None:
    """What another open socket has fed stays live, with and without HTTP path, also when a third one connects."""
    store, first, second = Shop(), Socket(), Socket()
    store.onmessage(message("publicTrade", "order"), first)
    store.onmessage(message("wallet"), second)
    await store.initialize(answer("/orders"), answer("/wallet"))
    second.lose()
    assert states(store) == {"publicTrade": "live", "order": "live", "wallet": "stale"}
    store._onconnect(Socket())
    assert states(store) == {"publicTrade": "live", "order": "live", "wallet": "stale"}


async def test_d30_old_rows_are_never_taken_for_new_ones() -> None:
    """D30: after a loss and a new connection each table is stale until its new data, whatever comes for others."""
    store, ws = Shop(), Socket()
    store.onmessage(message("publicTrade", "order", "wallet"), ws)
    await store.initialize(answer("/orders", {"id": 1}), answer("/wallet"))
    assert set(states(store).values()) == {"live"}
    ws.lose()
    ws = Socket(subscribed=False)
    store._onconnect(ws)
    assert set(states(store).values()) == {"stale"}
    ws.subscribed = True
    store.onmessage(message("order", rows=[{"id": 2}]), ws)
    assert states(store) == {"publicTrade": "stale", "order": "stale", "wallet": "stale"}
    assert list(store.orders) == [{"id": 1}, {"id": 2}]  # mixed, and says so
    await store.initialize(answer("/orders", {"id": 2}))
    assert states(store) == {"publicTrade": "stale", "order": "live", "wallet": "stale"}
    assert list(store.orders) == [{"id": 2}]
    store.onmessage(message("publicTrade"), ws)
    assert states(store) == {"publicTrade": "live", "order": "live", "wallet": "stale"}


async def test_d30_a_snapshot_replaces_the_old_book() -> None:
    """D30: a book is stale from the loss to the new snapshot, which takes its place; at no step is it crossed."""
    store, ws = Shop(), Socket()
    replayed, stream, group = Replayed(store.book), store.book.watch(), {"symbol": "X"}
    store.onmessage(snapshot(1, [(101, 1), (102, 1)], [(100, 1), (99, 1)]), ws)
    store.onmessage(delta(2, [(101, 2)], []), ws)
    waiter = asyncio.ensure_future(until_state(store.book, "stale"))
    await settle()
    ws.lose()
    await waiter
    assert [row["price"] for row in store.book.sorted(group)["ask"]] == [101, 102]
    ws = Socket()
    store._onconnect(ws)
    store.onmessage(delta(3, [(91, 1)], [(90, 1)]), ws)
    assert store.book.state(group) == "stale"
    assert len(store.book) == 4
    store.onmessage(snapshot(7, [(91, 1), (92, 1)], [(90, 1)]), ws)
    store.onmessage(delta(8, [(91, 0)], [(91, 1)]), ws)
    assert store.book.state(group) == "live"
    assert {side: [row["price"] for row in rows] for side, rows in store.book.sorted(group).items()} == {
        "ask": [92],
        "bid": [91, 90],
    }
    for change in pending(stream):
        replayed.apply([change])
        asks, bids = ([row["price"] for row in replayed if row["side"] == side] for side in ("ask", "bid"))
        assert min(asks, default=1000) > max(bids, default=0)
    assert list(replayed) == list(store.book)


async def test_a_response_while_nobody_listens() -> None:
    """After a loss a response makes a table live only if a subscribed socket hears what happens from then on."""
    store, ws = Shop(), Socket()
    await store.initialize(answer("/orders"))  # nothing was lost yet: it is what there is
    assert store.orders.state() == "live"
    store._onconnect(ws)
    assert store.orders.state() == "live"
    ws.lose()
    await store.initialize(answer("/orders", {"id": 1}))
    assert (store.orders.state(), list(store.orders)) == ("stale", [{"id": 1}])
    ws = Socket(subscribed=False)
    store._onconnect(ws)
    await store.initialize(answer("/orders"))
    assert store.orders.state() == "stale"
    ws.subscribed = True
    assert store.orders.state() == "stale"
    await store.initialize(answer("/orders"))
    assert store.orders.state() == "live"


async def test_a_response_that_was_under_way_when_the_socket_was_lost() -> None:
    """A response asked for before a loss says nothing of what was missed, though a new socket is subscribed by now."""
    for first in (True, False):
        store, ws, arrived = Shop(), Socket(), asyncio.Event()
        store._onconnect(ws)
        if not first:
            ws.lose()
            ws = Socket()
            store._onconnect(ws)

        task = asyncio.ensure_future(store.initialize(after(arrived, answer("/orders"))))
        await settle()
        ws.lose()
        store._onconnect(Socket())
        arrived.set()
        await task
        assert store.orders.state() == "stale"


async def test_a_response_between_connection_and_subscription() -> None:
    """With two sockets a table waits for the one that is not subscribed yet: it may be its own."""
    store, public, private = Shop(), Socket(), Socket()
    store._onconnect(public)
    store._onconnect(private)
    private.lose()
    private = Socket(subscribed=False)
    store._onconnect(private)
    await store.initialize(answer("/orders"))
    assert store.orders.state() == "stale"
    private.subscribed = True
    await store.initialize(answer("/orders"))
    assert store.orders.state() == "live"


async def test_a_table_whose_feed_is_gone() -> None:
    """What a lost socket fed is not live before another one connects, however healthy the others are."""
    store, public, private = Shop(), Socket(), Socket()
    store._onconnect(public)
    store.onmessage(message("order"), private)
    private.lose()
    await store.initialize(answer("/orders"), answer("/wallet"))
    assert (store.orders.state(), store.wallet.state()) == ("stale", "live")
    store._onconnect(Socket())
    await store.initialize(answer("/orders"), answer("/wallet"))
    assert (store.orders.state(), store.wallet.state()) == ("live", "live")


async def test_a_feed_that_is_handed_over() -> None:
    """A socket that has fed the table, or feeds it later, is as good as the one that was lost."""
    for feeds_at_once in (True, False):
        store, old, new = Shop(), Socket(), Socket()
        store.onmessage(message("order"), old)
        store._onconnect(new)
        if feeds_at_once:
            store.onmessage(message("order"), new)
        old.lose()
        assert store.orders.state() == "stale"
        await store.initialize(answer("/orders"))
        assert store.orders.state() == ("live" if feeds_at_once else "stale")
        store.onmessage(message("order"), new)
        await store.initialize(answer("/orders"))
        assert store.orders.state() == "live"


async def test_late_messages_of_a_lost_socket() -> None:
    """A message of a socket that is over is taken, but makes nothing live, nor what a response filled stale."""
    store, old, new = Shop(), Socket(), Socket()
    store.onmessage(message("publicTrade"), old)
    old.lose()
    store._onconnect(new)
    await store.initialize(answer("/orders"))
    store.onmessage(message("publicTrade"), old)
    assert len(store.trade) == 2
    assert (store.trade.state(), store.orders.state()) == ("stale", "live")
    assert set(store._sockets) == {new}


async def test_what_was_initialized_while_nobody_listened() -> None:
    """A new connection marks again what it cannot vouch for: rows that were fetched while no socket heard changes."""
    store, public, private = Shop(), Socket(), Socket()
    store.onmessage(message("publicTrade"), public)
    store._onconnect(private)
    private.lose()  # before its first message: nobody knows what it would have fed
    await store.initialize(answer("/orders"), answer("/wallet"))
    assert store.orders.state() == "live"  # as far as the one that is open tells
    private = Socket(subscribed=False)
    store._onconnect(private)
    assert states(store) == {"publicTrade": "live", "order": "stale", "wallet": "stale"}


def test_sockets_leave_nothing_behind() -> None:
    """A socket is known from its connection or first message to its end, once, and held by nothing afterwards."""
    store, seen = Shop(), []
    for number in range(50):
        ws = Socket()
        if number % 2:
            store._onconnect(ws)
            store._onconnect(ws)
        store.onmessage(message("publicTrade", "order"), ws)
        store.onmessage(snapshot(1, [(2, 1)], [(1, 1)]), ws)
        assert list(store._sockets) == [ws]
        assert ws.listeners == 2  # the collection, and its book
        ws.lose()
        assert not store._sockets
        store.onmessage(message("publicTrade"), ws)  # what was still on its way
        store._onconnect(ws)
        assert not store._sockets
        assert store.trade.state() == "stale"
        seen.append(weakref.ref(ws))
    del ws
    gc.collect()
    assert [each() for each in seen] == [None] * 50


@pytest.mark.parametrize(
    "ws",
    [None, object(), Mock(), Mock(spec=["send_json"]), "ws"],
    ids=["none", "object", "mock", "narrow mock", "text"],
)
def test_sockets_that_say_nothing_of_their_end(ws: Any) -> None:
    """A message without a socket, or with a stand-in, is taken; nothing is kept of it."""
    store = Shop()
    store.onmessage(message("publicTrade", "order"), ws)
    store._onconnect(ws)
    assert (len(store.trade), len(store.orders)) == (1, 1)
    assert not store._sockets


# -- whatever happens ----------------------------------------------------------------------------------------------


MOSTLY = st.sampled_from([True, True, True, False])


class Account(RuleBasedStateMachine):
    """Orders that change while a socket comes and goes and requests are under way, after a first loss."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store, self.truth = Shop(), dict[int, int]()
        self.ws: Socket | None = None
        self.task: asyncio.Task[None] | None = None
        self.connect(told=True, subscribed=True)
        self.lose()

    def let_run(self) -> None:
        self.loop.run_until_complete(settle())

    @property
    def listening(self) -> bool:
        return self.ws is not None and self.ws.subscribed

    @precondition(lambda self: self.ws is None)
    @rule(told=MOSTLY, subscribed=st.booleans())
    def connect(self, told: bool, subscribed: bool) -> None:
        self.ws = Socket(subscribed=subscribed)
        if told:  # else the handler is a function of the user's own, and the first message tells
            self.store._onconnect(self.ws)

    @precondition(lambda self: self.ws is not None and not self.ws.subscribed)
    @rule()
    def subscribe(self) -> None:
        self.ws.subscribed = True

    @precondition(lambda self: self.ws is not None)
    @rule()
    def lose(self) -> None:
        self.ws.lose()
        self.ws = None

    @precondition(lambda self: not (self.task and self.listening))  # an answer that events overtake is another matter
    @rule(order=st.integers(0, 3), version=st.integers(0, 2))
    def change(self, order: int, version: int) -> None:
        if version:
            self.truth[order] = version
        else:
            self.truth.pop(order, None)
        if self.listening:
            row = {"id": order, "version": version}
            came, gone = ([row], []) if version else ([], [row])
            self.store.onmessage(message("order", "publicTrade", rows=came, gone=gone), self.ws)

    @precondition(lambda self: self.task is None)
    @rule(good=MOSTLY)
    def ask(self, good: bool) -> None:
        rows = [{"id": order, "version": version} for order, version in self.truth.items()]
        self.arrived = asyncio.Event()
        request = respond("GET", f"{API}/orders", {"rows": rows} if good else {"error": "busy"})
        self.task = self.loop.create_task(self.store.initialize(after(self.arrived, request)))
        self.heard_by = self.ws if good and self.listening and self.ws in self.store._sockets else None
        self.let_run()

    @precondition(lambda self: self.task is not None)
    @rule()
    def answer(self) -> None:
        self.arrived.set()
        self.let_run()
        assert self.task.done()
        self.task.exception()
        self.task = None
        if self.heard_by is not None and self.heard_by is self.ws:
            assert self.store.orders.state() == "live"

    @invariant()
    def what_is_called_live_is_right(self) -> None:
        if self.store.orders.state() == "live":
            assert {row["id"]: row["version"] for row in self.store.orders} == self.truth
        if self.ws is None:
            assert set(states(self.store).values()) == {"stale"}

    def teardown(self) -> None:
        if self.task is not None:
            self.answer()
        self.loop.close()


Account.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
TestD30Account = Account.TestCase


# -- over a real connection ----------------------------------------------------------------------------------------


class Answers(DataStore):
    """A row for each answer, with what came along."""

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._clear()
        self._insert([{"symbol": data["query"]["symbol"], "requester": requester}])


class Venue(DataStoreCollection):
    """A table that is filled by HTTP, of a venue that says nothing unasked."""

    orders = Topic(Answers, "order")
    _RESPONSES: ClassVar = {"/orders": "order"}


async def test_a_real_connection_that_says_nothing() -> None:
    """A collection knows of a connection before its first message: its tables are stale when that one is cut."""
    store = Venue()

    async def ask() -> None:
        await store.initialize(client.get(f"https://{REST}/orders", params={"symbol": "X"}))

    async with FakeExchange("toy") as fake, topgun.Client() as client:
        app = await client.ws_connect(SOCKET, hdlr_json=store.onmessage, backoff=(0.01, 0.02, 1.5, 0.01))
        first = app.current_ws
        assert list(store._sockets) == [first]
        await app.ready()
        await ask()
        assert store.orders.find() == [{"symbol": "X", "requester": first.requester}]
        assert store.orders.state() == "live"

        fake.drop()
        await until_state(store.orders, "stale")
        await until(lambda: app.current_ws not in {None, first})
        assert list(store._sockets) == [app.current_ws]
        assert store.orders.state() == "stale"
        await app.ready()
        await ask()
        assert store.orders.state() == "live"
        last = app.current_ws
    assert last.closed
    assert not store._sockets
    assert store.orders.state() == "stale"
