"""`DataStore`: one table in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from ..waiters import Waiters
from .index import FieldIndex
from .race import Race
from .stream import Mailbox, StoreChange, StoreStream

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Reversible, Sequence

    from yarl import URL

    from ..exchange import Requester
    from ..typedefs import Item
    from .stream import Operation, Overflow

    T = TypeVar("T")

__all__ = ["DataStore"]


class DataStore:
    """A table: rows are dicts, told apart by their key fields; without key fields every row is kept as it comes.

    `get`, `find` and iteration hand out the table's own rows: do not change them, and copy what must stay as it is.
    A subclass sets `_KEYS` and `_MAXLEN` and calls the methods whose names begin with an underscore; they keep the
    indexes and tell those who wait and watch.

    Args:
        name: What the table is called in texts; also an attribute.
        keys: The key fields; default: those of the class.
        data: Rows to begin with.
    """

    _KEYS: ClassVar[Sequence[str]] = ()
    _MAXLEN: ClassVar[int | None] = 9999
    """How many rows there may be; the oldest go, announced as ``delete``. ``None`` = any number."""
    _INDEXES: ClassVar[Sequence[str]] = ()
    """Fields that `find` looks up instead of looking at every row; the first of several key fields always is one."""

    def __init__(
        self, name: str | None = None, keys: Sequence[str] | None = None, data: Iterable[Item] | None = None
    ) -> None:
        self.name = name or ""
        self._keys: tuple[str, ...] = tuple(keys or self._KEYS)
        self._keyset = frozenset(self._keys)
        self._key: Callable[[Item], Hashable] | None = itemgetter(*self._keys) if self._keys else None
        self._data: dict[Any, Item] = {}  # rows by key: the value of one key field, the tuple of several
        self._log: deque[Item] = deque(maxlen=self._MAXLEN)  # the rows, where there are no keys
        self._indexes: dict[str, FieldIndex] = {}  # made when first asked for
        self._indexable = {*self._INDEXES, *self._keys[:1]} if self._keys[1:] else set(self._INDEXES)
        self._swept = 0  # rows that went at the limit since the dict was last made anew
        self._mailboxes: list[Mailbox] = []
        self._waiters = Waiters()
        self._state = "stale"
        self._race = Race()
        if data:
            self._insert(data)
        self._init()

    def _init(self) -> None:
        """Prepare what a subclass needs besides its rows (a hook)."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {len(self)} rows>"

    # --- reading ---

    def __len__(self) -> int:
        return len(self._data) or len(self._log)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._rows())

    def __reversed__(self) -> Iterator[Item]:
        return reversed(self._rows())

    def _rows(self) -> Reversible[Item]:
        return self._log if self._key is None else self._data.values()

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the row whose key fields equal those of `item`; ``None`` if there is none or no key."""
        if self._key is None:
            return None
        try:
            return self._data.get(self._key(item))  # type: ignore[arg-type]  # any mapping can be asked for a field
        except KeyError:
            return None

    def find(self, query: Mapping[str, Any] | None = None) -> list[Item]:
        """Return the rows that have every field of `query` with an equal value; without a query all rows.

        The full key, the first of several key fields and the fields of `_INDEXES` are looked up; else every row is
        looked at.
        """
        if not query:
            return list(self._rows())
        return [row for _, row in self._matches(query)]

    def state(self, group: Mapping[str, Any] | None = None) -> str:
        """Return ``"live"`` if the rows are known to be right, ``"stale"`` if they are not.

        A table is stale until its first data and after its connection was lost. Then one that can be initialized
        from HTTP becomes live by `DataStoreCollection.initialize`, any other one with its next message.

        Args:
            group: One book of a `BookStore`; other tables have one state for all rows.
        """
        return self._state

    # --- waiting and watching ---

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._waiters.wait()

    async def wait_for(self, predicate: Callable[[Self], T], timeout: float | None = None) -> T:
        """Wait until ``predicate(table)`` is true, and return what it returned.

        Args:
            predicate: Asked at once, and again after every change.
            timeout: In s; ``None`` = for ever.

        Raises:
            TimeoutError: It did not become true in time.
        """
        async with asyncio.timeout(timeout):
            while not (result := predicate(self)):
                await self._waiters.wait()
        return result

    def watch(self, maxsize: int = 0, overflow: Overflow = "error") -> StoreStream:
        """Return a stream of every change from now on; see `StoreStream` for the arguments."""
        return StoreStream(self, maxsize, overflow)

    # --- changing: for tables, and for programs that make their own ---

    def _insert(self, rows: Iterable[Item]) -> None:
        """Store copies of `rows`; one of a known key replaces the whole row, in its place."""
        self._write("insert", rows)

    def _update(self, rows: Iterable[Item]) -> None:
        """Merge `rows` into those of the same key; store copies of those that are new."""
        self._write("update", rows)

    def _delete(self, rows: Iterable[Item]) -> None:
        """Remove the rows of the same keys."""
        if self._key is None:
            return
        pairs = []
        for source in rows:
            try:
                pairs.append((self._key(source), source))
            except KeyError:
                continue
        self._take_out(pairs)

    def _remove(self, uuids: Iterable[Hashable]) -> None:
        """Remove the rows of the ids that `_find_with_uuid` gave; those that are gone are passed over."""
        self._take_out((uuid, None) for uuid in uuids)

    def _clear(self) -> None:
        """Remove all rows."""
        self._take_out([(uuid, None) for uuid in self._find_with_uuid()])

    def _pop(self, item: Mapping[str, Any]) -> Item | None:
        """Remove and return the row whose key fields equal those of `item`; ``None`` if there is none."""
        row = self.get(item)
        if row is not None and self._key is not None:
            self._take_out([(self._key(item), row)])  # type: ignore[arg-type]  # any mapping can be asked for a field
        return row

    def _find_with_uuid(self, query: Mapping[str, Any] | None = None) -> dict[Any, Item]:
        """Return what `find` returns, each row by the id that `_remove` takes; valid as long as you hold the rows."""
        if self._key is None:
            return {id(row): row for row in self.find(query)}
        return dict(self._matches(query)) if query else self._data.copy()

    def _find_and_delete(self, query: Mapping[str, Any] | None = None) -> list[Item]:
        """Remove and return what `find` returns."""
        found = self._find_with_uuid(query)
        self._take_out([(uuid, row if query and self._keys else None) for uuid, row in found.items()])
        return list(found.values())

    def _sorted(  # noqa: PLR0917  (the arguments users know)
        self,
        item_key: str,
        item_asc_key: Any,
        item_desc_key: Any,
        sort_key: str,
        query: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> dict[Any, list[Item]]:
        """Return the rows of two sides, ``{asc: [...], desc: [...]}``, by the number in `sort_key`.

        Args:
            item_key: The field that names the side.
            item_asc_key: Its value for the side in ascending order.
            item_desc_key: Its value for the side in descending order.
            sort_key: The field to sort by, a number or its text.
            query: As for `find`.
            limit: How many rows of each side; ``None`` and 0 = all.
        """
        rows, sides = self.find(query), {}
        for name in (item_asc_key, item_desc_key):
            side = [row for row in rows if row.get(item_key) == name]
            side.sort(key=lambda row: float(row[sort_key]), reverse=name == item_desc_key)
            sides[name] = side[:limit] if limit else side
        return sides

    def _put(self, operation: Operation, source: Item | None, item: Item) -> None:
        """Announce a change of `item` to those who watch."""
        if self._mailboxes:
            self._post([StoreChange(self, operation, source, dict(item))])

    def _set(self) -> None:
        """Wake those who wait."""
        self._waiters.release()

    # --- hooks ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        """Take a message that the collection routed here (a hook)."""

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool | None:
        """Take the decoded answer of a request to `url` that the collection routed here (a hook); False = skipped."""
        return None

    def _enters(self, key: Any, row: Item) -> None:
        """Know that `row` has come under `key`, or has changed."""
        if self._indexes:
            self._file(key, row)

    def _leaves(self, key: Any) -> None:
        """Let the row of `key` go."""
        del self._data[key]
        for index in self._indexes.values():
            index.remove(key)

    def _check(self) -> None:
        """Check that everything that is kept about the rows agrees with them; for tests."""
        assert not (self._data and self._log)
        assert self._MAXLEN is None or len(self) <= self._MAXLEN
        if self._key is not None:
            assert list(self._data) == [self._key(row) for row in self._data.values()]
        for field, index in self._indexes.items():
            assert index.keys() == self._data.keys()
            for value in {row.get(field) for row in self._data.values()}:
                same = [row for row in self._data.values() if row.get(field) == value]
                assert [row for _, row in index.pairs(value, self._data)] == same, f"index {field}"

    # --- inside ---

    def _changes(self) -> list[StoreChange] | None:
        return [] if self._mailboxes else None

    def _announce(self, changes: list[StoreChange] | None) -> None:
        if changes:
            self._post(changes)
        self._waiters.release()

    def _post(self, changes: list[StoreChange]) -> None:
        for box in tuple(self._mailboxes):  # a stream nobody holds may go at any moment, and its box with it
            box.put(changes)

    def _write(self, operation: Operation, rows: Iterable[Item]) -> None:
        if self._key is None:
            self._append(operation, rows)
            return
        if self._race.logs:
            rows = self._race.written(rows, self._key, self._at)
        key_of, data, changes = self._key, self._data, self._changes()
        merge, new, changed = operation == "update", False, False
        try:
            for source in rows:
                try:
                    key = key_of(source)
                except KeyError:
                    continue
                row = data.get(key)
                given, changed = None, True
                if row is None:
                    new = True
                    data[key] = row = dict(source)
                elif merge:
                    row.update(source)
                    given = source
                else:  # the same dict goes on, so it keeps its place wherever it is kept
                    fresh = dict(source)
                    row.clear()
                    row.update(fresh)
                self._enters(key, row)
                if changes is not None:
                    changes.append(StoreChange(self, operation, given, dict(row)))
        finally:
            if new:
                self._sweep(changes)
            if changed:
                self._announce(changes)

    def _append(self, operation: Operation, rows: Iterable[Item]) -> None:
        new = [dict(row) for row in rows]
        if not new:
            return
        changes: list[StoreChange] = []
        if self._mailboxes:
            changes = [StoreChange(self, operation, None, dict(row)) for row in new]
            if self._MAXLEN is not None and (excess := len(self._log) + len(new) - self._MAXLEN) > 0:
                rest = [*islice(self._log, excess), *islice(new, max(excess - len(self._log), 0))]
                changes += [StoreChange(self, "delete", None, row) for row in rest]
        self._log.extend(new)
        self._announce(changes)

    def _sweep(self, changes: list[StoreChange] | None) -> None:
        if self._MAXLEN is None or (excess := len(self._data) - self._MAXLEN) <= 0:
            return
        for key, row in list(islice(self._data.items(), excess)):
            self._leaves(key)
            if changes is not None:
                changes.append(StoreChange(self, "delete", None, row))
        # A dict that loses its first keys again and again walks over the holes they leave.
        self._swept += excess
        if self._swept * 8 > self._MAXLEN:
            self._data, self._swept = dict(self._data), 0

    def _take_out(self, pairs: Iterable[tuple[Any, Item | None]]) -> None:
        """Remove rows by their ids; each pair is an id and what the change shall name as its source."""
        if self._race.logs and self._key is not None:
            pairs = self._race.taken(pairs)
        changes, removed = self._changes(), False
        try:
            for source, row in self._taken(pairs):
                removed = True
                if changes is not None:
                    data = dict(row)  # the caller may get the row back, and go on with it
                    changes.append(StoreChange(self, "delete", data if source is row else source, data))
        finally:
            if removed:
                self._announce(changes)

    def _taken(self, pairs: Iterable[tuple[Any, Item | None]]) -> Iterator[tuple[Item | None, Item]]:
        if self._key is None:
            sources = dict(pairs)
            gone = [row for row in self._log if id(row) in sources]
            if gone:
                self._log = deque((row for row in self._log if id(row) not in sources), maxlen=self._MAXLEN)
            yield from ((sources[id(row)], row) for row in gone)
            return
        for key, source in pairs:
            row = self._at(key)
            if row is not None:
                self._leaves(key)
                yield source, row

    def _at(self, key: Any) -> Item | None:
        return self._data.get(key)

    def _matches(self, query: Mapping[str, Any]) -> list[tuple[Any, Item]]:
        """Return id and row of each match."""
        wanted = query.items()
        if len(wanted) > 1:
            return [(key, row) for key, row in self._candidates(query) if wanted <= row.items()]
        [(field, value)] = wanted
        return [(key, row) for key, row in self._candidates(query) if field in row and row[field] == value]

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[tuple[Any, Item]]:
        """Return id and row of all that may match, by the shortest way there is."""
        if self._key is None:
            return zip(map(id, self._log), self._log, strict=True)
        try:
            if query.keys() >= self._keyset:
                row = self.get(query)
                return [] if row is None else [(self._key(row), row)]
            for field in query:
                if field in self._indexable:
                    return self._index(field).pairs(query[field], self._data)
        except TypeError:  # something that cannot be hashed: look at every row
            pass
        return self._data.items()

    def _index(self, field: str) -> FieldIndex:
        """Return the index on `field`, made when first asked for; TypeError if a value there cannot be hashed."""
        if field not in self._indexes:
            self._indexes[field] = FieldIndex(field, self._data.items())
        return self._indexes[field]

    def _file(self, key: Any, row: Item) -> None:
        for field, index in list(self._indexes.items()):
            try:
                index.add(key, row)
            except TypeError:  # a value that cannot be hashed: made anew when next asked for
                del self._indexes[field]
