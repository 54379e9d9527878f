"""What the public channels of the fake OKX tell: books, trades, tickers, candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import BARS, book, candle, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Trade
    from . import OKX

__all__ = ["BUSINESS", "PUBLIC", "TBT", "Feed"]

DEPTHS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50, "books5": 5, "bbo-tbt": 1}
TBT = ("books-l2-tbt", "books50-l2-tbt")  # channels that want a login
WHOLE = ("books5", "bbo-tbt")  # channels of snapshots alone
PUBLIC = (*DEPTHS, "trades", "tickers")
BUSINESS = tuple(f"candle{bar}" for bar in BARS)
FIRST = 363_996_337  # what the numbers of books are counted from


class _Book:
    """One channel of one market: what was told of it, and the number of that."""

    def __init__(self, market: Market, depth: int) -> None:
        self.view = View(market, depth)
        self.number = FIRST
        self.reset = False

    def step(self) -> tuple[int, Any] | None:
        """Return the number before and what has changed, ``None`` if nothing has."""
        changes = self.view.step()
        if changes is None:
            return None
        before = self.number
        self.number = before // 2 if self.reset else before + 1 + self.view.number % 7
        self.reset = False
        return before, changes


class Feed:
    """What is told to everybody.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel

    Attributes:
        snapshots: Whether a book begins with a snapshot.
    """

    def __init__(self, venue: OKX) -> None:
        self.snapshots = True
        self._venue = venue
        self._books = {
            (channel, name): _Book(market, depth)
            for name, market in venue.markets.items()
            for channel, depth in DEPTHS.items()
        }

    def begin(self, link: Link, topic: str, arg: dict[str, Any]) -> None:
        """Send what a channel begins with."""
        market, channel = self._venue.markets[arg["instId"]], arg["channel"]
        if channel in DEPTHS and (self.snapshots or channel in WHOLE):
            link.send(self._whole(channel, market, arg), topic=topic)
        elif channel == "tickers":
            link.send(self._ticker(market, arg), topic=topic)
        elif channel in BUSINESS:
            link.send(self._candle(market, arg), topic=topic)

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        for channel in DEPTHS:
            changed = self._books[channel, market.name].step()
            if changed is not None:
                self._tell_book(channel, market, *changed)
        if trades:
            self._tell(market, "trades", lambda arg: {"arg": arg, "data": [trade(market, each) for each in trades]})
            for channel in BUSINESS:
                self._tell(market, channel, lambda arg: self._candle(market, arg))
            self._tell(market, "tickers", lambda arg: self._ticker(market, arg))

    def keep_alive(self, market: Market) -> None:
        """Tell that a book has not changed."""
        for channel in DEPTHS:
            if channel not in WHOLE:
                number = self._books[channel, market.name].number
                self._tell_book(channel, market, number, {"sell": [], "buy": []})

    def reset(self, market: Market) -> None:
        """Begin to count anew with the next change."""
        for channel in DEPTHS:
            self._books[channel, market.name].reset = True

    def book(self, market: Market, depth: int) -> dict[str, Any]:
        """Return a book as a REST answer has it."""
        told = self._books["books", market.name]
        sides = (told.view.sides[side][:depth] for side in ("sell", "buy"))
        return {**book(market, *sides), "ts": self._now, "seqId": told.number}

    # --- inside ---

    @property
    def _now(self) -> str:
        return str(self._venue.now().ms)

    def _tell(self, market: Market, channel: str, message: Any, *, update: bool = False) -> None:
        for link in self._venue.links():
            for topic, arg in list(link.topics.items()):
                if arg["channel"] == channel and arg.get("instId") == market.name:
                    link.send(message(arg), topic=topic, update=update, event=not update)

    def _tell_book(self, channel: str, market: Market, before: int, changes: Any) -> None:
        def message(arg: dict[str, Any]) -> dict[str, Any]:
            if channel in WHOLE:
                return self._whole(channel, market, arg)
            data = book(market, changes["sell"], changes["buy"])
            numbers = {"ts": self._now, "checksum": 0, "seqId": self._books[channel, market.name].number}
            return {"arg": arg, "action": "update", "data": [{**data, **numbers, "prevSeqId": before}]}

        self._tell(market, channel, message, update=True)

    def _whole(self, channel: str, market: Market, arg: dict[str, Any]) -> dict[str, Any]:
        told = self._books[channel, market.name]
        data = {**book(market, told.view.sides["sell"], told.view.sides["buy"]), "ts": self._now}
        if channel in WHOLE:
            return {"arg": arg, "data": [{**data, "instId": market.name, "seqId": told.number}]}
        data = {**data, "checksum": 0, "seqId": told.number, "prevSeqId": -1}
        return {"arg": arg, "action": "snapshot", "data": [data]}

    def _ticker(self, market: Market, arg: dict[str, Any]) -> dict[str, Any]:
        return {"arg": arg, "data": [ticker(market, self._venue.products[market.name], self._venue.now().ms)]}

    def _candle(self, market: Market, arg: dict[str, Any]) -> dict[str, Any]:
        bar = arg["channel"].removeprefix("candle")
        return {"arg": arg, "data": [candle(market, bar, self._venue.now().ms)]}
