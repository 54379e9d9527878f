"""`BookStore`: order books, each with two sides in order and a state that says whether it is right."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..errors import ConfigError
from .ladder import Ladder, is_gone, number
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


class _Book(NamedTuple):
    asks: Ladder
    bids: Ladder


class _Status(DataStore):
    _MAXLEN = None  # as many as there are books


class BookStore(DataStore):
    """A table of order books: a row for each level of each side.

    A subclass names the fields and calls `_replace` for snapshots, `_levels` for changes, `_mark` for what is known
    of a book and `_resync` when something is missing.

    Attributes:
        status: A table with a row for each book: the fields that name it, ``state`` and ``reason``.
        heal: Whether a book that is wrong asks for a new snapshot.
    """

    _KEYS: ClassVar[Sequence[str]] = ("symbol", "side", "price")
    _MAXLEN = None  # a book that silently loses levels is a wrong book
    _GROUP: ClassVar[Sequence[str]] = ("symbol",)
    """The fields that name one book."""
    _SIDE: ClassVar[str] = "side"
    _ASK: ClassVar[str] = "ask"
    _BID: ClassVar[str] = "bid"
    _PRICE: ClassVar[str] = "price"
    _SIZE: ClassVar[str] = "size"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        keys = (*cls._GROUP, cls._SIDE, cls._PRICE)
        if tuple(vars(cls).get("_KEYS", keys)) != keys or not cls._GROUP:
            raise ConfigError(f"{cls.__name__}._KEYS must be {keys}: the fields of _GROUP, then _SIDE and _PRICE")
        if cls._MAXLEN is not None:
            raise ConfigError(f"{cls.__name__}._MAXLEN must be None: a book that loses levels is a wrong book")
        cls._KEYS = keys

    def __init__(
        self, name: str | None = None, keys: Sequence[str] | None = None, data: Iterable[Item] | None = None
    ) -> None:
        if keys is not None and tuple(keys) != tuple(self._KEYS):
            raise ConfigError(f"{type(self).__name__} has the keys {tuple(self._KEYS)}, not {tuple(keys)}")
        self.heal = True
        self.status: DataStore = _Status(f"{name or 'book'}.status", keys=self._GROUP)
        self._books: dict[tuple[Any, ...], _Book] = {}
        self._states: dict[tuple[Any, ...], str] = {}
        self._feeds: dict[Any, dict[tuple[Any, ...], None]] = {}  # the books that each open socket keeps right
        super().__init__(name, None, data)
        self._indexable.discard(self._SIZE)  # `_levels` changes sizes without a look at the indexes

    # --- reading ---

    def sorted(self, query: Mapping[str, Any] | None = None, limit: int | None = None) -> dict[str, list[Item]]:
        """Return the rows of both sides, best price first.

        Args:
            query: As for `find`. With just the fields that name a book it costs the least. Without it all books are
                mixed.
            limit: How many rows of each side; ``None`` and 0 = all.
        """
        book = self._asked(query)
        if book is None:
            return self._sorted(self._SIDE, self._ASK, self._BID, self._PRICE, query, limit)
        return {self._ASK: book.asks.top(limit), self._BID: book.bids.top(limit)}

    def best(self, group: Mapping[str, Any] | None = None) -> Best:
        """Return the best ask and the best bid.

        Args:
            group: The fields that name the book, or another query as for `sorted`.
        """
        book = self._asked(group)
        if book is not None:
            return Best(book.asks.best(), book.bids.best())
        sides = self.sorted(group, 1)
        return Best(*(next(iter(sides[side]), None) for side in (self._ASK, self._BID)))

    def state(self, group: Mapping[str, Any] | None = None) -> str:
        """Return ``"live"``, ``"syncing"`` or ``"stale"``; of several books the worst. See `status` for the reason.

        Args:
            group: The fields that name the book; with fewer fields all books that have them.
        """
        if group is not None and (name := self._name(group)) is not None:
            return self._states.get(name, "stale")
        states = {row["state"] for row in self.status.find(group)}
        return next((state for state in ("stale", "syncing", "live") if state in states), "stale")

    # --- changing: for tables of exchanges ---

    def _replace(
        self, group: tuple[Any, ...], asks: Iterable[tuple[Any, Any]], bids: Iterable[tuple[Any, Any]]
    ) -> None:
        """Put a snapshot in place of the book.

        Args:
            group: The values of the fields that name the book.
            asks: Pairs of price and size.
            bids: The same.

        Raises:
            TypeError: Something is not a pair, a price or a size; the book is as it was.
            ValueError: Likewise.
        """
        book = self._book(group)
        fresh = [
            [self._row(side, price, size) for price, size in levels if not is_gone(size)]
            for side, levels in ((book.asks, asks), (book.bids, bids))
        ]
        changes = self._changes()
        if not self._empty(book, changes) and not any(fresh):
            return
        for side, rows in zip(book, fresh, strict=True):
            for row in rows:
                self._store(side, row)
                if changes is not None:
                    changes.append(StoreChange(self, "insert", None, row.copy()))
        self._announce(changes)

    def _levels(self, group: tuple[Any, ...], asks: Iterable[tuple[Any, Any]], bids: Iterable[tuple[Any, Any]]) -> None:
        """Apply a change of the book: sizes are absolute, a size of 0 takes the level away.

        Args:
            group: The values of the fields that name the book.
            asks: Pairs of price and size.
            bids: The same.

        Raises:
            TypeError: Something is not a pair, a price or a size; a part may have been applied, so `_resync`.
            ValueError: Likewise.
        """
        book = self._book(group)
        if self._mailboxes:
            self._levels_watched(book, asks, bids)
            return
        field, changed = self._SIZE, False
        try:
            for side, levels in ((book.asks, asks), (book.bids, bids)):
                known = side.rows.get
                for price, size in levels:
                    row = known(price)
                    if 0.0 < float(size) < inf and size is not True:
                        if row is None:
                            self._store(side, self._row(side, price, size))
                        else:
                            row[field] = size
                        changed = True
                    elif is_gone(size) and row is not None:
                        self._take(side, price)
                        changed = True
                    else:
                        number(price)
        except OverflowError as error:
            raise ValueError(str(error)) from None
        finally:
            if changed:
                self._waiters.release()

    def _levels_watched(self, book: _Book, asks: Iterable[tuple[Any, Any]], bids: Iterable[tuple[Any, Any]]) -> None:
        """Do what `_levels` does and announce it: what goes, then what comes or changes, asks before bids."""
        gone: list[StoreChange] = []
        kept: list[StoreChange] = []
        try:
            for side, levels in ((book.asks, asks), (book.bids, bids)):
                for price, size in dict(levels).items():
                    row = side.rows.get(price)
                    if is_gone(size):
                        if row is None:
                            number(price)
                            continue
                        source = {**side.blank, self._PRICE: price, self._SIZE: size}
                        gone.append(StoreChange(self, "delete", source, self._take(side, price)))
                    elif row is not None:
                        row[self._SIZE] = size
                        snapshot = row.copy()
                        kept.append(StoreChange(self, "update", snapshot, snapshot))
                    else:
                        row = self._store(side, self._row(side, price, size))
                        kept.append(StoreChange(self, "update", None, row.copy()))
        finally:
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
        if state == "live" and self._states.get(group) == "live":
            return
        named = dict(zip(self._GROUP, group, strict=True))
        self._states[group] = state
        self.status._update([{**named, "state": state, "reason": reason}])
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
            messages: What brings a snapshot there, sent again with growing waits until the book is live.
            key: Names the request where one request serves several books.
        """
        logger.warning("%s %s: %s", self.name, " ".join(map(str, group)), reason)
        self._drop(group)
        self._mark(group, "syncing", reason, ws)
        if self.heal and ws is not None and messages:
            name = (id(self), group) if key is None else key
            ws.request_snapshot(name, messages, lambda: self._states[group] != "syncing")

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

    def _asked(self, query: Mapping[str, Any] | None) -> _Book | None:
        """Return the book that `query` names and nothing else; without a query the only one there is."""
        if query:
            name = self._name(query)
            return None if name is None else self._books.get(name)
        return next(iter(self._books.values())) if len(self._books) == 1 else None

    def _book(self, group: tuple[Any, ...]) -> _Book:
        book = self._books.get(group)
        if book is None:
            named = dict(zip(self._GROUP, group, strict=True))
            book = self._books[group] = _Book(
                Ladder({**named, self._SIDE: self._ASK}, self._PRICE, descending=False),
                Ladder({**named, self._SIDE: self._BID}, self._PRICE, descending=True),
            )
        return book

    def _row(self, side: Ladder, price: Any, size: Any) -> Item:
        number(price)
        row = side.blank.copy()
        row[self._PRICE] = price
        row[self._SIZE] = size
        return row

    def _store(self, side: Ladder, row: Item) -> Item:
        price = row[self._PRICE]
        key = (*side.key, price)
        self._data[key] = row
        side.add(price, row)
        if self._indexes:
            self._file(key, row)
        return row

    def _take(self, side: Ladder, price: Any) -> Item:
        key = (*side.key, price)
        side.remove(price)
        if self._indexes:
            super()._leaves(key)
        return self._data.pop(key)

    def _empty(self, book: _Book, changes: list[StoreChange] | None) -> bool:
        """Remove every level, and return whether there was one."""
        gone = False
        for side in book:
            for price, row in side.clear().items():
                gone, key = True, (*side.key, price)
                if self._indexes:
                    super()._leaves(key)
                del self._data[key]
                if changes is not None:
                    changes.append(StoreChange(self, "delete", row, row))
        return gone

    def _enters(self, key: Any, row: Item) -> None:
        side = self._side(key)
        if side is not None:
            side.add(key[-1], row)

    def _leaves(self, key: Any) -> None:
        side = self._side(key)
        if side is not None:
            side.remove(key[-1])
        super()._leaves(key)

    def _side(self, key: Any) -> Ladder | None:
        """Return the side that the row of `key` belongs to; ``None`` for one of a foreign side."""
        if key[-2] == self._ASK:
            return self._book(key[:-2]).asks
        return self._book(key[:-2]).bids if key[-2] == self._BID else None

    def _check(self) -> None:
        super()._check()
        ladders = [side for book in self._books.values() for side in book]
        levels = {(*side.key, price): row for side in ladders for price, row in side.rows.items()}
        assert levels == {key: row for key, row in self._data.items() if key[-2] in (self._ASK, self._BID)}
        assert all(self._data[key] is row for key, row in levels.items())
        for side in ladders:
            prices = [float(row[self._PRICE]) for row in side.top()]
            assert prices == sorted(prices, reverse=side.blank[self._SIDE] == self._BID)
            assert len(prices) == len(side.rows)
