"""`StoreChange` and `StoreStream`: every change of a table, in order, for whoever watches it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from ..errors import ConfigError, StreamClosed, WatchOverflow
from ..waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from ..typedefs import Item
    from .table import DataStore

__all__ = ["Mailbox", "Operation", "Overflow", "StoreChange", "StoreStream"]

Operation: TypeAlias = Literal["insert", "update", "delete"]
Overflow: TypeAlias = Literal["error", "drop_oldest", "drop_newest"]


@dataclass(slots=True)
class StoreChange:
    """One row that came, changed or went. All who watch get the same object: copy `data` before you change it.

    Args:
        store: The table.
        operation: ``insert``, ``update`` or ``delete``.
        source: What the exchange sent, where it is not the whole of `data`.
        data: The row after an insert or an update; the row that went after a delete.
    """

    store: DataStore
    operation: Operation
    source: Item | None
    data: Item


class Mailbox:
    """The changes that one stream has not read yet: what the table sees of the stream.

    Args:
        maxsize: How many changes it holds; 0 = any number.
        overflow: What happens to a change that finds it full.
    """

    __slots__ = ("changes", "dropped", "failed", "maxsize", "overflow", "readers")

    def __init__(self, maxsize: int, overflow: Overflow) -> None:
        self.changes: deque[StoreChange] = deque()
        self.dropped = 0
        self.failed = False
        self.maxsize = maxsize
        self.overflow = overflow
        self.readers = Waiters()

    def put(self, changes: Sequence[StoreChange]) -> None:
        """Take the changes of one message and wake the reader once."""
        if not self.maxsize:
            self.changes.extend(changes)
        elif self.failed:
            self.dropped += len(changes)
        else:
            self._squeeze(changes)
        self.readers.release()

    def _squeeze(self, changes: Sequence[StoreChange]) -> None:
        excess = len(self.changes) + len(changes) - self.maxsize
        if excess <= 0:
            self.changes.extend(changes)
        elif self.overflow == "drop_oldest":
            self.changes.extend(changes)
            for _ in range(excess):
                self.changes.popleft()
            self.dropped += excess
        else:
            self.changes.extend(changes[: len(changes) - excess])
            self.dropped += excess
            self.failed = self.overflow == "error"


class StoreStream:
    """What ``table.watch()`` returns: ``async for change in stream``, or ``await stream.get()``.

    The stream ends when it is closed, when a ``with`` around it is left, or when nobody holds it any more.

    Args:
        store: The table to watch, from now on.
        maxsize: How many unread changes it holds; 0 = any number.
        overflow: What happens when it is full: ``"error"`` (the reader gets `WatchOverflow` after those that it
            holds), ``"drop_oldest"`` or ``"drop_newest"``.

    Raises:
        ConfigError: `maxsize` or `overflow` is something else.
    """

    _closed = True  # until it is complete: __del__ runs for half-made objects too

    def __init__(self, store: DataStore, maxsize: int = 0, overflow: Overflow = "error") -> None:
        if type(maxsize) is not int or maxsize < 0:
            raise ConfigError(f"maxsize must be a whole number, 0 for no bound, not {maxsize!r}")
        if overflow not in ("error", "drop_oldest", "drop_newest"):
            raise ConfigError(f'overflow must be "error", "drop_oldest" or "drop_newest", not {overflow!r}')
        self._store = store
        self._box = Mailbox(maxsize, overflow)
        store._mailboxes.append(self._box)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            self._detach()

    def __len__(self) -> int:
        return len(self._box.changes)

    def __bool__(self) -> bool:
        return True

    @property
    def dropped(self) -> int:
        """How many changes were lost because the stream was full."""
        return self._box.dropped

    def close(self) -> None:
        """Stop watching and forget what was not read; whoever waits is released. A second call does nothing."""
        if not self._closed:
            self._detach()
            self._box.changes.clear()
            self._box.readers.release()

    async def get(self) -> StoreChange:
        """Return the next change, waiting for it.

        Raises:
            StreamClosed: The stream is closed.
            WatchOverflow: It was full and changes were lost; it is closed now.
        """
        box = self._box
        while not box.changes:
            if self._closed:
                raise StreamClosed(f"{self._store.name or 'table'}: the stream is closed")
            if box.failed:
                self.close()
                raise WatchOverflow(
                    f"{self._store.name or 'table'}: the watcher fell behind and {box.dropped} changes were lost; read "
                    'faster, or use watch(maxsize=...) with more room or with overflow="drop_oldest"'
                )
            await box.readers.wait()
        return box.changes.popleft()

    def __aiter__(self) -> StoreStream:
        return self

    async def __anext__(self) -> StoreChange:
        try:
            return await self.get()
        except StreamClosed:
            raise StopAsyncIteration from None

    def _detach(self) -> None:
        self._closed = True
        self._store._mailboxes.remove(self._box)
