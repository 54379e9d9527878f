"""`Watcher`: what a bot does, read from outside through the doors every user has.

It looks at the sockets of the bot's clients and at the tables that those sockets feed, and says in one line each
what happened. The bot knows nothing of it and runs as it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..store import BookStore, DataStore, DataStoreCollection, Topic
from ..ws import State
from ..ws.texts import place

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from ..client import Client
    from ..typedefs import Item
    from ..ws import WebSocketApp

__all__ = ["PRICES", "SIDES", "SIZES", "Event", "Tables", "Watcher", "first"]

POLL = 0.02  # s between two looks at the sockets, which announce nothing to strangers
# How venues call the side, the size and the price of a level, a trade, an order, a position.
SIDES = ("side", "S", "direction", "order_type", "type", "posSide")
SIZES = (
    "size", "v", "qty", "q", "pa", "sz", "amount", "pending_amount", "orderSize", "start_amount", "pos", "szi",
    "quantity", "vol", "holdVol", "orderQty",
)  # fmt: skip
PRICES = (
    "price", "p", "entryPrice", "ep", "avgPrice", "rate", "px", "orderPrice", "avgPx", "limitPx", "entryPx",
    "holdAvgPrice", "priceRp", "priceEp", "avgEntryPriceRp",
)  # fmt: skip
# How venues say, in the message that ends an order, that it was filled.
FILLED = {"EXECUTION", "EXECUTIONEVENTS", "FILL", "FILLED", "FULLY_FILLED"}
# What is left of an order, where venues number what became of it.
LEFT = ("remainVol",)
# The same as FILLED for a message that leaves it in place.
PARTLY_FILLED = {"EXECUTION", "EXECUTIONEVENTS", "PARTIALLYFILLED", "PARTIALLY_FILL", "PARTIALLY_FILLED"}


def first(row: Item, *names: str) -> Any:
    """Return the first of the fields `names` that `row` has: venues spell price, size and side differently."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), "?")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the bot.

    Attributes:
        seconds: When, since the watcher was made.
        kind: What, in fixed words: ``order resting``, ``fill``, ``connection lost``, ``gap detected``, ...
        detail: Which one, and why.
    """

    seconds: float
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s  {self.kind}: {self.detail}"


@dataclass(slots=True)
class Tables:
    """The tables of a bot that a person wants to look at; the first of each kind."""

    book: BookStore | None = None
    orders: DataStore | None = None
    positions: DataStore | None = None
    trades: DataStore | None = None

    def take(self, collection: DataStoreCollection) -> None:
        """Find the tables of `collection` by what they are and how venues call them."""
        names = [name for kind in type(collection).__mro__ for name, it in vars(kind).items() if isinstance(it, Topic)]
        for name in names:
            table: DataStore = getattr(collection, name)
            if isinstance(table, BookStore):
                kind = "book"
            elif name.endswith(("order", "orders", "order_updates")):
                kind = "orders"
            elif name.startswith("position") or name.endswith("position"):
                kind = "positions"
            elif name.startswith(("trade", "execution", "transaction")):
                kind = "trades"
            else:
                continue
            if getattr(self, kind) is None:
                setattr(self, kind, table)


class Watcher:
    """Follows the bot that owns the clients which `clients` returns.

    Args:
        clients: Asked again and again for the clients that the bot has made so far.
        say: Called with each `Event`.
        stores: Asked likewise for the stores; those that sockets feed are found without it.

    Attributes:
        apps: The bot's sockets, oldest first.
        tables: The bot's tables.
        events: Everything that was said.
    """

    def __init__(
        self,
        clients: Callable[[], Iterable[Client]],
        say: Callable[[Event], None],
        stores: Callable[[], Iterable[DataStoreCollection]] = tuple,
    ) -> None:
        self.apps: list[WebSocketApp] = []
        self.tables = Tables()
        self.events: list[Event] = []
        self._clients = clients
        self._say = say
        self._stores = stores
        self._start = monotonic()
        self._collections: list[DataStoreCollection] = []

    def tell(self, kind: str, detail: str) -> None:
        """Note an event and pass it on."""
        event = Event(monotonic() - self._start, kind, detail)
        self.events.append(event)
        self._say(event)

    async def saw(self, *kinds: str, since: int) -> None:
        """Wait until each of `kinds` happened, in any order, after the first `since` events."""
        while not set(kinds) <= {event.kind for event in self.events[since:]}:
            await asyncio.sleep(POLL)

    async def run(self) -> None:
        """Follow whatever the bot opens, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for app in [app for client in self._clients() for app in client.apps if app not in self.apps]:
                    self.apps.append(app)
                    tasks.create_task(self._follow_socket(app))
                fed = (collection for app in self.apps for collection in _fed_by(app))
                for collection in chain(self._stores(), fed):
                    if not any(collection is known for known in self._collections):
                        self._collections.append(collection)
                        self.tables.take(collection)
                        for work in self._follow_tables(collection):
                            tasks.create_task(work)
                await asyncio.sleep(POLL)

    async def _follow_socket(self, app: WebSocketApp) -> None:
        seen, is_open = None, False
        while True:
            if is_open and app.current_ws is not seen:
                is_open = False
                self.tell("connection lost", f"{place(app.url)}, coming back by itself")
            if not is_open and app.state is State.OPEN:
                self.tell("connection recovered" if seen else "connected", f"{place(app.url)}, subscribed")
                seen, is_open = app.current_ws, True
            await asyncio.sleep(POLL)

    def _follow_tables(self, collection: DataStoreCollection) -> Iterator[Coroutine[Any, Any, None]]:
        tables = Tables()
        tables.take(collection)
        if tables.book is not None:
            yield self._follow_book(tables.book)
        if tables.orders is not None:
            yield self._follow_orders(tables.orders)

    async def _follow_book(self, book: BookStore) -> None:
        was, lived = book.state(), book.state() == "live"  # what was quicker than this look
        async for change in book.status.watch():
            group = {
                name: value
                for name, value in change.data.items()
                if name not in ("state", "reason", "losses", "lost_at", "lost_by")
            }
            state, name = change.data["state"], " ".join(map(str, group.values()))
            reason = f"{name}, {change.data['reason'] or 'no reason given'}"
            if state == "live" and was != "live":
                asks, bids = book.sorted(group).values()
                self.tell("book live again" if lived else "book live", f"{name}, {len(asks)} asks, {len(bids)} bids")
                lived = True
            elif state == "stale" and was != "stale":
                self.tell("book stale", reason)
            elif state == "syncing" and was == "live":
                self.tell("gap detected", reason)
            was = state

    async def _follow_orders(self, orders: DataStore) -> None:
        async for change in orders.watch():
            said = {str(value).upper() for value in (change.source or {}).values()}
            side, size, price = (first(change.data, *names) for names in (SIDES, SIZES, PRICES))
            order = f"{side} {size} at {price}"
            if change.operation == "delete":
                filled = said & FILLED or first(change.source or {}, *LEFT) == 0
                self.tell("fill" if filled else "order gone", order)
            elif change.operation == "insert" or change.source is None:
                self.tell("order resting", order)
            elif said & PARTLY_FILLED:
                self.tell("partial fill", order)


def _fed_by(app: WebSocketApp) -> Iterator[DataStoreCollection]:
    """Yield the collections whose ``onmessage`` is a handler of `app`."""
    for handler in chain(*app.handlers):
        owner = getattr(handler, "__self__", None)
        if isinstance(owner, DataStoreCollection):
            yield owner
