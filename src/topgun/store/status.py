"""`Status`: what is known of each book of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .table import DataStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Status"]


class Status(DataStore):
    """A row for each book: the fields that name it, ``state`` and ``reason``; see `topgun.BookStore.status`.

    Args:
        name: What the table is called in texts.
        group: The fields that name a book.

    Attributes:
        states: The state of each book, by the values of those fields.
        losses: How often each book was given up.
    """

    _MAXLEN = None  # as many as there are books

    def __init__(self, name: str, group: Sequence[str]) -> None:
        super().__init__(name, group)
        self.states: dict[tuple[Any, ...], str] = {}
        self.losses: dict[tuple[Any, ...], int] = {}
        self._group = tuple(group)
        self._lost: dict[tuple[Any, ...], dict[str, Any]] = {}  # what the row of a lost book is about to say

    def worst(self, query: Mapping[str, Any] | None) -> str:
        """Return the worst state of the books that match, ``stale`` if there is none."""
        states = {row["state"] for row in self.find(query)}
        return next((state for state in ("stale", "syncing", "live") if state in states), "stale")

    def mark(self, group: tuple[Any, ...], state: str, reason: str) -> bool:
        """Know what is said of a book; return whether that is news: a live book that stays live is not."""
        if state == "live" and self.states.get(group) == "live":
            return False
        named = dict(zip(self._group, group, strict=True))
        self._update([{**named, "state": state, "reason": reason, **self._lost.pop(group, {})}])
        self.states[group] = state
        return True

    def lose(self, group: tuple[Any, ...], reason: str, ws: Any) -> int:
        """Know that a book is given up, and return how often it was; while it is syncing it is not lost once more.

        The row says so as soon as the book is marked.
        """
        number = self.losses.get(group, 0)
        if self.states.get(group) != "syncing":
            clock = getattr(ws, "clock", None)
            number += 1
            self._lost[group] = {"losses": number, "lost_at": clock and clock.now().ms, "lost_by": reason}
        self.losses[group] = number
        return number
