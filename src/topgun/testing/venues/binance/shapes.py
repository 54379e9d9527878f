"""How the fake Binance writes what everybody may know: books, trades, tickers, candles; numbers are texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Level, Trade
    from .account import Product

__all__ = ["best", "candle", "fixed", "levels", "number", "ticker", "trade"]

MINUTES = {"1m": 1, "5m": 5, "1h": 60, "1d": 1440}


def number(value: Decimal) -> str:
    """Write a number with eight decimals."""
    return f"{value.quantize(Decimal('1e-8')):f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or a size with the decimals of its step."""
    return f"{value.quantize(step):f}"


def levels(market: Market, side: Iterable[Level]) -> list[list[str]]:
    """Write one side of a book; a size of 0 takes a level away."""
    return [[fixed(price, market.tick), fixed(size, market.lot)] for price, size in side]


def trade(market: Market, product: Product, each: Trade, event: str, now: int) -> dict[str, Any]:
    """Write a trade; ``m`` says that the buyer was there first.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#trade-streams
    """
    ids = {"t": each.number} if event == "trade" else {"a": each.number, "f": each.number, "l": each.number}
    return {
        "e": event, "E": now, "s": product.symbol, **ids, "p": fixed(each.price, market.tick),
        "q": fixed(each.size, market.lot), "T": each.time.ms, "m": each.side == "sell", **_futures(product),
    }  # fmt: skip


def best(market: Market, product: Product, update: int, now: int) -> dict[str, Any]:
    """Write the best bid and ask; on spot it has no type of event.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-book-ticker-streams
    """
    [[bid, bid_size]] = levels(market, market.levels("buy", 1)) or [["0", "0"]]
    [[ask, ask_size]] = levels(market, market.levels("sell", 1)) or [["0", "0"]]
    told = {"u": update, "s": product.symbol, "b": bid, "B": bid_size, "a": ask, "A": ask_size}
    return told if product.kind == "spot" else {"e": "bookTicker", **told, "E": now, "T": now, **_futures(product)}


def ticker(market: Market, product: Product, event: str, now: int) -> dict[str, Any]:
    """Write a ticker; the day of this exchange began when it was opened.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-ticker-streams
    """
    prices = [each.price for each in market.trades] or [market.last]
    told = {"c": prices[-1], "o": prices[0], "h": max(prices), "l": min(prices)}
    full = {
        "p": fixed(prices[-1] - prices[0], market.tick), "P": number((prices[-1] / prices[0] - 1) * 100),
        "w": fixed(prices[-1], market.tick), "Q": "0", "O": 0, "C": now, "F": 0, "L": 0, "n": len(market.trades),
    }  # fmt: skip
    return {
        "e": event, "E": now, "s": product.symbol, **{name: fixed(price, market.tick) for name, price in told.items()},
        "v": number(market.volume), "q": number(market.volume * market.last), **_futures(product),
        **(full if event == "24hrTicker" else {}),
    }  # fmt: skip


def candle(market: Market, product: Product, interval: str, now: int) -> dict[str, Any]:
    """Write the candle of this moment, from the trades that the market remembers.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#klinecandlestick-streams-for-utc
    """
    length = MINUTES[interval] * 60_000
    start = now - now % length
    inside = [each for each in market.trades if each.time.ms >= start]
    prices = [each.price for each in inside] or [market.last]
    told = {"o": prices[0], "c": prices[-1], "h": max(prices), "l": min(prices)}
    volume = sum((each.size for each in inside), ZERO)
    return {
        "t": start, "T": start + length - 1, "s": product.symbol, "i": interval,
        "f": inside[0].number if inside else -1, "L": inside[-1].number if inside else -1,
        **{name: fixed(price, market.tick) for name, price in told.items()}, "v": number(volume), "n": len(inside),
        "x": False, "q": number(sum((each.size * each.price for each in inside), ZERO)),
        "V": "0", "Q": "0", "B": "0",
    }  # fmt: skip


def _futures(product: Product) -> dict[str, Any]:
    """Return what messages of futures say since 2026."""
    if product.kind == "spot":
        return {}
    pair = product.symbol.partition("_")[0]
    return {"ps": pair, "st": 1 if product.kind == "usdsm" else 2}
