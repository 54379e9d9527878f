"""The tables of Coincheck; the book is in book.py, the orders are in order.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .book import OrderBook, logger
from .order import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

__all__ = ["CoincheckDataStore", "CoincheckPrivateDataStore"]

_DOCS = "https://coincheck.com/documents/exchange/api"
_TRADE = ("timestamp", "id", "pair", "rate", "amount", "side", "taker_id", "maker_id")


class Trades(DataStore):
    """Trades of the market, in the order of arrival; ``taker_id`` and ``maker_id`` are null for those of an auction.

    https://coincheck.com/documents/exchange/api#websocket-trades
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not all(isinstance(trade, list) for trade in msg):
            raise TypeError("a trade is not a list")
        self._insert([dict(zip(_TRADE, trade[: len(_TRADE)], strict=True)) for trade in msg])


class Execution(DataStore):
    """The account's fills, in the order of arrival.

    https://coincheck.com/documents/exchange/api#websocket-execution-events
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([msg])


class CoincheckDataStore(DataStoreCollection):
    """What the public stream sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Subscribe to one of the two books of a pair, not to both: the store keeps the one that it hears first.

    https://coincheck.com/documents/exchange/api#public-channels
    """

    trades = Topic(Trades, "trades", f"{_DOCS}#websocket-trades")
    orderbook = Topic(OrderBook, "orderbook", f"{_DOCS}#websocket-order-book")

    _RESPONSES: ClassVar = {"/api/order_books": "orderbook"}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, list):
            super()._onmessage(msg, ws)
        elif isinstance(msg, dict) and not msg.get("success", True):
            logger.warning("Coincheck refuses: %r", msg)

    def _topic(self, msg: Any) -> Sequence[str]:
        match msg:
            case [list(), *_]:
                return ("trades",)
            case [str(), *_]:
                return ("orderbook",)
        return ()

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or not data.get("success", True)


class CoincheckPrivateDataStore(DataStoreCollection):
    """What the private stream sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    ``store["order-events"]`` and ``store["order"]`` are the same table, and so it is with ``execution``. An answer that
    reports a failure is a warning and skipped; what it was to fill is ``"stale"``.

    https://coincheck.com/documents/exchange/api#private-channels
    """

    order = Topic(Order, "order-events", f"{_DOCS}#websocket-order-events")
    execution = Topic(Execution, "execution-events", f"{_DOCS}#websocket-execution-events")

    _RESPONSES: ClassVar = {"/api/exchange/orders/opens": "order-events"}
    _NAMES: ClassVar = {"order": "order-events", "execution": "execution-events"}

    def __getitem__(self, name: str) -> DataStore:
        return super().__getitem__(self._NAMES.get(name, name))

    def __contains__(self, name: object) -> bool:
        return name in self._NAMES or super().__contains__(name)

    def _onconnect(self, ws: Any) -> None:
        self.order.connected()
        super()._onconnect(ws)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not isinstance(msg, dict) or not msg.get("success", True):
            logger.warning("Coincheck refuses: %r", msg)
        else:
            super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        channel = msg.get("channel")
        return (channel,) if isinstance(channel, str) else ()

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or not data.get("success")

    def _refused(self, url: URL, data: Any) -> None:
        logger.warning("%s: the answer is skipped: %r", url.with_query(None), data)
