"""The tables of KuCoin; the books are in book.py, candles in kline.py, orders and positions in account.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import InitializeError
from ...store import DataStore, DataStoreCollection, Topic
from .._rows import row_of
from .account import Orders, Positions
from .book import Depth, OrderBook
from .endpoint import PRIVATE, PUBLIC, opened
from .kline import Kline
from .shapes import data_of, kind_of, symbol_of
from .stream import accepted, logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester

__all__ = ["EndpointError", "KuCoinDataStore"]

_DOCS = "https://www.kucoin.com/docs-new"


class EndpointError(InitializeError, RuntimeError):
    """A bullet call brought no endpoint."""

    def __init__(self, url: str, data: Any) -> None:
        super().__init__(url, data)
        self.args = (f"Failed to get a websocket endpoint: {data!r}",)


class Latest(DataStore):
    """What is known last of each key; a message holds what has changed."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([data_of(msg, self._KEYS)])


class Ticker(DataStore):
    """The ticker of each symbol; what spot, ``tickerV2`` and ``ticker`` of futures tell is merged.

    https://www.kucoin.com/docs-new
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        topic = msg["topic"]
        symbol = msg["subject"] if topic.endswith("all") else symbol_of(topic)
        self._update([row_of({"symbol": symbol, **data_of(msg)}, self._KEYS)])


class SymbolSnapshot(DataStore):
    """The statistics of each symbol, or of each symbol of a market.

    https://www.kucoin.com/docs-new
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([data_of(msg["data"], self._KEYS)])


class Execution(DataStore):
    """Trades of the market.

    https://www.kucoin.com/docs-new
    """

    _KEYS = ("tradeId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([data_of(msg, self._KEYS)])


class IndexPrice(Latest):
    """Index prices, and mark prices of margin trading.

    https://www.kucoin.com/docs-new
    """

    _KEYS = ("symbol",)


class OrderEvents(DataStore):
    """The last event of each order, fills too.

    https://www.kucoin.com/docs-new/3470073w0
    """

    _KEYS = ("orderId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([data_of(msg, self._KEYS)])


class Balance(Latest):
    """The balance of each account of spot and margin.

    https://www.kucoin.com/docs-new/3470075w0
    """

    _KEYS = ("accountId",)


class Events(DataStore):
    """Everything that was told, in the order of arrival."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([data_of(msg)])


class MarginPositions(DataStore):
    """What was told last of the margin account: its debts, or its state.

    https://www.kucoin.com/docs-new
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = data_of(msg)
        self._clear()
        self._insert([data])


class MarginOrders(DataStore):
    """Open orders to lend or to borrow; KuCoin has ended this topic."""

    _KEYS = ("orderId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        order = data_of(msg, self._KEYS)
        match msg["subject"]:
            case "order.open":
                self._insert([order])
            case "order.update":
                self._update([order])
            case "order.done":
                self._delete([order])


class MarginOrderEvents(DataStore):
    """Messages about orders to lend or to borrow, whole; KuCoin has ended this topic."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"subject": msg["subject"], **msg}])


class Instrument(DataStore):
    """Mark prices, index prices and funding rates of contracts, in the order of arrival.

    https://www.kucoin.com/docs-new
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"symbol": symbol_of(msg["topic"]), "subject": msg["subject"], **data_of(msg)}])


class Announcements(DataStore):
    """Begin and end of fundings, in the order of arrival.

    https://www.kucoin.com/docs-new
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"subject": msg["subject"], **data_of(msg)}])


class TransactionStats(DataStore):
    """The last 24 hours of each contract.

    https://www.kucoin.com/docs-new
    """

    _KEYS = ("symbol", "subject")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        row = {"subject": msg["subject"], "symbol": symbol_of(msg["topic"]), **data_of(msg)}
        self._insert([row_of(row, self._KEYS)])


class BalanceEvents(DataStore):
    """Changes of the futures account, in the order of arrival.

    https://www.kucoin.com/docs-new/3470092w0
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"subject": msg["subject"], "symbol": symbol_of(msg["topic"]), **data_of(msg)}])


class Endpoints(DataStore):
    """Not a table of rows: where the last bullet call said to connect to.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """

    url: str | None = None

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        try:
            self.url = opened(data, str(url.with_query(None))).url
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # not raised: it would quote the token
            logger.warning("an answer of KuCoin without token or server is skipped (%s)", type(error).__name__)
            return False
        return True


