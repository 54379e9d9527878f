"""What an account at GMO Coin has open: orders, positions and their sums."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._recent import Recent
from .._rows import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Orders", "PositionSummary", "Positions", "listed", "row_of"]

_PAGE = 100  # rows of an answer at most, and unless the request says otherwise


class Open(DataStore):
    """Rows that begin, change and end. What has ended never comes back, however late another message of it is."""

    _MAXLEN = None

    def _init(self) -> None:
        self._ended = Recent()

    def _end(self, row: Item) -> None:
        self._ended.note(self._id(row))
        self._delete([row])

    def _has_ended(self, row: Item) -> bool:
        return self._id(row) in self._ended

    def _id(self, row: Item) -> Any:
        return row[self._keys[0]]

    def _missing(self, rows: list[Item], query: Mapping[str, str]) -> list[Item]:
        """Return the known rows that an answer would have listed and has not.

        A further page does not tell, nor does one that is full. What the answer itself calls ``count`` says nothing
        of that: it may be how many rows were found.
        """
        size = min(int(query.get("count") or _PAGE), _PAGE)
        if query.get("page", "1") != "1" or "prevId" in query or len(rows) >= size:
            return []
        there, symbol = {self._id(row) for row in rows}, query.get("symbol")
        return [row for row in self if symbol in (None, self._symbol(row)) and self._id(row) not in there]

    def _symbol(self, row: Item) -> Any:
        """Return the symbol of a known row (a hook)."""
        return row.get("symbol")


class Orders(Open):
    """Open orders.

    The stream and REST name some fields differently (``orderPrice``, ``price``); a row that came from both has both.
    An execution may come before its order: until that comes, the row has but two fields.

    https://api.coin.z.com/docs/#ws-order-events
    """

    _KEYS = ("orderId",)
    _FINAL: ClassVar = frozenset({"CANCELED", "EXPIRED", "EXECUTED"})
    _NAMES: ClassVar = {
        "orderPrice": "price",
        "orderSize": "size",
        "orderExecutedSize": "executedSize",
        "orderStatus": "status",
    }

    def _init(self) -> None:
        super()._init()
        self._symbols: dict[Any, Any] = {}  # of the orders that only an execution has told of

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        row_of(msg, self._KEYS)
        if msg["channel"] == "executionEvents":
            self._execute(msg)
        elif msg["msgType"] not in ("NOR", "ROR") or msg.get("orderStatus") in self._FINAL:
            self._end(msg)
        elif not self._has_ended(msg):
            self._update([{**msg, **self._progress(msg)}])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = listed(data, (*self._KEYS, "symbol"))
        self._delete(self._missing(rows, url.query))
        self._delete([row for row in rows if row.get("status") in self._FINAL])
        going_on = [row for row in rows if row.get("status") not in self._FINAL and not self._has_ended(row)]
        self._update([{**row, **self._renamed(row)} for row in going_on])

    def _execute(self, msg: Item) -> None:
        if Decimal(msg["orderExecutedSize"]) >= Decimal(msg["orderSize"]):
            self._end(msg)
        elif not self._has_ended(msg):
            if self.get(msg) is None:
                self._symbols[msg["orderId"]] = msg.get("symbol")
            self._update([{"orderId": msg["orderId"], **self._progress(msg)}])

    def _symbol(self, row: Item) -> Any:
        return row.get("symbol") or self._symbols.get(row["orderId"])

    def _leaves(self, key: Any) -> None:
        self._symbols.pop(key, None)
        super()._leaves(key)

    def _progress(self, msg: Item) -> Item:
        """Return how much is executed: what `msg` says, unless more is known; that never falls."""
        said = [row["orderExecutedSize"] for row in (msg, self.get(msg) or {}) if "orderExecutedSize" in row]
        return {"orderExecutedSize": max(said, key=Decimal)} if said else {}

    def _renamed(self, row: Item) -> Item:
        """Return the fields of a REST row under those names of the stream that the known row has."""
        known = self.get(row) or {}
        return {name: row[same] for name, same in self._NAMES.items() if name in known and same in row}


class Positions(Open):
    """Open positions, each of one execution; a closed one goes.

    https://api.coin.z.com/docs/#ws-position-events
    """

    _KEYS = ("positionId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        row_of(msg, self._KEYS)
        if msg["msgType"] == "CPR":
            self._end(msg)
        elif not self._has_ended(msg):
            (self._insert if msg["msgType"] == "OPR" else self._update)([msg])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = listed(data, (*self._KEYS, "symbol"))
        self._delete(self._missing(rows, url.query))
        self._update([row for row in rows if not self._has_ended(row)])


class PositionSummary(DataStore):
    """The sum of the positions of each symbol and side; it stays, with the quantity 0, when they are closed.

    An answer lists all there is: what it does not list is closed, and goes unless its quantity is 0 already.

    https://api.coin.z.com/docs/#ws-position-summary-events
    """

    _KEYS = ("symbol", "side")
    _MAXLEN = None
    _QUANTITIES = ("sumPositionQuantity", "sumPositionSize")  # of crypto assets, of FX

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([row_of(msg, self._KEYS)])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows, symbol = listed(data, self._KEYS), url.query.get("symbol")
        there = {(row["symbol"], row["side"]) for row in rows}
        others = [row for row in self.find() if (row["symbol"], row["side"]) not in there]
        self._delete([row for row in others if symbol in (None, row["symbol"]) and self._holds(row)])
        self._update(rows)

    def _holds(self, row: Item) -> bool:
        return any(Decimal(row[name]) != 0 for name in self._QUANTITIES if name in row)


def listed(data: Any, needed: Sequence[str]) -> list[Item]:
    """Return the rows of an answer; without any it has no list.

    Raises:
        TypeError: Something is not a row with text or number in the fields that are needed.
    """
    return [row_of(row, needed) for row in data["data"].get("list", [])]
