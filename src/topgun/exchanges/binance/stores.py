"""The collections of Binance, one for each product: which message goes into which table. The tables are beside it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import InitializeError
from ...store import DataStoreCollection, Topic
from .account import Account, AlgoOrder, Balance, FuturesOrder, OcoOrder, Position, SpotOrder
from .book import OrderBook, PartialDepth
from .listenkey import ListenKey
from .market import (
    BookTicker,
    CompositeIndex,
    ContinuousKline,
    IndexPrice,
    Kline,
    Liquidation,
    MarkPrice,
    Ticker,
    Trade,
)
from .shapes import depth_of, event_of, named, payload, refuses
from .stream import hang_up, warn_of_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from yarl import URL

__all__ = ["BinanceCOINMDataStore", "BinanceSpotDataStore", "BinanceUSDSMDataStore"]

logger = logging.getLogger("topgun.exchanges.binance")

_SPOT = "https://developers.binance.com/docs/binance-spot-api-docs"
_USDSM = "https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams"
_COINM = "https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams"
_USER = "https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams"
_KEY_REFUSED = (-2015, -2014, -1022)  # the key, its permissions, the signature
_TICKER = frozenset("usbBaA")  # the fields of a best bid and ask without a type of event
_RETIRED = (
    "Binance ended the listenKeys of the spot market on 2026-02-20. User data come over the WebSocket API: "
    'ws_connect("wss://ws-api.binance.com/ws-api/v3", send_json={"id": 1, "method": '
    '"userDataStream.subscribe.signature"}, hdlr_json=store.onmessage)'
)


_MARKET = {
    "trade": ("trade",),
    "aggTrade": ("trade",),
    "kline": ("kline",),
    "24hrMiniTicker": ("ticker",),
    "24hrTicker": ("ticker",),
    "bookTicker": ("bookticker",),
}
_SPOT_EVENTS = {
    **_MARKET,
    "executionReport": ("order",),
    "outboundAccountPosition": ("account",),
    "listStatus": ("ocoorder",),
}
_FUTURES_EVENTS = {
    **_MARKET,
    "markPriceUpdate": ("markprice",),
    "continuous_kline": ("continuouskline",),
    "forceOrder": ("liquidation",),
    "ORDER_TRADE_UPDATE": ("order",),
    "ALGO_UPDATE": ("algoorder",),
    "ACCOUNT_UPDATE": ("balance", "position"),
}


class _Binance(DataStoreCollection):
    """What the three collections have in common."""

    _EVENTS: ClassVar[Mapping[str, Sequence[str]]] = {}
    _PRIVATE: ClassVar[Sequence[str]] = ()

    def _init(self) -> None:
        self._create("listenkey", datastore_class=ListenKey)
        self._silent: set[Any] = set()  # open sockets whose user data were refused, or have ended

    @property
    def _listenkey(self) -> ListenKey:
        return self._get("listenkey", ListenKey)

    @property
    def listenkey(self) -> str | None:
        """The listenKey of a POST given to `initialize`, or the one that has replaced it; ``None`` before the first."""
        return self._listenkey.value

    # --- sockets ---

    def _onconnect(self, ws: Any) -> None:
        known = ws in self._sockets
        super()._onconnect(ws)
        if not known and ws in self._sockets:
            warn_of_path(ws.url)
            self._listenkey.connected(ws)

    # --- messages ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict):
            if refuses(msg):
                self._on_refusal(msg, ws)
                return
            if "result" in msg:
                if isinstance(msg["result"], dict) and "subscriptionId" in msg["result"]:
                    self._silent.discard(ws)
                return
            msg = named(msg, ws)
        data = payload(msg)
        notice = self._NOTICES.get(event_of(data))
        if notice is not None and isinstance(data, dict):
            notice(self, data, ws)
        else:
            super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        data = payload(msg)
        event = event_of(data)
        if event and event != "depthUpdate":
            return self._EVENTS.get(event, ())
        stream = msg.get("stream", "") if isinstance(msg, dict) else ""
        table = depth_of(stream).table
        if event or table == "partialdepth":
            return (table,)
        return ("bookticker",) if isinstance(data, dict) and data.keys() >= _TICKER else ()

    # --- what Binance says about the stream itself ---

    def _on_refusal(self, msg: Any, ws: Any) -> None:
        logger.warning("Binance refuses: %r", msg)
        error = msg.get("error")
        if isinstance(error, dict) and error.get("code") in _KEY_REFUSED:
            self._silence(ws)

    def _silence(self, ws: Any) -> None:
        """Know that a socket has no user data: until it has, no answer makes tables of the account live."""
        self._turn("stale", self._PRIVATE)
        if ws is not None:
            self._silent.add(ws)
            ws.on_close(self._silent.discard)

    def _turn(self, state: str, names: Collection[str]) -> None:
        if state == "live" and self._silent:
            names = [name for name in names if name not in self._PRIVATE]
        super()._turn(state, names)

    def _expired(self, data: Any, ws: Any) -> None:
        logger.warning("a listenKey has expired, a new one is made")
        self._turn("stale", self._PRIVATE)
        if ws is not None:
            self._listenkey.expired(data.get("listenKey"), ws)

    def _terminated(self, data: Any, ws: Any) -> None:
        logger.warning("the user data have ended: subscribe again")
        self._silence(ws)

    def _shutdown(self, data: Any, ws: Any) -> None:
        logger.warning("Binance is about to close a connection, another one is made")
        if ws is not None:
            ws.requester.spawn(hang_up(ws))

    _NOTICES: ClassVar[Mapping[str, Callable[[_Binance, Any, Any], None]]] = {
        "listenKeyExpired": _expired,
        "eventStreamTerminated": _terminated,
        "serverShutdown": _shutdown,
    }

    # --- responses ---

    async def _take(self, request: Awaitable[Any] | Callable[[], Awaitable[Any]]) -> None:
        try:
            await super()._take(request)
        except InitializeError as error:
            if error.url.endswith("/api/v3/userDataStream"):
                error.add_note(_RETIRED)
            raise

    def _failure(self, url: URL, data: Any) -> bool:
        return isinstance(data, dict) and "msg" in data and data.get("code") not in (None, 200)


class BinanceSpotDataStore(_Binance):
    """What the spot market of Binance sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    https://developers.binance.com/docs/binance-spot-api-docs
    """

    _EVENTS = _SPOT_EVENTS
    _PRIVATE = ("order", "account", "ocoorder")

    trade = Topic(Trade, "trade", f"{_SPOT}/web-socket-streams#trade-streams")
    kline = Topic(Kline, "kline", f"{_SPOT}/web-socket-streams#klinecandlestick-streams-for-utc")
    ticker = Topic(Ticker, "ticker", f"{_SPOT}/web-socket-streams#individual-symbol-ticker-streams")
    bookticker = Topic(BookTicker, "bookticker", f"{_SPOT}/web-socket-streams#individual-symbol-book-ticker-streams")
    orderbook = Topic(OrderBook, "orderbook", f"{_SPOT}/web-socket-streams#diff-depth-stream")
    partialdepth = Topic(PartialDepth, "partialdepth", f"{_SPOT}/web-socket-streams#partial-book-depth-streams")
    order = Topic(SpotOrder, "order", f"{_SPOT}/user-data-stream#order-update")
    ocoorder = Topic(OcoOrder, "ocoorder", f"{_SPOT}/user-data-stream#list-status")
    account = Topic(Account, "account", f"{_SPOT}/user-data-stream#account-update")

    _RESPONSES: ClassVar = {
        "/api/v3/depth": "orderbook",
        "/api/v3/klines": "kline",
        "/api/v3/openOrders": "order",
        "/api/v3/account": "account",
        "/api/v3/openOrderList": "ocoorder",
        "/api/v3/userDataStream": "listenkey",
    }


class BinanceUSDSMDataStore(_Binance):
    """What the USDⓈ-M futures of Binance send, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    https://developers.binance.com/docs/derivatives/usds-margined-futures
    """

    _EVENTS = _FUTURES_EVENTS | {"compositeIndex": ("compositeindex",)}
    _PRIVATE = ("order", "algoorder", "balance", "position")

    trade = Topic(Trade, "trade", f"{_USDSM}/Aggregate-Trade-Streams")
    kline = Topic(Kline, "kline", f"{_USDSM}/Kline-Candlestick-Streams")
    continuouskline = Topic(
        ContinuousKline, "continuouskline", f"{_USDSM}/Continuous-Contract-Kline-Candlestick-Streams"
    )
    ticker = Topic(Ticker, "ticker", f"{_USDSM}/Individual-Symbol-Ticker-Streams")
    bookticker = Topic(BookTicker, "bookticker", f"{_USDSM}/Individual-Symbol-Book-Ticker-Streams")
    markprice = Topic(MarkPrice, "markprice", f"{_USDSM}/Mark-Price-Stream")
    liquidation = Topic(Liquidation, "liquidation", f"{_USDSM}/Liquidation-Order-Streams")
    orderbook = Topic(OrderBook, "orderbook", f"{_USDSM}/Diff-Book-Depth-Streams")
    partialdepth = Topic(PartialDepth, "partialdepth", f"{_USDSM}/Partial-Book-Depth-Streams")
    compositeindex = Topic(CompositeIndex, "compositeindex", f"{_USDSM}/Composite-Index-Symbol-Information-Streams")
    order = Topic(FuturesOrder, "order", f"{_USER}/Event-Order-Update")
    algoorder = Topic(AlgoOrder, "algoorder", f"{_USER}/Event-Algo-Order-Update")
    balance = Topic(Balance, "balance", f"{_USER}/Event-Balance-and-Position-Update")
    position = Topic(Position, "position", f"{_USER}/Event-Balance-and-Position-Update")

    _RESPONSES: ClassVar = {
        "/fapi/v1/depth": "orderbook",
        "/fapi/v1/klines": "kline",
        "/fapi/v1/openOrders": "order",
        "/fapi/v1/openAlgoOrders": "algoorder",
        "/fapi/v2/balance": "balance",
        "/fapi/v3/balance": "balance",
        "/fapi/v2/positionRisk": "position",
        "/fapi/v3/positionRisk": "position",
        "/fapi/v1/indexInfo": "compositeindex",
        "/fapi/v1/listenKey": "listenkey",
    }


class BinanceCOINMDataStore(_Binance):
    """What the COIN-M futures of Binance send, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    https://developers.binance.com/docs/derivatives/coin-margined-futures
    """

    _EVENTS = _FUTURES_EVENTS | {
        "indexPriceUpdate": ("indexprice",),
        "indexPrice_kline": ("indexpricekline",),
        "markPrice_kline": ("markpricekline",),
    }
    _PRIVATE = ("order", "algoorder", "balance", "position")

    trade = Topic(Trade, "trade", f"{_COINM}/Aggregate-Trade-Streams")
    kline = Topic(Kline, "kline", f"{_COINM}/Kline-Candlestick-Streams")
    continuouskline = Topic(
        ContinuousKline, "continuouskline", f"{_COINM}/Continuous-Contract-Kline-Candlestick-Streams"
    )
    ticker = Topic(Ticker, "ticker", f"{_COINM}/Individual-Symbol-Ticker-Streams")
    bookticker = Topic(BookTicker, "bookticker", f"{_COINM}/Individual-Symbol-Book-Ticker-Streams")
    markprice = Topic(MarkPrice, "markprice", f"{_COINM}/Mark-Price-Stream")
    liquidation = Topic(Liquidation, "liquidation", f"{_COINM}/Liquidation-Order-Streams")
    orderbook = Topic(OrderBook, "orderbook", f"{_COINM}/Diff-Book-Depth-Streams")
    partialdepth = Topic(PartialDepth, "partialdepth", f"{_COINM}/Partial-Book-Depth-Streams")
    indexprice = Topic(IndexPrice, "indexprice", f"{_COINM}/Index-Price-Stream")
    indexpricekline = Topic(Kline, "indexpricekline", f"{_COINM}/Index-Kline-Candlestick-Streams")
    markpricekline = Topic(Kline, "markpricekline", f"{_COINM}/Mark-Price-Kline-Candlestick-Streams")
    order = Topic(FuturesOrder, "order", f"{_USER}/Event-Order-Update")
    algoorder = Topic(AlgoOrder, "algoorder", f"{_USER}/Event-Algo-Order-Update")
    balance = Topic(Balance, "balance", f"{_USER}/Event-Balance-and-Position-Update")
    position = Topic(Position, "position", f"{_USER}/Event-Balance-and-Position-Update")

    _RESPONSES: ClassVar = {
        "/dapi/v1/depth": "orderbook",
        "/dapi/v1/klines": "kline",
        "/dapi/v1/indexPriceKlines": "indexpricekline",
        "/dapi/v1/markPriceKlines": "markpricekline",
        "/dapi/v1/openOrders": "order",
        "/dapi/v1/balance": "balance",
        "/dapi/v1/positionRisk": "position",
        "/dapi/v1/listenKey": "listenkey",
    }
