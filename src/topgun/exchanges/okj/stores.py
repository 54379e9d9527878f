"""The tables of OKJ; the order books are in book.py. Those of V3 have names that begin with ``v3_``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import rows_of
from .answers import Answered, OpenOrders, is_v5, named
from .book import Books, Depth, logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["OKJDataStore"]

_V5 = "https://dev.okj.com/apidoc/v5/en/"
_V3 = "https://dev.okcoin.jp/en/"


class Events(DataStore):
    """Trades: all of them, in the order of arrival."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_of(msg["data"]))


class Latest(Answered):
    """What is known last of each instrument, V5: its terms, its ticker, the limits of its price.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("instId",)
    _FILTERS = ("instType", "instId")
    _PARTS = ("uly", "instFamily")


class Candle(DataStore):
    """Candles of every length, V5.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("channel", "instId", "ts")
    _MAXLEN = 99999
    _FIELDS = ("ts", "o", "h", "l", "c", "vol", "volCcy", "volCcyQuote", "confirm")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = [{**msg["arg"], **named(self._FIELDS, candle)} for candle in msg["data"]]
        self._update(rows_of(rows, self._KEYS))


class Bbo(DataStore):
    """The best ask and the best bid of each instrument, V5.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("instId", "side")
    _FIELDS = ("px", "sz", "liqSz", "ordSz")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = {"instId": msg["arg"]["instId"]}
        for book in msg["data"]:
            best = [(side, level) for side in ("asks", "bids") for level in book[side][:1]]
            rows = rows_of([{**group, "side": side, **named(self._FIELDS, level)} for side, level in best], self._KEYS)
            self._find_and_delete(group)
            self._insert(rows)


class Account(DataStore):
    """The account as a whole: one row; its currencies are in `Balance`.

    https://dev.okj.com/apidoc/v5/en/
    """

    _MAXLEN = 1

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for account in rows_of(msg["data"]):
            self._clear()
            self._insert([{field: value for field, value in account.items() if field != "details"}])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        [account] = rows_of(data["data"])
        if all(str(row.get("uTime", "")) <= str(account.get("uTime", "")) for row in self):  # else the stream is newer
            self._onmessage(data)


class Balance(Answered):
    """The balance of each currency, V5; a message names only those that have changed.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("ccy",)
    _FILTERS = ("ccy",)

    def _rows_in(self, data: Any) -> list[Item]:
        parts = [part.get("details") or part.get("balData") or [] for part in rows_of(data)]
        return rows_of([row for part in parts for row in part], self._KEYS)


