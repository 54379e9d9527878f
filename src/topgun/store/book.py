"""`BookStore`: order books, each with two sides in order and a state that says whether it is right."""

from __future__ import annotations

import logging
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..errors import ConfigError
from .ladder import Ladder, Sides, WideLadder, is_gone, number, serial
from .status import Status
from .stream import StoreChange
from .table import DataStore

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from ..typedefs import Item

__all__ = ["Best", "BookStore"]

logger = logging.getLogger("topgun.store")


class Best(NamedTuple):
    """The best level of each side, ``None`` where the side is empty."""

    ask: Item | None
    bid: Item | None


class BookStore(DataStore):
    """A table of order books: a row for each level of each side.

    A subclass names the fields and calls `_replace` for snapshots, `_levels` for changes, `_mark` for what is known
    of a book, `_resync` when something is missing.

    Attributes:
        status: A table with a row for each book: the fields that name it, ``state`` and ``reason``. Once it was given
            up, also how often (``losses``), when last (``lost_at``, in ms) and why (``lost_by``).
        heal: Whether a book that is wrong asks for a new snapshot.
    """

    _KEYS: ClassVar[Sequence[str]] = ("symbol", "side", "price")
    _MAXLEN = None  # a book that silently loses levels is a wrong book
    _GROUP: ClassVar[Sequence[str]] = ("symbol",)  # the fields that name one book
    _SIDE: ClassVar[str] = "side"
    _ASK: ClassVar[str] = "ask"
    _BID: ClassVar[str] = "bid"
    _PRICE: ClassVar[str] = "price"
    _SIZE: ClassVar[str] = "size"
    _MORE: ClassVar[Sequence[str]] = ()  # the fields of what a level tells after price and size
    _BIDS_FIRST: ClassVar[bool] = False  # in which order the rows of a snapshot come
    _ID: ClassVar[str] = ""  # the field that names a level where its price does not; see `RowBook`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        keys = (*cls._GROUP, cls._ID, cls._SIDE) if cls._ID else (*cls._GROUP, cls._SIDE, cls._PRICE)
        if tuple(vars(cls).get("_KEYS", keys)) != keys or not cls._GROUP:
            raise ConfigError(f"{cls.__name__}._KEYS must be {keys}: the fields of _GROUP, then those of a level")
        if cls._MAXLEN is not None:
            raise ConfigError(f"{cls.__name__}._MAXLEN must be None: a book that loses levels is a wrong book")
        cls._KEYS = keys

    def __init__(
        self, name: str | None = None, keys: Sequence[str] | None = None, data: Iterable[Item] | None = None
    ) -> None:
        if keys is not None and tuple(keys) != tuple(self._KEYS):
            raise ConfigError(f"{type(self).__name__} has the keys {tuple(self._KEYS)}, not {tuple(keys)}")
        self.heal = True
        self.status = Status(f"{name or 'book'}.status", self._GROUP)
        self._books: dict[tuple[Any, ...], Sides] = {}
        self._states = self.status.states
        self._feeds: dict[Any, dict[tuple[Any, ...], None]] = {}  # the books that each open socket keeps right
        self._strays: dict[Any, tuple[int, Item]] = {}  # rows of a foreign side, by key, and when they came
        self._table: dict[Any, Item] | None = None
        super().__init__(name, None, data)
        self._indexable.discard(self._SIZE)  # `_levels` changes sizes without a look at the indexes

    # --- reading ---

    def sorted(self, query: Mapping[str, Any] | None = None, limit: int | None = None) -> dict[str, list[Item]]:
        """Return the rows of both sides, best price first.

        Args:
            query: As for `find`. With just the fields that name a book it costs least; without it all are mixed.
            limit: How many rows of each side; ``None`` and 0 = all.
        """
        if (book := self._asked(query)) is None:
            return self._sorted(self._SIDE, self._ASK, self._BID, self._PRICE, query, limit)
        return {self._ASK: book.asks.top(limit), self._BID: book.bids.top(limit)}

    def best(self, group: Mapping[str, Any] | None = None) -> Best:
        """Return the best ask and the best bid.

        Args:
            group: The fields that name the book, or another query as for `sorted`.
        """
        if (book := self._asked(group)) is not None:
            return Best(book.asks.best(), book.bids.best())
        return Best(*(next(iter(rows), None) for rows in self.sorted(group, 1).values()))

    def state(self, group: Mapping[str, Any] | None = None) -> str:
        """Return ``"live"``, ``"syncing"`` or ``"stale"``; of several books the worst. See `status` for the reason.

        Args:
            group: The fields that name the book; with fewer fields all books that have them.
        """
        if group is not None and (name := self._name(group)) is not None:
            return self._states.get(name, "stale")
        return self.status.worst(group)

    async def ready(self, group: Mapping[str, Any] | None = None, timeout: float | None = None) -> None:
        """Wait until a book is live; without `group` until every book that there is, and at least one, is.

        Args:
            group: The fields that name the book.
            timeout: In s; ``None`` = for ever.

        Raises:
            TimeoutError: It is not live in time.
        """
        await self.wait_for(lambda book: book.state(group) == "live", timeout)

    # --- changing: for tables of exchanges ---

    def _replace(self, group: tuple[Any, ...], asks: Iterable[Any], bids: Iterable[Any]) -> None:
        """Put a snapshot in place of the book.

        Args:
            group: The values of the fields that name the book.
            asks: Pairs of price and size, or longer sequences where there is `_MORE`.
            bids: The same.

        Raises:
            TypeError: Something is not a pair, a price or a size; the book is as it was.
            ValueError: Likewise.
        """
        book = self._book(group)
        fresh = [side.fresh(levels) for side, levels in zip(book, (asks, bids), strict=True)]
        changes = self._changes()
        if not self._empty(book, changes) and not any(fresh):
            return
        for side, sizes in [*zip(book, fresh, strict=True)][:: -1 if self._BIDS_FIRST else 1]:
            for price, size in sizes.items():
                side.add(price, size)
                if changes is not None:
                    changes.append(StoreChange(self, "insert", None, side.told(price)))
        self._announce(changes)

    def _levels(self, group: tuple[Any, ...], asks: Iterable[Any], bids: Iterable[Any]) -> None:
        """Apply a change of the book: sizes are absolute, a size of 0 takes the level away.

        Args:
            group: The values of the fields that name the book.
            asks: Pairs of price and size, or longer sequences where there is `_MORE`.
            bids: The same.

        Raises:
            TypeError: Something is not a pair, a price or a size; a part may have been applied, so `_resync`.
            ValueError: Likewise.
        """
        book = self._book(group)
        if self._mailboxes:
            self._levels_watched(book, asks, bids)
            return
        book.bids.changed = False
        try:
            book.asks.apply(asks)
            book.bids.apply(bids)
        except OverflowError as error:
            raise ValueError(str(error)) from None
        finally:
            if book.asks.changed or book.bids.changed:
                self._forget()
                self._waiters.release()

    def _levels_watched(self, book: Sides, asks: Iterable[Any], bids: Iterable[Any]) -> None:
        """Do what `_levels` does and announce it: what goes, then what comes or changes, asks before bids."""
        gone: list[StoreChange] = []
        kept: list[StoreChange] = []
        born = False
        try:
            for side, levels in ((book.asks, asks), (book.bids, bids)):
                for price, size in dict(side.pairs(levels)).items():
                    if is_gone(size):
                        if price not in side.sizes:
                            number(price)
                            continue
                        source = {**side.blank, self._PRICE: price, self._SIZE: size}
                        gone.append(StoreChange(self, "delete", source, side.told(price)))
                        side.remove(price)
                    elif price in side.sizes:
                        side.resize(price, size)
                        told = side.told(price).copy()
                        kept.append(StoreChange(self, "update", told, told))
                    else:
                        number(price)
                        side.add(price, size)
                        born = True
                        kept.append(StoreChange(self, "update", None, side.told(price)))
        finally:
            if gone or born:
                self._forget()
            if gone or kept:
                self._announce(gone + kept)

    def _drop(self, group: tuple[Any, ...]) -> None:
        """Remove every level of the book."""
        changes = self._changes()
        if self._empty(self._book(group), changes):
            self._announce(changes)

    def _mark(self, group: tuple[Any, ...], state: str, reason: str = "", ws: Any = None) -> None:
        """Say what is known of the book.

        Args:
            group: The values of the fields that name the book.
            state: ``live``, ``syncing`` or ``stale``.
            reason: Why, for people.
            ws: The socket that keeps the book right, or is asked to: with it the book becomes stale.
        """
        if ws is not None:
            if not ws.closed:
                self._follow(group, ws)
            elif state != "stale":
                state, reason = "stale", "connection lost"
        if self.status.mark(group, state, reason):
            self._waiters.release()

    def _resync(
        self,
        group: tuple[Any, ...],
        reason: str,
        ws: Any = None,
        messages: Sequence[Any] = (),
        key: Hashable | None = None,
    ) -> None:
        """Remove a book that is wrong, say so, and ask for a new snapshot if the collection heals.

        Args:
            group: The values of the fields that name the book.
            reason: What is wrong.
            ws: The socket to ask on; without it nobody is asked.
            messages: What brings a snapshot there, sent again with growing waits until the book is live; a coroutine
                function without arguments is awaited instead, for a snapshot that comes by HTTP.
            key: Names the request where one request serves several books.
        """
        logger.warning("%s %s: %s", self.name, " ".join(map(str, group)), reason)
        states, losses = self._states, self.status.losses
        loss = self.status.lose(group, reason, ws)
        self._drop(group)
        self._mark(group, "syncing", reason, ws)
        if self.heal and ws is not None and messages:
            name = (id(self), group) if key is None else key
            ws.request_snapshot(name, messages, lambda: (states[group], losses[group]) != ("syncing", loss))

    # --- inside ---

    def _follow(self, group: tuple[Any, ...], ws: Any) -> None:
        feeds = self._feeds.get(ws)
        if feeds is None:
            feeds = self._feeds[ws] = {}
            ws.on_close(self._lost)
        if group not in feeds:
            for books in self._feeds.values():
                books.pop(group, None)
            feeds[group] = None

    def _lost(self, ws: Any) -> None:
        for group in self._feeds.pop(ws, ()):
            self._mark(group, "stale", "connection lost")

    def _name(self, group: Mapping[str, Any]) -> tuple[Any, ...] | None:
        if len(group) != len(self._GROUP):
            return None
        try:
            name = tuple([group[field] for field in self._GROUP])
            hash(name)
        except (KeyError, TypeError):  # another field, or something that cannot be hashed and so names nothing
            return None
        return name

    def _asked(self, query: Mapping[str, Any] | None) -> Sides | None:
        """Return the book that `query` names and nothing else; without a query the only one there is."""
        if query:
            return self._books.get(self._name(query) or ())  # no book has an empty name
        return next(iter(self._books.values())) if len(self._books) == 1 else None

    def _book(self, group: tuple[Any, ...]) -> Sides:
        book = self._books.get(group)
        if book is None:
            named = dict(zip(self._GROUP, group, strict=True))
            side: Any = partial(WideLadder, fields=self._MORE) if self._MORE else Ladder
            book = self._books[group] = Sides(
                side({**named, self._SIDE: self._ASK}, self._PRICE, self._SIZE, descending=False),
                side({**named, self._SIDE: self._BID}, self._PRICE, self._SIZE, descending=True),
            )
        return book

    def _empty(self, book: Sides, changes: list[StoreChange] | None) -> bool:
        """Remove every level, and return whether there was one."""
        some = any(side.sizes for side in book)
        rows = [row for side in book for row in side.clear(told=changes is not None)]
        if changes is not None:
            changes += [StoreChange(self, "delete", row, row) for row in rows]
        self._forget()
        return some

    # --- as a table: what the methods of DataStore work with is made of the ladders when one of them asks ---

    @property
    def _data(self) -> dict[Any, Item]:
        if self._table is None:
            born = [
                (number, (*side.key, price), side)
                for book in self._books.values()
                for side in book
                for number, price in side.born.values()
            ]
            levels = [(number, key, side.row(key[-1])) for number, key, side in born]
            strays = [(number, key, row) for key, (number, row) in self._strays.items()]
            self._table = {key: row for _, key, row in sorted([*levels, *strays], key=itemgetter(0))}
        return self._table

    @_data.setter
    def _data(self, table: dict[Any, Item]) -> None:
        self._table = table

    def _forget(self) -> None:
        """Let the table be made anew when it is asked for: levels came or went without it."""
        if self._table is not None:
            self._table = None
            self._indexes.clear()

    def __len__(self) -> int:
        return sum(len(side.sizes) for book in self._books.values() for side in book) + len(self._strays)

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the row whose key fields equal those of `item`; ``None`` if there is none."""
        if not item.keys() >= self._keyset:
            return None
        return self._at(tuple([item[field] for field in self._keys]))

    def _at(self, key: Any) -> Item | None:
        side = self._side(key)
        if side is None:
            return self._strays.get(key, (0, None))[1]
        return side.row(key[-1]) if key[-1] in side.sizes else None

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[tuple[Any, Item]]:
        named = {field: query[field] for field in self._GROUP if field in query}
        book = self._asked(named)
        if book is None or self._strays or query.keys() >= self._keyset:
            return super()._candidates(query)
        sides = [side for side in book if query.get(self._SIDE, side.key[-1]) == side.key[-1]]
        levels = [(number, side, price) for side in sides for number, price in side.born.values()]
        levels.sort(key=itemgetter(0))
        return (((*side.key, price), side.row(price)) for _, side, price in levels)

    def _enters(self, key: Any, row: Item) -> None:
        side = self._side(key, make=True)
        if side is None:
            self._strays.setdefault(key, (serial(), row))
        else:
            side.keep(key[-1], row)
        super()._enters(key, row)

    def _leaves(self, key: Any) -> None:
        side = self._side(key)
        if side is None:
            del self._strays[key]
        else:
            side.remove(key[-1])
        if self._table is not None:
            super()._leaves(key)

    def _side(self, key: Any, *, make: bool = False) -> Ladder | None:
        """Return the side that the row of `key` belongs to; ``None`` for one of a foreign side, or of no book."""
        if key[-2] != self._ASK and key[-2] != self._BID:
            return None
        book = self._book(key[:-2]) if make else self._books.get(key[:-2])
        return None if book is None else book.asks if key[-2] == self._ASK else book.bids

    def _check(self) -> None:
        super()._check()
        assert len(self) == len(self._data)
        for side in (side for book in self._books.values() for side in book):
            assert side.sizes.keys() == side.born.keys() >= side.rows.keys()
            assert [*side.born.values()] == sorted(side.born.values())
            for price, size in side.sizes.items():
                row = self._data[*side.key, price]
                assert row is side.rows[price] is self.get(row)
                assert (row[self._PRICE], row.get(self._SIZE), {**row, **side.blank}) == (price, size, row)
            prices = [float(row[self._PRICE]) for row in side.top()]
            assert prices == sorted(map(float, side.sizes), reverse=side.blank[self._SIDE] == self._BID)
