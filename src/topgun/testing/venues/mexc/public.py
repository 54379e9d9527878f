"""What the public streams of the fake MEXC tell: books, trades, tickers, candles."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ...orders import ZERO
from ...view import SIDES, View
from .shapes import contract_levels, fixed, number, spot_levels

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Trade
    from . import MEXC

__all__ = ["LENGTHS", "SUBSCRIPTIONS", "Feed", "candle", "read"]

FIRST = 36_913_565_463  # what the numbers of books are counted from
LENGTHS = {"Min1": 60, "Min60": 3600}  # s
ZONES = ("24H", "UTC+8", "UTC+0")
FORMS: dict[
    str, tuple[int, int, Collection[str]]
] = {  # where a channel has its symbol and its term, and which there are
    "aggre.depth": (1, 0, ("100ms", "10ms")),
    "aggre.deals": (1, 0, ("100ms", "10ms")),
    "aggre.bookTicker": (1, 0, ("100ms", "10ms")),
    "limit.depth": (0, 1, ("5", "10", "20")),
    "bookTicker.batch": (0, 1, ("",)),
    "kline": (0, 1, LENGTHS),
    "miniTicker": (0, 1, ZONES),
    "miniTickers": (1, 0, ZONES),
}
CHANNEL = re.compile(r"spot@public\.(.+)\.v3\.api\.pb@(.+)")
SUBSCRIPTIONS = {
    "ticker",
    "tickers",
    "deal",
    "depth",
    "depth.full",
    "kline",
    "funding.rate",
    "index.price",
    "fair.price",
}
PRICES = ("funding.rate", "index.price", "fair.price")


class Asked(NamedTuple):
    """What a channel of spot tells: of which symbol (``""`` = of all), on what term."""

    kind: str
    symbol: str
    term: str


def read(channel: str) -> Asked | None:
    """Return what a public channel of spot is, ``None`` for one that is not there."""
    match = CHANNEL.fullmatch(channel)
    if match is None or match[1] not in FORMS:
        return None
    symbol, term, terms = FORMS[match[1]]
    parts = [*match[2].split("@"), ""]
    return Asked(match[1], parts[symbol], parts[term]) if parts[term] in terms else None


class Move(NamedTuple):
    """One move of a market.

    Attributes:
        changes: Those of the book, ``None`` = none.
        first: The number of the first of them.
        last: That of the last one.
    """

    market: Market
    trades: Sequence[Trade]
    changes: Any
    first: int
    last: int


class Feed:
    """What is told to everybody."""

    def __init__(self, venue: MEXC) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}
        self._numbers = dict.fromkeys(venue.markets, FIRST)
        self._steps = count(1)
        self._spot: dict[str, Callable[[Move, str, str], dict[str, Any] | None]] = {
            "aggre.depth": self._change,
            "aggre.deals": self._deals,
            "aggre.bookTicker": lambda move, term, channel: {"publicAggreBookTicker": _best(move)},
            "limit.depth": self._whole,
            "bookTicker.batch": lambda move, term, channel: {"publicBookTickerBatch": {"items": [_best(move)]}},
            "kline": lambda move, term, channel: {"publicSpotKline": candle(move.market, term, venue.now().ms)},
            "miniTicker": lambda move, term, channel: {"publicMiniTicker": _mini(move.market)},
            "miniTickers": lambda move, term, channel: {"publicMiniTickers": {"items": [_mini(move.market)]}},
        }
        self._contracts: dict[str, Callable[[Move, Any], Any]] = {
            "depth": self._contract_change,
            "depth.full": self._contract_whole,
            "deal": self._contract_deals,
            "kline": self._contract_candle,
            "ticker": lambda move, terms: {**_contract_ticker(move), "fairPrice": number(move.market.last)},
            "tickers": lambda move, terms: [_contract_ticker(move)],
            **dict.fromkeys(PRICES, self._price),
        }

    def number(self, market: Market) -> int:
        """Return the number of the last change of a book."""
        return self._numbers[market.name]

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what changed."""
        changes, first = self._views[market.name].step(), self.number(market) + 1
        if changes is not None:
            self._numbers[market.name] += 1 + next(self._steps) % 3
        move = Move(market, trades, changes, first, self.number(market))
        host = self._venue.spot_host if self._venue.products[market.name].is_spot else self._venue.contract_host
        for link in self._venue.links():
            if link.host == host:
                for topic, terms in list(link.topics.items()):
                    (self._tell_contract if terms else self._tell_spot)(link, topic, terms, move)

    # --- spot ---

    def _tell_spot(self, link: Link, channel: str, terms: None, move: Move) -> None:
        asked = read(channel)
        if asked is None or asked.symbol not in ("", move.market.name):
            return
        if (body := self._spot[asked.kind](move, asked.term, channel)) is not None:
            named = {"symbol": asked.symbol} if asked.symbol else {}
            is_change = asked.kind == "aggre.depth"
            message = {"channel": channel, **named, "sendTime": self._venue.now().ms, **body}
            link.send(message, topic=channel, update=is_change, event=not is_change)

    def _change(self, move: Move, term: str, channel: str) -> dict[str, Any] | None:
        if move.changes is None:
            return None
        numbers = {"fromVersion": str(move.first), "toVersion": str(move.last)}
        kind = channel.rpartition("@")[0]
        return {"publicAggreDepths": {**_levels(move.market, move.changes), "eventType": kind, **numbers}}

    def _whole(self, move: Move, term: str, channel: str) -> dict[str, Any] | None:
        if move.changes is None:
            return None
        sides = {side: move.market.levels(side, int(term)) for side in SIDES}
        kind = "@".join(channel.split("@")[:2])
        return {"publicLimitDepths": {**_levels(move.market, sides), "eventType": kind, "version": str(move.last)}}

    def _deals(self, move: Move, term: str, channel: str) -> dict[str, Any] | None:
        deals = [
            {
                "price": fixed(each.price, move.market.tick), "quantity": fixed(each.size, move.market.lot),
                "tradeType": 1 if each.side == "buy" else 2, "time": each.time.ms, "tradeId": f"{each.number}X1",
            }
            for each in move.trades
        ]  # fmt: skip
        return {"publicAggreDeals": {"deals": deals, "eventType": channel.rpartition("@")[0]}} if deals else None

    # --- contracts ---

    def _tell_contract(self, link: Link, topic: str, terms: Any, move: Move) -> None:
        kind, symbol = topic.partition("@")[0], move.market.name
        if kind not in self._contracts or terms.get("symbol", symbol) != symbol:
            return
        if (data := self._contracts[kind](move, terms)) is not None:
            message = {"channel": f"push.{kind}", "symbol": symbol, "data": data, "ts": self._venue.now().ms}
            link.send(message, topic=f"push.{kind}", update=kind == "depth", event=kind != "depth")

    def _contract_change(self, move: Move, terms: Any) -> dict[str, Any] | None:
        if move.changes is None:
            return None
        asks, bids = (contract_levels(move.changes[side]) for side in SIDES)
        merged = {"begin": move.first, "end": move.last} if move.first < move.last else {}
        return {"asks": asks, "bids": bids, "version": move.last, **merged}

    def _contract_whole(self, move: Move, terms: Any) -> dict[str, Any] | None:
        if move.changes is None:
            return None
        asks, bids = (contract_levels(move.market.levels(side, terms.get("limit", 20))) for side in SIDES)
        return {"asks": asks, "bids": bids, "version": move.last}

    def _contract_deals(self, move: Move, terms: Any) -> list[dict[str, Any]] | None:
        return [
            {
                "p": number(each.price), "v": number(each.size), "T": 1 if each.side == "buy" else 2, "O": 3, "M": 2,
                "t": each.time.ms,
            }
            for each in move.trades
        ] or None  # fmt: skip

    def _contract_candle(self, move: Move, terms: Any) -> dict[str, Any]:
        row = candle(move.market, terms["interval"], self._venue.now().ms)
        names = {
            "o": "openingPrice",
            "c": "closingPrice",
            "h": "highestPrice",
            "l": "lowestPrice",
            "q": "volume",
            "a": "amount",
        }
        numbers = {short: float(row[name]) for short, name in names.items()}
        return {"symbol": move.market.name, "interval": row["interval"], "t": row["windowStart"], **numbers}

    def _price(self, move: Move, terms: Any) -> dict[str, Any]:
        return {"symbol": move.market.name, "price": number(move.market.last), "rate": 0.0001}


