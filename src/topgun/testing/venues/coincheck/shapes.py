"""How the fake Coincheck writes things: numbers, times, books, trades, orders and what happens to them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import Ended, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ....clock import Instant
    from ...orders import Level, Order, Side, Trade

__all__ = ["book", "execution", "limit_range", "moment", "opened", "order_event", "placed", "text", "trade"]


def text(value: Decimal) -> str:
    """Write a number with at least one decimal: ``16998705.0``, ``0.0064``."""
    plain = f"{value.normalize():f}"
    return plain if "." in plain else f"{plain}.0"


def moment(time: Instant) -> str:
    """Write a time: ``2015-11-18T07:02:21.000Z``."""
    return f"{time.utc():%Y-%m-%dT%H:%M:%S}.{time.ms % 1000:03d}Z"


def book(sides: Mapping[Side, Iterable[Level]]) -> dict[str, Any]:
    """Return a book, or a change of one, in the documented form."""
    names: dict[str, Side] = {"bids": "buy", "asks": "sell"}
    return {
        name: [[text(price), text(size) if size else "0"] for price, size in sides[side]]
        for name, side in names.items()
    }


def limit_range(rates: Iterable[Decimal], whole: Mapping[Side, Iterable[Level]], middle: Decimal) -> dict[str, Any]:
    """Return rates of a book in the numbered form: each with what is asked and bid there, at or above the middle first.

    Args:
        rates: Which ones.
        whole: The book.
        middle: The border between ``upper`` and ``lower``.
    """
    asks, bids = dict(whole["sell"]), dict(whole["buy"])
    zero = Decimal(0)
    rows = [
        (rate, {"rate": text(rate), "ask_amount": text(asks.get(rate, zero)), "bid_amount": text(bids.get(rate, zero))})
        for rate in sorted(rates)
    ]
    return {
        "upper": [row for rate, row in rows if rate >= middle],
        "lower": [row for rate, row in reversed(rows) if rate < middle],
    }


def trade(pair: str, each: Trade) -> list[str | None]:
    """Return a trade of the market; the last place is for the id of an auction."""
    taker, maker = (each.buy, each.sell) if each.side == "buy" else (each.sell, each.buy)
    values = (each.number, pair, text(each.price), text(each.size), each.side, taker.number, maker.number)
    return [str(each.time.seconds), *map(str, values), None]


def _terms(order: Order) -> dict[str, Any]:
    """Return what an order was sent with."""
    ticket = order.tag
    return {
        "id": order.number, "pair": ticket.pair, "order_type": ticket.kind,
        "rate": None if order.price is None else text(order.price), "stop_loss_rate": None,
        "amount": None if ticket.yen is not None else text(order.size),
        "market_buy_amount": None if ticket.yen is None else text(ticket.yen), "time_in_force": ticket.terms,
    }  # fmt: skip


def placed(order: Order) -> dict[str, Any]:
    """Return the answer to a new order.

    https://coincheck.com/documents/exchange/api#order-new
    """
    return {"success": True, **_terms(order), "created_at": moment(order.time)}


def opened(order: Order) -> dict[str, Any]:
    """Return a resting order as REST lists it.

    https://coincheck.com/documents/exchange/api#order-opens
    """
    told = {name: value for name, value in _terms(order).items() if name in ("id", "pair", "order_type", "rate")}
    left = {"pending_amount": text(order.left), "pending_market_buy_amount": None, "stop_loss_rate": None}
    return {**told, **left, "created_at": moment(order.time)}


def order_event(event: Fill | Ended, now: Instant) -> dict[str, Any]:
    """Return what the account is told about its order.

    https://coincheck.com/documents/exchange/api#websocket-order-events
    """
    order, kind, filled, paid = event.order, "CANCEL", None, None
    if isinstance(event, Fill):
        kind = "PARTIALLY_FILL" if event.left else "FILL"
        if order.tag.yen is None:
            filled = text(event.trade.size)
        else:
            paid = text(event.trade.size * event.trade.price)
    return {
        "channel": "order-events", **_terms(order), "order_event": kind,
        "maker_fee_rate": "0.0", "taker_fee_rate": "0.0",
        "latest_executed_amount": filled, "latest_executed_market_buy_amount": paid,
        "expired_type": None, "prevented_match_id": None, "expired_amount": None, "expired_market_buy_amount": None,
        "event_time": moment(now),
    }  # fmt: skip


def execution(fill: Fill, funds: Mapping[str, Decimal], *, rest: bool = False) -> dict[str, Any]:
    """Return a fill of an account, as the stream tells it or as REST lists it.

    https://coincheck.com/documents/exchange/api#websocket-execution-events
    """
    time = {"created_at" if rest else "event_time": moment(fill.trade.time)}
    return {
        **({} if rest else {"channel": "execution-events"}), "id": fill.trade.number, "order_id": fill.order.number,
        **time, "funds": {coin: text(change) for coin, change in funds.items()}, "pair": fill.order.tag.pair,
        "rate": text(fill.trade.price), "fee_currency": "JPY", "fee": "0.0", "liquidity": "M" if fill.maker else "T",
        "side": fill.order.side,
    }  # fmt: skip
