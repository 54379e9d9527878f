"""How the fake Hyperliquid writes things; numbers are texts with at least one decimal."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Fill, Level, Order, Trade
    from .account import Account

__all__ = [
    "INTERVALS", "book", "candle", "context", "fill_row", "levels", "margins", "number", "order_row", "status_of",
    "trade_row",
]  # fmt: skip

MINUTE = 60_000  # ms
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440}
SIDES = {"buy": "B", "sell": "A"}
STATES = {"cancelled": "canceled"}
HASH = "0x" + 64 * "0"


def number(value: Decimal) -> str:
    """Write a number."""
    text = f"{value.quantize(Decimal('1e-8')).normalize():f}"
    return text if "." in text else f"{text}.0"


def levels(side: Iterable[Level]) -> list[dict[str, Any]]:
    """Write one side of a book; how many orders there are at a price is made up."""
    return [{"px": number(price), "sz": number(size), "n": 1} for price, size in side]


def book(coin: str, bids: Iterable[Level], asks: Iterable[Level], now: int) -> dict[str, Any]:
    """Write a book."""
    return {"coin": coin, "time": now, "levels": [levels(bids), levels(asks)]}


def trade_row(coin: str, trade: Trade, nobody: str) -> dict[str, Any]:
    """Write a public trade."""
    return {
        "coin": coin, "side": SIDES[trade.side], "px": number(trade.price), "sz": number(trade.size), "hash": HASH,
        "time": trade.time.ms, "tid": trade.number, "users": [nobody, nobody],
    }  # fmt: skip


def order_row(order: Order, *, whole: bool = False) -> dict[str, Any]:
    """Write an order; `whole` with what the website wants to know as well."""
    row = {
        "coin": order.tag.coin, "side": SIDES[order.side], "limitPx": number(order.price or ZERO),
        "sz": number(order.left), "oid": order.number, "timestamp": order.time.ms, "origSz": number(order.size),
    }  # fmt: skip
    named = {} if order.tag.cloid is None else {"cloid": order.tag.cloid}
    if not whole:
        return {**row, **named}
    terms = {"PostOnly": "Alo", "IOC": "Ioc"}.get(order.terms, "Gtc")
    return {
        **row, "triggerCondition": "N/A", "isTrigger": False, "triggerPx": "0.0", "children": [],
        "isPositionTpsl": False, "reduceOnly": order.tag.reduce_only, "orderType": "Limit", "tif": terms,
        "cloid": order.tag.cloid,
    }  # fmt: skip


def status_of(order: Order) -> str:
    """Write the state of an order."""
    return STATES.get(order.state, order.state)


def fill_row(market: Market, fill: Fill, gain: Decimal, fee: Decimal) -> dict[str, Any]:
    """Write a fill of an account."""
    held, buys = fill.before.size, fill.order.side == "buy"
    closes = held < 0 if buys else held > 0
    long = buys != closes
    return {
        "coin": market.name, "px": number(fill.trade.price), "sz": number(fill.trade.size),
        "side": SIDES[fill.order.side], "time": fill.trade.time.ms, "startPosition": number(held),
        "dir": f"{'Close' if closes else 'Open'} {'Long' if long else 'Short'}", "closedPnl": number(gain),
        "hash": HASH, "oid": fill.order.number, "crossed": not fill.maker, "fee": number(fee),
        "tid": fill.trade.number, "feeToken": "USDC",
    }  # fmt: skip


def context(market: Market) -> dict[str, Any]:
    """Write what is known of a perpetual besides its book."""
    price = number(market.last)
    return {
        "funding": "0.0000125", "openInterest": "0.0", "prevDayPx": price, "premium": "0.0", "oraclePx": price,
        "dayNtlVlm": number(market.volume * market.last), "markPx": price, "midPx": number(market.mid),
        "impactPxs": [price, price], "dayBaseVlm": number(market.volume),
    }  # fmt: skip


def candle(market: Market, interval: str, now: int) -> dict[str, Any]:
    """Write the candle that is under way, from the trades that the market remembers."""
    length = INTERVALS[interval] * MINUTE
    start = now - now % length
    inside = [each for each in market.trades if each.time.ms >= start]
    prices = [each.price for each in inside] or [market.last]
    told = {"o": prices[0], "c": prices[-1], "h": max(prices), "l": min(prices)}
    return {
        "t": start, "T": start + length - 1, "s": market.name, "i": interval,
        **{name: number(price) for name, price in told.items()},
        "v": number(sum((each.size for each in inside), ZERO)), "n": len(inside),
    }  # fmt: skip


def margins(account: Account, markets: Iterable[Market], leverage: int, now: int) -> dict[str, Any]:
    """Write the margin of an account, and its positions."""
    held = [(market, at) for market in markets if (at := market.position(account.name)).size]
    value = sum((abs(at.size) * market.last for market, at in held), ZERO)
    gain = sum((at.size * (market.last - at.entry) for market, at in held), ZERO)
    summary = {
        "accountValue": number(account.usdc + gain), "totalNtlPos": number(value),
        "totalRawUsd": number(account.usdc), "totalMarginUsed": number(value / leverage),
    }  # fmt: skip
    return {
        "marginSummary": summary, "crossMarginSummary": summary, "crossMaintenanceMarginUsed": number(value / 40),
        "withdrawable": number(account.usdc + gain - value / leverage),
        "assetPositions": [
            {"type": "oneWay", "position": _position(market, at.size, at.entry, leverage)} for market, at in held
        ],
        "time": now,
    }  # fmt: skip


def _position(market: Market, size: Decimal, entry: Decimal, leverage: int) -> dict[str, Any]:
    value = abs(size) * market.last
    return {
        "coin": market.name, "szi": number(size), "leverage": {"type": "cross", "value": leverage},
        "entryPx": number(entry), "positionValue": number(value), "unrealizedPnl": number(size * (market.last - entry)),
        "returnOnEquity": "0.0", "liquidationPx": None, "marginUsed": number(value / leverage), "maxLeverage": 40,
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }  # fmt: skip
