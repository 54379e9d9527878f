"""How the fake MEXC writes what it tells: spot with texts, contracts with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Ended, Fill
from .account import CONTRACT, LEVERAGE, Ticket, fee_of

if TYPE_CHECKING:
    from decimal import Decimal

    from ...market import Market
    from ...orders import Level, Order, Placed, Position
    from .account import Account, Product

__all__ = [
    "contract_deal", "contract_levels", "contract_name", "contract_order", "fixed", "number", "position",
    "spot_balance", "spot_deal", "spot_levels", "spot_name", "spot_order", "spot_row",
]  # fmt: skip

FIRST_ORDER = 102_067_003_631_900_000
STATES = {"filled": "FILLED", "cancelled": "CANCELED", "rejected": "REJECTED", "expired": "CANCELED"}
TYPES = {1: "LIMIT", 2: "LIMIT_MAKER", 3: "IMMEDIATE_OR_CANCEL", 4: "FILL_OR_KILL", 5: "MARKET"}
SIDES = {"buy": 1, "sell": 2}


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or a size with the decimals of its step."""
    return f"{value.quantize(step):f}"


def number(value: Decimal) -> int | float:
    """Write a number of contracts."""
    return int(value) if value == value.to_integral_value() else float(value)


# --- spot ---


def spot_name(order: Order) -> str:
    """Return the name of a spot order."""
    return f"C02__{order.number:021}"


def spot_levels(market: Market, side: list[Level]) -> list[list[str]]:
    """Write one side of a book; a size of 0 takes a level away."""
    return [[fixed(price, market.tick), fixed(size, market.lot)] for price, size in side]


def spot_row(market: Market, order: Order) -> dict[str, Any]:
    """Write an order as an HTTP answer.

    https://www.mexc.com/api-docs/spot-v3/spot-account-trade#query-order
    """
    ticket: Ticket = order.tag
    state = STATES.get(order.state) or ("PARTIALLY_FILLED" if order.filled else "NEW")
    return {
        "symbol": ticket.product.symbol, "orderId": spot_name(order), "orderListId": -1, "clientOrderId": ticket.name,
        "price": fixed(order.price or ZERO, market.tick), "origQty": fixed(order.size, market.lot),
        "executedQty": fixed(order.filled, market.lot), "cummulativeQuoteQty": f"{order.value:f}",
        "status": "PARTIALLY_CANCELED" if state == "CANCELED" and order.filled else state, "timeInForce": "",
        "type": TYPES[ticket.kind], "side": order.side.upper(), "stopPrice": "", "icebergQty": "",
        "time": order.time.ms, "updateTime": (order.updated or order.time).ms, "isWorking": True,
        "origQuoteOrderQty": "0",
    }  # fmt: skip


def spot_order(market: Market, event: Placed | Fill | Ended) -> dict[str, Any]:
    """Write what happened to an order as the stream has it.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    """
    order = event.order
    ticket: Ticket = order.tag
    left = event.left if isinstance(event, Fill | Ended) else order.size
    done = order.size - left
    over = 5 if done else 4
    status = (3 if left else 2) if isinstance(event, Fill) else over if isinstance(event, Ended) else 1
    price = order.price or ZERO
    told = {
        "id": spot_name(order), "clientId": ticket.name, "price": fixed(price, market.tick),
        "quantity": fixed(order.size, market.lot), "amount": f"{order.size * price:f}",
        "avgPrice": fixed(order.average, market.tick), "orderType": ticket.kind, "tradeType": SIDES[order.side],
        "isMaker": isinstance(event, Fill) and event.maker, "remainAmount": f"{left * price:f}",
        "remainQuantity": fixed(left, market.lot), "cumulativeQuantity": fixed(done, market.lot),
        "cumulativeAmount": f"{done * order.average:f}", "status": status, "createTime": order.time.ms,
    }  # fmt: skip
    return {**told, "lastDealQuantity": fixed(event.trade.size, market.lot)} if isinstance(event, Fill) else told


