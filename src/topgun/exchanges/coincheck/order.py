"""The orders of an account at Coincheck: begun by REST answers, carried on and ended by events."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from ...store import DataStore
from .._recent import Recent

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

    Key: TypeAlias = tuple[int, str]

__all__ = ["Order"]

logger = logging.getLogger("topgun.exchanges.coincheck")

_PENDING = {  # what is left of an order, and what an event takes away from it
    "pending_amount": "latest_executed_amount",
    "pending_market_buy_amount": "latest_executed_market_buy_amount",
}


class Order(DataStore):
    """Open orders.

    No event tells of a new order: give the answer of each ``POST /api/exchange/orders`` to `feed_response`. An event
    may come before that answer, so the latest orders that ended are remembered, and so are the fills. What is left of
    an order (``pending_amount``, ``pending_market_buy_amount``) never grows.

    A list of open orders may know of a fill before its event comes. Of an order that was fed on this connection every
    fill is told, so it counts once; of any other one, an event takes its fill away unless that leaves nothing.

    https://coincheck.com/documents/exchange/api#websocket-order-events
    """

    _KEYS = ("id", "pair")
    _MAXLEN = None

    def _init(self) -> None:
        self._fed: dict[Key, Item] = {}  # what was ordered, where every fill since was told
        self._listed: dict[Key, Item] = {}  # the rows of the last list, as they came
        self._ended = Recent()
        self._heard = Recent()  # of each order that was filled in part: its last event, all fills

    def connected(self) -> None:
        """Know that a connection begins: before it, fills may have been told to nobody."""
        self._fed.clear()

    def feed_response(self, data: Any) -> None:
        """Take the decoded answer of ``POST /api/exchange/orders``; one that reports a failure is one warning.

        Args:
            data: The answer. What is pending is added to it.

        https://coincheck.com/documents/exchange/api#order-new
        """
        if not isinstance(data, dict) or not data.get("success") or not _is_key(data.get("id"), data.get("pair")):
            logger.warning("no order: %.200r", data)
            return
        data["pending_amount"] = data.get("amount")
        data["pending_market_buy_amount"] = data.get("market_buy_amount")
        key = _key(data)
        if key in self._ended:
            return
        event, _ = self._heard.get(key, ({}, {}))
        self._fed[key] = {field: data[field] for field in _PENDING}
        self._insert([{**data, **event, **self._left(key, self._listed.get(key, {}))}])

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        key, row = _key(msg), self.get(msg)
        match msg["order_event"]:
            case "FILL" | "EXPIRY" | "CANCEL":
                self._ended.note(key)
                self._heard.pop(key, None)
                self._fed.pop(key, None)
                self._delete([msg])
            case "PARTIALLY_FILL":
                self._fill(key, row, msg)
            case "TRIGGERED" if row is not None:
                self._update([msg])

    def _fill(self, key: Key, row: Item | None, msg: Item) -> None:
        """Take a fill that leaves something of its order."""
        if key in self._ended:
            return
        _, before = self._heard.get(key, ({}, {}))
        fills = {part: _decimal(before.get(part) or 0) + _decimal(msg.get(part) or 0) for part in _PENDING.values()}
        left = {field: _minus((row or {}).get(field), msg.get(part)) for field, part in _PENDING.items()}
        self._heard.note(key, (msg, fills))
        if row is not None:
            self._update([{**msg, **(self._left(key, row) if key in self._fed else left)}])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._listed = rows = {_key(row): row for row in data["orders"]}
        self._remove([key for key in self._data if key not in rows])
        going_on = [(key, row) for key, row in rows.items() if key not in self._ended]
        self._insert([{**row, **self._left(key, row)} if key in self._fed else row for key, row in going_on])
        self._fed = {key: ordered for key, ordered in self._fed.items() if key in self._data}

    def _left(self, key: Key, row: Item) -> Item:
        """Return what is pending of a fed order: what was ordered without its fills, or what `row` tells if less."""
        _, fills = self._heard.get(key, ({}, {}))
        left = {}
        for field, part in _PENDING.items():
            ordered, told = self._fed[key][field], row.get(field)
            rest = f"{_decimal(ordered) - fills[part]:f}" if ordered is not None and fills.get(part) else ordered
            less = told is not None and (rest is None or _decimal(told) < _decimal(rest))
            left[field] = told if less else rest
        return left


def _is_key(ident: Any, pair: Any) -> bool:
    return isinstance(ident, int | str) and isinstance(pair, str)


def _key(row: Item) -> Key:
    """Return the key of an order.

    Raises:
        LookupError: There is none.
        TypeError: Likewise.
    """
    if not _is_key(row["id"], row["pair"]):
        raise TypeError(f"not an order: {row!r:.100}")
    return row["id"], row["pair"]


def _decimal(amount: Any) -> Decimal:
    """Return an amount as it is written, so that 0.1 is one tenth.

    Raises:
        ArithmeticError: It is none.
        ValueError: Likewise.
    """
    number = Decimal(str(amount))
    if not number.is_finite() or number < 0:
        raise ValueError(f"not an amount: {amount!r}")
    return number


def _minus(pending: Any, part: Any) -> Any:
    """Return what is left as text; `pending` as it is where nothing goes away, or where nothing would be left.

    An order that is filled in part has something left: a fill of all that is pending was taken away before.
    """
    if pending is None or not part:
        return pending
    left = _decimal(pending) - _decimal(part)
    return f"{left:f}" if left > 0 else pending
