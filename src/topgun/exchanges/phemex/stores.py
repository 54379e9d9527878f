"""The tables of Phemex; those of an account are in account.py, the order book is in book.py."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .account import ORDERS, POSITIONS, Accounts, Fills, MarginFills, MarginOrders, Orders, Positions, Wallets
from .book import OrderBook, logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["PhemexDataStore"]

_DOCS = "https://phemex-docs.github.io/"
_PACK = "perp_market24h_pack_p.update"
_NONE = 10002  # OM_ORDER_NOT_FOUND: how a list of orders says that it is empty
_CANDLE = ("timestamp", "interval", "last_close", "open", "high", "low", "close", "volume", "turnover")
_TABLES = {
    **dict.fromkeys(("trades", "trades_p"), "trade"),
    **dict.fromkeys(("book", "orderbook_p"), "orderbook"),
    **dict.fromkeys(("tick", "tick_p"), "ticker"),
    **dict.fromkeys(("market24h", "market24h_p", "spot_market24h"), "market24h"),
    "index_market24h": "index_market24h",
    **dict.fromkeys(("kline", "kline_p"), "kline"),
    **dict.fromkeys(("accounts", "accounts_p"), "accounts"),
    **dict.fromkeys(("orders", "orders_p"), "orders"),
    **dict.fromkeys(("positions", "positions_p"), "positions"),
    "orders_mao": "orders_mao",
    **{name: name for name in ("wallets", "wallets_mao", "risk_units", "risk_wallets", "investments")},
}
"""Which table each field of a message belongs to."""
_FILLS = {"orders": "fills", "orders_mao": "fills_mao"}


class Trade(DataStore):
    """Trades, in the order of arrival; ``priceEp`` is the price in all families.

    Fills of one order may have the same time, and even the same price and size: all are kept. A snapshot tells the
    last trades again, newest first; of those that it repeats none is stored twice.

    https://phemex-docs.github.io/#subscribe-trade
    """

    _MAXLEN = 99999

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the last trade of a ``symbol`` and a ``timestamp``, ``None`` if there is none."""
        if "symbol" not in item or "timestamp" not in item:
            return None
        return next(reversed(self.find({name: item[name] for name in ("symbol", "timestamp")})), None)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        symbol = msg["symbol"]
        trades = [
            {"symbol": symbol, "timestamp": timestamp, "side": side, "priceEp": price, "qty": qty}
            for timestamp, side, price, qty in msg["trades" if "trades" in msg else "trades_p"]
        ]
        if msg.get("type") == "snapshot" and len(self):
            trades = self._unknown(symbol, trades)
        self._insert(trades)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._onmessage({**data["result"], "type": "snapshot"})

    def _unknown(self, symbol: Any, trades: list[Item]) -> list[Item]:
        """Return those that are not stored yet; of equal ones as many as there are more than stored."""
        stored = Counter(tuple(row.values()) for row in self.find({"symbol": symbol}))
        unknown = []
        for trade in trades:
            values = tuple(trade.values())
            if stored[values]:
                stored[values] -= 1
            else:
                unknown.append(trade)
        return unknown


class Latest(DataStore):
    """What is known last of each symbol."""

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([msg[field] for field in msg if _TABLES.get(field) == self.name])


class Market24h(Latest):
    """The last 24 hours of each market, in the words of its family.

    ``perp_market24h_pack_p`` tells all of USD-M at once: what its columns are, at first, then rows.

    https://phemex-docs.github.io/#subscribe-24-hours-ticker
    """

    def _init(self) -> None:
        self._fields: list[str] = []

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if "data" not in msg:
            super()._onmessage(msg, ws)
            return
        if msg.get("fields"):
            self._fields = list(msg["fields"])
        self._update([dict(zip(self._fields, values, strict=True)) for values in msg["data"]])


class Kline(DataStore):
    """Candles; ``timestamp`` and ``interval`` are in s.

    https://phemex-docs.github.io/#subscribe-kline
    """

    _KEYS = ("symbol", "timestamp", "interval")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._take(msg["symbol"], msg["kline" if "kline" in msg else "kline_p"])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        symbol = url.query.get("symbol")
        if symbol:
            self._take(symbol, data["data"]["rows"])
        return bool(symbol)

    def _take(self, symbol: Any, candles: Any) -> None:
        self._insert([{"symbol": symbol, **dict(zip(_CANDLE, values, strict=False))} for values in candles])