def spot_deal(market: Market, fill: Fill) -> dict[str, Any]:
    """Write a fill as the stream has it."""
    trade, order = fill.trade, fill.order
    return {
        "price": fixed(trade.price, market.tick), "quantity": fixed(trade.size, market.lot),
        "amount": f"{trade.price * trade.size:f}", "tradeType": SIDES[order.side], "isMaker": fill.maker,
        "isSelfTrade": False, "tradeId": f"{trade.number}X1", "clientOrderId": order.tag.name,
        "orderId": spot_name(order), "feeAmount": f"{fee_of(fill):f}", "feeCurrency": order.tag.product.quote,
        "time": trade.time.ms,
    }  # fmt: skip


def spot_balance(account: Account, coin: str, now: int) -> dict[str, Any]:
    """Write a balance as the stream has it."""
    frozen = account.frozen(coin)
    return {
        "vcoinName": coin, "coinId": f"fake{coin}", "balanceAmount": f"{account.spot[coin] - frozen:f}",
        "balanceAmountChange": "0", "frozenAmount": f"{frozen:f}", "frozenAmountChange": "0", "type": "ENTRUST",
        "time": now,
    }  # fmt: skip


# --- contracts ---


def contract_name(order: Order) -> str:
    """Return the number of a contract order, as the stream has it."""
    return str(FIRST_ORDER + order.number)


def contract_levels(side: list[Level]) -> list[list[int | float]]:
    """Write one side of a book: price, contracts, orders."""
    return [[number(price), number(size), 1 if size else 0] for price, size in side]


def contract_order(order: Order, event: Placed | Fill | Ended | None, version: int) -> dict[str, Any]:
    """Write an order, as it is now or after an event.

    https://www.mexc.com/api-docs/futures/websocket-api
    """
    ticket: Ticket = order.tag
    left = order.left if event is None else event.left if isinstance(event, Fill | Ended) else order.size
    state = 2
    if isinstance(event, Fill):
        state = 2 if left else 3
    elif isinstance(event, Ended) or (event is None and order.state != "open"):
        state = 4
    return {
        "category": 1, "createTime": order.time.ms, "dealAvgPrice": number(order.average),
        "dealVol": number(order.size - left), "errorCode": 0, "externalOid": ticket.name, "feeCurrency": "USDT",
        "leverage": LEVERAGE, "makerFee": 0, "openType": 1, "orderId": contract_name(order), "orderMargin": 0,
        "orderType": ticket.kind, "positionId": ticket.position, "price": number(order.price or ZERO), "profit": 0,
        "remainVol": number(left), "side": ticket.side, "state": state, "symbol": ticket.product.symbol, "takerFee": 0,
        "updateTime": (order.updated or order.time).ms, "usedMargin": 0, "version": version, "vol": number(order.size),
    }  # fmt: skip


def contract_deal(fill: Fill) -> dict[str, Any]:
    """Write a fill as the stream has it."""
    ticket: Ticket = fill.order.tag
    gain = (fill.after.realised - fill.before.realised) * ticket.product.unit
    return {
        "category": 1, "fee": float(fee_of(fill)), "feeCurrency": "USDT", "id": str(fill.trade.number),
        "isSelf": False, "orderId": contract_name(fill.order), "positionMode": 2, "price": number(fill.trade.price),
        "profit": float(gain), "side": ticket.side, "symbol": ticket.product.symbol, "taker": not fill.maker,
        "timestamp": fill.trade.time.ms, "vol": number(fill.trade.size),
    }  # fmt: skip


def position(product: Product, held: Position, opened: tuple[int, int], *, long: bool) -> dict[str, Any]:
    """Write a position; one without a size is closed."""
    size, (name, time) = held.size, opened
    margin = float(abs(size) * held.entry * CONTRACT[product.symbol] / LEVERAGE)
    return {
        "autoAddIm": False, "closeAvgPrice": 0, "closeVol": 0, "createTime": time, "frozenVol": 0,
        "holdAvgPrice": number(held.entry), "holdFee": 0, "holdVol": number(abs(size)), "im": margin,
        "leverage": LEVERAGE, "liquidatePrice": 0, "oim": margin, "openAvgPrice": number(held.entry), "openType": 1,
        "positionId": name, "positionType": 1 if long else 2, "realised": float(held.realised),
        "state": 1 if size else 3, "symbol": product.symbol, "updateTime": time,
    }  # fmt: skip
