"""What the fills of an account do to its positions, collateral and balance.

bitFlyer pushes no such tables: they are filled from REST answers and carried on from the executions among the order
events. So they are estimates, without the commission of margin trades, SFD and funding. Initialize again for the
exact values.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .shapes import is_amount, is_number, is_side, is_text, listed, scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Balance", "Collateral", "Positions"]


class Estimate(DataStore):
    """Rows without a key whose fields are carried on in place."""

    def _merge(self, row: Item, fields: Item) -> None:
        row.update(fields)
        self._put("update", fields, row)
        self._set()


class Collateral(Estimate):
    """The collateral in yen: at most one row, estimated from the positions closed since the REST answer.

    https://lightning.bitflyer.com/docs#get-margin-status
    """

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        rows = listed([data], url, {"collateral": is_number})
        if rows is None:
            return False
        for row in self:
            self._merge(row, data)
        if not len(self):
            self._insert(rows)
        return True

    def realize(self, event: Item, opened_at: float, size: float) -> None:
        """Add the profit of one closed piece, rounded to whole yen as bitFlyer does: down for SELL, up for BUY.

        Args:
            event: The execution that closes.
            opened_at: The price of the position that it closes.
            size: How much of that position it closes.
        """
        rise = (exact(event["price"]) - exact(opened_at)) * exact(size)
        for row in self:
            before = exact(row["collateral"])
            after = math.floor(before + rise) if event["side"] == "SELL" else math.ceil(before - rise)
            self._merge(row, {"collateral": float(after)})


class Positions(Estimate):
    """Open margin positions, oldest first; an opposite fill closes the oldest first.

    The first fill of a product is kept with every field of its event, later rows have the six fields below.

    https://lightning.bitflyer.com/docs#get-open-interest-summary
    """

    _MAXLEN = None
    _FIELDS = ("product_code", "side", "price", "size", "commission", "sfd")

    collateral: Collateral

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for event in fills(msg, margin=True):
            oldest = next(iter(self.find({"product_code": event["product_code"]})), None)
            if oldest is None:
                self._insert([event])
            elif oldest["side"] == event["side"]:
                self._insert([self._six(event)])
            else:
                self._close(event)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        shape = {"product_code": is_text, "side": is_side, "price": is_amount, "size": is_amount}
        rows = listed(data, url, shape)
        if rows is None:
            return False
        self._find_and_delete(scope(rows, url))
        self._insert([self._six(row) for row in rows])
        return True

    def _close(self, event: Item) -> None:
        left = event["size"]
        for uuid, row in self._find_with_uuid({"product_code": event["product_code"]}).items():
            closed = min(row["size"], left)
            left = minus(left, closed)
            if closed < row["size"]:
                self._merge(row, {"size": minus(row["size"], closed)})
            else:
                self._remove([uuid])
            self.collateral.realize(event, row["price"], closed)
            if not left:
                return
        self._insert([{**self._six(event), "size": left}])

    def _six(self, row: Item) -> Item:
        return {field: row.get(field) for field in self._FIELDS}


class Balance(DataStore):
    """The assets by currency; ``amount`` follows the spot fills, ``available`` is ``None`` from the first one on.

    https://lightning.bitflyer.com/docs#get-account-asset-balance
    """

    _KEYS = ("currency_code",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for event in fills(msg, margin=False):
            base, _, quote = event["product_code"].partition("_")
            size, commission = exact(event["size"]), exact(event["commission"])
            value = size * exact(event["price"])
            buy = event["side"] == "BUY"
            if quote == "JPY":
                value = value.to_integral_value(ROUND_CEILING if buy else ROUND_FLOOR)
            self._add(base, (size if buy else -size) - commission)
            self._add(quote, -value if buy else value)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        rows = listed(data, url, {"currency_code": is_text, "amount": is_number})
        if rows is None:
            return False
        self._update(rows)
        return True

    def _add(self, currency: str, change: Decimal) -> None:
        if (row := self.get({"currency_code": currency})) is not None:
            amount = float(exact(row["amount"]) + change)
            self._update([{"currency_code": currency, "amount": amount, "available": None}])


def fills(msg: Any, *, margin: bool) -> Iterator[Item]:
    """Yield the executions of a message, on the margin products or on the spot markets.

    Margin is Crypto CFD; the futures ``BTCJPY...`` ended in 2024, their codes are history.
    """
    for event in msg["params"]["message"]:
        product = event["product_code"]
        if event["event_type"] == "EXECUTION" and margin == (product == "FX_BTC_JPY" or product.startswith("BTCJPY")):
            yield event


def exact(number: float) -> Decimal:
    """Return `number` as it is written, so that 0.1 is one tenth."""
    return Decimal(str(number))


def minus(a: float, b: float) -> float:
    """Return ``a - b``: an int for two ints, else the float of the decimal difference."""
    return a - b if isinstance(a, int) and isinstance(b, int) else float(exact(a) - exact(b))
