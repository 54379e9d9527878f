"""The tables of Bybit; the order book is in book.py."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import one_or_more
from .book import OrderBook, logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester

__all__ = ["BybitDataStore"]

_DOCS = "https://bybit-exchange.github.io/docs/v5/websocket"
_CERTAIN = ("orderId", "orderLinkId", "orderFilter", "openOnly", "cursor")  # what asks for a part of the open orders


class Events(DataStore):
    """Trades, liquidations, fills: all of them, in the order of arrival."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(one_or_more(msg["data"]))


class Latest(DataStore):
    """What is known last of each key: a message holds whole rows, or just what has changed."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(msg["data"], self._KEYS))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._update(one_or_more(data["result"]["list"], self._KEYS))


class Ticker(Latest):
    """The ticker of each symbol.

    https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
    """

    _KEYS = ("symbol",)


class Kline(Latest):
    """Candles; ``symbol`` is added to what Bybit sends.

    https://bybit-exchange.github.io/docs/v5/websocket/public/kline
    """

    _KEYS = ("symbol", "start", "end")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        symbol = msg["topic"].split(".", 2)[2]
        super()._onmessage({"data": [{**candle, "symbol": symbol} for candle in one_or_more(msg["data"])]}, ws)


class Position(Latest):
    """Positions; a closed one stays, with ``size`` "0".

    An answer for a settle coin lists open positions only, so the others of that coin are closed.

    https://bybit-exchange.github.io/docs/v5/websocket/private/position
    https://bybit-exchange.github.io/docs/v5/position
    """

    _KEYS = ("symbol", "positionIdx")
    _MAXLEN = None

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        super()._onresponse(data, url, requester)
        query, result = url.query, data["result"]
        if query.get("settleCoin") and not (query.get("symbol") or query.get("cursor") or result.get("nextPageCursor")):
            listed = {(row["symbol"], row["positionIdx"]) for row in result["list"]}
            self._update(
                {"symbol": symbol, "positionIdx": index, "size": "0"}
                for symbol, index in [(row["symbol"], row["positionIdx"]) for row in self.find()]
                if (symbol, index) not in listed and _is_option(symbol) == (query["category"] == "option")
                if _covers(query, symbol)
            )


class Greek(Latest):
    """The greeks of the account's options by base coin.

    https://bybit-exchange.github.io/docs/v5/websocket/private/greek
    """

    _KEYS = ("baseCoin",)


class Wallet(DataStore):
    """The balance of each account; a message names only the coins that have changed.

    https://bybit-exchange.github.io/docs/v5/websocket/private/wallet
    """

    _KEYS = ("accountType",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._merge(msg["data"])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._merge(data["result"]["list"])

    def _merge(self, accounts: Any) -> None:
        pairs = [(account, one_or_more(account["coin"], ("coin",))) for account in one_or_more(accounts, self._KEYS)]
        for account, coins in pairs:
            named = {coin["coin"] for coin in coins}
            known = self.get(account) or {"coin": []}
            kept = [coin for coin in known["coin"] if coin["coin"] not in named]
            self._update([{**account, "coin": [*coins, *kept]}])


class Order(DataStore):
    """Open orders: those that are filled, cancelled or triggered go.

    https://bybit-exchange.github.io/docs/v5/websocket/private/order
    """

    _KEYS = ("orderId",)
    _MAXLEN = None
    _NEEDED = ("orderId", "symbol", "orderStatus")
    _OPEN = frozenset({"New", "PartiallyFilled", "Untriggered", "Created", "Active"})
    _FINAL = frozenset({"Filled", "Cancelled", "Rejected", "PartiallyFilledCanceled", "Deactivated", "Triggered"})

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for order in one_or_more(msg["data"], self._NEEDED):
            if order["orderStatus"] in self._OPEN:
                self._update([order])
            elif order["orderStatus"] in self._FINAL:
                self._delete([order])
                if link := order.get("orderLinkId"):  # a conditional spot order is followed by one of another orderId
                    self._find_and_delete({"orderLinkId": link})

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        category = url.query["category"]
        rows = [{**row, "category": category} for row in one_or_more(data["result"]["list"], self._NEEDED)]
        known = self.find({"category": category})
        self._delete([row for row in known if _covers(url.query, str(row["symbol"]))])
        self._delete([row for row in rows if row["orderStatus"] in self._FINAL])
        self._update([row for row in rows if row["orderStatus"] not in self._FINAL])


class BybitDataStore(DataStoreCollection):
    """What Bybit sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Spot and linear use the same symbols, so tickers, candles and books of both do not fit into one store: use one
    store for each category, and one depth of a book.

    https://bybit-exchange.github.io/docs/v5/ws/connect
    """

    orderbook = Topic(OrderBook, "orderbook", f"{_DOCS}/public/orderbook")
    trade = Topic(Events, "publicTrade", f"{_DOCS}/public/trade")
    ticker = Topic(Ticker, "tickers", f"{_DOCS}/public/ticker")
    kline = Topic(Kline, "kline", f"{_DOCS}/public/kline")
    all_liquidation = Topic(Events, "allLiquidation", f"{_DOCS}/public/all-liquidation")
    lt_kline = Topic(Kline, "kline_lt", f"{_DOCS}/public/etp-kline")
    lt_ticker = Topic(Ticker, "tickers_lt", f"{_DOCS}/public/etp-ticker")
    lt_nav = Topic(Ticker, "lt", f"{_DOCS}/public/etp-nav")
    liquidation = Topic(Events, "liquidation", f"{_DOCS}/public/liquidation")
    position = Topic(Position, "position", f"{_DOCS}/private/position")
    execution = Topic(Events, "execution", f"{_DOCS}/private/execution")
    order = Topic(Order, "order", f"{_DOCS}/private/order")
    wallet = Topic(Wallet, "wallet", f"{_DOCS}/private/wallet")
    greek = Topic(Greek, "greeks", f"{_DOCS}/private/greek")

    _RESPONSES: ClassVar = {
        "/v5/position/list": "position",
        "/v5/order/realtime": "order",
        "/v5/account/wallet-balance": "wallet",
    }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and "topic" in msg:
            super()._onmessage(msg, ws)
        elif _refuses(msg):
            logger.warning("Bybit refuses: %r", msg)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["topic"])

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or data.get("retCode") != 0


@lru_cache(maxsize=4096)
def _tables(topic: str) -> tuple[str, ...]:
    """Name the table of a topic. The RPI book and the full book have rules of their own, and no table."""
    kind, _, rest = topic.partition(".")
    return () if kind == "orderbook" and not rest[:1].isdigit() else (kind,)


def _refuses(msg: Any) -> bool:
    """Tell a refusal: of a login or a subscription, of an order sent by WebSocket, of some topics (options)."""
    match msg:
        case {"success": success} if not success:
            return True
        case {"retCode": code} if code != 0:
            return True
        case {"data": {"failTopics": [_, *_]}}:
            return True
    return False


def _covers(query: Mapping[str, str], symbol: str) -> bool:
    """Tell whether an answer to `query` would list every open order of `symbol`.

    One that asks for certain orders or for a further page does not. What a symbol is based on and settled in is read
    off its form.

    https://bybit-exchange.github.io/docs/v5/order/open-order
    """
    if any(query.get(name, "0") not in ("", "0") for name in _CERTAIN):
        return False
    if wanted := query.get("symbol"):
        return symbol == wanted
    base, coin = query.get("baseCoin", ""), query.get("settleCoin", "")
    if base and not (symbol.startswith(base) and symbol.removeprefix(base).startswith(("USD", "PERP", "-"))):
        return False
    if coin and query["category"] == "inverse":  # BTCUSD, BTCUSDH27
        return symbol.startswith(f"{coin}USD") and not symbol.startswith(f"{coin}USDT")
    if coin == "USDC":  # BTCPERP, BTC-26MAR27, BTC-26MAR27-80000-C
        return symbol.endswith("PERP") or ("-" in symbol and "USDT" not in symbol)
    return symbol.endswith(coin) or f"{coin}-" in symbol  # BTCUSDT, BTCUSDT-26MAR27, BTC-26MAR27-80000-C-USDT


def _is_option(symbol: str) -> bool:
    return symbol.count("-") > 1  # BTC-26MAR27-80000-C, unlike BTC-26MAR27
