"""The tables of Bitget V1, which V2 has superseded; the order book is in book.py."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import rows_of
from .book import OrderBookV1
from .ending import OpenOrders
from .stores import failed, take_notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["BitgetDataStore"]

_DOCS = "https://bitgetlimited.github.io/apidoc/en/mix/"
_TRADE = ("ts", "px", "sz", "side")
_CANDLE = ("ts", "o", "h", "l", "c", "baseVol")
_BUYS = ("close_short", "open_long")


class Trade(DataStore):
    """Public trades; of two in the same millisecond the later one stays.

    https://bitgetlimited.github.io/apidoc/en/mix/#trades-channel
    """

    _KEYS = ("instId", "ts")
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(_named({"instId": msg["arg"]["instId"]}, _TRADE, msg["data"]))


class Candlesticks(DataStore):
    """Candles of each interval.

    https://bitgetlimited.github.io/apidoc/en/mix/#candlesticks-channel
    """

    _KEYS = ("instId", "interval", "ts")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        arg = msg["arg"]
        head = {"instId": arg["instId"], "interval": arg["channel"].removeprefix("candle")}
        self._insert(_named(head, _CANDLE, msg["data"]))


class Latest(DataStore):
    """What is known last of each key: tickers, balances."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_of(msg["data"], self._KEYS))


class Ticker(Latest):
    """The ticker of each instrument.

    https://bitgetlimited.github.io/apidoc/en/mix/#tickers-channel
    """

    _KEYS = ("instId",)


class Account(Latest):
    """The balance of each margin coin.

    https://bitgetlimited.github.io/apidoc/en/mix/#account-channel
    """

    _KEYS = ("marginCoin",)


class Orders(OpenOrders):
    """Open orders: those that are filled or cancelled go.

    https://bitgetlimited.github.io/apidoc/en/mix/#order-channel
    https://bitgetlimited.github.io/apidoc/en/mix/#get-open-order
    """

    _KEYS = ("instId", "clOrdId")
    _IDENT = ("instId", "clOrdId", "ordId")
    _OPEN = frozenset({"new", "partial-fill"})
    _FINAL = frozenset({"cancelled", "canceled", "full-fill"})

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = rows_of(msg["data"], (*self._KEYS, "status"))
        self._insert([row for row in rows if row["status"] == "new" and not self._outdated(row)])
        self._hear([row for row in rows if row["status"] != "new"])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = [_as_told(order) for order in rows_of(data["data"], ("symbol", "clientOid"))]
        here = {row["clOrdId"] for row in rows}
        known = self.find({"instId": url.query.get("symbol", "")})
        self._delete([row for row in known if row["clOrdId"] not in here])
        self._insert([row for row in rows if not self._outdated(row)])


class Positions(DataStore):
    """Open positions; one with nothing in it goes.

    https://bitgetlimited.github.io/apidoc/en/mix/#positions-channel
    """

    _KEYS = ("posId", "instId")
    _MAXLEN = None

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = [(row, float(row["total"]) == 0) for row in rows_of(msg["data"], self._KEYS)]
        self._insert([row for row, closed in rows if not closed])
        self._delete([row for row, closed in rows if closed])


class BitgetDataStore(DataStoreCollection):
    """What Bitget V1 sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    For what is new use `BitgetV2DataStore`.

    https://bitgetlimited.github.io/apidoc/en/mix/#websocketapi
    """

    trade = Topic(Trade, "trade", _DOCS)
    orderbook = Topic(OrderBookV1, "orderbook", _DOCS)
    ticker = Topic(Ticker, "ticker", _DOCS)
    candlesticks = Topic(Candlesticks, "candlesticks", _DOCS)
    account = Topic(Account, "account", _DOCS)
    orders = Topic(Orders, "orders", _DOCS)
    positions = Topic(Positions, "positions", _DOCS)

    _RESPONSES: ClassVar = {"/api/mix/v1/order/current": "orders"}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and "arg" in msg and "data" in msg:
            super()._onmessage(msg, ws)
        else:
            take_notice(msg, self.orderbook, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["arg"]["channel"])

    def _failure(self, url: URL, data: Any) -> bool:
        return failed(data)


@lru_cache(maxsize=256)
def _tables(channel: str) -> tuple[str, ...]:
    if channel.startswith("candle"):
        return ("candlesticks",)
    return ("orderbook",) if channel == "books" else () if channel == "orderbook" else (channel,)


def _named(head: Item, names: Sequence[str], rows: Any) -> list[Item]:
    """Return rows of lists of values.

    Raises:
        TypeError: Something is not a list, or does not begin with a time.
    """
    for values in rows:
        if not isinstance(values, list) or not values or not isinstance(values[0], str | int):
            raise TypeError(f"not a row: {values!r:.100}")
    return [{**head, **dict(zip(names, values, strict=False))} for values in rows]


def _as_told(order: Item) -> Item:
    """Return an order of an answer as the stream would spell it."""
    return {
        "accFillSz": str(order["filledQty"]),
        "cTime": int(order["cTime"]),
        "clOrdId": order["clientOid"],
        "force": order["timeInForce"],
        "instId": order["symbol"],
        "ordId": order["orderId"],
        "ordType": order["orderType"],
        "posSide": order["posSide"],
        "px": str(order["price"]),
        "side": "buy" if order["side"] in _BUYS else "sell",
        "status": order["state"],
        "sz": str(order["size"]),
        "tgtCcy": order["marginCoin"],
        "uTime": int(order["uTime"]),
    }
