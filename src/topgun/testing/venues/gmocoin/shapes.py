"""How the fake GMO Coin writes things; every number but an id is a text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from ...view import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Level, Order, Trade
    from .account import Execution, Lot, Product

__all__ = [
    "book", "execution_event", "execution_row", "fixed", "instant", "order_event", "order_row", "position", "summaries",
    "ticker", "trade",
]  # fmt: skip

CANCELS = {
    "by user": "USER", "would take": "EXPIRED_SOK", "not filled at once": "EXPIRED_FOK",
    "no liquidity": "EXPIRED_FAK", "nothing left": "USER",
}  # fmt: skip
FX = "gmocoin_fx"


def number(value: Decimal) -> str:
    """Write a number without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price with the decimals of its step."""
    return f"{value.quantize(step):f}"


def instant(moment: Instant) -> str:
    """Write a time: ``2019-03-19T02:15:06.081Z``."""
    return f"{moment.utc():%Y-%m-%dT%H:%M:%S}.{moment.ms % 1000:03d}Z"


def book(market: Market, sides: dict[Any, list[Level]], symbol: str, moment: Instant) -> dict[str, Any]:
    """Write a whole book."""
    asks, bids = (
        [{"price": fixed(price, market.tick), "size": number(size)} for price, size in sides[side]] for side in SIDES
    )
    return {"channel": "orderbooks", "asks": asks, "bids": bids, "symbol": symbol, "timestamp": instant(moment)}


def ticker(market: Market, product: Product, moment: Instant) -> dict[str, Any]:
    """Write a ticker; one of FX does not name its channel.

    https://api.coin.z.com/docs/#ws-ticker
    """
    ask, bid = (fixed(market.best(side) or ZERO, market.tick) for side in SIDES)
    told = {"ask": ask, "bid": bid, "symbol": product.symbol, "timestamp": instant(moment)}
    if product.api == FX:
        return {**told, "status": "OPEN"}
    prices = [each.price for each in market.trades] or [market.last]
    high, low, last = (fixed(each, market.tick) for each in (max(prices), min(prices), market.last))
    return {"channel": "ticker", **told, "high": high, "last": last, "low": low, "volume": number(market.volume)}


def trade(market: Market, symbol: str, each: Trade) -> dict[str, Any]:
    """Write a trade of the market.

    https://api.coin.z.com/docs/#ws-trades
    """
    return {
        "channel": "trades", "price": fixed(each.price, market.tick), "side": each.side.upper(),
        "size": number(each.size), "timestamp": instant(each.time), "symbol": symbol,
    }  # fmt: skip


def order_row(order: Order) -> dict[str, Any]:
    """Write an order as REST does.

    https://api.coin.z.com/docs/#active-orders
    """
    ticket = order.tag
    states = {"open": "ORDERED", "filled": "EXECUTED", "cancelled": "CANCELED"}
    row = {
        "rootOrderId": order.number, "orderId": order.number, "symbol": ticket.product.symbol,
        "side": order.side.upper(), "orderType": "NORMAL", "executionType": ticket.kind,
        "settleType": ticket.settle, "size": number(order.size), "price": number(order.price or ZERO),
        "status": states.get(order.state, "EXPIRED"), "timestamp": instant(order.time),
    }  # fmt: skip
    if ticket.product.api == FX:
        return row
    return {**row, "executedSize": number(order.filled), "losscutPrice": "0", "timeInForce": ticket.terms}


def order_event(order: Order, kind: str, executed: Decimal) -> dict[str, Any]:
    """Write what the account hears of an order.

    Args:
        order: It.
        kind: ``NOR``, ``ROR``, or empty when it ended.
        executed: How much of it was executed at that moment.

    https://api.coin.z.com/docs/#ws-order-events
    """
    told = {
        "channel": "orderEvents", **_terms(order, executed), "orderStatus": "ORDERED", "losscutPrice": "0",
        "msgType": kind,
    }  # fmt: skip
    if kind:
        return told
    reason = CANCELS[order.tag.reason]
    status, kind = ("CANCELED", "COR") if reason == "USER" else ("EXPIRED", "ER")
    return {**told, "orderStatus": status, "cancelType": reason, "msgType": kind}


def execution_event(execution: Execution) -> dict[str, Any]:
    """Write what the account hears of an execution.

    https://api.coin.z.com/docs/#ws-execution-events
    """
    trade = execution.fill.trade
    return {
        "channel": "executionEvents", **_terms(execution.fill.order, execution.executed), **_execution(execution),
        "executionPrice": number(trade.price), "executionSize": number(execution.size),
        "executionTimestamp": instant(trade.time), "msgType": "ER",
    }  # fmt: skip


def execution_row(execution: Execution) -> dict[str, Any]:
    """Write an execution as REST does.

    https://api.coin.z.com/docs/#latest-executions
    """
    order, trade = execution.fill.order, execution.fill.trade
    return {
        **_execution(execution), "orderId": order.number, "symbol": order.tag.product.symbol,
        "side": order.side.upper(), "settleType": order.tag.settle, "size": number(execution.size),
        "price": number(trade.price), "timestamp": instant(trade.time),
    }  # fmt: skip


def position(lot: Lot, last: Decimal) -> dict[str, Any]:
    """Write a position, as REST does.

    https://api.coin.z.com/docs/#open-positions
    """
    row = {
        "positionId": lot.number, "symbol": lot.product.symbol, "side": lot.side.upper(), "size": number(lot.size),
        "price": number(lot.price), "lossGain": number(lot.gain(last, lot.size)), "timestamp": instant(lot.opened),
    }  # fmt: skip
    if lot.product.api == FX:
        return {**row, "orderedSize": number(lot.ordered), "totalSwap": "0"}
    losscut = {"leverage": str(lot.product.leverage), "losscutPrice": "0"}
    return {**row, "orderdSize": number(lot.ordered), **losscut}


def summaries(product: Product, lots: Iterable[Lot], last: Decimal) -> list[dict[str, Any]]:
    """Write the sums of the positions of a product, both sides.

    https://api.coin.z.com/docs/#position-summary
    """
    held = [lot for lot in lots if lot.product == product]
    names = ("sumOrderedSize", "sumPositionSize") if product.api == FX else ("sumOrderQuantity", "sumPositionQuantity")
    rows = []
    for side in ("buy", "sell"):
        own = [lot for lot in held if lot.side == side]
        size, ordered = sum((lot.size for lot in own), ZERO), sum((lot.ordered for lot in own), ZERO)
        value = sum((lot.size * lot.price for lot in own), ZERO)
        gain = sum((lot.gain(last, lot.size) for lot in own), ZERO)
        rows.append(
            {
                "symbol": product.symbol, "side": side.upper(),
                "averagePositionRate": number(value / size) if size else "0", "positionLossGain": number(gain),
                names[0]: number(ordered), names[1]: number(size),
            }
        )  # fmt: skip
    return rows


def _terms(order: Order, executed: Decimal) -> dict[str, Any]:
    ticket = order.tag
    return {
        "orderId": order.number, "symbol": ticket.product.symbol, "settleType": ticket.settle,
        "executionType": ticket.kind, "side": order.side.upper(), "orderTimestamp": instant(order.time),
        "orderPrice": number(order.price or ZERO), "orderSize": number(order.size),
        "orderExecutedSize": number(executed), "timeInForce": ticket.terms,
    }  # fmt: skip


def _execution(execution: Execution) -> dict[str, Any]:
    named = {} if execution.lot is None else {"positionId": execution.lot.number}
    return {"executionId": execution.number, **named, "lossGain": number(execution.gain), "fee": "0"}
