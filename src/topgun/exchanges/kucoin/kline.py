"""Candles of KuCoin: those that are over are rows, the running one is kept aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import SystemClock
from ...store import DataStore
from .shapes import data_of, symbol_of, text

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Kline"]

_FIELDS = ("timestamp", "open", "close", "high", "low", "volume", "amount")


class Kline(DataStore):
    """Candles of spot and futures that are over; `latest` has the running one.

    https://www.kucoin.com/docs-new/3470071w0
    """

    _KEYS = ("symbol", "interval", "timestamp")

    def _init(self) -> None:
        self._running: dict[tuple[str, str], Item] = {}

    def latest(self, symbol: str, interval: str) -> Item | None:
        """Return the running candle, ``None`` if none is known.

        Args:
            symbol: As in the topic, ``BTC-USDT``.
            interval: As in the topic, ``1min``.
        """
        return self._running.get((symbol, interval))

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        symbol, _, interval = symbol_of(msg["topic"]).rpartition("_")
        data = data_of(msg, ("time",))
        candle, known = _candle(symbol, interval, data["time"], data["candles"]), self.latest(symbol, interval)
        if known is not None and (age := int(candle["timestamp"]) - int(known["timestamp"])):
            self._insert([known if age > 0 else candle])
            if age < 0:  # a candle that was over before: what is running stays
                return
        self._running[symbol, interval] = candle

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        symbol, interval = url.query["symbol"], url.query["type"]
        now = (SystemClock() if requester is None else requester.clock).now().ns // 1_000_000_000
        candles = [_candle(symbol, interval, now, values) for values in reversed(data["data"])]
        self._insert(candles)
        known = self.latest(symbol, interval)
        if known is not None and any(int(candle["timestamp"]) > int(known["timestamp"]) for candle in candles):
            del self._running[symbol, interval]  # it is over, and the answer has it


def _candle(symbol: str, interval: str, received_at: Any, values: Any) -> Item:
    row = {"symbol": symbol, "interval": interval, "received_at": received_at}
    row |= zip(_FIELDS, values[:7], strict=True)
    int(text(row["timestamp"]))
    return row