def _contract_ticker(move: Move) -> dict[str, Any]:
    market = move.market
    return {"symbol": market.name, "lastPrice": number(market.last), "volume24": number(market.volume)}


def _levels(market: Market, sides: Any) -> dict[str, Any]:
    asks, bids = (
        [{"price": price, "quantity": size} for price, size in spot_levels(market, sides[side])] for side in SIDES
    )
    return {"asks": asks, "bids": bids}


def _best(move: Move) -> dict[str, str]:
    market = move.market
    [[bid, bid_size]] = spot_levels(market, market.levels("buy", 1)) or [["0", "0"]]
    [[ask, ask_size]] = spot_levels(market, market.levels("sell", 1)) or [["0", "0"]]
    return {
        "bidPrice": bid,
        "bidQuantity": bid_size,
        "askPrice": ask,
        "askQuantity": ask_size,
        "version": str(move.last),
    }


def _mini(market: Market) -> dict[str, str]:
    prices = [each.price for each in market.trades] or [market.last]
    return {
        "symbol": market.name, "price": fixed(market.last, market.tick), "rate": "0.0012", "zonedRate": "0.0012",
        "high": fixed(max(prices), market.tick), "low": fixed(min(prices), market.tick),
        "volume": f"{market.volume * market.last:f}", "quantity": f"{market.volume:f}",
    }  # fmt: skip


def candle(market: Market, interval: str, now: int) -> dict[str, Any]:
    """Write the candle of this moment, from the trades that the market remembers.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """
    length = LENGTHS[interval]
    start = now // 1000 // length * length
    inside = [each for each in market.trades if each.time.ms >= start * 1000]
    prices = [each.price for each in inside] or [market.last]
    told = {"opening": prices[0], "closing": prices[-1], "highest": max(prices), "lowest": min(prices)}
    return {
        "interval": interval, "windowStart": start,
        **{f"{name}Price": fixed(price, market.tick) for name, price in told.items()},
        "volume": f"{sum((each.size for each in inside), ZERO):f}",
        "amount": f"{sum((each.size * each.price for each in inside), ZERO):f}", "windowEnd": start + length,
    }  # fmt: skip
