"""A response and a stream at the same time: for what the stream has touched since the request, the stream is right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import FakeSocket, respond, until
from topgun.store import DataStore, DataStoreCollection, Topic
from topgun.store.race import Race

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from topgun.exchange import Requester

URL_OF_ORDERS = "https://api.example.test/orders"


class Orders(DataStore):
    """Open orders; a response lists them all, and what is done goes."""

    _KEYS = ("id",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        (self._delete if msg["done"] else self._update)([msg["row"]])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        if url.query.get("how") == "replace":
            self._clear()
            self._insert(data)
        elif url.query.get("how") == "find":
            self._find_and_delete({"side": "buy"})
            self._update(data)
        else:
            self._update(data)


class Shop(DataStoreCollection):
    """Two tables, one of which has no request."""

    orders = Topic(Orders, "orders")
    others = Topic(Orders, "others")
    _RESPONSES = {"/orders": "orders"}  # noqa: RUF012

    def _topic(self, msg: Any) -> Sequence[str]:
        return (msg["table"],)


class Exchange:
    """Answers a request when it is told to."""

    def __init__(self, store: Shop) -> None:
        self.store = store
        self.ws = FakeSocket()
        self.say("orders", 0, side="buy")
        self.say("orders", 9, side="buy")

    def say(self, table: str, number: int, *, done: bool = False, **fields: Any) -> None:
        row = {"id": number, **fields}
        self.store.onmessage({"table": table, "done": done, "row": row}, self.ws)

    async def ask(self, how: str = "") -> tuple[asyncio.Future[list[dict[str, Any]]], asyncio.Task[None]]:
        """Send a request; return what its response will be, and the initialization."""
        listed: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()

        async def request() -> Any:
            return await respond("GET", f"{URL_OF_ORDERS}?how={how}", await listed)

        under_way = len(self.store.orders._race.logs)
        task = asyncio.create_task(self.store.initialize(request()))
        await until(lambda: len(self.store.orders._race.logs) > under_way)
        return listed, task

    def rows(self) -> list[dict[str, Any]]:
        self.store.orders._check()
        return sorted(map(dict, self.store.orders), key=lambda row: row["id"])


@pytest.fixture
async def exchange() -> Exchange:
    """An exchange with two open orders that the stream has told of."""
    return Exchange(Shop())


@pytest.mark.parametrize("how", ["replace", "find"])
async def test_what_comes_and_goes_meanwhile(exchange: Exchange, how: str) -> None:
    """An order placed meanwhile stays, one that is done meanwhile does not come back, an old one goes."""
    listed, task = await exchange.ask(how)
    exchange.say("orders", 1, side="buy", state="new")
    exchange.say("orders", 2, done=True)  # not even known before
    exchange.say("orders", 0, state="partly")
    exchange.say("others", 3, done=True)
    listed.set_result([{"id": 0, "state": "old", "price": 5}, {"id": 2, "state": "old"}, {"id": 3, "state": "old"}])
    await task
    assert exchange.rows() == [
        {"id": 0, "side": "buy", "state": "partly", "price": 5},
        {"id": 1, "side": "buy", "state": "new"},
        {"id": 3, "state": "old"},
    ]


async def test_what_came_before_the_request_is_old(exchange: Exchange) -> None:
    """What the stream said before the request was sent does not count."""
    exchange.say("orders", 5, done=True)
    listed, task = await exchange.ask("replace")
    listed.set_result([{"id": 5}])
    await task
    assert exchange.rows() == [{"id": 5}]
    exchange.say("orders", 5, done=True)
    exchange.say("orders", 5, state="back")
    assert exchange.rows() == [{"id": 5, "state": "back"}]


async def test_each_request_has_a_beginning_of_its_own(exchange: Exchange) -> None:
    """Of two requests under way, each is overruled only by what came after it was sent; a failed one leaves nothing."""
    first, one = await exchange.ask("replace")
    exchange.say("orders", 0, done=True)
    second, two = await exchange.ask("replace")
    second.set_result([{"id": 0, "state": "second"}])
    await two
    assert exchange.rows() == [{"id": 0, "state": "second"}]
    first.set_result([{"id": 0, "state": "first"}, {"id": 7}])
    await one
    # the first response leaves order 0 alone, as the stream has touched it since
    assert exchange.rows() == [{"id": 0, "state": "second"}, {"id": 7}]
    failing, three = await exchange.ask()
    failing.set_exception(ConnectionError())
    with pytest.raises(ConnectionError):
        await three
    assert exchange.store.orders._race.logs == []


async def test_what_a_table_notes_by_itself() -> None:
    """What is no key of a row counts for the requests that were under way, and only while a response is taken."""
    race = Race()
    before = race.begin()
    race.note("book")
    after = race.begin()
    assert not race.overtook("book")
    with race.answering(before):
        assert (race.overtook("book"), race.overtook("other")) == (True, False)
    with race.answering(after):
        assert not race.overtook("book")


async def test_rows_without_their_key(exchange: Exchange) -> None:
    """Rows without a key field are passed over, as ever."""
    listed, task = await exchange.ask()
    exchange.store.orders._update([{"no": "key"}])
    exchange.store.orders._delete([{"no": "key"}])
    listed.set_result([{"no": "key"}])
    await task
    assert len(exchange.store.orders) == 2


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 12),
)
async def test_the_table_ends_up_as_the_exchange(
    events: list[tuple[int, bool]], asked: int, taken: int, heard: int
) -> None:
    """Whenever the snapshot is taken and whenever it arrives, at the end the open orders are those of the exchange."""
    asked, taken, heard = sorted(min(moment, len(events)) for moment in (asked, taken, heard))
    venue = Exchange(Shop())
    truth: dict[int, int] = {0: -1, 9: -1}
    request = None
    snapshot: list[dict[str, Any]] = []
    for moment in range(len(events) + 1):
        if moment == asked:
            request = await venue.ask("replace")
        if moment == taken:
            snapshot = [{"id": number, "version": version} for number, version in truth.items()]
        if moment == heard and request is not None:
            request[0].set_result(snapshot)
            await request[1]
        if moment < len(events):
            number, done = events[moment]
            venue.say("orders", number, done=done, version=moment)
            truth.pop(number, None)
            truth |= {} if done else {number: moment}
    assert {row["id"]: row.get("version", -1) for row in venue.rows()} == truth
