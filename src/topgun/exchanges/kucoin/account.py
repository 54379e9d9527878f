"""What an account at KuCoin has open: orders and positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._recent import Recent
from .._rows import row_of
from .shapes import data_of, decimal, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Orders", "Positions"]

_PLACE = frozenset({"symbol", "status", "tradeType", "currentPage", "pageSize"})  # what of a query is understood
_ANY_STATE = "/api/v1/orders"  # lists the orders that are over unless it is asked for the active ones


class Orders(DataStore):
    """Open orders of spot, margin and futures, stop orders too; those that are over go and never come back.

    An ``update`` may be the end as well: then its ``status`` is ``done``.

    A message that knows of less than is filled already is an old one, and changes nothing. Answers of the HTTP API
    spell some fields in another way; their rows have both spellings.

    A stop order that is triggered goes, and is an order from then on, at futures of the same name: that one comes, and
    stays, in whichever order the two topics tell it.

    https://www.kucoin.com/docs-new/3470073w0
    https://www.kucoin.com/docs-new/3470090w0
    https://www.kucoin.com/docs-new/3470091w0
    """

    _KEYS = ("orderId",)
    _MAXLEN = None
    _OVER: ClassVar = frozenset({"filled", "canceled", "cancel", "triggered"})
    _CHANGED: ClassVar = frozenset({"open", "match", "update"})

    def _init(self) -> None:
        self._ended = Recent()
        self._triggered = Recent()  # stop orders

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        order = data_of(msg, ("orderId", "type"))
        kind, known, of_stop = order["type"], self.get(order), kind_of(msg["topic"]).endswith("/advancedOrders")
        if of_stop and (kind == "triggered" or order["orderId"] in self._triggered):
            self._trigger(order, known)
        elif kind in self._OVER or order.get("status") == "done":
            self._end([order])
        elif kind not in self._CHANGED or order["orderId"] in self._ended or (known is None and kind != "open"):
            return
        elif known is not None and _is_stop(known) and not of_stop and kind == "open":
            self._insert([order])
        elif known is None or not _is_older(order, known):
            self._update([order])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        listed, pages = data["data"], 1
        if isinstance(listed, dict):
            listed, pages = listed["items"], listed["totalPage"]
        rows = [_as_told(row_of(row, ("id", "symbol", "size"))) for row in listed]
        if pages <= 1:
            there = {row["orderId"] for row in rows}
            self._delete([row for row in self.find() if row["orderId"] not in there and _is_listed(row, url)])
        self._end([row for row in rows if not _is_open(row)])
        self._update([row for row in rows if row["orderId"] not in self._ended])

    def _end(self, orders: Sequence[Item]) -> None:
        for order in orders:
            self._ended.note(order["orderId"])
        self._delete(orders)

    def _trigger(self, order: Item, known: Item | None) -> None:
        """Take a stop order away, but not the order that it has become."""
        self._triggered.note(order["orderId"])
        if known is None or _is_stop(known):
            self._delete([order])


class Positions(DataStore):
    """Open positions: one of each symbol, or two of them, long and short, in hedge mode; closed ones go.

    The key is the symbol. With ``positionSide`` LONG or SHORT that counts as well: give it to `get`, which else returns
    one of the two. ``side`` is added: BUY or SELL, by the sign of the quantity.

    https://www.kucoin.com/docs-new/3470093w0
    """

    _KEYS = ("symbol",)
    _MAXLEN = None
    _MARK = "markPriceChange"

    def _init(self) -> None:
        self._key = _position_key

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the row of a symbol, and of a ``positionSide`` if that is given; ``None`` if there is none."""
        row = super().get(item)
        if row is None and "symbol" in item and "positionSide" not in item:
            return next(iter(self.find({"symbol": item["symbol"]})), None)
        return row

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        position = data_of(msg)
        if "changeReason" not in position:  # a funding fee, or another risk limit
            return
        row_of(position, ("symbol",))
        if position["changeReason"] == self._MARK or "currentQty" not in position:
            self._update([{**position, **_names(row)} for row in self.find(_names(position))])
        elif decimal(position["currentQty"]) == 0:
            self._delete([position])
        elif position.get("isOpen", True) is not True:
            raise ValueError(f"a closed position of {position['currentQty']!r:.40}")
        else:
            self._update([{**position, "side": _side(position)}])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = [row_of(row, ("symbol", "currentQty")) for row in data["data"]]
        positions = [{"side": _side(row), **row} for row in rows if row["isOpen"] and decimal(row["currentQty"])]
        there, currency = {_position_key(row) for row in positions}, url.query.get("currency")
        others = [row for row in self.find() if _position_key(row) not in there]
        self._delete([row for row in others if currency in (None, row.get("settleCurrency"))])
        self._insert(positions)

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[tuple[Any, Item]]:
        return self._data.items()  # the key fields alone name up to two rows


def _is_older(order: Item, known: Item) -> bool:
    """Tell whether a message knows of less than is filled already."""
    if "filledSize" not in order or "filledSize" not in known:
        return False
    return decimal(order["filledSize"]) < decimal(known["filledSize"])


def _is_stop(row: Item) -> bool:
    return row.get("orderType") == "stop"


def _is_open(row: Item) -> bool:
    """Tell whether an order of the HTTP API rests: futures say ``isActive``, spot says ``active``."""
    return bool(row.get("isActive", row.get("active", True)))


def _is_listed(row: Item, url: URL) -> bool:
    """Tell whether an answer with all its rows would list an open order.

    One to a narrower question would not; nor are stop orders listed, nor what belongs to another product or account.
    The stream does not say what account an order of spot or margin is of, so ask for both.
    """
    query, symbol, futures = url.query, str(row.get("symbol")), "futures" in (url.host or "")
    status = query.get("status", "done" if url.path == _ANY_STATE else "active")
    if _is_stop(row) or not query.keys() <= _PLACE or (status, query.get("currentPage", "1")) != ("active", "1"):
        return False
    if query.get("symbol", symbol) != symbol or ("-" not in symbol) != futures:
        return False
    account = None if futures else row.get("tradeType")  # of futures that is the reason of a change
    return account is None or account == query.get("tradeType", "TRADE")


def _as_told(row: Item) -> Item:
    """Return an order of the HTTP API with the names and values of the stream besides its own."""
    told = {"orderId": row["id"], "orderType": row.get("type"), "type": "open", "status": "open"}
    filled = row["filledSize"] if "filledSize" in row else row.get("dealSize", "0")
    left = row["remainSize"] if "remainSize" in row else str(decimal(row["size"]) - decimal(filled))
    return {**row, **told, "originSize": row["size"], "filledSize": filled, "remainSize": left}


def _position_key(row: Mapping[str, Any]) -> Any:
    side = row.get("positionSide")
    return (row["symbol"], side) if side in ("LONG", "SHORT") else row["symbol"]


def _names(position: Item) -> Item:
    """Return the fields that name a position."""
    side = position.get("positionSide")
    named = {"symbol": position["symbol"]}
    return {**named, "positionSide": side} if side in ("LONG", "SHORT") else named


def _side(position: Item) -> str:
    return "BUY" if decimal(position["currentQty"]) > 0 else "SELL"
