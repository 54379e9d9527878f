"""The orders of an account at Coincheck: begun by REST answers, carried on and ended by events."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from ...store import DataStore

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
_REMEMBERED = 10_000  # orders


class Order(DataStore):
    """Open orders.

    No event tells of a new order: give the answer of each ``POST /api/exchange/orders`` to `feed_response`. An event
    may come before that answer, so the latest orders that ended are remembered, and so are the fills of those that
    nobody has told of. What is left of an order (``pending_amount``, ``pending_market_buy_amount``) never grows.

    https://coincheck.com/documents/exchange/api#websocket-order-events
    """

    _KEYS = ("id", "pair")
    _MAXLEN = None

    def _init(self) -> None:
        self._fed: set[Key] = set()  # the orders in the table that were fed
        self._ended: dict[Key, None] = {}
        self._unfed: dict[Key, tuple[Item, Item]] = {}  # of orders that were not fed: the last event, and all fills

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
        event, fills = self._unfed.pop(key, ({}, {}))
        self._fed.add(key)
        self._insert([{**data, **event, **self._left(data, fills)}])

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        key, row = _key(msg), self.get(msg)
        match msg["order_event"]:
            case "FILL" | "EXPIRY" | "CANCEL":
                _remember(self._ended, key, None)
                self._unfed.pop(key, None)
                self._fed.discard(key)
                self._delete([msg])
            case "PARTIALLY_FILL":
                self._fill(key, row, msg)
            case "TRIGGERED" if row is not None:
                self._update([msg])

    def _fill(self, key: Key, row: Item | None, msg: Item) -> None:
        """Take a fill that leaves something of its order."""
        _, before = self._unfed.get(key, ({}, {}))
        fills = {part: _decimal(before.get(part) or 0) + _decimal(msg.get(part) or 0) for part in _PENDING.values()}
        if row is not None:
            left = {field: _minus(row.get(field), msg.get(part)) for field, part in _PENDING.items()}
            self._update([{**msg, **left}])
        if key not in self._fed and key not in self._ended:
            _remember(self._unfed, key, (msg, fills))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = {_key(row): row for row in data["orders"]}
        self._remove([key for key in self._data if key not in rows])
        self._insert([row for key, row in rows.items() if key not in self._ended])
        self._fed &= self._data.keys()

    def _left(self, answer: Item, fills: Item) -> Item:
        """Return what is pending of an order: what `answer` tells without `fills`, or what is known if that is less."""
        known, left = self.get(answer) or {}, {}
        for field, part in _PENDING.items():
            pending, before = _minus(answer[field], fills.get(part)), known.get(field)
            less = before is not None and (pending is None or _decimal(before) < _decimal(pending))
            left[field] = before if less else pending
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
    """Return what is left as text, `pending` as it is where nothing goes away from it."""
    return pending if pending is None or not part else f"{_decimal(pending) - _decimal(part):f}"


def _remember(orders: dict[Key, Any], key: Key, what: Any) -> None:
    """Note something of an order, and forget the one that was noted first if there are too many."""
    orders[key] = what
    if len(orders) > _REMEMBERED:
        del orders[next(iter(orders))]
