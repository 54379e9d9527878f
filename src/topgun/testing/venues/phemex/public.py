"""What the public channels of the fake Phemex tell: books, trades, tickers, candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import PACK, candle, fixed, levels, packed, statistics, trade_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Trade
    from . import Phemex

__all__ = ["DEPTHS", "INTERVALS", "Feed"]

DEPTHS = (0, 1, 5, 10, 30)  # levels of a book; 0 = all
INTERVALS = (60, 300, 900, 1800, 3600, 14400, 86400)  # s
AGAIN = 60.0  # s after which a book is told whole again
FIRST = 77_668_172  # what messages are counted from
STEP = 7  # how far apart the numbers of messages are


class Feed:
    """What is told to everybody.

    https://phemex-docs.github.io/#subscribe-orderbook-for-new-model
    """

    def __init__(self, venue: Phemex) -> None:
        self._venue = venue
        self._views = {
            (name, depth): View(market, depth or None) for name, market in venue.markets.items() for depth in DEPTHS
        }
        self._told: dict[tuple[str, int], float] = {}  # when a book was last told whole, in s
        self._candles: dict[tuple[str, int], int] = {}  # when the candle began that was told last, in s
        self._packs: dict[str, dict[str, str]] = {}
        self.sequence = FIRST

    def begin(self, link: Link, channel: str, symbol: str, given: Any) -> None:
        """Send what a subscription begins with."""
        topic = f"{channel}.{symbol}" if symbol else channel
        market = self._venue.markets.get(symbol.removeprefix("."))
        if market is None:
            rows = [list(statistics(each).values()) for each in self._venue.markets.values()]
            link.send({**self._pack(rows, "snapshot"), "fields": list(PACK)}, topic=topic)
        elif channel == "orderbook_p":
            link.send(self._book(market, given), topic=topic)
        elif channel == "trade_p":
            rows = [trade_row(market, each) for each in reversed(market.trades)]
            link.send(self._message(market, "trades_p", rows, "snapshot"), topic=topic)
        elif channel == "kline_p":
            start = self._candles.setdefault((symbol, given), self._start(given))
            rows = [candle(market, given, start)]
            link.send(self._message(market, "kline_p", rows, "snapshot"), topic=topic)
        else:
            link.send(self._single(market, channel), topic=topic)

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        self.sequence += STEP
        for depth in DEPTHS:
            changes = self._views[market.name, depth].step()
            whole = self._now - self._told.setdefault((market.name, depth), self._now) >= AGAIN
            if whole:
                self._told[market.name, depth] = self._now
            if changes or whole:
                message = self._book(market, depth, None if whole else changes)
                self._tell(f"orderbook_p.{market.name}", message, depth, update=True)
        if trades:
            rows = [trade_row(market, each) for each in reversed(trades)]
            message = self._message(market, "trades_p", rows, "incremental")
            self._tell(f"trade_p.{market.name}", message, event=True)
            self._tell(f"market24h_p.{market.name}", self._single(market, "market24h_p"), event=True)
            self._tell(f"tick_p..{market.name}", self._single(market, "tick_p"), event=True)
            self._tell("perp_market24h_pack_p", self._pack([list(statistics(market).values())]), event=True)
        for seconds in INTERVALS:
            if trades and (market.name, seconds) in self._candles:
                start = self._start(seconds)
                starts = sorted({self._candles[market.name, seconds], start})
                self._candles[market.name, seconds] = start
                rows = [candle(market, seconds, each) for each in starts]
                message = self._message(market, "kline_p", rows, "incremental")
                self._tell(f"kline_p.{market.name}", message, seconds, event=True)

    # --- inside ---

    @property
    def _now(self) -> float:
        return self._venue.now().ns / 1e9

    def _tell(self, topic: str, message: dict[str, Any], given: Any = None, **how: bool) -> None:
        for link in self._venue.links():
            if topic in link.topics and link.topics[topic] == given:
                link.send(message, topic=topic, **how)

    def _start(self, seconds: int) -> int:
        now = self._venue.now().seconds
        return now - now % seconds

    def _message(self, market: Market, name: str, rows: list[Any], kind: str) -> dict[str, Any]:
        return {name: rows, "sequence": self.sequence, "symbol": market.name, "type": kind}

    def _book(self, market: Market, depth: int, changes: Any = None) -> dict[str, Any]:
        """Return a snapshot, or a message with `changes`."""
        told = levels(market, changes or self._views[market.name, depth].sides)
        return {
            "depth": depth, "orderbook_p": told, "sequence": self.sequence, "symbol": market.name,
            "timestamp": self._venue.now().ns, "type": "incremental" if changes else "snapshot",
        }  # fmt: skip

    def _single(self, market: Market, channel: str) -> dict[str, Any]:
        now = self._venue.now().ns
        if channel == "tick_p":
            return {"tick_p": {"last": fixed(market.last, market.tick), "symbol": f".{market.name}", "timestamp": now}}
        return {"market24h_p": packed(market), "timestamp": now}

    def _pack(self, rows: list[Any], kind: str = "incremental") -> dict[str, Any]:
        method = "perp_market24h_pack_p.update"
        return {"data": rows, "method": method, "timestamp": self._venue.now().ns, "type": kind}
