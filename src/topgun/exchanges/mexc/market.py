"""The public tables of MEXC but for the books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .._rows import one_or_more

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["BookTicker", "Kline", "Price", "Ticker", "Trades"]

_SIDES = {1: "buy", 2: "sell"}
_INTERVALS = {
    "1m": "Min1", "5m": "Min5", "15m": "Min15", "30m": "Min30", "60m": "Min60", "4h": "Hour4", "1d": "Day1",
    "1W": "Week1", "1M": "Month1",
}  # fmt: skip


class Trades(DataStore):
    """The trades of everybody, in the order of arrival; ``symbol`` and ``side`` are added.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        symbol, body = msg["symbol"], msg.get("publicAggreDeals") or msg.get("publicDeals")
        side, deals = ("T", msg["data"]) if body is None else ("tradeType", body["deals"])
        self._insert([{"symbol": symbol, "side": _SIDES[deal[side]], **deal} for deal in one_or_more(deals)])


class Ticker(DataStore):
    """The ticker of each symbol; one of all contracts keeps what only that of a single one has.

    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if "data" in msg:
            data = msg["data"]
        else:
            data = msg["publicMiniTickers"]["items"] if "publicMiniTickers" in msg else msg["publicMiniTicker"]
        self._update(one_or_more(data, self._KEYS))


class BookTicker(DataStore):
    """The best bid and ask of each symbol of the spot market.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["publicAggreBookTicker"] if "publicAggreBookTicker" in msg else msg["publicBookTickerBatch"]["items"]
        self._update([{"symbol": msg["symbol"], **row} for row in one_or_more(data)])


class Price(DataStore):
    """What is known last of each contract: its funding rate, its index price or its fair price.

    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(msg["data"], self._KEYS))


class Kline(DataStore):
    """Candles; ``t`` is when each begins, in s. Those of spot have other fields than those of contracts.

    https://www.mexc.com/api-docs/spot-v3/market-data-endpoints#klinecandlestick-data
    """

    _KEYS = ("symbol", "interval", "t")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        candle = msg.get("publicSpotKline")
        row = msg["data"] if candle is None else {"symbol": msg["symbol"], "t": candle["windowStart"], **candle}
        self._update(one_or_more(row, self._KEYS))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        symbol, interval = url.query["symbol"], _INTERVALS[url.query["interval"]]
        self._update([_candle(symbol, interval, values) for values in data])


def _candle(symbol: str, interval: str, values: Any) -> Item:
    start, opening, high, low, close, volume, end, amount, *_ = values
    return {
        "symbol": symbol, "t": start // 1000, "interval": interval, "windowStart": start // 1000,
        "openingPrice": opening, "closingPrice": close, "highestPrice": high, "lowestPrice": low, "volume": volume,
        "amount": amount, "windowEnd": end // 1000,
    }  # fmt: skip
