"""The public tables of Binance but for the books: what is traded, quoted and computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .._rows import one_or_more
from .shapes import mapped, payload

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester

__all__ = [
    "BookTicker",
    "CompositeIndex",
    "ContinuousKline",
    "IndexPrice",
    "Kline",
    "Liquidation",
    "MarkPrice",
    "Ticker",
    "Trade",
]


class Trade(DataStore):
    """Trades and aggregate trades: all of them, in the order of arrival.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#trade-streams
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(one_or_more(payload(msg)))


class Liquidation(DataStore):
    """Orders that liquidate somebody's position: the largest of each symbol and second.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Liquidation-Order-Streams
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([one_or_more(row["o"])[0] for row in one_or_more(payload(msg))])


class _Latest(DataStore):
    """What is known last of each key; a message holds one row, or an array of rows."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(payload(msg), self._KEYS))


class Ticker(_Latest):
    """The ticker of each symbol; a mini ticker keeps what only the full one has.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-ticker-streams
    """

    _KEYS = ("s",)


class BookTicker(_Latest):
    """The best bid and ask of each symbol.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-book-ticker-streams
    """

    _KEYS = ("s",)


class MarkPrice(_Latest):
    """The mark price and the funding rate of each symbol.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Mark-Price-Stream
    """

    _KEYS = ("s",)


class IndexPrice(_Latest):
    """The index price of each pair.

    https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams/Index-Price-Stream
    """

    _KEYS = ("i",)


class CompositeIndex(DataStore):
    """What each composite index is worth and consists of.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Composite-Index-Symbol-Information-Streams
    """

    _KEYS = ("s",)
    _PARTS = {"b": "baseAsset", "q": "quoteAsset", "w": "weightInQuantity", "W": "weightInPercentage"}  # noqa: RUF012

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{name: row[name] for name in "spEc"} for row in one_or_more(payload(msg))])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._update(
            [
                {
                    "s": row["symbol"],
                    "p": None,
                    "E": row["time"],
                    "c": [{**mapped(part, self._PARTS), "i": None} for part in one_or_more(row["baseAssetList"])],
                }
                for row in one_or_more(data, ("symbol",))
            ]
        )


class Kline(DataStore):
    """Candles, also those of the mark price and of the index price, whose ``s`` is the pair.

    A candle from an HTTP answer has ``x`` true even if it is still open. It does not replace a row that has seen more.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#klinecandlestick-streams-for-utc
    """

    _KEYS = ("t", "s", "i")
    _FIELDS = tuple("tohlcvTqnVQB")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = payload(msg)
        candle = data["k"] if data["e"] != "indexPrice_kline" else {**data["k"], "s": data["ps"]}
        self._update(one_or_more(candle, self._KEYS))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        symbol, interval = url.query.get("symbol") or url.query["pair"], url.query["interval"]
        rows = [
            {**dict(zip(self._FIELDS, values[:12], strict=True)), "s": symbol, "i": interval}
            | {"x": True, "f": None, "L": None}
            for values in data
        ]
        self._update([row for row in rows if int(row["n"]) >= int((self.get(row) or row)["n"])])


class ContinuousKline(DataStore):
    """Candles of a kind of contract (``ct``) of a pair (``ps``).

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Continuous-Contract-Kline-Candlestick-Streams
    """

    _KEYS = ("ps", "ct", "t", "i")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = payload(msg)
        self._update(one_or_more({"ps": data["ps"], "ct": data["ct"], **data["k"]}, self._KEYS))
