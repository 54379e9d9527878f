"""What the public channels of the fake Bitget tell: books, trades, tickers, candles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import candle, checksum, levels, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Level, Trade
    from . import Bitget

__all__ = ["CANDLE", "DEPTHS", "Feed", "pushed", "topic_of"]

DEPTHS = {"books": None, "books1": 1, "books5": 5, "books15": 15}
CANDLE = re.compile(r"candle(1m|5m|15m|30m|1H|4H|1D)")
FIRST, STEP = 1_304_000_000_000, 3  # numbers of books rise, by more than one


class Feed:
    """What is told to everybody.

    https://www.bitget.com/api-doc/contract/websocket/public/Order-Book-Channel
    """

    def __init__(self, venue: Bitget) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}

    def market(self, arg: dict[str, Any]) -> Market | None:
        """Return the market that a channel is about, ``None`` if there is no such channel."""
        channel, wanted = str(arg.get("channel")), (arg.get("instType"), arg.get("instId"))
        if channel not in (*DEPTHS, "ticker", "trade") and not CANDLE.fullmatch(channel):
            return None
        fitting = (name for name, each in self._venue.products.items() if (each.kind, each.symbol) == wanted)
        return next((self._venue.markets[name] for name in fitting), None)

    def begin(self, link: Link, arg: dict[str, Any], market: Market) -> None:
        """Send what a channel begins with."""
        link.send(pushed(arg, self._told(arg, market), self._venue.now().ms), topic=topic_of(arg))

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        changes = self._views[market.name].step()
        product = self._venue.products[market.name]
        for link in self._venue.links():
            for arg in list(link.topics.values()):
                if (arg["instType"], arg.get("instId")) != (product.kind, product.symbol):
                    continue
                if arg["channel"] in DEPTHS:
                    if changes:
                        self._tell_book(link, arg, market, changes)
                elif trades and arg["channel"] == "trade":
                    rows = [trade(market, each) for each in reversed(trades)]
                    self._send(link, arg, rows, "update")
                elif trades and self.market(arg):
                    kind = "snapshot" if arg["channel"] == "ticker" else "update"
                    self._send(link, arg, self._told(arg, market), kind)

    # --- inside ---

    def _send(self, link: Link, arg: dict[str, Any], rows: list[Any], action: str, **how: bool) -> None:
        message = pushed(arg, rows, self._venue.now().ms, action)
        link.send(message, topic=topic_of(arg), **(how or {"event": True}))

    def _told(self, arg: dict[str, Any], market: Market) -> list[Any]:
        channel, now = arg["channel"], self._venue.now().ms
        if channel in DEPTHS:
            return [self._book(arg, market)]
        if channel == "ticker":
            product = self._venue.products[market.name]
            return [{"instId": product.symbol, **ticker(market, product, now)}]
        if channel == "trade":
            return [trade(market, each) for each in reversed([*market.trades][-50:])]
        return [candle(market, channel.removeprefix("candle"), now)]

    def _tell_book(self, link: Link, arg: dict[str, Any], market: Market, changes: Any) -> None:
        whole = arg["channel"] != "books"
        rows = [self._book(arg, market, None if whole else changes)]
        self._send(link, arg, rows, "snapshot" if whole else "update", update=True)

    def _book(self, arg: dict[str, Any], market: Market, changes: Any = None) -> dict[str, Any]:
        """Write a book, or a change of one. Futures tell the number before, spot a checksum."""
        view, depth = self._views[market.name], DEPTHS[arg["channel"]]
        asks: list[Level]
        bids: list[Level]
        asks, bids = (view.sides[side][:depth] for side in ("sell", "buy"))
        number = FIRST + STEP * view.number
        told = changes or {"sell": asks, "buy": bids}
        before = {"pseq": str(number - STEP if changes else 0), "seq": str(number)}
        signs = before if arg["instType"] != "SPOT" else {"checksum": checksum(market, asks, bids), "seq": number}
        sides = {"asks": levels(market, told["sell"]), "bids": levels(market, told["buy"])}
        return {**sides, **signs, "ts": str(self._venue.now().ms)}


def pushed(arg: dict[str, Any], rows: list[Any], now: int, action: str = "snapshot") -> dict[str, Any]:
    """Return a message with data."""
    return {"action": action, "arg": arg, "data": rows, "ts": now}


def topic_of(arg: dict[str, Any]) -> str:
    """Return what a channel is called in commands to the fake: ``books.BTCUSDT.USDT-FUTURES``."""
    return ".".join(str(arg.get(name)) for name in ("channel", "instId" if "instId" in arg else "coin", "instType"))