class PhemexDataStore(DataStoreCollection):
    """What Phemex sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    COIN-M, USD-M and spot share the tables. Numbers stay what they are on the wire: fields whose names end in Ep, Ev
    or Er are integers of a scale of their own, those in Rp, Rv, Rq or Rr decimals as texts.

    https://phemex-docs.github.io/#websocket-api
    """

    trade = Topic(Trade, "trade", f"{_DOCS}#subscribe-trade")
    orderbook = Topic(OrderBook, "orderbook", f"{_DOCS}#subscribe-orderbook-for-new-model")
    ticker = Topic(Latest, "ticker", f"{_DOCS}#subscribe-symbol-price")
    market24h = Topic(Market24h, "market24h", f"{_DOCS}#subscribe-24-hours-ticker")
    index_market24h = Topic(Latest, "index_market24h", f"{_DOCS}#subscribe-24-hours-ticker")
    kline = Topic(Kline, "kline", f"{_DOCS}#subscribe-kline")
    accounts = Topic(Accounts, "accounts", f"{_DOCS}#subscribe-account-order-position-aop")
    orders = Topic(Orders, "orders", f"{_DOCS}#subscribe-account-order-position-aop")
    positions = Topic(Positions, "positions", f"{_DOCS}#subscribe-account-order-position-aop")
    wallets = Topic(Wallets, "wallets", f"{_DOCS}#subscribe-wallet-order-messages", keys=("currency",))
    fills = Topic(Fills, "fills", f"{_DOCS}#subscribe-wallet-order-messages")
    wallets_mao = Topic(Wallets, "wallets_mao", f"{_DOCS}#subscribe-margin-account-order-mao", keys=("currency",))
    orders_mao = Topic(MarginOrders, "orders_mao", f"{_DOCS}#subscribe-margin-account-order-mao")
    fills_mao = Topic(MarginFills, "fills_mao", f"{_DOCS}#subscribe-margin-account-order-mao")
    risk_units = Topic(Wallets, "risk_units", f"{_DOCS}#subscribe-ras", keys=("symbol", "posSide"))
    risk_wallets = Topic(Wallets, "risk_wallets", f"{_DOCS}#subscribe-ras", keys=("currency",))
    investments = Topic(Wallets, "investments", f"{_DOCS}#subscribe-investment-account", keys=("currency",))

    _RESPONSES: ClassVar = {
        "/exchange/public/md/v2/kline": "kline",
        "/exchange/public/md/kline": "kline",
        "/exchange/public/md/v2/kline/last": "kline",
        "/exchange/public/md/v2/kline/list": "kline",
        "/md/orderbook": "orderbook",
        "/md/v2/orderbook": "orderbook",
        "/md/trade": "trade",
        "/md/v2/trade": "trade",
        **dict.fromkeys(ORDERS, "orders"),
        **dict.fromkeys(POSITIONS, ("accounts", "positions")),
    }

    def _init(self) -> None:
        self._whole = False  # whether the message at hand is a snapshot

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not isinstance(msg, dict):
            return
        if not msg.get("id"):
            self._whole = msg.get("type") == "snapshot"
            super()._onmessage(msg, ws)
        if msg.get("error"):
            logger.warning("Phemex refuses: %r", msg)

    def _topic(self, msg: Any) -> Sequence[str]:
        names = []
        for field in msg:
            if (name := _TABLES.get(field)) is not None:
                names.append(name)
                if name in _FILLS and isinstance(msg[field], dict):
                    names.append(_FILLS[name])
        return names if names or msg.get("method") != _PACK else ("market24h",)

    def _fed(self, name: str, table: DataStore, ws: Any) -> None:
        super()._fed(name, table, ws)
        if self._whole and name in self._asked and not getattr(ws, "closed", False):
            self._turn("live", [name])  # a snapshot of the stream is as good as an answer

    def _failure(self, url: URL, data: Any) -> bool:
        if url.path not in self._RESPONSES:
            return False
        if not isinstance(data, dict) or data.get("error"):
            return True
        code = data.get("code", 0)
        return code != 0 and (code != _NONE or url.path not in ORDERS)

    def _refused(self, url: URL, data: Any) -> None:
        logger.warning("Phemex refuses %s: %.200r", url.path, data)
