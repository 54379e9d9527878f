"""What the tables are compared with: rows rebuilt from changes, and a socket that can be lost."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.support import FakeSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from topgun.store import DataStore, StoreChange, StoreStream
    from topgun.typedefs import Item


def pending(stream: StoreStream, limit: int | None = None) -> list[StoreChange]:
    """Read what a stream holds, or the first `limit` of it, as a task that never has to wait would."""
    changes = []
    for _ in range(len(stream) if limit is None else min(limit, len(stream))):
        reading = stream.get()
        try:
            reading.send(None)
        except StopIteration as done:
            changes.append(done.value)
    return changes


def told(changes: Iterable[StoreChange]) -> list[tuple[str, Any, Item]]:
    """Return operation, source and data of each change."""
    return [(change.operation, change.source, change.data) for change in changes]


def scan(rows: Iterable[Item], query: Mapping[str, Any] | None) -> list[Item]:
    """Return the rows that have every field of `query` with an equal value, by looking at all of them."""
    return [row for row in rows if all(name in row and row[name] == value for name, value in (query or {}).items())]


async def wakes(table: DataStore, act: Callable[[], object]) -> bool:
    """Tell whether `act` wakes somebody who waits."""
    waiting = asyncio.ensure_future(table.wait())
    await asyncio.sleep(0)
    try:
        act()
    finally:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        woken = waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    return woken


class Replayed:
    """The rows of a table, rebuilt by someone who knows the keys and sees nothing but the changes."""

    def __init__(self, table: DataStore) -> None:
        self._keys = tuple(table._keys)
        self._rows: list[Item] = [dict(row) for row in table]

    def __iter__(self) -> Any:
        return iter(self._rows)

    def apply(self, changes: Iterable[StoreChange]) -> None:
        for change in changes:
            place = self._place(change)
            if change.operation == "delete":
                assert place is not None, f"deleted, but never there: {change.data}"
                assert self._rows[place] == change.data
                del self._rows[place]
            elif place is None:
                self._rows.append(dict(change.data))
            else:
                self._rows[place] = dict(change.data)

    def _place(self, change: StoreChange) -> int | None:
        for place, row in enumerate(self._rows):
            if self._keys and all(row[key] == change.data[key] for key in self._keys):
                return place
            if not self._keys and change.operation == "delete" and row == change.data:
                return place
        return None


class Queue:
    """What a bounded stream must hold: the policies in their plainest form."""

    def __init__(self, maxsize: int, overflow: str) -> None:
        self.held: deque[StoreChange] = deque()
        self.dropped = 0
        self.failed = False
        self._maxsize = maxsize
        self._overflow = overflow

    def put(self, changes: Sequence[StoreChange]) -> None:
        for change in changes:
            if self._maxsize and (self.failed or len(self.held) == self._maxsize):
                self.dropped += 1
                if self._overflow != "drop_oldest":
                    self.failed = self._overflow == "error"
                    continue
                self.held.popleft()
            self.held.append(change)


class Socket(FakeSocket):
    """A socket as the connection makes it: a callback of one that is over is called at once."""

    def __init__(self, *, subscribed: bool = True) -> None:
        super().__init__()
        self.subscribed = subscribed

    def on_close(self, callback: Callable[[Any], object]) -> None:
        if self.closed:
            callback(self)
        else:
            super().on_close(callback)

    @property
    def listeners(self) -> int:
        """How many want to know of the end."""
        return len(self._on_close)
