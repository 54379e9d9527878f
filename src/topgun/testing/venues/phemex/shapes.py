"""How the fake Phemex writes things: books, trades, tickers, candles, orders, positions; all numbers are texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...market import Market
    from ...orders import Level, Order, Position, Trade
    from .account import Account, Moment

__all__ = ["PACK", "account_row", "candle", "fixed", "ident", "levels", "listed_order", "number", "order_row"]
__all__ += ["packed", "position_row", "statistics", "trade_row"]

PACK = (
    "symbol", "openRp", "highRp", "lowRp", "lastRp", "volumeRq", "turnoverRv", "openInterestRv", "indexRp", "markRp",
    "fundingRateRr", "predFundingRateRr", "bidRp", "askRp",
)  # fmt: skip


def number(value: Decimal) -> str:
    """Write a number, with up to eight decimals and without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or a size with the decimals of its step."""
    return f"{value.quantize(step):f}"


def ident(serial: int) -> str:
    """Return the id of an order."""
    return str(uuid5(NAMESPACE_OID, f"phemex order {serial}"))


def levels(market: Market, sides: Mapping[Any, Iterable[Level]]) -> dict[str, list[list[str]]]:
    """Write both sides of a book, or a change of one; a size of 0 takes a level away."""
    return {
        name: [[fixed(price, market.tick), number(size)] for price, size in sides[side]]
        for name, side in (("asks", "sell"), ("bids", "buy"))
    }


def trade_row(market: Market, trade: Trade) -> list[Any]:
    """Write a public trade.

    https://phemex-docs.github.io/#subscribe-trade-2
    """
    return [trade.time.ns, trade.side.title(), fixed(trade.price, market.tick), fixed(trade.size, market.lot)]


def statistics(market: Market) -> dict[str, str]:
    """Return the columns of a pack; the day of this exchange began when it was opened.

    https://phemex-docs.github.io/#subscribe-24-hours-ticker-2
    """
    prices = [trade.price for trade in market.trades]
    bid, ask = (next(iter(market.levels(side, 1)), (ZERO, ZERO))[0] for side in ("buy", "sell"))
    values = (prices[0], max(prices), min(prices), market.last)
    open_, high, low, last = (fixed(value, market.tick) for value in values)
    told = (
        market.name, open_, high, low, last, number(market.volume), number(market.volume * market.last), "0", last,
        last, "0.0001", "0.0001", fixed(bid, market.tick), fixed(ask, market.tick),
    )  # fmt: skip
    return dict(zip(PACK, told, strict=True))


def packed(market: Market) -> dict[str, str]:
    """Write the 24 hours of one market, in the words of its own channel."""
    told = statistics(market)
    words = {"lastRp": "closeRp", "indexRp": "indexPriceRp", "markRp": "markPriceRp"}
    return {words.get(name, name): value for name, value in told.items() if name not in ("bidRp", "askRp")}


def candle(market: Market, seconds: int, start: int) -> list[Any]:
    """Write the candle that began at `start` (s), from the trades that the market remembers.

    https://phemex-docs.github.io/#subscribe-kline-2
    """
    before = [each.price for each in market.trades if each.time.seconds < start]
    inside = [each for each in market.trades if start <= each.time.seconds < start + seconds]
    last = before[-1] if before else market.last
    prices = [each.price for each in inside] or [last]
    told = (last, prices[0], max(prices), min(prices), prices[-1])
    volume = sum((each.size for each in inside), ZERO)
    turnover = sum((each.size * each.price for each in inside), ZERO)
    return [start, seconds, *(fixed(price, market.tick) for price in told), number(volume), number(turnover)]


def order_row(market: Market, account: Account, moment: Moment) -> dict[str, Any]:
    """Write an order for the stream.

    https://phemex-docs.github.io/#subscribe-account-order-position-aop-2
    """
    order = moment.order
    ticket, time = order.tag, (order.updated or order.time).ns
    return {
        "accountID": account.number, "action": moment.action, "actionBy": "ByUser", "actionTimeNs": order.time.ns,
        "clOrdID": ticket.name, "code": 0, "cumQty": number(moment.filled), "currency": "USDT",
        "execStatus": moment.status, "leavesQty": number(moment.left), "ordStatus": moment.status,
        "ordType": ticket.form, "orderID": ident(order.number), "orderQty": number(order.size),
        "posSide": ticket.pos_side, "priceRp": fixed(order.price or ZERO, market.tick), "side": order.side.title(),
        "stopPxRp": "0", "symbol": market.name, "timeInForce": ticket.terms, "transactTimeNs": time,
        "userID": account.number // 10_000,
    }  # fmt: skip


def listed_order(market: Market, order: Order, status: str = "") -> dict[str, Any]:
    """Write an order for an answer, which has other words for some things.

    https://phemex-docs.github.io/#query-open-orders-by-symbol-2
    """
    ticket = order.tag
    return {
        "bizError": 0, "orderID": ident(order.number), "clOrdID": ticket.name, "symbol": market.name,
        "side": order.side.title(), "actionTimeNs": order.time.ns,
        "transactTimeNs": (order.updated or order.time).ns, "orderType": None,
        "priceRp": fixed(order.price or ZERO, market.tick), "orderQtyRq": number(order.size),
        "displayQtyRq": number(order.size), "timeInForce": ticket.terms, "reduceOnly": ticket.reduce_only,
        "cumQtyRq": number(order.filled), "leavesQtyRq": number(order.left), "stopPxRp": "0",
        "posSide": ticket.pos_side,
        "ordStatus": status or ("PartiallyFilled" if order.filled else "New"), "execStatus": "New",
    }  # fmt: skip


def position_row(market: Market, account: Account, side: str, held: Position) -> dict[str, Any]:
    """Write a position, for the stream or an answer.

    https://phemex-docs.github.io/#query-account-positions
    """
    return {
        "accountID": account.number, "avgEntryPriceRp": number(held.entry), "currency": "USDT",
        "posMode": "OneWay" if side == "Merged" else "Hedged", "posSide": side, "positionStatus": "Normal",
        "side": "None" if not held.size else "Buy" if held.size > 0 else "Sell", "size": number(abs(held.size)),
        "symbol": market.name, "term": 1, "unrealisedPnlRv": number(held.size * (market.last - held.entry)),
        "userID": account.number // 10_000, "valueRv": number(abs(held.size) * held.entry),
    }  # fmt: skip


def account_row(account: Account, used: Decimal) -> dict[str, Any]:
    """Write a balance for the stream."""
    return {
        "accountBalanceRv": number(account.balance), "accountID": account.number, "bonusBalanceRv": "0",
        "currency": "USDT", "totalUsedBalanceRv": number(used), "userID": account.number // 10_000,
    }  # fmt: skip
