"""How the fake Bitget writes what belongs to an account, for the stream and for HTTP answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from .account import LEVERAGE, Ticket, fee_of
from .shapes import fixed, ident, number

if TYPE_CHECKING:
    from collections.abc import Collection

    from ...market import Market
    from ...orders import Fill, Order
    from .account import Account

__all__ = ["asset", "fill_row", "futures_account", "history", "listed_order", "order_row", "position"]

FORCES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "post_only"}


def order_row(market: Market, order: Order) -> dict[str, Any]:
    """Write an order as the stream tells it.

    https://www.bitget.com/api-doc/contract/websocket/private/Order-Channel
    """
    ticket: Ticket = order.tag
    row = {
        "accBaseVolume": fixed(order.filled, market.lot), "instId": ticket.product.symbol, **_order(market, order),
        "price": fixed(order.price or ZERO, market.tick), "priceAvg": number(order.average),
        "feeDetail": [{"feeCoin": ticket.product.quote, "fee": number(-ticket.fee)}], "stpMode": "none",
    }  # fmt: skip
    if ticket.product.kind == "SPOT":
        return {**row, "notional": number(order.size * (order.price or market.last)), "newSize": row["size"]}
    return {**row, **_futures(order), "notionalUsd": number(order.size * (order.price or market.last))}


def listed_order(market: Market, order: Order) -> dict[str, Any]:
    """Write an order as answers list it, which calls some things by other names.

    https://www.bitget.com/api-doc/contract/trade/Get-Orders-Pending
    https://www.bitget.com/api-doc/spot/trade/Get-Unfilled-Orders
    """
    ticket: Ticket = order.tag
    price, average = fixed(order.price or ZERO, market.tick), number(order.average)
    row = {
        "symbol": ticket.product.symbol, "baseVolume": fixed(order.filled, market.lot),
        "quoteVolume": number(order.value), "orderSource": "normal", **_order(market, order),
    }  # fmt: skip
    if ticket.product.kind == "SPOT":
        spot = {"userId": "1", "priceAvg": price, "basePrice": average, "tpslType": "normal", "triggerPrice": None}
        return {**row, **spot}
    return {**row, **_futures(order), "price": price, "priceAvg": average, "fee": number(-ticket.fee)}


def _order(market: Market, order: Order) -> dict[str, Any]:
    ticket: Ticket = order.tag
    ended = "cancelled" if ticket.product.kind == "SPOT" else "canceled"  # Bitget spells both
    states = {"filled": "filled", "cancelled": ended, "rejected": ended}
    return {
        "orderId": ident(order.number), "clientOid": ticket.name, "size": fixed(order.size, market.lot),
        "orderType": ticket.form, "force": FORCES[order.terms], "side": order.side,
        "status": states.get(order.state) or ("partially_filled" if order.filled else "live"),
        "enterPointSource": "API", "cTime": str(order.time.ms), "uTime": str((order.updated or order.time).ms),
    }  # fmt: skip


def _futures(order: Order) -> dict[str, Any]:
    ticket: Ticket = order.tag
    return {
        "leverage": str(LEVERAGE), "marginCoin": ticket.product.quote, "marginMode": "crossed",
        "posMode": "one_way_mode", "posSide": "net", "tradeSide": f"{order.side}_single",
        "reduceOnly": "yes" if ticket.reduce_only else "no", "totalProfits": "0",
    }  # fmt: skip


def fill_row(market: Market, fill: Fill) -> dict[str, Any]:
    """Write a fill.

    https://www.bitget.com/api-doc/contract/websocket/private/Fill-Channel
    https://www.bitget.com/api-doc/spot/websocket/private/Fill-Channel
    """
    ticket: Ticket = fill.order.tag
    price, size = fixed(fill.trade.price, market.tick), fixed(fill.trade.size, market.lot)
    value = number(fill.trade.price * fill.trade.size)
    spot = {"priceAvg": price, "size": size, "amount": value}
    futures = {
        "price": price, "baseVolume": size, "quoteVolume": value, "posMode": "one_way_mode",
        "tradeSide": f"{fill.order.side}_single", "profit": number(fill.after.realised - fill.before.realised),
    }  # fmt: skip
    paid = {
        "feeCoin": ticket.product.quote,
        "deduction": "no",
        "totalDeductionFee": "0",
        "totalFee": number(-fee_of(fill)),
    }
    return {
        "orderId": ident(fill.order.number), "tradeId": ident(fill.trade.number), "symbol": ticket.product.symbol,
        "orderType": ticket.form, "side": fill.order.side, **(spot if ticket.product.kind == "SPOT" else futures),
        "tradeScope": "maker" if fill.maker else "taker", "feeDetail": [paid],
        "cTime": str(fill.trade.time.ms), "uTime": str(fill.trade.time.ms),
    }  # fmt: skip


def position(market: Market, symbol: str, account: Account, now: int, *, listed: bool) -> dict[str, Any]:
    """Write an open position as the stream tells it, or as an answer lists it: without an id.

    https://www.bitget.com/api-doc/contract/websocket/private/Positions-Channel
    https://www.bitget.com/api-doc/contract/position/get-all-position
    """
    held = market.position(account.name)
    size = fixed(abs(held.size), market.lot)
    named = (
        {"symbol": symbol, "locked": "0", "marginRatio": "0.01", "openDelegateSize": "0"}
        if listed
        else {
            "posId": account.idents[symbol],
            "instId": symbol,
            "frozen": "0",
            "marginRate": "0.01",
            "unrealizedPLR": "0",
        }
    )
    return {
        **named, "marginCoin": "USDT", "marginSize": number(abs(held.size) * held.entry / LEVERAGE),
        "marginMode": "crossed", "holdSide": "long" if held.size > 0 else "short", "posMode": "one_way_mode",
        "total": size, "available": size, "openPriceAvg": number(held.entry),
        "leverage": str(LEVERAGE) if listed else LEVERAGE, "achievedProfits": number(held.realised),
        "unrealizedPL": number(held.size * (market.last - held.entry)), "liquidationPrice": "0",
        "keepMarginRate": "0.004", "markPrice": fixed(market.last, market.tick), "autoMargin": "off",
        "cTime": str(now), "uTime": str(now),
    }  # fmt: skip


def history(market: Market, fill: Fill, ident_: str, now: int) -> dict[str, Any]:
    """Write a position that a fill has closed.

    https://www.bitget.com/api-doc/contract/websocket/private/History-Positions-Channel
    """
    before = fill.before
    size = fixed(abs(before.size), market.lot)
    return {
        "posId": ident_, "instId": fill.order.tag.product.symbol, "marginCoin": "USDT", "marginMode": "crossed",
        "holdSide": "long" if before.size > 0 else "short", "posMode": "one_way_mode",
        "openPriceAvg": number(before.entry), "closePriceAvg": fixed(fill.trade.price, market.tick),
        "openSize": size, "closeSize": size, "achievedProfits": number(fill.after.realised - before.realised),
        "settleFee": "0", "openFee": "0", "closeFee": number(-fee_of(fill)), "cTime": str(now), "uTime": str(now),
    }  # fmt: skip


def futures_account(account: Account, futures: Collection[Market], *, listed: bool) -> dict[str, Any]:
    """Write the wallet of futures as the stream tells it, or as an answer lists it.

    https://www.bitget.com/api-doc/contract/websocket/private/Account-Channel
    https://www.bitget.com/api-doc/contract/account/Get-Account-List
    """
    held = [(market, market.position(account.name)) for market in futures]
    gain = sum((each.size * (market.last - each.entry) for market, each in held), ZERO)
    free, equity = number(account.margin - account.needed(futures)), number(account.margin + gain)
    named = (
        {"locked": "0", "crossedMaxAvailable": free, "isolatedMaxAvailable": free, "accountEquity": equity}
        if listed
        else {"frozen": "0", "maxOpenPosAvailable": free, "equity": equity}
    )
    return {
        "marginCoin": "USDT", "available": number(account.margin), **named, "maxTransferOut": free,
        "usdtEquity": equity, "crossedRiskRate": "0", "unrealizedPL": number(gain),
    }  # fmt: skip


def asset(account: Account, coin: str, now: int) -> dict[str, Any]:
    """Write the balance of a coin on spot.

    https://www.bitget.com/api-doc/spot/account/Get-Account-Assets
    """
    locked = account.locked(coin)
    return {
        "coin": coin, "available": number(account.coins[coin] - locked), "frozen": number(locked), "locked": "0",
        "limitAvailable": "0", "uTime": str(now),
    }  # fmt: skip
