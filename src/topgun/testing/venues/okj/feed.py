"""What the public channels of the fake OKJ tell: books, trades, tickers, candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import candle, checksum, iso, levels, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Level, Side, Trade
    from . import OKJ

    Sides = dict[Side, list[Level]]

__all__ = ["BARS", "BARS3", "CHANNELS", "CHANNELS3", "Feed", "instrument"]

DEPTHS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50, "books5": 5, "bbo-tbt": 1}
DEPTHS3 = {"spot/depth": 400, "spot/depth5": 5}
CHANGES = ("books", "books-l2-tbt", "books50-l2-tbt", "spot/depth")  # those that begin with a snapshot, then change
BARS = {"candle1m": 60, "candle5m": 300, "candle1H": 3600, "candle1D": 86400}  # s
BARS3 = {f"spot/candle{seconds}s": seconds for seconds in (60, 300, 3600, 86400)}
CHANNELS = (*DEPTHS, "trades", "tickers", "instruments", "price-limit")
CHANNELS3 = (*DEPTHS3, *BARS3, "spot/trade", "spot/ticker")
FIRST, STEP = 4_588_907, 4  # the numbers of books jump


class Feed:
    """What is told to everybody.

    https://dev.okj.com/apidoc/v5/en/
    """

    def __init__(self, venue: OKJ) -> None:
        self._venue = venue
        depths = {*DEPTHS.values(), *DEPTHS3.values()}
        self._views = {(name, depth): View(each, depth) for name, each in venue.markets.items() for depth in depths}

    def begin(self, link: Link, topic: str, channel: str, name: str) -> None:
        """Send what a channel begins with."""
        market, now = self._venue.markets[name], self._venue.now()
        if channel in DEPTHS or channel in DEPTHS3:
            link.send(self._book(link.topics[topic], channel, name), topic=topic)
        elif channel in BARS or channel in BARS3:
            link.send(self._candle(link.topics[topic], channel, market), topic=topic)
        elif channel == "instruments":
            self._send(link, topic, instrument(market))
        elif channel == "price-limit":
            limits = {"buyLmt": str(market.last * 2), "sellLmt": str(market.last / 2)}
            self._send(link, topic, {"instId": name, **limits, "ts": str(now.ms)})
        elif channel in ("tickers", "spot/ticker"):
            self._send(link, topic, self._ticker(link.topics[topic], market))

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        name = market.name
        changes = {depth: self._views[name, depth].step() for depth in {*DEPTHS.values(), *DEPTHS3.values()}}
        for channel, depth in {**DEPTHS, **DEPTHS3}.items():
            if change := changes[depth]:
                self._tell(
                    channel,
                    name,
                    lambda wanted, channel=channel, change=change: self._book(wanted, channel, name, change),
                    update=True,
                )
        for each in trades:
            for channel in ("trades", "trades-all", "spot/trade"):
                self._tell(channel, name, lambda wanted, each=each: _message(wanted, self._trade(wanted, name, each)))
        if trades:
            for channel in (*BARS, *BARS3):
                self._tell(channel, name, lambda wanted, channel=channel: self._candle(wanted, channel, market))
        for channel in ("tickers", "spot/ticker"):
            self._tell(channel, name, lambda wanted: _message(wanted, self._ticker(wanted, market)))

    def book(self, name: str, size: int) -> dict[str, Any]:
        """Return a book as an HTTP answer has it."""
        market = self._venue.markets[name]
        sides = {"asks": market.levels("sell", size), "bids": market.levels("buy", size)}
        return {**{side: levels(each, v5=True) for side, each in sides.items()}, "ts": str(self._venue.now().ms)}

    # --- inside ---

    def _tell(self, channel: str, name: str, make: Any, *, update: bool = False) -> None:
        topic = f"{channel}:{name}"
        for link in self._venue.links():
            if topic in link.topics:
                link.send(make(link.topics[topic]), topic=topic, update=update, event=not update)

    def _send(self, link: Link, topic: str, row: dict[str, Any]) -> None:
        link.send(_message(link.topics[topic], row), topic=topic)

    def _book(self, wanted: Any, channel: str, name: str, change: Sides | None = None) -> dict[str, Any]:
        """Return a message with the whole book, or with a change where the channel tells changes."""
        v5 = isinstance(wanted, dict)
        view = self._views[name, DEPTHS[channel] if v5 else DEPTHS3[channel]]
        sides = change if change and channel in CHANGES else view.sides
        told = {"asks": levels(sides["sell"], v5=v5), "bids": levels(sides["buy"], v5=v5)}
        checked = {"checksum": checksum(view.sides)} if channel in CHANGES else {}
        kind = "update" if change else "snapshot" if v5 else "partial"
        action = {"action": kind} if channel in CHANGES else {}
        if not v5:
            row = {"instrument_id": name, **told, "timestamp": iso(self._venue.now()), **checked}
            return {"table": channel, **action, "data": [row]}
        number = FIRST + STEP * view.number
        numbers = {"seqId": number}
        if channel in CHANGES:
            numbers["prevSeqId"] = number - STEP if change else -1
        return {"arg": wanted, **action, "data": [{**told, "ts": str(self._venue.now().ms), **checked, **numbers}]}

    def _trade(self, wanted: Any, name: str, each: Trade) -> dict[str, str]:
        row = trade(name, each)
        if isinstance(wanted, dict):
            return {"instId": name, **row, "ts": str(each.time.ms)}
        return {
            "side": row["side"], "trade_id": row["tradeId"], "price": row["px"], "size": row["sz"],
            "instrument_id": name, "timestamp": iso(each.time),
        }  # fmt: skip

    def _ticker(self, wanted: Any, market: Market) -> dict[str, str]:
        row, now = ticker(market), self._venue.now()
        if isinstance(wanted, dict):
            return {**row, "ts": str(now.ms)}
        return {
            "last": row["last"], "open_24h": row["open24h"], "best_bid": row["bidPx"], "high_24h": row["high24h"],
            "low_24h": row["low24h"], "base_volume_24h": row["vol24h"], "quote_volume_24h": row["volCcy24h"],
            "best_ask": row["askPx"], "instrument_id": market.name, "timestamp": iso(now),
            "best_bid_size": row["bidSz"], "best_ask_size": row["askSz"], "last_qty": row["lastSz"],
        }  # fmt: skip

    def _candle(self, wanted: Any, channel: str, market: Market) -> dict[str, Any]:
        now = self._venue.now()
        length = 1000 * (BARS[channel] if channel in BARS else BARS3[channel])
        start = now.ms - now.ms % length
        *prices, volume, turnover = candle(market, start)
        if isinstance(wanted, dict):
            return {"arg": wanted, "data": [[str(start), *prices, volume, turnover, turnover, "0"]]}
        begun = iso(type(now)(start * 1_000_000))
        row = {"candle": [begun, *prices, volume], "instrument_id": market.name}
        return {"table": wanted.partition(":")[0], "data": [row]}


def instrument(market: Market) -> dict[str, str]:
    """Write what is traded on a market."""
    base, quote = market.name.split("-")
    return {
        "instType": "SPOT", "instId": market.name, "baseCcy": base, "quoteCcy": quote, "tickSz": str(market.tick),
        "lotSz": f"{market.lot:f}", "minSz": str(market.minimum), "state": "live", "ruleType": "normal",
    }  # fmt: skip


def _message(wanted: Any, row: dict[str, Any]) -> dict[str, Any]:
    name = {"arg": wanted} if isinstance(wanted, dict) else {"table": wanted.partition(":")[0]}
    return {**name, "data": [row]}
