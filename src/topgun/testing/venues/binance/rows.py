"""How the fake Binance writes what belongs to an account: orders, balances, positions, by HTTP and by stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Ended, Fill
from .account import LEVERAGE, Ticket, fee_of
from .shapes import fixed, number

if TYPE_CHECKING:
    from ...market import Market
    from ...orders import Order, Placed
    from .account import Account, Product

__all__ = ["holding", "order_event", "order_row", "position_event", "position_row"]

STATES = {"filled": "FILLED", "cancelled": "CANCELED", "rejected": "REJECTED", "expired": "EXPIRED"}


def status_of(order: Order) -> str:
    """Return the status of an order as it is now; what could not be filled at once has expired."""
    if order.state == "cancelled" and (order.tag.terms in ("IOC", "FOK") or order.tag.kind == "MARKET"):
        return "EXPIRED"
    return STATES.get(order.state) or ("PARTIALLY_FILLED" if order.filled else "NEW")


def order_row(market: Market, order: Order) -> dict[str, Any]:
    """Write an order as it is now, as an HTTP answer.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints#current-open-orders-user_data
    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Current-All-Open-Orders
    """
    ticket: Ticket = order.tag
    told = {
        "symbol": ticket.product.symbol, "orderId": order.number, "clientOrderId": ticket.name,
        "price": fixed(order.price or ZERO, market.tick), "origQty": fixed(order.size, market.lot),
        "executedQty": fixed(order.filled, market.lot), "status": status_of(order), "timeInForce": ticket.terms,
        "type": ticket.kind, "side": order.side.upper(), "stopPrice": "0", "time": order.time.ms,
        "updateTime": (order.updated or order.time).ms,
    }  # fmt: skip
    if ticket.product.kind == "spot":
        return {
            **told, "orderListId": -1, "cummulativeQuoteQty": number(order.value), "icebergQty": "0.00000000",
            "isWorking": True, "workingTime": order.time.ms, "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "NONE",
        }  # fmt: skip
    return {
        **told, "avgPrice": number(order.average), "cumQuote": number(order.value), "origType": ticket.kind,
        "reduceOnly": ticket.reduce_only, "positionSide": "BOTH", "closePosition": False,
        "workingType": "CONTRACT_PRICE", "priceProtect": False, "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE", "goodTillDate": 0,
    }  # fmt: skip


def order_event(market: Market, event: Placed | Fill | Ended, now: int) -> dict[str, Any]:
    """Write what happened to an order.

    https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#order-update
    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update
    """
    order, fill = event.order, event if isinstance(event, Fill) else None
    ticket: Ticket = order.tag
    left = order.size if not isinstance(event, Fill | Ended) else event.left
    kind, status = "NEW", "NEW"
    if fill is not None:
        kind, status = "TRADE", "PARTIALLY_FILLED" if left else "FILLED"
    elif isinstance(event, Ended):
        kind = status = status_of(order)
    common = {
        "s": ticket.product.symbol, "c": ticket.name, "S": order.side.upper(), "o": ticket.kind, "f": ticket.terms,
        "q": fixed(order.size, market.lot), "p": fixed(order.price or ZERO, market.tick), "x": kind, "X": status,
        "i": order.number, "l": fixed(fill.trade.size if fill else ZERO, market.lot),
        "z": fixed(order.size - left, market.lot), "L": fixed(fill.trade.price if fill else ZERO, market.tick),
        "n": number(fee_of(fill)) if fill else "0", "T": (order.updated or order.time).ms,
        "t": fill.trade.number if fill else -1, "m": bool(fill and fill.maker),
    }  # fmt: skip
    if ticket.product.kind == "spot":
        return {
            "e": "executionReport", "E": now, **common, "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
            "r": "NONE", "N": ticket.product.quote if fill else None, "I": now, "w": True, "M": False,
            "O": order.time.ms, "Z": number(order.value), "Y": "0.00000000", "Q": "0.00000000", "W": order.time.ms,
            "V": "NONE",
        }  # fmt: skip
    row = {
        **common, "ap": number(order.average), "sp": "0", "N": ticket.product.margin, "b": "0", "a": "0",
        "R": ticket.reduce_only, "wt": "CONTRACT_PRICE", "ot": ticket.kind, "ps": "BOTH", "cp": False, "rp": "0",
        "pP": False, "si": 0, "ss": 0, "V": "NONE", "pm": "NONE", "gtd": 0, "er": "0",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": now, "T": now, "o": row}


def holding(account: Account, product: Product, coin: str) -> dict[str, str]:
    """Write a balance as an HTTP answer of spot or of futures."""
    amount = account.wallets[product.kind][coin]
    if product.kind == "spot":
        locked = account.locked(coin)
        return {"asset": coin, "free": number(amount - locked), "locked": number(locked)}
    return {
        "accountAlias": "fake", "asset": coin, "balance": number(amount), "crossWalletBalance": number(amount),
        "crossUnPnl": "0.00000000", "availableBalance": number(amount),
    }  # fmt: skip


def position_row(market: Market, product: Product, account: str, *, version: str) -> dict[str, Any]:
    """Write a position as an HTTP answer; version 3 has no type of margin.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Position-Information-V3
    """
    held = market.position(account)
    told = {
        "symbol": product.symbol, "positionSide": "BOTH", "positionAmt": fixed(held.size, market.lot),
        "entryPrice": number(held.entry), "breakEvenPrice": number(held.entry),
        "markPrice": fixed(market.last, market.tick),
        "unRealizedProfit": number(product.gain(held.size, held.entry, market.last)), "liquidationPrice": "0",
        "isolatedMargin": "0", "isolatedWallet": "0", "updateTime": 0,
    }  # fmt: skip
    return told if version == "v3" else {**told, "marginType": "cross", "leverage": str(LEVERAGE)}


def position_event(market: Market, product: Product, account: str) -> dict[str, Any]:
    """Write a position as the stream has it.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Balance-and-Position-Update
    """
    held = market.position(account)
    return {
        "s": product.symbol, "pa": fixed(held.size, market.lot), "ep": number(held.entry), "bep": number(held.entry),
        "cr": number(held.realised), "up": number(product.gain(held.size, held.entry, market.last)), "mt": "cross",
        "iw": "0", "ps": "BOTH",
    }  # fmt: skip
