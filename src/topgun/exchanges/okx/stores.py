"""The tables of OKX; the order book is in book.py, what belongs to an account in account.py."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import rows_of
from .account import Account, AlgoOrders, BalanceAndPosition, Orders, Positions, SlicedOrders
from .book import OrderBook, logger
from .shapes import keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...typedefs import Item

__all__ = ["OKXDataStore"]

_DOCS = "https://www.okx.com/docs-v5/en/#"
_PUBLIC = f"{_DOCS}public-data-websocket-"
_MARKET = f"{_DOCS}order-book-trading-market-data-ws-"
_ACCOUNT = f"{_DOCS}trading-account-websocket-"
_FAMILIES = ("candle", "mark-price-candle", "index-candle", "books")  # channels of several kinds: candle1m, books5


class Events(DataStore):
    """Everything that was told, in the order of arrival."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_of(msg["data"]))


class Latest(DataStore):
    """What is known last of each instrument: a message is merged into the row."""

    _KEYS: ClassVar[Sequence[str]] = ("instId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(keyed(msg["data"], self._KEYS))


class Greeks(Latest):
    """The greeks of the account by currency.

    https://www.okx.com/docs-v5/en/#trading-account-websocket-account-greeks-channel
    """

    _KEYS = ("ccy",)


class Prices(DataStore):
    """Candles of a price that is not traded at; what was subscribed to is part of the row.

    https://www.okx.com/docs-v5/en/#public-data-websocket-mark-price-candlesticks-channel
    """

    _KEYS = ("channel", "instId", "ts")
    _FIELDS: ClassVar[Sequence[str]] = ("ts", "o", "h", "l", "c", "confirm")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(keyed([{**msg["arg"], **self._row(candle)} for candle in msg["data"]], self._KEYS))

    def _row(self, candle: Any) -> Item:
        if not isinstance(candle, list):
            raise TypeError(f"not a candle: {candle!r:.100}")
        return dict(zip(self._FIELDS, candle, strict=False))


class Candles(Prices):
    """Candles of trades; what was subscribed to is part of the row.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-candlesticks-channel
    """

    _FIELDS = ("ts", "o", "h", "l", "c", "vol", "volCcy", "volCcyQuote", "confirm")


class OKXDataStore(DataStoreCollection):
    """What OKX sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Candles and algo orders come from sockets to ``/ws/v5/business``, nowhere else. A store keeps one book of an
    instrument: use another store for another channel of it.

    https://www.okx.com/docs-v5/en/#overview-websocket
    """

    instruments = Topic(Latest, "instruments", f"{_PUBLIC}instruments-channel")
    tickers = Topic(Latest, "tickers", f"{_MARKET}tickers-channel")
    openinterest = Topic(Latest, "open-interest", f"{_PUBLIC}open-interest-channel")
    candle = Topic(Candles, "candle", f"{_MARKET}candlesticks-channel")
    trades = Topic(Events, "trades", f"{_MARKET}trades-channel")
    estimatedprice = Topic(Latest, "estimated-price", f"{_PUBLIC}estimated-delivery-exercise-settlement-price-channel")
    markprice = Topic(Latest, "mark-price", f"{_PUBLIC}mark-price-channel")
    markpricecandle = Topic(Prices, "mark-price-candle", f"{_PUBLIC}mark-price-candlesticks-channel")
    pricelimit = Topic(Latest, "price-limit", f"{_PUBLIC}price-limit-channel")
    books = Topic(OrderBook, "books", f"{_MARKET}order-book-channel")
    optsummary = Topic(Latest, "opt-summary", f"{_PUBLIC}option-summary-channel")
    fundingrate = Topic(Latest, "funding-rate", f"{_PUBLIC}funding-rate-channel")
    indexcandle = Topic(Prices, "index-candle", f"{_PUBLIC}index-candlesticks-channel")
    indextickers = Topic(Latest, "index-tickers", f"{_PUBLIC}index-tickers-channel")
    status = Topic(Events, "status", f"{_DOCS}status-ws-status-channel")
    account = Topic(Account, "account", f"{_ACCOUNT}account-channel")
    positions = Topic(Positions, "positions", f"{_ACCOUNT}positions-channel")
    balance_and_position = Topic(BalanceAndPosition, "balance_and_position", f"{_ACCOUNT}balance-and-position-channel")
    orders = Topic(Orders, "orders", f"{_DOCS}order-book-trading-trade-ws-order-channel")
    ordersalgo = Topic(AlgoOrders, "orders-algo", f"{_DOCS}order-book-trading-algo-trading-ws-algo-orders-channel")
    algoadvance = Topic(
        SlicedOrders, "algo-advance", f"{_DOCS}order-book-trading-algo-trading-ws-advance-algo-orders-channel"
    )
    liquidationwarning = Topic(Latest, "liquidation-warning", f"{_ACCOUNT}position-risk-warning")
    accountgreeks = Topic(Greeks, "account-greeks", f"{_ACCOUNT}account-greeks-channel")

    _RESPONSES: ClassVar = {
        "/api/v5/trade/orders-pending": "orders",
        "/api/v5/trade/orders-algo-pending": ("orders-algo", "algo-advance"),
        "/api/v5/market/books": "books",
        "/api/v5/market/books-full": "books",
    }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and "arg" in msg and "data" in msg:
            super()._onmessage(msg, ws)
        elif _refuses(msg):
            logger.warning("OKX refuses: %r", msg)
        elif isinstance(msg, dict) and msg.get("event") == "unsubscribe":
            self.books.unsubscribed(msg.get("arg"), ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["arg"]["channel"])

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or data.get("code") != "0"


@lru_cache(maxsize=4096)
def _tables(channel: str) -> tuple[str, ...]:
    """Name the table of a channel; one that does not exist is nobody's."""
    return (next((family for family in _FAMILIES if channel.startswith(family)), channel),)


def _refuses(msg: Any) -> bool:
    """Tell a refusal: of a login or a subscription, of one more connection, of an order sent by WebSocket."""
    match msg:
        case {"event": "error" | "channel-conn-count-error"}:
            return True
        case {"op": str(), "code": code} if code != "0":
            return True
    return False
