"""How the fake bitFlyer writes things: rows of books, trades and orders, times and names."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import Ended, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Level, Order, Placed, Trade

__all__ = [
    "acceptance_id", "board", "cancel_failed", "day", "execution", "instant", "mid_price", "number", "order_event",
    "order_id", "order_row", "ticker",
]  # fmt: skip

STATES = {
    "open": "ACTIVE",
    "filled": "COMPLETED",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}


def number(value: Decimal) -> int | float:
    """Return a JSON number: whole where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def instant(moment: Instant) -> str:
    """Write a time to 100 ns: ``2026-01-05T03:55:34.9730659Z``."""
    return f"{day(moment)}.{moment.ns // 100 % 10_000_000:07d}Z"


def day(moment: Instant) -> str:
    """Write a time to the second, in UTC."""
    return f"{moment.utc():%Y-%m-%dT%H:%M:%S}"


def acceptance_id(order: Order) -> str:
    """Return the name that an order has from the moment it was sent."""
    return f"JRF{_name(order)}"


def order_id(order: Order) -> str:
    """Return the name that an order has in the book."""
    return f"JOR{_name(order)}"


def _name(order: Order) -> str:
    return f"{order.time.utc():%Y%m%d-%H%M%S}-{order.number:06d}"


def mid_price(market: Market) -> Decimal:
    """Return the middle of the best prices; with one side alone a price that leaves every level on its own side.

    Clients remove bids above the mid price and asks at or below it.
    """
    bid, ask = market.best("buy"), market.best("sell")
    if bid is not None and ask is not None:
        return (bid + ask) / 2
    if bid is not None:
        return bid
    return market.last if ask is None else ask - market.tick


def board(market: Market, bids: Iterable[Level], asks: Iterable[Level]) -> dict[str, Any]:
    """Return a book, or a change of one."""
    sides = {"bids": bids, "asks": asks}
    rows = {
        name: [{"price": number(price), "size": number(size)} for price, size in side] for name, side in sides.items()
    }
    return {"mid_price": number(mid_price(market)), **rows}


def ticker(market: Market, now: Instant, tick_id: int) -> dict[str, Any]:
    """Return the ticker of a product."""
    bids, asks = market.levels("buy"), market.levels("sell")
    nothing = (Decimal(0), Decimal(0))
    (bid, bid_size), (ask, ask_size) = (side[0] if side else nothing for side in (bids, asks))
    volume = number(market.volume)
    return {
        "product_code": market.name, "state": "RUNNING", "timestamp": instant(now), "tick_id": tick_id,
        "best_bid": number(bid), "best_ask": number(ask),
        "best_bid_size": number(bid_size), "best_ask_size": number(ask_size),
        "total_bid_depth": number(sum((size for _, size in bids), Decimal(0))),
        "total_ask_depth": number(sum((size for _, size in asks), Decimal(0))),
        "market_bid_size": 0, "market_ask_size": 0,
        "ltp": number(market.last), "volume": volume, "volume_by_product": volume,
    }  # fmt: skip


def execution(trade: Trade) -> dict[str, Any]:
    """Return a trade of the market."""
    return {
        "id": trade.number, "side": trade.side.upper(), "price": number(trade.price), "size": number(trade.size),
        "exec_date": instant(trade.time), "buy_child_order_acceptance_id": acceptance_id(trade.buy),
        "sell_child_order_acceptance_id": acceptance_id(trade.sell),
    }  # fmt: skip


def order_event(event: Placed | Fill | Ended, now: Instant) -> dict[str, Any]:
    """Return what the account is told about its order.

    https://bf-lightning-api.readme.io/docs/realtime-child-order-events
    """
    order = event.order
    terms = {"side": order.side.upper(), "price": number(order.price or Decimal(0)), "size": number(order.size)}
    expiry = {"expire_date": day(order.tag.expires)}
    if isinstance(event, Fill):
        price, size = number(event.trade.price), number(event.trade.size)
        fill = {"exec_id": event.trade.number, "side": order.side.upper(), "price": price, "size": size}
        told = {**expiry, **fill, "commission": 0, "sfd": 0, "outstanding_size": number(event.left)}
        return _event(order, now, "EXECUTION", told)
    if not isinstance(event, Ended):
        return _event(order, now, "ORDER", {"child_order_type": order.tag.kind, **expiry, **terms})
    if order.state == "rejected":
        return _event(order, now, "ORDER_FAILED", {"reason": event.reason})
    kind = "EXPIRE" if order.state == "expired" else "CANCEL"
    return _event(order, now, kind, {"price": terms["price"], "size": number(event.left)})


def cancel_failed(order: Order, now: Instant) -> dict[str, Any]:
    """Return what the account is told when there was nothing left to cancel."""
    return _event(order, now, "CANCEL_FAILED", {})


def _event(order: Order, now: Instant, kind: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "product_code": order.tag.product, "child_order_id": order_id(order),
        "child_order_acceptance_id": acceptance_id(order), "event_date": instant(now), "event_type": kind, **told,
    }  # fmt: skip


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as REST lists it.

    https://lightning.bitflyer.com/docs#list-orders
    """
    left = number(order.left)
    ended = order.state in ("cancelled", "expired", "rejected")
    return {
        "id": order.number, "child_order_id": order_id(order), "product_code": order.tag.product,
        "side": order.side.upper(), "child_order_type": order.tag.kind,
        "price": number(order.price or Decimal(0)), "average_price": number(order.average),
        "size": number(order.size), "child_order_state": STATES[order.state],
        "expire_date": day(order.tag.expires), "child_order_date": day(order.time),
        "child_order_acceptance_id": acceptance_id(order), "outstanding_size": 0 if ended else left,
        "cancel_size": left if ended else 0, "executed_size": number(order.filled), "total_commission": 0,
        "time_in_force": order.terms,
    }  # fmt: skip
