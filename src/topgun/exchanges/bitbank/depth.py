"""The order book of bitbank: whole books that come by themselves, and the changes between them."""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from ...store import BookStore

__all__ = ["Depth"]

_KEPT = 8000  # changes that wait for a whole book

Levels: TypeAlias = "list[tuple[Any, Any]]"


class _Change(NamedTuple):
    number: int
    asks: Levels
    bids: Levels


class _Thread:
    """What is known of one pair since its connection began, or since a message was lost.

    Attributes:
        first: No change after this number is missing; ``None`` before the first change.
        last: The number of the latest change that was applied.
        whole: The number of the latest whole book.
        wholes: How many whole books there were.
        changes: Those that the latest whole book does not hold.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = self.whole = -1
        self.wholes = 0
        self.changes: deque[_Change] = deque(maxlen=_KEPT)

    def keep(self, change: _Change) -> None:
        """Keep a change until a whole book holds it."""
        if self.first is None or len(self.changes) == _KEPT:
            self.first = self.changes[0].number if self.changes else change.number
        self.changes.append(change)

    def begin(self, whole: int) -> list[_Change]:
        """Begin anew from a whole book; return the changes that it does not hold, in their order."""
        self.whole, self.wholes = whole, self.wholes + 1
        later = sorted((change for change in self.changes if change.number > whole), key=attrgetter("number"))
        self.changes = deque(later, maxlen=_KEPT)
        self.last = later[-1].number if later else whole
        return later

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing between the latest whole book and the changes.

        The first whole book may be older than the connection, and what changed in between was told to nobody here. So
        it must be as new as the first change; where nothing changes, the second one is.
        """
        return self.wholes > 1 if self.first is None else self.whole >= self.first


class Depth(BookStore):
    """The order book of each pair; join ``depth_whole_{pair}`` and ``depth_diff_{pair}``.

    Changes are numbered upwards, but not without gaps, so a loss cannot be seen in the numbers. Whole books come again
    and again, sometimes late, with a number of the same row: each one replaces the book, and the changes after it are
    applied again. Before the first one the changes make a part of a book, which is not ``"live"``.

    Attributes:
        timestamp: The time of the latest message, of whichever pair, in ms.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md#how-to-manage-a-local-order-book-correctly
    """

    _GROUP = ("pair",)
    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "price", "amount"

    timestamp: int | None

    def _init(self) -> None:
        self.timestamp = None
        self._threads: dict[tuple[str], _Thread] = {}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        kind, pair, data = msg
        group = (pair,)
        thread = self._threads.get(group)
        if thread is None or self._states[group] == "stale":
            thread = self._threads[group] = _Thread()
            self._mark(group, "syncing", "waiting for a whole book", ws)
        try:
            if kind == "depth_diff":
                self._change_by(group, thread, data, ws)
            else:
                self._replace_by(group, thread, data, ws)
        except Exception:
            self._threads[group] = _Thread()
            self._resync(group, "a message cannot be read", ws)
            raise

    def _change_by(self, group: tuple[str], thread: _Thread, data: Any, ws: Any) -> None:
        change, time = _Change(_number(data["s"]), data["a"], data["b"]), data["t"]
        if change.number > thread.last:
            self._levels(group, change.asks, change.bids)
            thread.keep(change)
            thread.last, self.timestamp = change.number, time
        elif change.number > thread.whole and all(change.number != each.number for each in thread.changes):
            thread.keep(change)
            self._resync(group, f"change {change.number} came after change {thread.last}", ws)

    def _replace_by(self, group: tuple[str], thread: _Thread, data: Any, ws: Any) -> None:
        number, asks, bids, time = _number(data["sequenceId"]), data["asks"], data["bids"], data["timestamp"]
        if number < thread.whole:  # it was overtaken by a newer one
            return
        self._replace(group, asks, bids)
        for change in thread.begin(number):
            self._levels(group, change.asks, change.bids)
        self.timestamp = time
        if thread.is_complete:
            self._mark(group, "live", ws=ws)


def _number(value: Any) -> int:
    """Return a number of the sequence, which bitbank writes as a text.

    Raises:
        TypeError: It is neither text nor number.
        ValueError: It is another text.
    """
    if type(value) not in (str, int):
        raise TypeError(f"not a number of the sequence: {value!r:.100}")
    return int(value)
