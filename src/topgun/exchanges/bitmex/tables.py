"""The tables of BitMEX but for the book: what a message of the wire does to their rows."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...typedefs import Item

__all__ = ["History", "Latest", "Order", "Trade", "Unlimited"]


class Table(DataStore):
    """A table that begins with a ``partial``, which also says what its key fields are, and is carried on by changes.

    Other actions than the four do not come here.

    https://www.bitmex.com/app/wsAPI#Response-Format
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        match msg["action"]:
            case "partial":
                keys = _keys_of(msg)
                rows = rows_of(msg["data"], keys)
                self._know_by(keys)
                self._begin(rows, msg["filter"])
            case "insert":
                self._insert(rows_of(msg["data"], self._keys))
            case "update":
                self._change(rows_of(msg["data"], self._keys))
            case _:
                self._delete(rows_of(msg["data"], self._keys))

    def _begin(self, rows: list[Item], scope: Mapping[str, Any]) -> None:
        """Take the rows of a partial; `scope` has the fields that all rows of its subscription share (a hook)."""

    def _change(self, rows: list[Item]) -> None:
        self._update(rows)

    def _know_by(self, keys: tuple[str, ...]) -> None:
        """Tell rows apart by these fields from now on; rows that are there stay. Without fields nothing changes."""
        if keys and keys != self._keys:
            rows = self.find()
            self._clear()
            self._keys, self._keyset = keys, frozenset(keys)
            self._key = itemgetter(*keys)
            self._indexable = set(keys[:1]) if keys[1:] else set()
            self._indexes.clear()
            self._insert(rows)


class Latest(Table):
    """What is so now: a partial replaces the rows of its subscription."""

    def _begin(self, rows: list[Item], scope: Mapping[str, Any]) -> None:
        listed = {self._key(row) for row in rows} if self._key else set()
        covered = self._find_with_uuid(scope)
        self._remove(uuid for uuid in covered if uuid not in listed)
        self._insert(rows)


class Unlimited(Latest):
    """Positions: as many as there are."""

    _MAXLEN = None


class History(Table):
    """What has happened: a partial repeats the end of it, and what is there already is not taken twice."""

    def _begin(self, rows: list[Item], scope: Mapping[str, Any]) -> None:
        if self._key is None:
            times = {row.get("timestamp") for row in rows}
            known = [row for row in self if row.get("timestamp") in times]
            self._insert([row for row in rows if row not in known])
        else:
            self._insert([row for row in rows if self.get(row) is None])


class Trade(History):
    """Trades of the market.

    https://www.bitmex.com/app/wsAPI#Subscriptions
    """

    _MAXLEN = 99999


class Order(Unlimited):
    """Open orders: those that are over go, right after the change that says so.

    A change of an order that is not there is ignored: the venue goes on to tell of orders that are over.

    https://www.bitmex.com/app/wsAPI#Subscriptions
    """

    _OVER = frozenset({"Filled", "Canceled", "Rejected", "Expired", "Stopped", "DoneForDay"})

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        super()._onmessage(msg, ws)
        for named in msg["data"]:
            row = self.get(named)
            if row is not None and self._is_over(row):
                self._pop(row)

    def _change(self, rows: list[Item]) -> None:
        self._update([row for row in rows if self.get(row) is not None])

    def _is_over(self, row: Item) -> bool:
        """Tell an order that is over; one that closes a position may have no quantity, and waits all the same."""
        if row.get("ordStatus") in self._OVER:
            return True
        return row.get("leavesQty") == 0 and row.get("workingIndicator") is False and bool(row.get("orderQty"))


def _keys_of(partial: Any) -> tuple[str, ...]:
    keys = partial.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(each, str) for each in keys):
        raise TypeError(f"not key fields: {keys!r:.100}")
    return tuple(keys)
