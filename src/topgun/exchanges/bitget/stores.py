"""The tables of Bitget V2; the order book is in book.py, what belongs to an account in account.py."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .account import Account, AlgoOrders, MarginOrders, Orders, Positions
from .book import OrderBook, logger
from .rows import candles_of, rows_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

__all__ = ["BitgetV2DataStore", "failed", "take_notice"]

_DOCS = "https://www.bitget.com/api-doc"


class Latest(DataStore):
    """What is known last of each key."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_in(msg, self._KEYS))


class Ticker(Latest):
    """The ticker of each instrument.

    https://www.bitget.com/api-doc/spot/websocket/public/Tickers-Channel
    """

    _KEYS = ("instType", "instId")


class Candle(DataStore):
    """Candles; ``granularity`` is the name of the channel.

    https://www.bitget.com/api-doc/spot/websocket/public/Candlesticks-Channel
    """

    _KEYS = ("instType", "instId", "granularity", "startTime")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        arg = msg["arg"]
        named = {"instType": arg["instType"], "instId": arg["instId"], "granularity": arg["channel"]}
        if msg["action"] == "snapshot":
            self._insert(candles_of(msg["data"], named))
        elif msg["action"] == "update":
            self._update(candles_of(msg["data"], named))


class Events(DataStore):
    """Trades, fills, closed positions; one that comes again replaces its row."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_in(msg, self._KEYS))


class Trade(Events):
    """Public trades.

    https://www.bitget.com/api-doc/spot/websocket/public/Trades-Channel
    """

    _KEYS = ("instType", "instId", "tradeId")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_in(msg, self._KEYS, "instId"))


class Fill(Events):
    """Fills of the account.

    https://www.bitget.com/api-doc/spot/websocket/private/Fill-Channel
    """

    _KEYS = ("instType", "tradeId", "symbol")


class PositionsHistory(Events):
    """Positions that were closed.

    https://www.bitget.com/api-doc/contract/websocket/private/History-Positions-Channel
    """

    _KEYS = ("instType", "instId", "posId")


class CrossedAccount(Latest):
    """The balance of each coin in cross margin.

    https://www.bitget.com/api-doc/margin/cross/websocket/private/Margin-Cross-Account-Assets
    """

    _KEYS = ("instType", "coin")


class IsolatedAccount(Latest):
    """The balance of each coin in isolated margin, by pair.

    https://www.bitget.com/api-doc/margin/isolated/websocket/private/Margin-isolated-account-assets
    """

    _KEYS = ("instType", "symbol", "coin")


class BitgetV2DataStore(DataStoreCollection):
    """What Bitget V2 sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Spot and futures call their instruments by the same names: always ask with ``instType``.

    https://www.bitget.com/api-doc/common/websocket-intro
    """

    ticker = Topic(Ticker, "ticker", f"{_DOCS}/spot/websocket/public/Tickers-Channel")
    candle = Topic(Candle, "candle", f"{_DOCS}/spot/websocket/public/Candlesticks-Channel")
    book = Topic(OrderBook, "book", f"{_DOCS}/contract/websocket/public/Order-Book-Channel")
    trade = Topic(Trade, "trade", f"{_DOCS}/spot/websocket/public/Trades-Channel")
    account = Topic(Account, "account", f"{_DOCS}/contract/websocket/private/Account-Channel")
    positions = Topic(Positions, "positions", f"{_DOCS}/contract/websocket/private/Positions-Channel")
    fill = Topic(Fill, "fill", f"{_DOCS}/spot/websocket/private/Fill-Channel")
    orders = Topic(Orders, "orders", f"{_DOCS}/contract/websocket/private/Order-Channel")
    orders_algo = Topic(AlgoOrders, "orders-algo", f"{_DOCS}/contract/websocket/private/Plan-Order-Channel")
    positions_history = Topic(
        PositionsHistory, "positions-history", f"{_DOCS}/contract/websocket/private/History-Positions-Channel"
    )
    orders_crossed = Topic(MarginOrders, "orders-crossed", f"{_DOCS}/margin/cross/websocket/private/Cross-Orders")
    orders_isolated = Topic(
        MarginOrders, "orders-isolated", f"{_DOCS}/margin/isolated/websocket/private/Isolate-Orders"
    )
    account_crossed = Topic(CrossedAccount, "account-crossed", f"{_DOCS}/margin/cross/websocket/private")
    account_isolated = Topic(IsolatedAccount, "account-isolated", f"{_DOCS}/margin/isolated/websocket/private")

    _RESPONSES: ClassVar = {
        "/api/v2/spot/trade/unfilled-orders": "orders",
        "/api/v2/mix/order/orders-pending": "orders",
        "/api/v2/mix/position/all-position": "positions",
        "/api/v2/spot/account/assets": "account",
        "/api/v2/mix/account/accounts": "account",
    }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and msg.get("data") is not None and "arg" in msg:
            super()._onmessage(msg, ws)
        else:
            take_notice(msg, self.book, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["arg"].get("channel"))  # V3 has a topic instead

    def _failure(self, url: URL, data: Any) -> bool:
        return failed(data)


@lru_cache(maxsize=256)
def _tables(channel: str | None) -> tuple[str, ...]:
    """Name the table of a channel: ``candle1m`` and ``books15`` begin with its name."""
    if not isinstance(channel, str):
        return ()
    return ("candle",) if channel.startswith("candle") else ("book",) if channel.startswith("books") else (channel,)


def take_notice(msg: Any, book: OrderBook, ws: Any) -> None:
    """Take what is no data: log a refused login, subscription or order; tell `book` of a channel that has ended."""
    event = msg.get("event") if isinstance(msg, dict) else None
    if event == "error" or (event is not None and failed(msg)):
        logger.warning("Bitget refuses: %r", msg)
    elif event == "unsubscribe":
        book.unsubscribed(msg.get("arg"), ws)


def failed(data: Any) -> bool:
    """Tell whether an answer reports a failure: a ``code`` other than zero, which is spelled ``00000``, ``0`` or 0."""
    return not isinstance(data, dict) or str(data.get("code") or 0).strip("0") != ""
