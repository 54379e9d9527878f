"""`OpenOrders`: a table of orders that end, whichever version of the API tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...store import DataStore
from .._recent import Recent

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from ...typedefs import Item

__all__ = ["OpenOrders"]


class OpenOrders(DataStore):
    """Orders that are open: those that have come to an end go, and do not come back with what knows less.

    A late message of another socket, or an answer that was slow to learn, changes nothing that is known better. A
    status that nobody has heard of changes nothing either.
    """

    _MAXLEN = None
    _STATE: ClassVar[str] = "status"
    _TIME: ClassVar[str] = "uTime"  # when an order changed last, in ms
    _IDENT: ClassVar[Sequence[str]] = ("instId", "orderId")  # what names an order for ever
    _OPEN: ClassVar[frozenset[str]]
    _FINAL: ClassVar[frozenset[str]]

    def _init(self) -> None:
        self._over = Recent()

    def _hear(self, rows: Sequence[Item]) -> None:
        """Take what the stream says of orders."""
        self._update([row for row in rows if row[self._STATE] in self._OPEN and not self._outdated(row)])
        self._end(row for row in rows if row[self._STATE] in self._FINAL)

    def _end(self, rows: Iterable[Item]) -> None:
        """Let orders go for good."""
        rows = list(rows)
        for row in rows:
            self._over.note(self._ident(row))
        self._delete(rows)

    def _outdated(self, row: Item) -> bool:
        """Tell whether more is known of an order than `row` knows: its end, or what was later."""
        known = self.get(row)
        return self._ident(row) in self._over or (known is not None and 0 < self._age(row) < self._age(known))

    def _ident(self, row: Item) -> Hashable:
        return tuple([row.get(name) for name in self._IDENT])

    def _age(self, row: Item) -> int:
        """Return when an order changed last, 0 if it does not say so."""
        time = str(row.get(self._TIME))
        return int(time) if time.isdecimal() else 0