class KuCoinDataStore(DataStoreCollection):
    """What KuCoin sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Spot and futures have other symbols, so one store serves both, and the sockets of both.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """

    ticker = Topic(Ticker, "ticker", _DOCS)
    kline = Topic(Kline, "kline", f"{_DOCS}/3470071w0")
    symbolsnapshot = Topic(SymbolSnapshot, "symbolsnapshot", _DOCS)
    orderbook = Topic(OrderBook, "orderbook", f"{_DOCS}/3470068w0")
    orderbook5 = Topic(Depth, "orderbook5", f"{_DOCS}/3470069w0")
    orderbook50 = Topic(Depth, "orderbook50", f"{_DOCS}/3470069w0")
    execution = Topic(Execution, "execution", _DOCS)
    indexprice = Topic(IndexPrice, "indexprice", _DOCS)
    markprice = Topic(IndexPrice, "markprice", _DOCS)
    orderevents = Topic(OrderEvents, "orderevents", f"{_DOCS}/3470073w0")
    orders = Topic(Orders, "orders", f"{_DOCS}/3470073w0")
    balance = Topic(Balance, "balance", f"{_DOCS}/3470075w0")
    marginfundingbook = Topic(Events, "marginfundingbook", _DOCS)
    marginpositions = Topic(MarginPositions, "marginpositions", _DOCS)
    marginpositionevents = Topic(Events, "marginpositionevents", _DOCS)
    marginorders = Topic(MarginOrders, "marginorders", _DOCS)
    marginorderevents = Topic(MarginOrderEvents, "marginorderevents", _DOCS)
    instrument = Topic(Instrument, "instrument", _DOCS)
    announcements = Topic(Announcements, "announcements", _DOCS)
    transactionstats = Topic(TransactionStats, "transactionstats", _DOCS)
    balanceevents = Topic(BalanceEvents, "balanceevents", f"{_DOCS}/3470092w0")
    positions = Topic(Positions, "positions", f"{_DOCS}/3470093w0")

    _RESPONSES: ClassVar = {
        PUBLIC: "endpoint",
        PRIVATE: "endpoint",
        "/api/v1/market/candles": "kline",
        "/api/v1/positions": "positions",
        "/api/v1/orders": "orders",
        "/api/v1/hf/orders/active": "orders",
        "/api/v3/hf/margin/orders/active": "orders",
        "/api/v3/market/orderbook/level2": "orderbook",
        "/api/v1/market/orderbook/level2_100": "orderbook",
        "/api/v1/level2/snapshot": "orderbook",
    }
    _TABLES: ClassVar = {
        "/market/ticker": ("ticker",),
        "/contractMarket/tickerV2": ("ticker",),
        "/contractMarket/ticker": ("ticker",),
        "/market/candles": ("kline",),
        "/contractMarket/limitCandle": ("kline",),
        "/market/snapshot": ("symbolsnapshot",),
        "/market/level2": ("orderbook",),
        "/contractMarket/level2": ("orderbook",),
        "/spotMarket/level2Depth50": ("orderbook50",),
        "/contractMarket/level2Depth50": ("orderbook50",),
        "/spotMarket/level2Depth5": ("orderbook5",),
        "/contractMarket/level2Depth5": ("orderbook5",),
        "/market/match": ("execution",),
        "/contractMarket/execution": ("execution",),
        "/indicator/index": ("indexprice",),
        "/indicator/markPrice": ("markprice",),
        "/spotMarket/tradeOrders": ("orderevents", "orders"),
        "/spotMarket/tradeOrdersV2": ("orderevents", "orders"),
        "/spotMarket/advancedOrders": ("orderevents", "orders"),
        "/contractMarket/tradeOrders": ("orderevents", "orders"),
        "/contractMarket/advancedOrders": ("orderevents", "orders"),
        "/contract/instrument": ("instrument",),
        "/contract/announcement": ("announcements",),
        "/contractMarket/snapshot": ("transactionstats",),
        "/account/balance": ("balance",),
        "/margin/fundingBook": ("marginfundingbook",),
        "/margin/position": ("marginpositions", "marginpositionevents"),
        "/margin/loan": ("marginorders", "marginorderevents"),
        "/contractAccount/wallet": ("balanceevents",),
        "/contract/position": ("positions",),
        "/contract/positionAll": ("positions",),
    }

    def _init(self) -> None:
        self._create("endpoint", datastore_class=Endpoints)

    @property
    def endpoint(self) -> str:
        """Where the last bullet call that `initialize` got said to connect to; it holds a token.

        Raises:
            RuntimeError: There was none.
        """
        url = self._get("endpoint", Endpoints).url
        if url is None:
            raise RuntimeError("A websocket endpoint has not been initialized.")
        return url

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not isinstance(msg, dict):
            return
        if "topic" in msg:
            super()._onmessage(msg, ws)
        elif msg.get("type") == "error":
            logger.warning("KuCoin refuses: %r", msg)

    def _topic(self, msg: Any) -> Sequence[str]:
        return self._TABLES.get(kind_of(msg["topic"]), ())

    def _failure(self, url: URL, data: Any) -> bool:
        return not accepted(data)

    def _refused(self, url: URL, data: Any) -> None:
        if self._RESPONSES.get(url.path) == "endpoint":
            raise EndpointError(str(url.with_query(None)), data)
        super()._refused(url, data)
