"""The tables of Bitget V3, the unified trading account; the order book is in book.py."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import rows_of
from .book import OrderBookV3
from .ending import OpenOrders
from .rows import candles_of, rows_in
from .stores import failed, take_notice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["BitgetV3DataStore"]

_DOCS = "https://www.bitget.com/api-doc/uta/websocket"
_PAGE = 100  # orders in a full answer


class Ticker(DataStore):
    """The ticker of each instrument.

    https://www.bitget.com/api-doc/uta/websocket/public/Tickers-Channel
    """

    _KEYS = ("instType", "symbol")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_in(msg, self._KEYS, "symbol"))


class Kline(DataStore):
    """Candles.

    https://www.bitget.com/api-doc/uta/websocket/public/Candlesticks-Channel
    """

    _KEYS = ("instType", "symbol", "interval", "startTime")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(candles_of(msg["data"], {name: msg["arg"][name] for name in self._KEYS[:3]}))


class Trade(DataStore):
    """Public trades.

    https://www.bitget.com/api-doc/uta/websocket/public/New-Trades-Channel
    """

    _KEYS = ("instType", "symbol", "i")
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_in(msg, self._KEYS, "symbol"))


class Fill(DataStore):
    """Fills of the account, from ``fill`` and ``fast-fill``.

    https://www.bitget.com/api-doc/uta/websocket/private/Fill-Channel
    """

    _KEYS = ("execId",)
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_of(msg["data"], self._KEYS))


class Order(OpenOrders):
    """Open orders: those that have come to an end go.

    https://www.bitget.com/api-doc/uta/websocket/private/Order-Channel
    https://www.bitget.com/api-doc/uta/trade/Get-Order-Pending
    """

    _KEYS = ("orderId",)
    _IDENT = _KEYS
    _STATE, _TIME = "orderStatus", "updatedTime"
    _OPEN = frozenset({"new", "live", "partially_filled"})
    _FINAL = frozenset({"filled", "cancelled", "canceled", "rejected"})
    _PARTIAL = ("cursor", "startTime", "endTime", "orderId", "clientOid")  # what asks for a part of the open orders

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(rows_of(msg["data"], ("orderId", "orderStatus")))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = rows_of(data["data"]["list"] or [], ("orderId", "orderStatus", "category"))
        rows = [{**row, "category": row["category"].lower()} for row in rows]
        here = {row["orderId"] for row in rows if row["orderStatus"] not in self._FINAL}
        covered = [row for row in self.find() if self._covers(url.query, len(rows), row)]
        self._delete([row for row in covered if row["orderId"] not in here])
        self._end(row for row in rows if row["orderStatus"] in self._FINAL)
        self._update([row for row in rows if not self._outdated(row)])

    def _covers(self, query: Mapping[str, str], listed: int, row: Item) -> bool:
        """Tell whether an answer to `query` with so many orders would list an order if it were open."""
        if any(query.get(name) for name in self._PARTIAL) or listed >= min(int(query.get("limit") or _PAGE), _PAGE):
            return False
        return all(
            query.get(name, "").upper() in ("", str(row.get(name, "")).upper()) for name in ("category", "symbol")
        )


class Position(DataStore):
    """Open positions; one that has ended goes. An answer replaces those of its category.

    https://www.bitget.com/api-doc/uta/websocket/private/Positions-Channel
    https://www.bitget.com/api-doc/uta/trade/Get-Position
    """

    _KEYS = ("symbol", "posSide")
    _MAXLEN = None
    _NAMES: ClassVar = {"total": "size", "liquidationPrice": "liqPrice", "totalFunding": "totalFundingFee"}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = [(row, float(row["size"]) == 0) for row in rows_of(msg["data"], self._KEYS)]
        self._update([row for row, ended in rows if not ended])
        self._delete([row for row, ended in rows if ended])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        listed = rows_of(data["data"]["list"] or [], self._KEYS)
        rows = [{self._NAMES.get(name, name): value for name, value in row.items()} for row in listed]
        rows = [{**row, "category": url.query["category"].lower()} for row in rows]
        here = {(row["symbol"], row["posSide"]) for row in rows}
        query, kind = url.query, url.query["category"].upper()
        wanted = {name: query[name] for name in ("symbol", "posSide") if query.get(name)}
        known = [row for row in self.find(wanted) if _category(row) == kind]
        self._delete([row for row in known if (row["symbol"], row["posSide"]) not in here])
        self._update(rows)


class Account(DataStore):
    """The account: one row, with a list of its coins. A message may name just those that have changed.

    https://www.bitget.com/api-doc/uta/websocket/private/Account-Channel
    https://www.bitget.com/api-doc/uta/account/Get-Account
    """

    _KEYS = ("instType",)
    _NAMES: ClassVar = {"accountEquity": "totalEquity", "unrealisedPnl": "unrealisedPnL", "assets": "coin"}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for row in rows_in(msg, self._KEYS):
            coins = rows_of(row["coin"], ("coin",))
            named = {coin["coin"] for coin in coins}
            known = (self.get(row) or {"coin": []})["coin"]
            self._update([{**row, "coin": [*coins, *(coin for coin in known if coin["coin"] not in named)]}])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        row = {self._NAMES.get(name, name): value for name, value in data["data"].items()}
        coins = [{"debts" if name == "debt" else name: value for name, value in coin.items()} for coin in row["coin"]]
        self._update([{"instType": "UTA", **row, "coin": rows_of(coins, ("coin",))}])


class BitgetV3DataStore(DataStoreCollection):
    """What Bitget V3 sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    https://www.bitget.com/api-doc/uta/guide
    """

    ticker = Topic(Ticker, "ticker", f"{_DOCS}/public/Tickers-Channel")
    kline = Topic(Kline, "kline", f"{_DOCS}/public/Candlesticks-Channel")
    book = Topic(OrderBookV3, "book", f"{_DOCS}/public/Order-Book-Channel")
    trade = Topic(Trade, "publicTrade", f"{_DOCS}/public/New-Trades-Channel")
    account = Topic(Account, "account", f"{_DOCS}/private/Account-Channel")
    position = Topic(Position, "position", f"{_DOCS}/private/Positions-Channel")
    fill = Topic(Fill, "fill", f"{_DOCS}/private/Fill-Channel")
    order = Topic(Order, "order", f"{_DOCS}/private/Order-Channel")

    _RESPONSES: ClassVar = {
        "/api/v3/trade/unfilled-orders": "order",
        "/api/v3/position/current-position": "position",
        "/api/v3/account/assets": "account",
    }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and msg.get("data") is not None and "arg" in msg:
            super()._onmessage(msg, ws)
        else:
            take_notice(msg, self.book, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["arg"].get("topic"))

    def _failure(self, url: URL, data: Any) -> bool:
        return failed(data)


@lru_cache(maxsize=256)
def _tables(topic: str | None) -> tuple[str, ...]:
    """Name the table of a topic: ``books50`` begins with its name."""
    if not isinstance(topic, str):
        return ()
    return ("book",) if topic.startswith("books") else ("fill",) if topic == "fast-fill" else (topic,)


def _category(row: Item) -> str:
    """Return the category of a position, which the stream does not tell, by its margin coin."""
    coin = row.get("marginCoin")
    return f"{coin}-FUTURES" if coin in ("USDT", "USDC") else "COIN-FUTURES"
