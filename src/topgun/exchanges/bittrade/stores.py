"""BitTradeDataStore: which message goes into which table, and the tables of market data but for the books."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import rows_of
from .account import Accounts, Clearing, Orders
from .book import Depth, MarketByPrice, logger
from .shapes import content, topic_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester

__all__ = ["BitTradeDataStore"]

_DOCS = "https://api-doc.bittrade.co.jp/"
_BALANCE = "/v1/account/accounts/{account-id}/balance"
_ACCOUNT = re.compile(r"(?<=^/v1/account/accounts/)\d+(?=/balance$)")
_PRIVATE = {"orders": "orders", "trade.clearing": "trade_clearing", "accounts.update": "accounts"}


class Kline(DataStore):
    """Candles; ``id`` is the second in which one opens, ``symbol`` and ``period`` are added to what BitTrade sends.

    https://api-doc.bittrade.co.jp/
    """

    _KEYS = ("symbol", "period", "id")
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        _, symbol, _, period = topic_of(msg).split(".")
        self._take([msg["tick"]] if "ch" in msg else msg["data"], symbol, period)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._take(data["data"], url.query["symbol"], url.query["period"])

    def _take(self, candles: Any, symbol: str, period: str) -> None:
        self._update([{**candle, "symbol": symbol, "period": period} for candle in rows_of(candles, ("id",))])


class Trade(DataStore):
    """Trades of everybody, oldest first; ``symbol`` is added. An id may have more than 64 bits.

    https://api-doc.bittrade.co.jp/
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        symbol = topic_of(msg).split(".", 2)[1]
        # what was asked for has the latest first
        trades = rows_of(msg["tick"]["data"]) if "ch" in msg else rows_of(msg["data"])[::-1]
        self._insert([{**trade, "symbol": symbol} for trade in trades])


class Latest(DataStore):
    """What is known last of each symbol, which is added.

    https://api-doc.bittrade.co.jp/
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._take(content(msg), topic_of(msg).split(".", 2)[1])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        if url.path == "/market/tickers":
            self._update(rows_of(data["data"], self._KEYS))
        else:
            self._take(data["tick"], url.query["symbol"])

    def _take(self, tick: Any, symbol: str) -> None:
        self._update([{**row, "symbol": symbol} for row in rows_of([tick])])


class _Responses(dict[str, str]):
    """Tables by the path of a request, one of which holds the number of an account."""

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(_ACCOUNT.sub("{account-id}", path), default)


class BitTradeDataStore(DataStoreCollection):
    """What BitTrade sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Market data (``/ws``) and the account (``/ws/v2``) are two sockets, which may share one store.

    https://api-doc.bittrade.co.jp/
    """

    mbp = Topic(MarketByPrice, "mbp", _DOCS)
    depth = Topic(Depth, "depth", _DOCS)
    bbo = Topic(Latest, "bbo", _DOCS)
    trade = Topic(Trade, "trade", _DOCS)
    kline = Topic(Kline, "kline", _DOCS)
    detail = Topic(Latest, "detail", _DOCS)
    orders = Topic(Orders, "orders", _DOCS)
    trade_clearing = Topic(Clearing, "trade_clearing", _DOCS)
    accounts = Topic(Accounts, "accounts", _DOCS)

    _RESPONSES: ClassVar = _Responses(
        {
            "/v1/order/openOrders": "orders",
            _BALANCE: "accounts",
            "/market/depth": "depth",
            "/market/history/kline": "kline",
            "/market/detail/merged": "detail",
            "/market/tickers": "detail",
        }
    )

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not isinstance(msg, dict):
            return
        if _refuses(msg):
            logger.warning("BitTrade refuses: %r", msg)
        elif msg.get("action", "push") == "push" and ("ch" in msg or "rep" in msg):
            super()._onmessage(msg, ws)
        elif "unsubbed" in msg:
            self.mbp.unsubscribed(msg["unsubbed"], ws)
            self.depth.unsubscribed(msg["unsubbed"], ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(topic_of(msg))

    def _failure(self, url: URL, data: Any) -> bool:
        return not isinstance(data, dict) or data.get("status") != "ok"


@lru_cache(maxsize=4096)
def _tables(topic: str) -> tuple[str, ...]:
    """Name the table of a topic.

    ``market.btcjpy.kline.1min``, ``market.btcjpy.trade.detail``, ``orders#btcjpy``, ``trade.clearing#btcjpy#1``
    """
    match topic.partition("#")[0].split("."):
        case ["market", _, "kline" | "depth" as table, _]:
            return (table,)
        case ["market", _, "mbp", _] | ["market", _, "mbp", "refresh", _]:
            return ("mbp",)
        case ["market", _, "trade", "detail"]:
            return ("trade",)
        case ["market", _, "bbo" | "detail" as table]:
            return (table,)
        case parts if private := _PRIVATE.get(".".join(parts)):
            return (private,)
    return ()


def _refuses(msg: Any) -> bool:
    """Tell a refusal: of a public subscription or request, of a private one."""
    if msg.get("status") == "error":
        return True
    return msg.get("action") in ("sub", "unsub", "req") and msg.get("code") != 200
