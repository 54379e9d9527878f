"""How the fake BitMEX writes things: books, trades, quotes, orders, positions; numbers are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from ...orders import ZERO
from .account import LEVERAGE, Account, Holding, Product, Ticket

if TYPE_CHECKING:
    from decimal import Decimal

    from ....clock import Instant
    from ...market import Market
    from ...orders import Fill, Level, Order, Side, Trade

__all__ = ["book10", "execution", "ident", "instrument", "level", "margin", "moment", "number", "order_row", "position",
           "quote", "trade", "wallet"]  # fmt: skip

SIDES: dict[Side, str] = {"sell": "Sell", "buy": "Buy"}
STATES = {"filled": "Filled", "cancelled": "Canceled", "rejected": "Canceled"}


def number(value: Decimal) -> int | float:
    """Write a number: whole ones without a point."""
    return int(value) if value == value.to_integral_value() else float(round(value, 10))


def moment(now: Instant) -> str:
    """Write a time, to the ms."""
    return f"{now.utc():%Y-%m-%dT%H:%M:%S}.{now.ms % 1000:03}Z"


def ident(kind: str, serial: int) -> str:
    """Return the id of an order, an execution or a trade."""
    return str(uuid5(NAMESPACE_OID, f"{kind} {serial}"))


def level(symbol: str, number_of: int, side: Side, each: Level, now: str) -> dict[str, Any]:
    """Write a level of ``orderBookL2``; without a size it is gone.

    https://www.bitmex.com/app/wsAPI#OrderBookL2
    """
    price, size = each
    told = {"size": int(size)} if size else {}
    times = {"timestamp": now, "transactTime": now}
    return {"symbol": symbol, "id": number_of, "side": SIDES[side], **told, "price": number(price), **times}


def book10(symbol: str, sides: dict[Side, list[Level]], now: str) -> dict[str, Any]:
    """Write a row of ``orderBook10``."""
    bids, asks = ([[number(price), int(size)] for price, size in sides[side][:10]] for side in ("buy", "sell"))
    return {"symbol": symbol, "bids": bids, "asks": asks, "timestamp": now}


def trade(product: Product, each: Trade) -> dict[str, Any]:
    """Write a public trade."""
    value = abs(product.value(each.size, each.price))
    return {
        "timestamp": moment(each.time), "symbol": product.symbol, "side": SIDES[each.side], "size": int(each.size),
        "price": number(each.price), "tickDirection": "PlusTick" if each.side == "buy" else "MinusTick",
        "trdMatchID": ident("trade", each.number), "grossValue": int(value),
    }  # fmt: skip


def quote(market: Market, now: str) -> dict[str, Any]:
    """Write the best prices."""
    bid, ask = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("buy", "sell"))
    return {
        "timestamp": now, "symbol": market.name, "bidSize": int(bid[1]), "bidPrice": number(bid[0]),
        "askPrice": number(ask[0]), "askSize": int(ask[1]),
    }  # fmt: skip


def instrument(market: Market, product: Product, now: str) -> dict[str, Any]:
    """Write a product and its prices."""
    told = quote(market, now)
    return {
        "symbol": product.symbol, "rootSymbol": product.base, "state": "Open", "typ": "FFWCSX",
        "quoteCurrency": product.quote, "settlCurrency": product.settle, "isInverse": product.inverse,
        "tickSize": number(market.tick), "lotSize": int(market.lot), "lastPrice": number(market.last),
        "bidPrice": told["bidPrice"], "askPrice": told["askPrice"], "markPrice": number(market.last),
        "volume": int(market.volume), "fundingRate": 0.0001, "timestamp": now,
    }  # fmt: skip


def order_row(order: Order, account: Account) -> dict[str, Any]:
    """Write an order as it is now.

    https://www.bitmex.com/app/wsAPI#Subscriptions
    """
    ticket: Ticket = order.tag
    status = STATES.get(order.state) or ("PartiallyFilled" if order.filled else "New")
    now = moment(order.updated or order.time)
    return {
        "orderID": ident("order", order.number), "clOrdID": ticket.name, "clOrdLinkID": "", "account": account.number,
        "symbol": ticket.product.symbol, "side": SIDES[order.side], "orderQty": int(order.size),
        "price": number(order.price or ZERO), "currency": ticket.product.quote,
        "settlCurrency": ticket.product.settle, "ordType": ticket.kind, "timeInForce": ticket.terms,
        "execInst": ticket.instructions, "ordStatus": status, "workingIndicator": order.state == "open",
        "leavesQty": int(order.left) if order.state == "open" else 0, "cumQty": int(order.filled),
        "avgPx": number(order.average), "text": ticket.text, "transactTime": moment(order.time), "timestamp": now,
    }  # fmt: skip


def execution(fill: Fill, account: Account) -> dict[str, Any]:
    """Write a fill."""
    row, each = order_row(fill.order, account), fill.trade
    named = ("orderID", "clOrdID", "account", "symbol", "side", "orderQty", "price", "ordType", "timeInForce")
    status = "PartiallyFilled" if fill.left else "Filled"
    return {
        "execID": ident(f"execution {fill.order.number}", each.number), **{name: row[name] for name in named},
        "lastQty": int(each.size), "lastPx": number(each.price), "execType": "Trade", "ordStatus": status,
        "leavesQty": int(fill.left), "commission": 0, "execComm": 0, "trdMatchID": ident("trade", each.number),
        "execCost": int(fill.order.tag.product.value(each.size, each.price)), "timestamp": moment(each.time),
    }  # fmt: skip


def position(holding: Holding, account: Account, mark: Decimal, now: str) -> dict[str, Any]:
    """Write what an account holds of a product."""
    gain = holding.product.value(holding.size, mark) - holding.cost if holding.size else ZERO
    return {
        "account": account.number, "symbol": holding.product.symbol, "currency": holding.product.settle,
        "leverage": LEVERAGE, "crossMargin": True, "currentQty": int(holding.size), "isOpen": bool(holding.size),
        "avgEntryPrice": number(holding.entry), "markPrice": number(mark), "unrealisedPnl": int(gain),
        "timestamp": now,
    }  # fmt: skip


def margin(account: Account, currency: str, now: str) -> dict[str, Any]:
    """Write the margin of a currency."""
    balance, needed = account.money[currency], account.margin(currency)
    return {
        "account": account.number, "currency": currency, "riskLimit": 1_000_000_000_000, "amount": int(balance),
        "walletBalance": int(balance), "marginBalance": int(balance), "availableMargin": int(balance - needed),
        "withdrawableMargin": int(balance - needed), "timestamp": now,
    }  # fmt: skip


def wallet(account: Account, currency: str, now: str) -> dict[str, Any]:
    """Write the wallet of a currency."""
    moved = dict.fromkeys(("deposited", "withdrawn", "transferIn", "transferOut", "pendingCredit", "pendingDebit"), 0)
    row: dict[str, Any] = {"account": account.number, "currency": currency, **moved}
    return {**row, "amount": int(account.money[currency]), "timestamp": now}
