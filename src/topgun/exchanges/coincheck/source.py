"""What one socket tells of one order book, and how much of it is known."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

from ...store.ladder import is_gone, number

__all__ = ["Change", "Source", "both_sides", "is_numbered", "whole"]

Levels: TypeAlias = list[tuple[Any, Any]]
Verdict: TypeAlias = Literal["next", "known", "late", "anew"]

_KEPT = 8000  # changes of a numbered book that are kept for a snapshot: more than 13 minutes, at 10 a second
_RECENT = 600  # the same for a book without numbers: what is older than a minute says less than the snapshot
_BACKWARDS = 3  # changes in a row with lower numbers: the exchange counts anew


class Change(NamedTuple):
    """One message, ready to be applied; `number` is 0 where there are none."""

    number: int
    asks: Levels
    bids: Levels
    at: str | None

    def check(self) -> None:
        """Raise what applying it would raise: TypeError or ValueError for what is no level."""
        for levels in (self.asks, self.bids):
            for rate, amount in levels:
                number(rate)
                is_gone(amount)


class Source:
    """A socket that tells a book, in one of the two forms.

    Args:
        ws: The socket; ``None`` = the messages come from a file.
        numbered: Which form.

    Attributes:
        base: Every change after this number is in the log; ``None`` before the first one, and while it is not known.
        last: The highest number so far.
        begun: The book has been live.
    """

    def __init__(self, ws: Any, *, numbered: bool) -> None:
        self.ws = ws
        self.numbered = numbered
        self.base: int | None = None
        self.last = 0
        self.begun = False
        self._log: deque[Change] = deque(maxlen=_KEPT if numbered else _RECENT)
        self._back = 0

    @property
    def alive(self) -> bool:
        """True while it may go on."""
        return self.ws is None or not self.ws.closed

    def judge(self, number: int) -> Verdict:
        """Take note of the number of a change.

        Returns:
            ``"next"``: it is the highest so far. ``"known"``: it is that one again. ``"late"``: it is lower.
            ``"anew"``: so many were lower that the exchange must have begun to count anew.
        """
        if number > self.last:
            self.last, self._back = number, 0
            return "next"
        if number == self.last:
            return "known"
        self._back += 1
        return "late" if self._back < _BACKWARDS else "anew"

    def keep(self, change: Change) -> None:
        """Log a change."""
        if self.base is not None and len(self._log) == self._log.maxlen:
            self.base = max(self.base, self._log[0].number)
        self._log.append(change)

    def after(self, start: int) -> Change | None:
        """Return the logged changes after number `start` as one, ``None`` if there are none."""
        changes = self._after(start)
        if not changes:
            return None
        asks = [level for change in changes for level in change.asks]
        bids = [level for change in changes for level in change.bids]
        return Change(changes[-1].number, asks, bids, changes[-1].at)

    def rest(self, start: int) -> None:
        """Keep the changes after number `start` alone: a snapshot holds the others."""
        self.base = start
        self._log = deque(self._after(start), self._log.maxlen)

    def recount(self) -> None:
        """Keep the changes that were counted anew alone."""
        fresh = list(islice(reversed(self._log), _BACKWARDS))[::-1]
        self._log = deque(fresh, self._log.maxlen)
        self.base, self.last = min(each.number for each in fresh) - 1, max(each.number for each in fresh)
        self._back = 0

    def lose(self, data: Any) -> None:
        """Know that the change in `data`, which cannot be read, is missing."""
        self._log.clear()
        self.base = None
        if not self.numbered:
            self.base = 0
        elif isinstance(data, dict) and _is_whole(data.get("sequence_number")):
            self.base = self.last = max(self.last, whole(data["sequence_number"]))

    def _after(self, start: int) -> list[Change]:
        return sorted((each for each in self._log if each.number > start), key=lambda each: each.number)


def is_numbered(data: Any) -> bool:
    """Tell the numbered form from the other one.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(data, dict):
        if "sequence_number" in data and ("upper" in data or "lower" in data):
            return True
        if "asks" in data and "bids" in data:
            return False
    raise ValueError(f"not a book: {data!r:.100}")


def both_sides(data: Any) -> tuple[Levels, Levels]:
    """Return asks and bids of a numbered message: of each rate, the amounts that it names.

    Raises:
        KeyError: A row has no rate.
        TypeError: Something is not a row.
    """
    asks, bids = [], []
    for part in ("upper", "lower"):
        for row in data.get(part, ()):
            rate = row["rate"]
            if "ask_amount" in row:
                asks.append((rate, row["ask_amount"]))
            if "bid_amount" in row:
                bids.append((rate, row["bid_amount"]))
    return asks, bids


def whole(number: Any) -> int:
    """Return a number that comes as text.

    Raises:
        ValueError: It is none.
    """
    if not _is_whole(number):
        raise ValueError(f"not a sequence number: {number!r}")
    return int(number)


def _is_whole(number: Any) -> bool:
    return number.isdecimal() if isinstance(number, str) else type(number) is int
