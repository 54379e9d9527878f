"""How the fake BitTrade writes things: market data in numbers, what belongs to an account in texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from ...market import Market
    from ...orders import Level, Order, Trade

__all__ = ["PERIODS", "book", "candles", "detail", "ident", "offer", "order_row", "status", "text", "ticker", "trade"]

PERIODS = {
    "1min": 60, "5min": 300, "15min": 900, "30min": 1800, "60min": 3600, "4hour": 14_400, "1day": 86_400,
    "1week": 604_800,
}  # fmt: skip
FIRST_ORDER, FIRST_TRADE = 375_977_156_000_000, 137_005_445_109_359_286_410_000_000  # the second has 87 bits
STATES = {"filled": "filled", "cancelled": "canceled", "rejected": "rejected"}


def text(value: Decimal) -> str:
    """Write a number without zeros at its end."""
    return f"{value.normalize():f}"


def ident(order: Order) -> int:
    """Return the id of an order."""
    return FIRST_ORDER + order.number


def status(order: Order) -> str:
    """Return the state of an order as it is now."""
    if order.state == "cancelled" and order.filled:
        return "partial-canceled"
    return STATES.get(order.state) or ("partial-filled" if order.filled else "submitted")


def order_row(order: Order, account: int) -> dict[str, Any]:
    """Write an order as the HTTP API lists it."""
    return {
        "id": ident(order), "symbol": order.tag.symbol, "account-id": account, "client-order-id": order.tag.client,
        "amount": text(order.size), "price": text(order.price or ZERO), "created-at": order.time.ms,
        "type": order.tag.kind, "filled-amount": text(order.filled), "filled-cash-amount": text(order.value),
        "filled-fees": "0", "source": "spot-api", "state": status(order),
    }  # fmt: skip


def book(sides: dict[Any, list[Level]], limit: int | None = None) -> dict[str, Any]:
    """Write a book, or a change of one."""
    return {"bids": _levels(sides["buy"][:limit]), "asks": _levels(sides["sell"][:limit])}


def _levels(levels: Iterable[Level]) -> list[list[float]]:
    return [[float(price), float(size)] for price, size in levels]


def trade(each: Trade) -> dict[str, Any]:
    """Write a public trade."""
    return {
        "id": FIRST_TRADE + each.number, "ts": each.time.ms, "tradeId": 100_000_000_000 + each.number,
        "amount": float(each.size), "price": float(each.price), "direction": each.side,
    }  # fmt: skip


def detail(market: Market, version: int) -> dict[str, Any]:
    """Write what the last day was like; the day of this exchange began when it was opened."""
    return {**_summary(market.trades, market.last), "id": version, "version": version}


def ticker(market: Market) -> dict[str, Any]:
    """Write the row of a market among all of them."""
    [(bid, bid_size)], [(ask, ask_size)] = (market.levels(side, 1) or [(ZERO, ZERO)] for side in ("buy", "sell"))
    best = {"bid": bid, "bidSize": bid_size, "ask": ask, "askSize": ask_size}
    summary = _summary(market.trades, market.last)
    return {"symbol": market.name, **summary, **{name: float(each) for name, each in best.items()}}


def candles(market: Market, period: str, now: int, size: int = 1) -> list[dict[str, Any]]:
    """Write the last candles, the latest first, from the trades that the market remembers.

    Args:
        market: Whose.
        period: As in a topic.
        now: In ms.
        size: How many, at most; before the first trade there is none.
    """
    length = PERIODS[period] * 1000
    start = now - now % length
    told: list[dict[str, Any]] = []
    while len(told) < size and (not told or start + length > market.trades[0].time.ms):
        inside = [each for each in market.trades if start <= each.time.ms < start + length]
        before = [each.price for each in market.trades if each.time.ms < start]
        told.append({"id": start // 1000, **_summary(inside, before[-1] if before else market.last)})
        start -= length
    return told


def offer(markets: Iterable[Market], now: int) -> dict[str, Any]:
    """Write the prices of the dealer."""
    rows = [
        {
            "id": number, "symbol": market.name.removesuffix("jpy").upper(),
            "buy_price": text(market.last * 101 // 100), "sell_price": text(market.last * 99 // 100),
            "market_price": text(market.last), "market_ratio": "0",
            "buy_min_amount": text(market.minimum), "buy_max_amount": "1",
            "sell_min_amount": text(market.minimum), "sell_max_amount": "1",
        }
        for number, market in enumerate(markets, 1)
    ]  # fmt: skip
    return {"action": 1, "topic": 1, "data": {"ts": now // 1000, "offer": rows}}


def _summary(trades: Sequence[Trade], otherwise: Decimal) -> dict[str, Any]:
    prices = [each.price for each in trades] or [otherwise]
    return {
        "open": float(prices[0]), "close": float(prices[-1]), "low": float(min(prices)), "high": float(max(prices)),
        "amount": float(sum((each.size for each in trades), ZERO)),
        "vol": float(sum((each.size * each.price for each in trades), ZERO)), "count": len(trades),
    }  # fmt: skip
