"""`MEXCDataStore`: which message goes into which table. The tables are beside it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStoreCollection, Topic
from .account import Account, Executions, Latest, Orders, Positions
from .book import OrderBook
from .listenkey import ListenKey
from .market import BookTicker, Kline, Price, Ticker, Trades

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from yarl import URL

__all__ = ["MEXCDataStore"]

logger = logging.getLogger("topgun.exchanges.mexc")

_SPOT = "https://www.mexc.com/api-docs/spot-v3/websocket-market-streams"
_USER = "https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams"
_CONTRACT = "https://www.mexc.com/api-docs/futures/websocket-api"
_BODIES = {  # what a push of spot holds
    "publicDeals": ("trades",),
    "publicAggreDeals": ("trades",),
    "publicAggreDepths": ("orderbook",),
    "publicLimitDepths": ("orderbook",),
    "publicAggreBookTicker": ("book_ticker",),
    "publicBookTickerBatch": ("book_ticker",),
    "publicSpotKline": ("kline",),
    "publicMiniTicker": ("ticker",),
    "publicMiniTickers": ("ticker",),
    "privateAccount": ("account",),
    "privateDeals": ("executions",),
    "privateOrders": ("orders",),
}
_CHANNELS = {  # of contracts
    "push.ticker": ("ticker",),
    "push.tickers": ("ticker",),
    "push.deal": ("trades",),
    "push.depth": ("orderbook",),
    "push.depth.full": ("orderbook",),
    "push.kline": ("kline",),
    "push.funding.rate": ("funding_rate",),
    "push.index.price": ("index_price",),
    "push.fair.price": ("fair_price",),
    "push.personal.asset": ("account",),
    "push.personal.order": ("orders",),
    "push.personal.order.deal": ("executions",),
    "push.personal.position": ("positions",),
    "push.personal.adl.level": ("adl_level",),
    "push.personal.risk.limit": ("risk_limit",),
}
_PRIVATE = "spot@private."
_ACCOUNT = ("account", "orders", "executions")  # what channels of that name fill


class MEXCDataStore(DataStoreCollection):
    """What both markets of MEXC send, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    https://www.mexc.com/api-docs/spot-v3/introduction
    """

    ticker = Topic(Ticker, "ticker", _CONTRACT)
    book_ticker = Topic(BookTicker, "book_ticker", _SPOT)
    trades = Topic(Trades, "trades", _SPOT)
    orderbook = Topic(OrderBook, "orderbook", _SPOT)
    kline = Topic(Kline, "kline", _SPOT)
    funding_rate = Topic(Price, "funding_rate", _CONTRACT)
    index_price = Topic(Price, "index_price", _CONTRACT)
    fair_price = Topic(Price, "fair_price", _CONTRACT)
    account = Topic(Account, "account", _USER)
    orders = Topic(Orders, "orders", _USER)
    executions = Topic(Executions, "executions", _USER)
    positions = Topic(Positions, "positions", _CONTRACT)
    adl_level = Topic(Latest, "adl_level", _CONTRACT, keys=("positionId",))
    risk_limit = Topic(Latest, "risk_limit", _CONTRACT, keys=("symbol", "positionType"))

    _RESPONSES: ClassVar[Mapping[str, str]] = {
        "/api/v3/depth": "orderbook",
        "/api/v3/klines": "kline",
        "/api/v3/account": "account",
        "/api/v3/openOrders": "orders",
        "/api/v3/userDataStream": "listenkey",
        "/api/v1/contract/depth": "orderbook",
        "/api/v1/private/account/assets": "account",
        "/api/v1/private/order/list/open_orders": "orders",
        "/api/v1/private/position/open_positions": "positions",
    }

    def _init(self) -> None:
        self._create("listenkey", datastore_class=ListenKey)
        self._silent: set[Any] = set()  # open sockets that were refused what an account is told

    @property
    def listenkey(self) -> str | None:
        """The listenKey of a POST given to `initialize`, or the one that has replaced it; ``None`` before the first."""
        return self._get("listenkey", ListenKey).value

    def _onconnect(self, ws: Any) -> None:
        known = ws in self._sockets
        super()._onconnect(ws)
        if not known and ws in self._sockets:
            self._get("listenkey", ListenKey).connected(ws)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if _refuses(msg):
            logger.warning("MEXC refuses: %.500r", msg)
            if _PRIVATE in str(msg.get("msg")):
                self._silence(ws)
        elif isinstance(msg, dict) and _PRIVATE in str(msg.get("msg")):
            self._silent.discard(ws)
        else:
            super()._onmessage(msg, ws)

    def _silence(self, ws: Any) -> None:
        """Know that a socket tells nothing of the account: until it does, no answer makes its tables live."""
        self._turn("stale", _ACCOUNT)
        if ws is not None and not ws.closed:
            self._silent.add(ws)
            ws.on_close(self._silent.discard)

    def _turn(self, state: str, names: Collection[str]) -> None:
        if state == "live" and self._silent:
            names = [name for name in names if name not in _ACCOUNT]
        super()._turn(state, names)

    def _topic(self, msg: Any) -> Sequence[str]:
        channel = msg.get("channel") if isinstance(msg, dict) else None
        if not isinstance(channel, str):
            return ()
        if channel.startswith("spot@"):
            return next((_BODIES[name] for name in msg if name in _BODIES), ())
        return _CHANNELS.get(channel, ())

    def _answered(self, url: URL, data: Any, question: Any) -> tuple[Sequence[str], Any]:
        return self._filled(url), data

    def _filled(self, url: URL) -> Sequence[str]:
        """Return the tables that an answer of `url` fills; a symbol may follow the path."""
        name = self._RESPONSES.get(url.path) or self._RESPONSES.get(url.parent.path)
        return () if name is None else (name,)

    def _failure(self, url: URL, data: Any) -> bool:
        return isinstance(data, dict) and (data.get("success") is False or bool(data.get("code")))

    def _refused(self, url: URL, data: Any) -> None:
        logger.warning("MEXC refuses %s: %.500r", url.path, data)
        self._turn("stale", self._filled(url))


def _refuses(msg: Any) -> bool:
    """Tell a refusal: on spot even those have the code 0, and their text is not what was subscribed to."""
    if not isinstance(msg, dict):
        return False
    if "channel" in msg:
        return bool(msg["channel"] == "rs.error")
    text = msg.get("msg")
    if not isinstance(text, str):
        return False
    return bool(msg.get("code")) or (text != "PONG" and not all(part.startswith("spot@") for part in text.split(",")))
