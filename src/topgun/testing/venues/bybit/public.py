"""What the public topics of the fake Bybit tell: books, trades, tickers, candles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...market import Market
from ...view import View
from .shapes import book, candle, length, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Trade
    from . import Bybit

__all__ = ["CATEGORIES", "Feed"]

CATEGORIES = {f"/v5/public/{name}": name for name in ("spot", "linear", "inverse", "option")}
DEPTHS = (1, 50, 200, 1000)
FIRST = 18_521_287  # what the numbers of books are counted from; a 1 would mean that the service was restarted
TOPIC = re.compile(
    r"(?:orderbook\.(?:1|50|200|1000)|publicTrade|tickers|kline\.(?:1|3|5|15|30|60|120|240|360|720|D))\.(\w+)", re.ASCII
)


class Feed:
    """What is told to everybody.

    https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
    """

    def __init__(self, venue: Bybit) -> None:
        self._venue = venue
        self._views = {(name, depth): View(each, depth) for name, each in venue.markets.items() for depth in DEPTHS}
        self._tickers = {name: ticker(each, venue.products[name]) for name, each in venue.markets.items()}
        self._candles: dict[tuple[str, str], int] = {}  # when the candle began that was told last, in ms
        self._sequence = FIRST

    def market(self, path: str, topic: str) -> Market | None:
        """Return the market that a topic on this path is about, ``None`` if there is no such topic."""
        match = TOPIC.fullmatch(topic)
        wanted = (CATEGORIES.get(path), match[1] if match else None)
        fitting = (name for name, each in self._venue.products.items() if (each.category, each.symbol) == wanted)
        return next((self._venue.markets[name] for name in fitting), None)

    def begin(self, link: Link, topic: str) -> None:
        """Send what a topic begins with, if it is one of these."""
        match self.market(link.path, topic), topic.split("."):
            case Market() as market, ["orderbook", depth, _]:
                link.send(self._book(market, int(depth), topic), topic=topic)
            case Market() as market, ["tickers", _]:
                link.send(self._ticker(topic, "snapshot", self._tickers[market.name]), topic=topic)
            case Market() as market, ["kline", interval, _]:
                start = self._candles.setdefault((market.name, interval), self._start(interval))
                link.send(self._candle(market, interval, start, topic), topic=topic)

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        symbol = self._venue.products[market.name].symbol
        self._sequence += 1
        for depth in DEPTHS:
            if changes := self._views[market.name, depth].step():
                topic = f"orderbook.{depth}.{symbol}"
                told = self._book(market, depth, topic, None if depth == 1 else changes)
                self._tell(market, topic, told, update=True)
        if trades:
            rows = [trade(market, symbol, each) for each in trades]
            message = {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": self._now, "data": rows}
            self._tell(market, f"publicTrade.{symbol}", message, event=True)
        self._tell_ticker(market)
        self._tell_candles(market, happened=bool(trades))

    def numbers(self, market: Market, depth: int) -> dict[str, int]:
        """Return time and numbers of a book, as a REST answer has them."""
        number = FIRST + self._views[market.name, depth].number
        return {"ts": self._now, "u": number, "seq": self._sequence, "cts": self._now}

    # --- inside ---

    @property
    def _now(self) -> int:
        return self._venue.now().ms

    def _tell(self, market: Market, topic: str, message: dict[str, Any], **how: bool) -> None:
        category = self._venue.products[market.name].category
        for link in self._venue.links():
            if topic in link.topics and CATEGORIES.get(link.path) == category:
                link.send(message, topic=topic, **how)

    def _book(self, market: Market, depth: int, topic: str, changes: Any = None) -> dict[str, Any]:
        """Return a snapshot, or a message with `changes`; level 1 consists of snapshots alone."""
        sides = changes or self._views[market.name, depth].sides
        numbers = self.numbers(market, depth)
        data = book(market, self._venue.products[market.name].symbol, sides["sell"], sides["buy"])
        return {
            "topic": topic, "type": "delta" if changes else "snapshot", "ts": numbers["ts"],
            "data": {**data, "u": numbers["u"], "seq": numbers["seq"]}, "cts": numbers["cts"],
        }  # fmt: skip

    def _ticker(self, topic: str, kind: str, data: dict[str, str]) -> dict[str, Any]:
        return {"topic": topic, "type": kind, "data": data, "cs": self._sequence, "ts": self._now}

    def _tell_ticker(self, market: Market) -> None:
        """Tell the fields that changed; on spot always all of them."""
        product, before = self._venue.products[market.name], self._tickers[market.name]
        now = self._tickers[market.name] = ticker(market, product)
        news = {name: value for name, value in now.items() if value != before[name]}
        if news:
            topic = f"tickers.{product.symbol}"
            linear = product.category == "linear"
            data = {"symbol": product.symbol, **news} if linear else now
            self._tell(market, topic, self._ticker(topic, "delta" if linear else "snapshot", data), event=True)

    def _tell_candles(self, market: Market, *, happened: bool) -> None:
        """Tell the end of each candle whose time is over, then the running one if something happened in it."""
        for (name, interval), told in self._candles.items():
            if name == market.name:
                topic, start = f"kline.{interval}.{self._venue.products[name].symbol}", self._start(interval)
                for each in [told] * (start != told) + [start] * happened:
                    self._tell(market, topic, self._candle(market, interval, each, topic), event=True)
                self._candles[name, interval] = start

    def _candle(self, market: Market, interval: str, start: int, topic: str) -> dict[str, Any]:
        data = candle(market, interval, start, self._now)
        return {"topic": topic, "data": [data], "ts": self._now, "type": "snapshot"}

    def _start(self, interval: str) -> int:
        return self._now - self._now % length(interval)