class Orders(OpenOrders):
    """Open orders, V5.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("ordId",)
    _FILTERS = ("instType", "instId", "ordType")
    _PARTS = ("uly", "instFamily", "state", "after", "before")
    _OPEN = frozenset({"live", "partially_filled"})
    _FINAL = frozenset({"filled", "canceled", "mmp_canceled"})


class AlgoOrders(OpenOrders):
    """Algo orders that wait or are at work, V5.

    https://dev.okj.com/apidoc/v5/en/
    """

    _KEYS = ("algoId",)
    _FILTERS = ("instType", "instId", "ordType", "algoId")
    _PARTS = ("algoClOrdId", "after", "before")
    _OPEN = frozenset({"live", "pause", "partially_effective"})
    _FINAL = frozenset({"effective", "canceled", "order_failed", "partially_failed"})


class Ticker3(DataStore):
    """The ticker of each instrument, V3.

    https://dev.okcoin.jp/en/#spot_ws-ticker
    """

    _KEYS = ("instrument_id",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_of(msg["data"], self._KEYS))


class Candle3(DataStore):
    """Candles of every length, V3; ``table`` tells which.

    https://dev.okcoin.jp/en/#spot_ws-candle
    """

    _KEYS = ("table", "instrument_id", "timestamp")
    _MAXLEN = 99999
    _FIELDS = ("timestamp", "open", "high", "low", "close", "volume")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = [
            {"table": msg["table"], "instrument_id": row["instrument_id"], **named(self._FIELDS, row["candle"])}
            for row in rows_of(msg["data"])
        ]
        self._update(rows_of(rows, self._KEYS))


class Account3(Answered):
    """The balance of each currency, V3.

    https://dev.okcoin.jp/en/#spot_ws-account
    """

    _KEYS = ("currency",)


class Orders3(OpenOrders):
    """Open orders, V3: open, partially filled, being placed or being cancelled.

    https://dev.okcoin.jp/en/#spot_ws-order
    """

    _KEYS = ("order_id",)
    _FILTERS = ("instrument_id",)
    _PARTS = ("after", "before")
    _OPEN = frozenset("0134")
    _FINAL = frozenset({"2", "-1", "-2"})


class AlgoOrders3(OpenOrders):
    """Algo orders that wait or are at work, V3: pending, partly effective or paused.

    https://dev.okcoin.jp/en/#spot_ws-order_algo
    """

    _KEYS = ("algo_id",)
    _STATE = "status"
    _OPEN = frozenset("145")
    _FINAL = frozenset("236")


class OKJDataStore(DataStoreCollection):
    """What OKJ sends, V5 and V3, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Some tables of V5 have a second name, with a hyphen or without anything: ``store["orders-algo"]``,
    ``store.ordersalgo``, ``store["price-limit"]``, ``store.pricelimit``.

    https://dev.okj.com/apidoc/v5/en/
    """

    instruments = Topic(Latest, "instruments", _V5)
    tickers = Topic(Latest, "tickers", _V5)
    candle = Topic(Candle, "candle", _V5)
    trades = Topic(Events, "trades", _V5)
    price_limit = Topic(Latest, "price_limit", _V5)
    books = Topic(Books, "books", _V5)
    bbo = Topic(Bbo, "bbo", _V5)
    account = Topic(Account, "account", _V5)
    balance = Topic(Balance, "balance", _V5)
    orders = Topic(Orders, "orders", _V5)
    orders_algo = Topic(AlgoOrders, "orders_algo", _V5)
    v3_ticker = Topic(Ticker3, "v3_ticker", _V3)
    v3_trade = Topic(Events, "v3_trade", _V3)
    v3_candle = Topic(Candle3, "v3_candle", _V3)
    v3_depth = Topic(Depth, "v3_depth", _V3)
    v3_account = Topic(Account3, "v3_account", _V3)
    v3_order = Topic(Orders3, "v3_order", _V3)
    v3_order_algo = Topic(AlgoOrders3, "v3_order_algo", _V3)

    _RESPONSES: ClassVar = {
        "/api/v5/public/instruments": "instruments",
        "/api/v5/market/tickers": "tickers",
        "/api/v5/market/ticker": "tickers",
        "/api/v5/market/books": "books",
        "/api/v5/account/balance": ("account", "balance"),
        "/api/v5/trade/orders-pending": "orders",
        "/api/v5/trade/orders-algo-pending": "orders_algo",
        "/api/spot/v3/accounts": "v3_account",
        "/api/spot/v3/orders_pending": "v3_order",
    }

    def _init(self) -> None:
        self._stores |= {"orders-algo": self.orders_algo, "price-limit": self.price_limit}

    @property
    def ordersalgo(self) -> AlgoOrders:
        """The table `orders_algo`."""
        return self.orders_algo

    @property
    def pricelimit(self) -> Latest:
        """The table `price_limit`."""
        return self.price_limit

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        match msg:
            case {"arg": _, "data": _} | {"table": _, "data": _}:
                super()._onmessage(msg, ws)
            case {"event": "unsubscribe"}:
                self.books.unsubscribed(msg.get("arg"), ws)
                self.v3_depth.unsubscribed(msg.get("channel"), ws)
            case {"event": "error"}:
                logger.warning("OKJ refuses: %r", msg)
            case {"op": _, "code": code} if code != "0":  # an order that was sent by WebSocket
                logger.warning("OKJ refuses: %r", msg)

    def _topic(self, msg: Any) -> Sequence[str]:
        return _tables(msg["arg"]["channel"] if "arg" in msg else msg["table"])

    def _failure(self, url: URL, data: Any) -> bool:
        if is_v5(url):
            return not isinstance(data, dict) or data.get("code") != "0"
        return isinstance(data, dict) and bool(data.get("code") or data.get("error_code"))


_TABLES = {
    **dict.fromkeys(("books", "books5", "books50-l2-tbt", "books-l2-tbt"), ("books",)),
    **{name: (name,) for name in ("instruments", "tickers", "trades", "orders")},
    "trades-all": ("trades",),
    "price-limit": ("price_limit",),
    "bbo-tbt": ("bbo",),
    "account": ("account", "balance"),
    "balance_and_position": ("balance",),
    "orders-algo": ("orders_algo",),
    "spot/depth5": ("v3_depth",),
    **{f"spot/{name}": (f"v3_{name}",) for name in ("ticker", "trade", "depth", "account", "order", "order_algo")},
}


@lru_cache(maxsize=4096)
def _tables(channel: str) -> tuple[str, ...]:
    """Name the tables of a channel; the candles of each length have one of their own."""
    if channel.startswith(("candle", "spot/candle")):
        return ("candle",) if channel.startswith("candle") else ("v3_candle",)
    return _TABLES.get(channel, ())
