"""How the fake Bybit writes things: prices, books, trades, tickers, candles; every number is a text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Level, Trade
    from .account import Product

__all__ = ["book", "candle", "fixed", "ident", "levels", "number", "ticker", "trade"]

STATISTICS = {
    "spot": {"usdIndexPrice": ""},
    "linear": {
        "tickDirection": "ZeroPlusTick", "prevPrice1h": "", "openInterest": "0", "openInterestValue": "0",
        "fundingIntervalHour": "8", "fundingCap": "0.005", "nextFundingTime": "0", "fundingRate": "0.0001",
        "preOpenPrice": "", "preQty": "", "curPreListingPhase": "",
    },
}  # fmt: skip


def number(value: Decimal) -> str:
    """Write a number, with up to eight decimals and without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or a size with the decimals of its step."""
    return f"{value.quantize(step):f}"


def ident(kind: str, serial: int) -> str:
    """Return the id of an order or of an execution."""
    return str(uuid5(NAMESPACE_OID, f"{kind} {serial}"))


def levels(market: Market, side: Iterable[Level]) -> list[list[str]]:
    """Write one side of a book; a size of 0 takes a level away."""
    return [[fixed(price, market.tick), fixed(size, market.lot) if size else "0"] for price, size in side]


def book(market: Market, symbol: str, asks: Iterable[Level], bids: Iterable[Level]) -> dict[str, Any]:
    """Write a book, or a change of one; without its numbers."""
    return {"s": symbol, "b": levels(market, bids), "a": levels(market, asks)}


def trade(market: Market, symbol: str, each: Trade) -> dict[str, Any]:
    """Write a public trade.

    https://bybit-exchange.github.io/docs/v5/websocket/public/trade
    """
    return {
        "T": each.time.ms, "s": symbol, "S": each.side.title(), "v": fixed(each.size, market.lot),
        "p": fixed(each.price, market.tick), "L": "PlusTick" if each.side == "buy" else "MinusTick",
        "i": ident("execution", each.number), "BT": False, "RPI": False, "seq": each.number,
    }  # fmt: skip


def ticker(market: Market, product: Product) -> dict[str, str]:
    """Write a ticker; the day of this exchange began when it was opened.

    https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
    """
    last, volume = fixed(market.last, market.tick), number(market.volume)
    prices = [each.price for each in market.trades]
    high, low = (fixed(each, market.tick) for each in (max(prices), min(prices)))
    first = prices[0]
    told = {
        "symbol": product.symbol, "lastPrice": last, "prevPrice24h": fixed(first, market.tick),
        "price24hPcnt": number((market.last - first) / first), "highPrice24h": high, "lowPrice24h": low,
        "volume24h": volume, "turnover24h": number(market.volume * market.last), **STATISTICS[product.category],
    }  # fmt: skip
    if product.category == "spot":
        return told
    (bid, bid_size), (ask, ask_size) = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("buy", "sell"))
    return {
        **told, "markPrice": last, "indexPrice": last,
        "bid1Price": fixed(bid, market.tick), "bid1Size": fixed(bid_size, market.lot),
        "ask1Price": fixed(ask, market.tick), "ask1Size": fixed(ask_size, market.lot),
    }  # fmt: skip


def candle(market: Market, interval: str, start: int, now: int) -> dict[str, Any]:
    """Write the candle that began at `start`, from the trades that the market remembers.

    Args:
        market: Whose.
        interval: As in the topic: minutes, or ``D``.
        start: In ms.
        now: In ms.

    https://bybit-exchange.github.io/docs/v5/websocket/public/kline
    """
    end = start + length(interval) - 1
    before = [each.price for each in market.trades if each.time.ms < start]
    inside = [each for each in market.trades if start <= each.time.ms <= end]
    prices = [each.price for each in inside] or [before[-1] if before else market.last]
    told = {"open": prices[0], "close": prices[-1], "high": max(prices), "low": min(prices)}
    return {
        "start": start, "end": end, "interval": interval,
        **{name: fixed(price, market.tick) for name, price in told.items()},
        "volume": number(sum((each.size for each in inside), ZERO)),
        "turnover": number(sum((each.size * each.price for each in inside), ZERO)),
        "confirm": now > end, "timestamp": now,
    }  # fmt: skip


def length(interval: str) -> int:
    """Return how long the candles of an interval last, in ms."""
    return 60_000 * (1440 if interval == "D" else int(interval))
