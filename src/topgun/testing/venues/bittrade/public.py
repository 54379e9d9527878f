"""What the market data of the fake BitTrade tell: books, trades, candles, the last day, the dealer's prices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import PERIODS, book, candles, detail, offer, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...market import Market
    from ...orders import Trade
    from . import BitTrade

__all__ = ["PUBLIC", "RETAIL", "Feed"]

PUBLIC, RETAIL = "/ws", "/retail/ws"
LEVELS, SHORT = 150, 20
FIRST, STEP = 204_675_265_000, 7  # the number of the first book, and from one to the next
TOPIC = re.compile(
    r"market\.(\w+)\.((?:depth\.step0|mbp\.150|mbp\.refresh\.20|bbo|trade\.detail|detail)|kline\.(\w+))", re.ASCII
)


class Feed:
    """What is told to everybody.

    https://api-doc.bittrade.co.jp/
    """

    def __init__(self, venue: BitTrade) -> None:
        self._venue = venue
        self._views = {
            name: [View(market, limit) for limit in (LEVELS, SHORT, 1)] for name, market in venue.markets.items()
        }

    def refusal(self, topic: str) -> str:
        """Return why there is no such topic, or nothing."""
        match = TOPIC.fullmatch(topic)
        if match is None or (match[3] is not None and match[3] not in PERIODS):
            return f"invalid topic {topic}"
        return "" if match[1] in self._venue.markets else f"invalid symbol {match[1]}"

    def now(self, topic: str) -> dict[str, Any] | None:
        """Return what a topic that begins with something begins with."""
        market, kind = self._named(topic)
        match kind.split("."):
            case ["depth", _] | ["mbp", "refresh", _] | ["bbo"] | ["detail"] | ["kline", _]:
                return {"ch": topic, "ts": self._ms, "tick": self._tick(market, kind)}
        return None

    def reply(self, topic: str) -> dict[str, Any]:
        """Return what a ``req`` is answered with, besides its id."""
        market, kind = self._named(topic)
        told: dict[str, Any] = {"rep": topic, "status": "ok", "ts": self._ms}
        match kind.split("."):
            case ["mbp", *_]:
                return {**told, "data": self._tick(market, "mbp.refresh.150")}
            case ["trade", _]:
                return {**told, "data": [trade(each) for each in reversed(market.trades)][:300]}
            case ["kline", period]:
                return {**told, "data": candles(market, period, self._ms, 300)[::-1]}
        return {**told, "tick": self._tick(market, kind)}

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        large, short, best = self._views[market.name]
        before = self.version(market)
        if changes := large.step():
            tick = {"seqNum": self.version(market), "prevSeqNum": before, **book(changes)}
            self._tell(f"market.{market.name}.mbp.{LEVELS}", tick, update=True)
            self._tell_now(market, "depth.step0", update=True)
        if short.step():
            self._tell_now(market, f"mbp.refresh.{SHORT}", update=True)
        if best.step():
            self._tell_now(market, "bbo", event=True)
        if trades:
            rows = [trade(each) for each in trades]
            self._tell(f"market.{market.name}.trade.detail", {**rows[-1], "data": rows}, event=True)
            for kind in ("detail", *(f"kline.{period}" for period in PERIODS)):
                self._tell_now(market, kind, event=True)
        for link in self._venue.links():
            if link.path == RETAIL and "1" in link.topics:
                link.send(self.dealer(), topic="1", event=True)

    def dealer(self) -> dict[str, Any]:
        """Return the prices of the dealer."""
        return offer(self._venue.markets.values(), self._ms)

    def version(self, market: Market) -> int:
        """Return the number of the book as it is now."""
        return FIRST + STEP * self._views[market.name][0].number

    # --- inside ---

    @property
    def _ms(self) -> int:
        return self._venue.now().ms

    def _named(self, topic: str) -> tuple[Market, str]:
        _, symbol, kind = topic.split(".", 2)
        return self._venue.markets[symbol], kind

    def _tick(self, market: Market, kind: str) -> dict[str, Any]:
        """Return all of what a topic tells, as it is now."""
        sides, version = self._views[market.name][0].sides, self.version(market)
        match kind.split("."):
            case ["depth", _]:
                return {**book(sides), "version": version, "ts": self._ms}
            case ["mbp", _, limit]:
                return {"seqNum": version, **book(sides, int(limit))}
            case ["bbo"]:
                row = ticker(market)
                told = {name: row[name] for name in ("symbol", "ask", "askSize", "bid", "bidSize")}
                return {"seqId": version, **told, "quoteTime": self._ms}
            case ["kline", period]:
                return candles(market, period, self._ms)[0]
        return detail(market, version)

    def _tell_now(self, market: Market, kind: str, **how: bool) -> None:
        topic = f"market.{market.name}.{kind}"
        if any(topic in link.topics for link in self._venue.links()):
            self._tell(topic, self._tick(market, kind), **how)

    def _tell(self, topic: str, tick: dict[str, Any], **how: bool) -> None:
        for link in self._venue.links():
            if link.path == PUBLIC and topic in link.topics:
                link.send({"ch": topic, "ts": self._ms, "tick": tick}, topic=topic, **how)
