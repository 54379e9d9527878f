"""How the fake Bitget writes things: prices, books, trades, tickers, candles; every number is a text."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...market import Market
    from ...orders import Level, Trade
    from .account import Product

__all__ = ["candle", "checksum", "fixed", "ident", "length", "levels", "number", "ticker", "trade"]

UNITS = {"m": 60_000, "H": 3_600_000, "D": 86_400_000}


def number(value: Decimal) -> str:
    """Write a number, with up to eight decimals and without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or a size with the decimals of its step."""
    return f"{value.quantize(step):f}"


def ident(serial: int) -> str:
    """Return the id of an order or of a trade."""
    return str(1_200_000_000_000_000_000 + serial)


def levels(market: Market, side: Iterable[Level]) -> list[list[str]]:
    """Write one side of a book; a size of 0 takes a level away."""
    return [[fixed(price, market.tick), fixed(size, market.lot) if size else "0"] for price, size in side]


def checksum(market: Market, asks: Sequence[Level], bids: Sequence[Level]) -> int:
    """Return the checksum of a book: CRC32 of its 25 best levels, bid and ask in turn, as a signed number.

    https://www.bitget.com/api-doc/spot/websocket/public/Depth-Channel
    """
    pairs = zip_longest(levels(market, bids[:25]), levels(market, asks[:25]), fillvalue=())
    value = crc32(":".join(chain.from_iterable(chain.from_iterable(pairs))).encode())
    return value - (value >> 31 << 32)


def trade(market: Market, each: Trade) -> dict[str, Any]:
    """Write a public trade.

    https://www.bitget.com/api-doc/spot/websocket/public/Trades-Channel
    """
    return {
        "ts": str(each.time.ms), "price": fixed(each.price, market.tick), "size": fixed(each.size, market.lot),
        "side": each.side, "tradeId": ident(each.number),
    }  # fmt: skip


def ticker(market: Market, product: Product, now: int) -> dict[str, str]:
    """Write a ticker; the day of this exchange began when it was opened.

    https://www.bitget.com/api-doc/contract/websocket/public/Tickers-Channel
    """
    last = fixed(market.last, market.tick)
    prices = [each.price for each in market.trades]
    (bid, bid_size), (ask, ask_size) = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("buy", "sell"))
    told = {
        "lastPr": last, "open24h": fixed(prices[0], market.tick), "high24h": fixed(max(prices), market.tick),
        "low24h": fixed(min(prices), market.tick), "change24h": number((market.last - prices[0]) / prices[0]),
        "bidPr": fixed(bid, market.tick), "askPr": fixed(ask, market.tick), "bidSz": fixed(bid_size, market.lot),
        "askSz": fixed(ask_size, market.lot), "baseVolume": number(market.volume),
        "quoteVolume": number(market.volume * market.last), "openUtc": fixed(prices[0], market.tick), "ts": str(now),
    }  # fmt: skip
    futures = {"markPrice": last, "indexPrice": last, "fundingRate": "0.0001", "holdingAmount": "0"}
    return told if product.kind == "SPOT" else {**told, **futures}


def candle(market: Market, interval: str, now: int) -> list[str]:
    """Write the candle of this moment, from the trades that the market remembers.

    https://www.bitget.com/api-doc/spot/websocket/public/Candlesticks-Channel
    """
    start = now - now % length(interval)
    inside = [each for each in market.trades if each.time.ms >= start]
    prices = [each.price for each in inside] or [market.last]
    size = sum((each.size for each in inside), ZERO)
    value = sum((each.size * each.price for each in inside), ZERO)
    told = (prices[0], max(prices), min(prices), prices[-1])
    return [str(start), *(fixed(price, market.tick) for price in told), number(size), number(value), number(value)]


def length(interval: str) -> int:
    """Return how long the candles of an interval such as ``5m`` last, in ms."""
    return int(interval[:-1]) * UNITS[interval[-1]]
