"""How the fake bitbank writes things: levels, trades, tickers, orders, fills. Numbers are texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Fill, Level, Order, Trade

__all__ = ["amount", "levels", "order_row", "ticker", "trade_row", "transaction"]

STEP = Decimal("0.0001")


def amount(value: Decimal) -> str:
    """Write an amount, with four decimals."""
    return f"{value.quantize(STEP):f}"


def levels(side: Iterable[Level]) -> list[list[str]]:
    """Write levels of a book; ``0`` says that a level is gone."""
    return [[f"{price:f}", amount(size) if size else "0"] for price, size in side]


def transaction(trade: Trade) -> dict[str, Any]:
    """Return a trade as everybody is told."""
    return {
        "transaction_id": trade.number,
        "side": trade.side,
        "price": f"{trade.price:f}",
        "amount": amount(trade.size),
        "executed_at": trade.time.ms,
    }


def ticker(market: Market, now: Instant) -> dict[str, Any]:
    """Return the ticker of a pair; its day is the life of the fake."""
    prices = [trade.price for trade in market.trades] or [market.last]
    best = {"sell": market.best("sell"), "buy": market.best("buy")}
    told = {**best, "high": max(prices), "low": min(prices), "open": prices[0], "last": market.last}
    return {
        **{name: None if price is None else f"{price:f}" for name, price in told.items()},
        "vol": amount(market.volume),
        "timestamp": now.ms,
    }


def order_row(order: Order, *, ended: bool = False) -> dict[str, Any]:
    """Return an order as far as its account was told.

    Args:
        order: The order.
        ended: Whether nothing of it rests any more.
    """
    ticket = order.tag
    filled, left = ticket.filled, order.size - ticket.filled
    average = ticket.value / filled if filled else ZERO
    times = {"executed_at": order.updated} if filled else {}
    if ended and left:
        times["canceled_at"] = order.updated
    return {
        "order_id": order.number,
        "pair": ticket.pair,
        "side": order.side,
        "type": ticket.kind,
        "start_amount": amount(order.size),
        "remaining_amount": amount(left),
        "executed_amount": amount(filled),
        **({} if order.price is None else {"price": f"{order.price:f}", "post_only": ticket.post_only}),
        "average_price": f"{average:.4f}",
        "ordered_at": order.time.ms,
        "expire_at": order.time.ms + 180 * 86_400_000,
        "user_cancelable": True,
        "status": _status(filled, left, ended=ended),
        **{name: moment.ms for name, moment in times.items() if moment is not None},
    }


def _status(filled: Decimal, left: Decimal, *, ended: bool) -> str:
    if not left:
        return "FULLY_FILLED"
    if ended:
        return "CANCELED_PARTIALLY_FILLED" if filled else "CANCELED_UNFILLED"
    return "PARTIALLY_FILLED" if filled else "UNFILLED"


def trade_row(fill: Fill) -> dict[str, Any]:
    """Return a fill of an account; the fake takes no fees."""
    order, trade = fill.order, fill.trade
    fees = ("fee_amount_base", "fee_amount_quote", "fee_occurred_amount_quote")
    return {
        "trade_id": trade.number,
        "pair": order.tag.pair,
        "order_id": order.number,
        "side": order.side,
        "type": order.tag.kind,
        "amount": amount(trade.size),
        "price": f"{trade.price:f}",
        "maker_taker": "maker" if fill.maker else "taker",
        **dict.fromkeys(fees, amount(ZERO)),
        "executed_at": trade.time.ms,
    }
