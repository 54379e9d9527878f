"""The tables of an account at BitTrade: orders, fills, balances."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._recent import Recent
from .._rows import rows_of
from .book import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Accounts", "Clearing", "Orders"]

_EXACT = Context(prec=100)  # balances have up to 18 decimals
_PAGE = 100  # orders in an answer that was not told how many


class Orders(DataStore):
    """Open orders: those that are filled, cancelled or rejected go.

    A push tells what has changed of an order; the HTTP API spells the same fields otherwise, and its rows get the names
    of the pushes. What is over stays over, whatever an old answer says.

    https://api-doc.bittrade.co.jp/
    """

    _KEYS = ("orderId",)
    _MAXLEN = None
    _OPEN = frozenset({"created", "submitted", "partial-filled"})
    _FINAL = frozenset({"filled", "canceled", "partial-canceled", "rejected"})
    _REST: ClassVar = {  # name in a push: name in an answer
        "orderId": "id",
        "symbol": "symbol",
        "accountId": "account-id",
        "orderPrice": "price",
        "orderSize": "amount",
        "orderCreateTime": "created-at",
        "orderStatus": "state",
        "type": "type",
        "orderSource": "source",
        "clientOrderId": "client-order-id",
        "execAmt": "filled-amount",
    }

    def _init(self) -> None:
        self._over = Recent()  # the ids of orders that have ended

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        order = msg["data"]
        if order.get("orderId") is None:  # a conditional order that never came to be one
            if order["orderStatus"] == "rejected":
                logger.warning("BitTrade rejects an order: %r", msg)
            return
        rows_of([order], ("orderId", "symbol", "orderStatus"))
        if order["orderStatus"] not in self._OPEN:
            self._end(order)
        elif order["orderId"] not in self._over:
            self._update([order])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        found = rows_of(data["data"], ("id", "symbol", "state"))
        rows = [{name: row[other] for name, other in self._REST.items() if other in row} for row in found]
        named = {row["orderId"] for row in rows}
        self._delete([row for row in self if row["orderId"] not in named and _covers(url.query, len(rows), row)])
        for row in rows:
            if row["orderStatus"] in self._FINAL:
                self._end(row)
        self._update([row for row in rows if not self._outdated(row)])

    def _end(self, order: Item) -> None:
        """Let an order go; for good, unless its status is one that nobody has heard of."""
        if order["orderStatus"] in self._FINAL:
            self._over.note(order["orderId"])
        self._delete([order])

    def _outdated(self, row: Item) -> bool:
        """Tell whether more is known of an order than a row of an answer knows: its end, or a later fill."""
        return row["orderId"] in self._over or _filled(self.get(row) or {}) > _filled(row)


class Clearing(DataStore):
    """Fills, and with mode 1 cancellations, in the order of arrival, which is not that of the events.

    https://api-doc.bittrade.co.jp/
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_of([msg["data"]]))


class Accounts(DataStore):
    """The balance of each currency; ``available`` is what no order has reserved.

    A push whose ``seqNum`` is below that of the row is an old one. In mode 1 balance and available come one by one.

    https://api-doc.bittrade.co.jp/
    """

    _KEYS = ("accountId", "accountType", "currency")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        [row] = rows_of([msg["data"]], self._KEYS)
        number, known = row.get("seqNum"), (self.get(row) or {}).get("seqNum")
        if number is not None and type(number) is not int:
            raise TypeError(f"seqNum is {number!r:.100}")
        if number is None or known is None or number >= known:
            self._update([row])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        account = data["data"]["id"]
        parts: dict[str, dict[str, Decimal]] = {}
        for part in rows_of(data["data"]["list"], ("currency", "type", "balance")):
            parts.setdefault(part["currency"], {})[part["type"]] = Decimal(part["balance"])
        rows = [_balance(account, currency, amounts) for currency, amounts in parts.items()]
        rows_of(rows, self._KEYS)
        known = self.find({"accountId": account, "accountType": "trade"})
        self._delete([row for row in known if row["currency"] not in parts])
        self._update(rows)


def _balance(account: Any, currency: str, amounts: Mapping[str, Decimal]) -> Item:
    free, frozen = (amounts.get(kind, Decimal(0)) for kind in ("trade", "frozen"))
    return {
        "accountId": account,
        "accountType": "trade",
        "currency": currency,
        "available": f"{free:f}",
        "balance": f"{_EXACT.add(free, frozen):f}",
    }


def _filled(order: Item) -> Decimal:
    """Return how much of an order is filled, 0 where that is not said."""
    try:
        amount = Decimal(str(order.get("execAmt")))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() else Decimal(0)


def _covers(query: Mapping[str, str], found: int, row: Item) -> bool:
    """Tell whether an answer of `found` orders to `query` would list an open order; one that may go on does not."""
    if any(name in query for name in ("side", "types", "from")) or found >= int(query.get("size", _PAGE)):
        return False
    wanted = {"symbol": query.get("symbol"), "accountId": query.get("account-id")}
    return all(value is None or str(row.get(name)) == value for name, value in wanted.items())
