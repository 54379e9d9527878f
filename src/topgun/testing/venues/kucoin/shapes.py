"""How the fake KuCoin spells things: books, trades, orders, positions, balances."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Fill
from .account import LEVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Level, Order, Trade
    from .account import Account, Product

__all__ = ["balance", "levels", "name_of", "order_event", "order_row", "plain", "position", "ticker", "trade", "wallet"]


def plain(number: Decimal) -> str:
    """Return a number without trailing zeros."""
    return f"{number.normalize():f}" if number else "0"


def size_of(product: Product, size: Decimal) -> Any:
    """Return a size: spot spells it as a text, futures as a number."""
    return plain(size) if product.kind == "spot" else int(size)


def name_of(order: Order) -> str:
    """Return the id of an order: hexadecimal on spot, decimal on futures."""
    return f"{order.number:024x}" if order.tag.product.kind == "spot" else f"{247_899_236_000_000_000 + order.number}"


def levels(product: Product, side: Iterable[Level]) -> list[list[Any]]:
    """Return the levels of a book."""
    return [[plain(price), size_of(product, size)] for price, size in side]


def trade(product: Product, done: Trade) -> dict[str, Any]:
    """Return a trade of the market.

    https://www.kucoin.com/docs-new
    """
    maker, taker = (done.sell, done.buy) if done.side == "buy" else (done.buy, done.sell)
    row = {
        "symbol": product.symbol,
        "side": done.side,
        "price": plain(done.price),
        "size": size_of(product, done.size),
        "makerOrderId": f"{maker.number:024x}",
        "takerOrderId": f"{taker.number:024x}",
        "tradeId": str(done.number),
    }
    if product.kind == "spot":
        return {**row, "sequence": str(done.number), "time": str(done.time.ns), "type": "match"}
    return {**row, "sequence": done.number, "ts": done.time.ns}


def ticker(market: Market, product: Product, number: int, now: Instant) -> dict[str, Any]:
    """Return best prices; of spot the last trade as well."""
    (ask, asked), (bid, wanted) = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("sell", "buy"))
    if product.kind == "futures":
        sizes: dict[str, Any] = {"bestBidSize": int(wanted), "bestAskSize": int(asked)}
        prices = {"bestBidPrice": plain(bid), "bestAskPrice": plain(ask)}
        return {"symbol": product.symbol, "sequence": number, **sizes, **prices, "ts": now.ns}
    sizes = {"bestAskSize": plain(asked), "bestBidSize": plain(wanted)}
    prices = {"bestAsk": plain(ask), "bestBid": plain(bid), "price": plain(market.last)}
    size = plain(market.trades[-1].size) if market.trades else "0"
    return {**prices, **sizes, "sequence": str(number), "size": size, "time": now.ms}


# --- orders ---


def order_event(order: Order, kind: str, now: Instant, fill: Fill | None = None) -> dict[str, Any]:
    """Return what the account is told of an order.

    Args:
        order: It.
        kind: ``received``, ``open``, ``match``, ``update``, ``filled`` or ``canceled``.
        now: The time.
        fill: What has just been filled of it.

    https://www.kucoin.com/docs-new/3470073w0
    https://www.kucoin.com/docs-new/3470090w0
    """
    ticket, left = order.tag, order.left if fill is None else fill.left
    over = kind == "canceled"
    row = {
        "symbol": ticket.product.symbol,
        "side": order.side,
        "canceledSize": plain(left) if over else "0",
        "clientOid": ticket.name,
        "filledSize": plain(order.size - left),
        "orderId": name_of(order),
        "orderTime": order.time.ms if ticket.product.kind == "spot" else order.time.ns,
        "orderType": ticket.kind,
        "originSize": plain(order.size),
        "price": plain(order.price or ZERO),
        "remainSize": "0" if over else plain(left),
        "size": plain(order.size),
        "status": {"received": "new", "filled": "done", "canceled": "done"}.get(kind, "open"),
        "ts": now.ns,
        "type": kind,
    }
    if ticket.product.kind == "futures":
        row |= {"marginMode": "ISOLATED", "liquidity": "maker"}
    if fill is not None and kind == "match":
        liquidity, status = ("maker", "open") if fill.maker else ("taker", "match")
        row |= {"liquidity": liquidity, "feeType": f"{liquidity}Fee", "status": status}
        row |= {"matchPrice": plain(fill.trade.price), "matchSize": plain(fill.trade.size)}
        row["tradeId"] = str(fill.trade.number)
    return row


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as HTTP tells it."""
    ticket, active = order.tag, order.state == "open"
    row = {
        "id": name_of(order),
        "symbol": ticket.product.symbol,
        "type": ticket.kind,
        "side": order.side,
        "price": plain(order.price or ZERO),
        "size": size_of(ticket.product, order.size),
        "dealSize": size_of(ticket.product, order.filled),
        "timeInForce": ticket.terms,
        "postOnly": ticket.post_only,
        "clientOid": ticket.name,
        "cancelExist": order.state == "cancelled",
        "createdAt": order.time.ms,
    }
    if ticket.product.kind == "spot":
        left = plain(order.left) if active else "0"
        more = {"opType": "DEAL", "dealFunds": plain(order.value), "remainSize": left}
        return {**row, **more, "tradeType": "TRADE", "inOrderBook": active, "active": active}
    filled, status = int(order.filled), "open" if active else "done"
    done = {"filledSize": filled, "isActive": active, "status": status, "orderTime": order.time.ns}
    return {**row, **done, "leverage": str(LEVERAGE), "reduceOnly": ticket.reduce_only, "marginMode": "ISOLATED"}


# --- holdings ---


def balance(account: Account, coin: str, event: str, now: Instant) -> dict[str, Any]:
    """Return what the account is told of a coin.

    https://www.kucoin.com/docs-new/3470075w0
    """
    total, hold = account.coins["spot"][coin], account.held(coin)
    amounts = {"total": plain(total), "available": plain(total - hold), "hold": plain(hold)}
    changes = {"availableChange": "0", "holdChange": "0", "relationEvent": event, "time": str(now.ms)}
    return {"accountId": f"fake{coin}", "currency": coin, **amounts, **changes}


def wallet(account: Account, free: Decimal, now: Instant) -> dict[str, Any]:
    """Return what the futures account is told of its money.

    https://www.kucoin.com/docs-new/3470092w0
    """
    money = plain(account.coins["futures"]["USDT"])
    amounts = {"walletBalance": money, "availableBalance": plain(free), "holdBalance": "0"}
    return {**amounts, "currency": "USDT", "timestamp": str(now.ms)}


def position(market: Market, product: Product, api: str) -> dict[str, Any]:
    """Return a position.

    https://www.kucoin.com/docs-new/3470093w0
    """
    held, worth = market.position(api), Decimal(product.multiplier)
    gain = held.size * (market.last - held.entry) * worth
    return {
        "symbol": product.symbol,
        "autoDeposit": False,
        "crossMode": False,
        "currentQty": int(held.size),
        "isOpen": bool(held.size),
        "markPrice": float(market.last),
        "avgEntryPrice": float(held.entry),
        "leverage": float(LEVERAGE),
        "marginMode": "ISOLATED",
        "positionSide": "BOTH",
        "settleCurrency": "USDT",
        "unrealisedPnl": float(gain),
    }
