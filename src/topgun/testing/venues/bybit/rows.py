"""How the fake Bybit writes what belongs to an account: orders, executions, positions, the wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from .account import LEVERAGE, Ticket, fee_rate
from .shapes import fixed, ident, number

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from ...market import Market
    from ...orders import Fill, Order
    from .account import Account, Product

__all__ = ["execution", "order_row", "position", "wallet"]

REASONS = {"would take": "EC_PostOnlyWillTakeLiquidity", "by user": "EC_NoError", "": "EC_NoError"}
NOTHING = dict.fromkeys(("blockTradeId", "isLeverage", "orderIv", "lastPriceOnCreated", "tpLimitPrice"), "")
NO_STOPS = {
    "stopOrderType": "UNKNOWN", "triggerPrice": "0.00", "takeProfit": "0.00", "stopLoss": "0.00",
    "tpTriggerBy": "UNKNOWN", "slTriggerBy": "UNKNOWN", "triggerDirection": 0, "triggerBy": "UNKNOWN",
    "closeOnTrigger": False, "smpType": "None", "smpGroup": 0, "smpOrderId": "", "tpslMode": "Full",
    "slLimitPrice": "", "placeType": "",
}  # fmt: skip


def order_row(market: Market, order: Order) -> dict[str, Any]:
    """Write an order as it is now.

    https://bybit-exchange.github.io/docs/v5/websocket/private/order
    """
    ticket: Ticket = order.tag
    price = order.price or ZERO
    states = {"filled": "Filled", "cancelled": "Cancelled", "rejected": "Rejected"}
    status = states.get(order.state) or ("PartiallyFilled" if order.filled else "New")
    return {
        "category": ticket.product.category, "orderId": ident("order", order.number), "orderLinkId": ticket.link,
        "symbol": ticket.product.symbol, "price": fixed(price, market.tick), "qty": fixed(order.size, market.lot),
        "side": order.side.title(), "positionIdx": 0, "orderStatus": status,
        "cancelType": "CancelByUser" if ticket.reason == "by user" else "UNKNOWN",
        "rejectReason": REASONS.get(ticket.reason, "EC_NoImmediateQtyToFill"),
        "avgPrice": number(order.average) if order.filled else "", "leavesQty": fixed(order.left, market.lot),
        "leavesValue": number(order.left * price), "cumExecQty": fixed(order.filled, market.lot),
        "cumExecValue": number(order.value), "cumExecFee": number(ticket.fee), "timeInForce": order.terms,
        "orderType": ticket.kind, "reduceOnly": ticket.reduce_only, "createdTime": str(order.time.ms),
        "updatedTime": str((order.updated or order.time).ms), **NOTHING, **NO_STOPS,
    }  # fmt: skip


def execution(market: Market, fill: Fill) -> dict[str, Any]:
    """Write a fill.

    https://bybit-exchange.github.io/docs/v5/websocket/private/execution
    """
    order, trade = fill.order, fill.trade
    ticket: Ticket = order.tag
    rate, value = fee_rate(ticket.product, maker=fill.maker), trade.price * trade.size
    closed = max(abs(fill.before.size) - abs(fill.after.size), ZERO)
    texts = ("tradeIv", "markIv", "blockTradeId", "indexPrice", "underlyingPrice", "marketUnit")
    return {
        "category": ticket.product.category, "symbol": ticket.product.symbol, "closedSize": number(closed),
        "execFee": number(value * rate), "execId": ident("execution", trade.number),
        "execPrice": fixed(trade.price, market.tick), "execQty": fixed(trade.size, market.lot), "execType": "Trade",
        "execValue": number(value), "feeRate": number(rate), "markPrice": fixed(market.last, market.tick),
        "leavesQty": fixed(fill.left, market.lot), "orderId": ident("order", order.number),
        "orderLinkId": ticket.link, "orderPrice": fixed(order.price or ZERO, market.tick),
        "orderQty": fixed(order.size, market.lot), "orderType": ticket.kind, "stopOrderType": "UNKNOWN",
        "side": order.side.title(), "execTime": str(trade.time.ms), "isLeverage": "0", "isMaker": fill.maker,
        "seq": trade.number, "execPnl": number(fill.after.realised - fill.before.realised),
        "createType": "CreateByUser", "extraFees": [], "feeCurrency": ticket.product.quote,
        **dict.fromkeys(texts, ""),
    }  # fmt: skip


def position(market: Market, product: Product, account: str, now: int, *, rest: bool) -> dict[str, Any]:
    """Write what an account holds of a linear product, as a REST answer or as the stream has it.

    https://bybit-exchange.github.io/docs/v5/websocket/private/position
    """
    held = market.position(account)
    value = abs(held.size) * held.entry
    margin, gain = number(value / LEVERAGE), number(held.size * (market.last - held.entry))
    entry, stopped = number(held.entry), dict.fromkeys(("takeProfit", "stopLoss", "trailingStop"), "0.00")
    spelled = {"avgPrice": entry, "mmrSysUpdateTime": ""} if rest else {
        "entryPrice": entry, "mmrSysUpdatedTime": "", "positionIMByMp": margin, "positionMMByMp": "0",
        "category": product.category,
    }  # fmt: skip
    return {
        "positionIdx": 0, "riskId": 1, "riskLimitValue": "2000000", "symbol": product.symbol,
        "side": "" if not held.size else "Buy" if held.size > 0 else "Sell", "size": number(abs(held.size)),
        "positionValue": number(value), "tradeMode": 0, "positionStatus": "Normal", "autoAddMargin": 0,
        "adlRankIndicator": 0, "leverage": str(LEVERAGE), "breakEvenPrice": entry, "positionBalance": margin,
        "markPrice": fixed(market.last, market.tick), "liqPrice": "", "bustPrice": "", "positionMM": "0",
        "positionIM": margin, "tpslMode": "Full", **stopped, "unrealisedPnl": gain,
        "curRealisedPnl": number(held.realised), "cumRealisedPnl": number(held.realised), "seq": now,
        "isReduceOnly": False, "leverageSysUpdatedTime": "", "sessionAvgPrice": "", "createdTime": str(now),
        "updatedTime": str(now), **spelled,
    }  # fmt: skip


def wallet(account: Account, linear: Collection[Market], worth: dict[str, Decimal]) -> dict[str, Any]:
    """Write the wallet.

    Args:
        account: Whose.
        linear: The markets that settle in USDT.
        worth: What one of each coin is worth in USD.

    https://bybit-exchange.github.io/docs/v5/websocket/private/wallet
    """
    held = [(market, market.position(account.name)) for market in linear]
    gain = sum((each.size * (market.last - each.entry) for market, each in held), ZERO)
    margin = account.margin(linear)
    total = sum((amount * worth[coin] for coin, amount in account.coins.items()), ZERO)
    unused = ("accountIMRate", "accountMMRate", "accountLTV", "totalMaintenanceMargin")
    return {
        **dict.fromkeys(unused, "0"), "totalEquity": number(total + gain), "totalWalletBalance": number(total),
        "totalMarginBalance": number(total + gain), "totalAvailableBalance": number(total + gain - margin),
        "totalPerpUPL": number(gain), "totalInitialMargin": number(margin),
        "coin": [_coin(account, name, gain if name == "USDT" else ZERO, worth[name]) for name in account.coins],
        "accountType": "UNIFIED",
    }  # fmt: skip


def _coin(account: Account, name: str, gain: Decimal, worth: Decimal) -> dict[str, Any]:
    amount = account.coins[name]
    unused = ("borrowAmount", "accruedInterest", "totalOrderIM", "totalPositionIM", "totalPositionMM", "bonus")
    return {
        "coin": name, "equity": number(amount + gain), "usdValue": number((amount + gain) * worth),
        "walletBalance": number(amount), "availableToWithdraw": "", "availableToBorrow": "",
        **dict.fromkeys(unused, "0"), "unrealisedPnl": number(gain),
        "cumRealisedPnl": number(account.realised[name]), "collateralSwitch": True, "marginCollateral": True,
        "locked": number(account.locked(name)), "spotHedgingQty": "0", "spotBorrow": "0",
    }  # fmt: skip
