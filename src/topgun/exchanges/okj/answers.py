"""Tables that the stream carries on and an answer to a request puts right: what may such an answer clear?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._recent import Recent
from .._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Answered", "OpenOrders", "is_v5", "named", "rows_of"]


class Answered(DataStore):
    """Rows of one key field; those that an answer would list and does not list are gone.

    An answer that holds but a part, a page or a choice by something that rows do not tell, clears nothing.
    """

    _FILTERS: ClassVar[Sequence[str]] = ()
    """What a query may ask for that is a field of the rows as well."""
    _PARTS: ClassVar[Sequence[str]] = ()
    """What makes an answer a part, if a query has it."""
    _PAGE: ClassVar[int | None] = None
    """How many rows an answer holds at most."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._take(self._rows_in(msg["data"]))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = self._rows_in(data["data"] if is_v5(url) else data)
        query = url.query
        if not self._is_part(rows, query):
            [key] = self._KEYS
            listed = {row[key] for row in rows}
            wanted = {field: query[field].split(",") for field in self._FILTERS if query.get(field)}
            fitting = [row for row in self if all(row.get(field) in values for field, values in wanted.items())]
            self._delete([row for row in fitting if row[key] not in listed])
        self._take(rows)

    def _rows_in(self, data: Any) -> list[Item]:
        """Return the rows in what a message or an answer holds (a hook)."""
        return rows_of(data, self._KEYS)

    def _take(self, rows: list[Item]) -> None:
        """Put rows into the table (a hook)."""
        self._update(rows)

    def _is_part(self, rows: list[Item], query: Mapping[str, str]) -> bool:
        if any(query.get(field) for field in self._PARTS):
            return True
        return self._PAGE is not None and len(rows) >= int(query.get("limit") or self._PAGE)


class OpenOrders(Answered):
    """Open orders: those in any other state go, and those in a final one for good, however late a message is."""

    _MAXLEN = None
    _PAGE = 100
    _STATE: ClassVar[str] = "state"
    _OPEN: ClassVar[frozenset[str]]
    _FINAL: ClassVar[frozenset[str]]

    def _init(self) -> None:
        self._over = Recent()  # the ids of orders that have ended

    def _rows_in(self, data: Any) -> list[Item]:
        return rows_of(data, (*self._KEYS, self._STATE))

    def _take(self, rows: list[Item]) -> None:
        for order in rows:
            ident, state = order[self._KEYS[0]], str(order[self._STATE])
            if state in self._FINAL:
                self._over.note(ident)
            if state not in self._OPEN:
                self._delete([order])
            elif ident not in self._over:
                self._update([order])


def is_v5(url: URL) -> bool:
    """Tell V5, which wraps what it answers, from V3, which does not."""
    return url.path.startswith("/api/v5/")


def named(fields: Sequence[str], values: Any) -> Item:
    """Return the row that a list of values is; those at its end may be missing.

    Raises:
        TypeError: It is no list.
    """
    if not isinstance(values, list):
        raise TypeError(f"not a list of values: {values!r:.100}")
    return dict(zip(fields, values, strict=False))
