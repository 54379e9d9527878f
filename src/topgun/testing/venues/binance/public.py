"""What the public streams of the fake Binance tell: books, trades, tickers, candles."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from ...view import SIDES, View
from .shapes import MINUTES, best, candle, levels, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...market import Market
    from ...orders import Trade
    from . import Binance
    from .account import Product

__all__ = ["Feed"]

FIRST = 390_497_796  # what the numbers of books are counted from
STREAM = re.compile(
    r"(?P<symbol>[a-z0-9_]+)@(?P<kind>trade|aggTrade|bookTicker|miniTicker|ticker|markPrice(?:@1s)?"
    rf"|kline_(?P<interval>{'|'.join(MINUTES)})|depth(?P<levels>5|10|20)?(?:@(?:100|250|500|1000)ms)?)",
    re.ASCII,
)
ARRAYS = {"!miniTicker@arr": "24hrMiniTicker", "!ticker@arr": "24hrTicker", "!markPrice@arr": "markPriceUpdate"}


class Feed:
    """What is told to everybody.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
    """

    def __init__(self, venue: Binance) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}
        self._numbers = dict.fromkeys(venue.markets, FIRST)
        self._steps = count(1)

    def last(self, market: Market) -> int:
        """Return the number of the last change of a book."""
        return self._numbers[market.name]

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        product = self._venue.products[market.name]
        changes = self._views[market.name].step()
        depth = None if changes is None else self._depth(market, product, changes)
        for link in self._venue.stream_links(product.kind):
            for stream in link.topics:
                for message, how in self._messages(market, product, stream, trades, depth):
                    self._venue.tell(link, stream, message, **how)

    # --- inside ---

    def _messages(
        self, market: Market, product: Product, stream: str, trades: Sequence[Trade], depth: Any
    ) -> list[tuple[Any, dict[str, bool]]]:
        """Return what a stream says about one move of a market, and how faults treat it."""
        now, event = self._venue.now().ms, {"event": True}
        if stream in ARRAYS:
            return [([self._array_row(market, product, ARRAYS[stream], now)], event)]
        match = STREAM.fullmatch(stream)
        if match is None or match["symbol"] != product.symbol.lower():
            return []
        kind, interval = match["kind"], match["interval"]
        if kind.startswith("depth"):
            partial = depth and match["levels"]
            told = self._partial(market, product, int(match["levels"]), depth) if partial else depth
            return [(told, event if partial else {"update": True})] * (depth is not None)
        if kind in ("trade", "aggTrade"):
            return [(trade(market, product, each, kind, now), event) for each in trades]
        if kind == "bookTicker":
            row = best(market, product, self.last(market), now)
        elif interval:
            row = {"e": "kline", "E": now, "s": product.symbol, "k": candle(market, product, interval, now)}
        else:
            name = {"miniTicker": "24hrMiniTicker", "ticker": "24hrTicker"}.get(kind, "markPriceUpdate")
            row = self._array_row(market, product, name, now)
        return [(row, event)]

    def _array_row(self, market: Market, product: Product, event: str, now: int) -> dict[str, Any]:
        if event != "markPriceUpdate":
            return ticker(market, product, event, now)
        price = f"{market.last:f}"
        return {"e": event, "E": now, "s": product.symbol, "p": price, "i": price, "r": "0.0001", "T": now + 3_600_000}

    def _depth(self, market: Market, product: Product, changes: Any) -> dict[str, Any]:
        """Return a change of a book. On futures numbers are left out between two changes, and ``pu`` links them."""
        before, now = self._numbers[market.name], self._venue.now().ms
        futures = product.kind != "spot"
        first = before + 1 + (next(self._steps) % 3 if futures else 0)
        last = self._numbers[market.name] = first + sum(len(changes[side]) for side in SIDES) - 1
        asks, bids = (levels(market, changes[side]) for side in SIDES)
        told = {"e": "depthUpdate", "E": now, "s": product.symbol, "U": first, "u": last, "b": bids, "a": asks}
        pair = product.symbol.partition("_")[0]
        more = {"T": now, "pu": before, "ps": pair, "st": 1 if product.kind == "usdsm" else 2}
        return {**told, **more} if futures else told

    def _partial(self, market: Market, product: Product, limit: int, depth: dict[str, Any]) -> dict[str, Any]:
        bids, asks = (levels(market, market.levels(side, limit)) for side in reversed(SIDES))
        if product.kind == "spot":
            return {"lastUpdateId": self.last(market), "bids": bids, "asks": asks}
        return {**depth, "b": bids, "a": asks}
