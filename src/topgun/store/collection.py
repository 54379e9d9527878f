"""`DataStoreCollection` and `Topic`: which tables an exchange fills, and which message goes into which."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, overload

from ..errors import InitializeError
from ..exchange import question_of, requester_of
from ..waiters import Waiters
from .book import BookStore
from .table import DataStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from yarl import URL

    from ..typedefs import Item

__all__ = ["DataStoreCollection", "Topic"]

logger = logging.getLogger("topgun.store")

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # s between two tries to initialize again

T = TypeVar("T", bound=DataStore)


class Topic(Generic[T]):
    """Declares one table of a collection, in the body of its class: ``trade = Topic(Trade, "publicTrade")``.

    Args:
        table: The class of the table.
        name: Its name on the wire, and in ``collection[name]``.
        docs: The official page.
        keys: Key fields other than those of the class.
    """

    def __init__(self, table: type[T], name: str, docs: str = "", *, keys: Sequence[str] | None = None) -> None:
        self.table = table
        self.name = name
        self.docs = docs
        self.keys = keys

    @overload
    def __get__(self, collection: None, owner: type) -> Topic[T]: ...
    @overload
    def __get__(self, collection: DataStoreCollection, owner: type) -> T: ...
    def __get__(self, collection: DataStoreCollection | None, owner: type) -> Topic[T] | T:
        return self if collection is None else cast("T", collection[self.name])


class DataStoreCollection:
    """The tables of one exchange: give `onmessage` to ``ws_connect(hdlr_json=...)``.

    A subclass declares its tables with `Topic` and says in `_topic` which of them a message concerns, or makes them
    in `_init` with `_create` and takes messages in `_onmessage`.

    Args:
        heal: Whether books that are wrong ask for a new snapshot; with ``False`` they only say so.
    """

    _RESPONSES: ClassVar[Mapping[str, str | tuple[str, ...]]] = {}
    """Which table, or which tables, the response of each HTTP path fills."""

    def __init__(self, *, heal: bool = True) -> None:
        self._heal = heal
        self._stores: dict[str, DataStore] = {}
        self._waiters = Waiters()
        self._sockets: dict[Any, set[str]] = {}  # the tables that each open socket feeds
        self._has_lost = False
        self._repeated: dict[Callable[[], Awaitable[Any]], Sequence[str] | None] = {}  # and which tables they filled
        self._repeating = asyncio.Lock()
        self._unfed: set[str] = set()  # the tables whose socket was lost, until another one connects
        self._asked = {name: None for names in self._RESPONSES.values() for name in _several(names)}
        for topic in self._topics():
            self._create(topic.name, keys=topic.keys, datastore_class=topic.table)
        self._init()

    @classmethod
    def _topics(cls) -> Iterable[Topic[Any]]:
        found = {name: it for kind in reversed(cls.__mro__) for name, it in vars(kind).items()}
        return [it for it in found.values() if isinstance(it, Topic)]

    def _init(self) -> None:
        """Make what the collection needs besides its topics (a hook)."""

    def __getitem__(self, name: str) -> DataStore:
        return self._stores[name]

    def __contains__(self, name: object) -> bool:
        return name in self._stores

    # --- messages ---

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        """Take a decoded message; a handler for ``hdlr_json``.

        Args:
            msg: The message.
            ws: The socket it came from; with ``None`` (from a file) the tables do not act on their own.
        """
        if ws is not None and ws not in self._sockets:
            self._onconnect(ws)
        self._onmessage(msg, ws)
        self._waiters.release()

    async def wait(self) -> None:
        """Wait for the next message."""
        await self._waiters.wait()

    def _onconnect(self, ws: Any) -> None:
        """Know that a socket feeds these tables, so that they are stale once it is lost.

        A `WebSocketApp` calls this as soon as it is connected, on the owner of every handler that has such a method.
        """
        on_close = getattr(ws, "on_close", None)
        if on_close is None or ws.closed or ws in self._sockets:
            return
        self._sockets[ws] = set()
        self._unfed.clear()
        if self._has_lost:  # what was initialized while nobody listened has missed what happened since
            self._expire()
        on_close(self._lost)
        if (on_subscribed := getattr(ws, "on_subscribed", None)) is not None:
            on_subscribed(self._initialize_again)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        """Take a message (a hook); by default give it to the tables that `_topic` names."""
        try:
            tables = [(name, self._stores[name]) for name in self._topic(msg) if name in self._stores]
        except Exception:
            logger.exception("%s: a message without a readable topic is ignored", type(self).__name__)
            return
        for name, table in tables:
            try:
                table._onmessage(msg, ws)
            except Exception as error:  # noqa: BLE001  (one message must not take the others down)
                self._report(name, msg, error)
            else:
                self._fed(name, table, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        """Name the tables that a message concerns (a hook)."""
        print(msg)  # noqa: T201  (what a collection that does not say what to do with a message has always done)
        return ()

    def _fed(self, name: str, table: DataStore, ws: Any) -> None:
        feeding = self._sockets.get(ws)
        if feeding is not None:
            feeding.add(name)
        if table._state == "stale" and name not in self._asked and not getattr(ws, "closed", False):
            self._turn("live", [name])

    def _report(self, name: str, msg: Any, error: Exception) -> None:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        line = "?" if place is None else place.tb_lineno
        kind = type(error).__name__
        logger.warning("%s: a message is ignored (%s: %s, line %s): %.200r", name, kind, error, line, msg)

    # --- connections ---

    def _lost(self, ws: Any) -> None:
        lost = self._sockets.pop(ws, set())
        self._has_lost = True
        self._unfed |= lost
        self._turn("stale", lost)
        self._expire()

    def _expire(self) -> None:
        """Mark the tables stale that only a response can put right, unless another socket feeds them."""
        self._turn("stale", self._asked.keys() - self._fed_now())

    def _fed_now(self) -> set[str]:
        return set().union(*self._sockets.values())

    def _turn(self, state: str, names: Collection[str]) -> None:
        """Give tables a state, and wake those who wait for it."""
        for name, table in self._stores.items():
            if name in names and table._state != state:
                table._state = state
                table._set()

    # --- responses ---

    async def initialize(self, *requests: Awaitable[Any] | Callable[[], Awaitable[Any]]) -> None:
        """Fill tables from HTTP responses: ``await store.initialize(client.get(...), client.get(...))``.

        They are sent at the same time. Every good one is applied, whatever becomes of the others.

        Args:
            *requests: Requests. A function that makes one, ``partial(client.get, url)``, is called now, and again
                after a lost connection was replaced, until the tables that it fills are live.

        Raises:
            InitializeError: A response reports a failure, or is not JSON.
            aiohttp.ClientError: A request has no response.
            TimeoutError: Likewise.
        """
        for request in requests:
            if callable(request):
                self._repeated.setdefault(request, None)
        outcomes = await asyncio.gather(*map(self._take, requests), return_exceptions=True)
        failures = [error for error in outcomes if error is not None]
        for other in failures[1:]:
            failures[0].add_note(f"besides: {type(other).__name__}: {other}")
        if failures:
            raise failures[0]

    def _initialize_again(self, ws: Any) -> None:
        """Repeat the requests whose tables are stale since a connection was lost; `ws` is the one that replaces it."""
        if self._has_lost and self._repeated:
            ws.requester.spawn(self._repeat(ws))

    async def _repeat(self, ws: Any) -> None:
        wait = _FIRST_WAIT
        while not ws.closed:
            async with self._repeating:  # another socket may have come back as well
                due = [request for request in self._repeated if self._is_due(request)]
                try:
                    await self.initialize(*due)
                except Exception as error:  # noqa: BLE001  (whatever it is, it may go better the next time)
                    logger.warning("%s: not initialized again: %s", type(self).__name__, type(error).__name__)
            if not any(map(self._is_due, self._repeated)):
                return
            await ws.clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _is_due(self, request: Callable[[], Awaitable[Any]]) -> bool:
        names = self._repeated[request]
        return names is None or any(self._stores[name]._state == "stale" for name in names)

    async def _take(self, request: Awaitable[Any] | Callable[[], Awaitable[Any]]) -> None:
        listening = self._listening()
        tables = self._stores.copy()
        logs = {name: table._race.begin() for name, table in tables.items()}
        try:
            response = await (request() if callable(request) else request)
            names = await self._settle(response, listening, logs)
            if callable(request):
                self._repeated[request] = names
        finally:
            for name, table in tables.items():
                table._race.end(logs[name])

    async def _settle(
        self, response: Any, listening: set[Any], logs: Mapping[str, dict[Hashable, bool]]
    ) -> Sequence[str] | None:
        """Fill tables from a response, and return which ones; ``None`` if it was skipped.

        Args:
            response: It.
            listening: The sockets that were open when it was asked for.
            logs: What the stream has touched since, by table.
        """
        url: URL = response.url
        text = ""
        try:
            text = await response.text()
            data = json.loads(text)
        except ValueError as error:
            raise InitializeError(str(url.with_query(None)), text[:200] or str(error)) from None
        if self._failure(url, data):
            self._refused(url, data)
            self._turn("stale", _several(self._RESPONSES.get(url.path, ())))
            return None
        names, data = self._answered(url, data, question_of(response))
        for name in names:
            taken = self._apply(name, data, url, response, logs)
            heard = listening and listening == self._listening() and name not in self._unfed - self._fed_now()
            if taken and (heard or not self._has_lost):
                self._turn("live", [name])
        return names

    def _listening(self) -> set[Any]:
        """Return the open sockets; none if one of them, perhaps the one that counts, is not subscribed yet."""
        return {*self._sockets} if all(getattr(ws, "subscribed", True) for ws in self._sockets) else set()

    def _apply(self, name: str, data: Any, url: URL, response: Any, logs: Mapping[str, dict[Hashable, bool]]) -> bool:
        """Give a response to a table; return whether it took it."""
        try:
            table = self._stores[name]
            with table._race.answering(logs[name]):
                return table._onresponse(data, url, requester_of(response)) is not False
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise InitializeError(str(url.with_query(None)), data) from error

    def _answered(self, url: URL, data: Any, question: Any) -> tuple[Sequence[str], Any]:
        """Return which tables a good response fills, and what each of them is given (a hook).

        Args:
            url: Of the request.
            data: The decoded response.
            question: The body that the request was given, ``None`` if there was none, or nobody knows.
        """
        return _several(self._RESPONSES.get(url.path, ())), data

    def _failure(self, url: URL, data: Any) -> bool:
        """Tell whether the decoded response of `url` reports a failure (a hook)."""
        return False

    def _refused(self, url: URL, data: Any) -> None:
        """Deal with a response that reports a failure (a hook): raise, or return, and its tables are stale."""
        raise InitializeError(str(url.with_query(None)), data)

    # --- for programs that make their own ---

    def _create(
        self,
        name: str,
        *,
        keys: Sequence[str] | None = None,
        data: Iterable[Item] | None = None,
        datastore_class: type[DataStore] = DataStore,
    ) -> None:
        """Make a table and register it under `name`."""
        self._stores[name] = table = datastore_class(name, keys, data)
        if isinstance(table, BookStore):
            table.heal = self._heal

    @overload
    def _get(self, name: str, type_: type[T]) -> T: ...
    @overload
    def _get(self, name: str, type_: None = None) -> DataStore: ...
    def _get(self, name: str, type_: type[T] | None = None) -> Any:
        """Return the table of that name, ``None`` if there is none; `type_` is for type checkers."""
        return self._stores.get(name)

    def _set(self) -> None:
        """Wake those who wait."""
        self._waiters.release()


def _several(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
