"""What bitbank tells an account, as tables: answers of the HTTP API, and messages that come through PubNub."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._recent import Recent
from .._rows import one_or_more

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["bitbankPrivateDataStore"]

logger = logging.getLogger("topgun.exchanges.bitbank")

_DOCS = "https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md"
_LONGEST = 1000  # orders in an answer, however many there are
_CERTAIN = frozenset({"from_id", "end_id", "since", "end"})  # an answer to a query with one of these is a part
_TABLES = {
    "asset_update": "asset",
    "spot_order_new": "spot_order",
    "spot_order": "spot_order",
    "spot_order_invalidation": "spot_order",
    "spot_trade": "spot_trade",
    "dealer_order_new": "dealer_order",
    "withdrawal": "withdrawal",
    "deposit": "deposit",
    "margin_position_update": "margin_position",
    "margin_payable_update": "margin_payable",
    "margin_notice_update": "margin_notice",
}


class Told(DataStore):
    """Rows that messages bring and change."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(msg["params"], self._KEYS))


class SpotTrade(Told):
    """The fills of the account.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-spot_trade
    """

    _KEYS = ("trade_id",)


class DealerOrder(Told):
    """Orders at the price of bitbank itself.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-dealer_order_new
    """

    _KEYS = ("order_id",)


class Transfer(Told):
    """Withdrawals, or deposits, in their latest state.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-withdrawal
    """

    _KEYS = ("uuid",)


class Listed(Told):
    """Rows that an answer replaces."""

    _LIST: ClassVar[str]
    """The field of the answer."""

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = one_or_more(data["data"][self._LIST], self._KEYS)
        listed = {self._name(row) for row in rows}
        self._delete([row for row in self if self._name(row) not in listed])
        self._insert(rows)

    def _name(self, row: Item) -> Hashable:
        return tuple([row[key] for key in self._KEYS])


class Asset(Listed):
    """The amounts of each asset.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-asset_update
    """

    _KEYS = ("asset",)
    _LIST = "assets"


class MarginPosition(Listed):
    """The margin position of each pair and side; a closed one stays, with an amount of 0.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-margin_position_update
    """

    _KEYS = ("pair", "position_side")
    _MAXLEN = None
    _LIST = "positions"


class SpotOrder(DataStore):
    """Open orders, those that wait for their trigger too; an order that is finished goes, and never comes back.

    Messages may come late, so what an order was before does not replace what it is.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-spot_order_new
    """

    _KEYS = ("order_id",)
    _MAXLEN = None
    _NEEDED = ("order_id", "pair", "status")
    _STAGES: ClassVar = {"INACTIVE": 0, "UNFILLED": 1, "PARTIALLY_FILLED": 2}
    _FINAL = frozenset({"FULLY_FILLED", "CANCELED_UNFILLED", "CANCELED_PARTIALLY_FILLED", "REJECTED"})

    def _init(self) -> None:
        self._finished = Recent()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if msg["method"] == "spot_order_invalidation":
            self._finish([{"order_id": ident} for ident in msg["params"]["order_id"]])
            return
        for order in one_or_more(msg["params"], self._NEEDED):
            if order["status"] in self._FINAL:
                self._finish([order])
            elif self._is_news(order):
                self._update([order])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        orders = one_or_more(data["data"]["orders"], self._NEEDED)
        listed = {order["order_id"] for order in orders}
        self._delete([order for order in self._covered(url.query, len(orders)) if order["order_id"] not in listed])
        self._finish([order for order in orders if order["status"] in self._FINAL])
        self._insert([order for order in orders if self._is_news(order)])

    def _covered(self, query: Mapping[str, str], number: int) -> list[Item]:
        """Return the orders that an answer to `query`, which lists so many, would list if they were still open."""
        if number >= int(query.get("count", _LONGEST)) or not query.keys().isdisjoint(_CERTAIN):
            return []
        return self.find({"pair": query["pair"]} if "pair" in query else None)

    def _is_news(self, order: Item) -> bool:
        """Tell whether an order is not known to be over, or to be further; a status that nobody knows is news."""
        if order["order_id"] in self._finished:
            return False
        known = self.get(order)
        if known is None:
            return True
        stage, reached = self._STAGES.get(order["status"]), self._STAGES.get(known["status"])
        if stage is None or reached is None:
            return True
        left, before = order.get("remaining_amount"), known.get("remaining_amount")
        if stage != reached or left is None or before is None:
            return bool(stage >= reached)
        return Decimal(left) <= Decimal(before)

    def _finish(self, orders: list[Item]) -> None:
        self._delete(orders)
        for order in orders:
            self._finished.note(order["order_id"])


class MarginPayable(DataStore):
    """What the account owes: at most one row.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-margin_payable_update
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if rows := one_or_more(msg["params"]):
            self._clear()
            self._insert(rows[-1:])


class MarginNotice(DataStore):
    """Margin calls and the like, one row for each message; all fields are null once a matter is settled.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md#method-margin_notice_update
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(one_or_more(msg["params"]))


class bitbankPrivateDataStore(DataStoreCollection):
    """What an account is told: give its `onmessage` to `topgun.helpers.bitbank.subscribe_with_callback`.

    An answer that reports a failure is a warning and skipped; what it was to fill is ``"stale"``.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md
    """

    asset = Topic(Asset, "asset", f"{_DOCS}#method-asset_update")
    spot_order = Topic(SpotOrder, "spot_order", f"{_DOCS}#method-spot_order")
    spot_trade = Topic(SpotTrade, "spot_trade", f"{_DOCS}#method-spot_trade")
    dealer_order = Topic(DealerOrder, "dealer_order", f"{_DOCS}#method-dealer_order_new")
    withdrawal = Topic(Transfer, "withdrawal", f"{_DOCS}#method-withdrawal")
    deposit = Topic(Transfer, "deposit", f"{_DOCS}#method-deposit")
    margin_position = Topic(MarginPosition, "margin_position", f"{_DOCS}#method-margin_position_update")
    margin_payable = Topic(MarginPayable, "margin_payable", f"{_DOCS}#method-margin_payable_update")
    margin_notice = Topic(MarginNotice, "margin_notice", f"{_DOCS}#method-margin_notice_update")

    _RESPONSES: ClassVar[Mapping[str, str]] = {
        "/v1/user/assets": "asset",
        "/v1/user/spot/active_orders": "spot_order",
        "/v1/user/margin/positions": "margin_position",
    }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and isinstance(msg.get("method"), str):
            super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        table = _TABLES.get(msg["method"])
        return (table,) if table else ()

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or data.get("success") != 1

    def _refused(self, url: URL, data: Any) -> None:
        logger.warning("%s: the answer is skipped: %r", url.with_query(None), data)
