"""Orders at the fake Bybit, for its HTTP API and for its trade socket alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import amount_of
from .account import LEVERAGE, Ticket
from .shapes import ident

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import Bybit
    from .account import Account, Product

__all__ = ["Refused", "Trading"]

SIDES: dict[str, Side] = {"Buy": "buy", "Sell": "sell"}
TERMS: dict[str, Terms] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "PostOnly"}
NOT_PLAYED = ("triggerPrice", "takeProfit", "stopLoss")
LINK = re.compile(r"[\w-]{1,36}", re.ASCII)


class Refused(Exception):
    """A request is answered with a ``retCode`` other than 0.

    https://bybit-exchange.github.io/docs/v5/error
    """

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Trading:
    """Takes, changes and cancels orders. Conditional orders, take-profit and stop-loss are refused: not played."""

    def __init__(self, venue: Bybit) -> None:
        self._venue = venue

    def create(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the topic ``order``.

        https://bybit-exchange.github.io/docs/v5/order/create-order
        """
        market, product = self.named(values)
        account, link = self._venue.accounts[api], values.get("orderLinkId") or ""
        side, kind, terms = self._form(product, values)
        size = _amount(values, "qty", market.lot)
        if size < market.minimum:
            raise Refused(10001, "The number of contracts below minimum limit allowed")
        price = _amount(values, "price", market.tick) if kind == "Limit" else None
        if link and not (isinstance(link, str) and LINK.fullmatch(link)):
            raise Refused(10001, "OrderLinkId invalid")
        if link and any(order.tag.link == link for order in account.orders):
            raise Refused(110072, "OrderLinkedID is duplicate")
        reduce_only = values.get("reduceOnly") is True
        if reduce_only:
            size = min(size, self._closable(market, account, side))
        else:
            self._check_funds(account, market, side, size, market.last if price is None else price)
        ticket = Ticket(product, link, kind, reduce_only)
        events = market.submit(self._venue.now(), api, side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return _names(order)

    def amend(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change the size or the price of a resting order.

        https://bybit-exchange.github.io/docs/v5/order/amend-order
        """
        market, order = self._resting(api, values)
        size = _amount(values, "qty", market.lot) if values.get("qty") else None
        price = _amount(values, "price", market.tick) if values.get("price") else None
        if size in (None, order.size) and price in (None, order.price):
            raise Refused(10001, "order not modified")
        if size is not None and size <= order.filled:
            raise Refused(
                110063, "The number of contracts modified cannot be less than or equal to the filled quantity"
            )
        self._venue.publish(market, market.amend(self._venue.now(), order, size=size, price=price))
        return _names(order)

    def cancel(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel a resting order.

        https://bybit-exchange.github.io/docs/v5/order/cancel-order
        """
        market, order = self._resting(api, values)
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return _names(order)

    def cancel_all(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel every resting order of a symbol or coin.

        https://bybit-exchange.github.io/docs/v5/order/cancel-all
        """
        orders = [order for order in self.chosen(values, self._venue.accounts[api].orders) if order.state == "open"]
        for order in orders:
            market = self._venue.market_of(order.tag.product)
            self._venue.publish(market, market.cancel(self._venue.now(), order))
        return {"list": [_names(order) for order in orders], "success": "1"}

    # --- what a request names ---

    def category(self, values: Mapping[str, Any]) -> str:
        """Return the category that a request names."""
        category = values.get("category")
        if category not in ("linear", "spot"):
            raise Refused(10001, "params error: category; this fake plays linear and spot")
        return str(category)

    def named(self, values: Mapping[str, Any]) -> tuple[Market, Product]:
        """Return the market that a request names."""
        category, symbol = self.category(values), values.get("symbol")
        for name, product in self._venue.products.items():
            if (product.category, product.symbol) == (category, symbol):
                return self._venue.markets[name], product
        raise Refused(10001, "params error: symbol invalid")

    def chosen(self, values: Mapping[str, Any], orders: list[Order]) -> Iterator[Order]:
        """Yield the orders of the category and, in this priority, the symbol, base coin or settle coin asked for."""
        category = self.category(values)
        given = [name for name in ("symbol", "baseCoin", "settleCoin") if values.get(name)]
        if not given and category == "linear":
            raise Refused(10001, "params error: one of symbol, baseCoin, settleCoin is required")
        field = {"symbol": "symbol", "baseCoin": "base", "settleCoin": "quote"}[given[0]] if given else "category"
        wanted = values[given[0]] if given else category
        for order in orders:
            product: Product = order.tag.product
            if product.category == category and getattr(product, field) == wanted:
                yield order

    # --- inside ---

    def _form(self, product: Product, values: Mapping[str, Any]) -> tuple[Side, str, Terms]:
        side, kind = SIDES.get(str(values.get("side"))), values.get("orderType")
        terms = TERMS.get(str(values.get("timeInForce") or "GTC"))
        if side is None:
            raise Refused(10001, "Side invalid")
        if kind not in ("Limit", "Market"):
            raise Refused(10001, "OrderType invalid")
        if terms is None:
            raise Refused(10001, "Time in force invalid")
        if unplayed := [name for name in NOT_PLAYED if values.get(name)]:
            raise Refused(10001, f"this fake does not play {unplayed[0]}")
        if (product.category, side, kind) == ("spot", "buy", "Market") and values.get("marketUnit") != "baseCoin":
            raise Refused(10001, "this fake plays spot market orders with marketUnit=baseCoin alone")
        return side, str(kind), "IOC" if kind == "Market" else terms

    def _closable(self, market: Market, account: Account, side: Side) -> Decimal:
        held = market.position(account.name).size
        if not (held < 0 if side == "buy" else held > 0):
            raise Refused(110017, "ReduceOnly rule not satisfied")
        return abs(held)

    def _check_funds(self, account: Account, market: Market, side: Side, size: Decimal, price: Decimal) -> None:
        product, linear = self._venue.products[market.name], self._venue.linear
        if product.category == "linear":
            if size * price / LEVERAGE > account.available(linear):
                raise Refused(110007, "ab not enough for new order")
            return
        coin, need = (product.quote, size * price) if side == "buy" else (product.base, size)
        if need > account.available(linear, coin):
            raise Refused(170131, "Insufficient balance.")

    def _resting(self, api: str, values: Mapping[str, Any]) -> tuple[Market, Order]:
        market, product = self.named(values)
        name, link = values.get("orderId"), values.get("orderLinkId")
        if not name and not link:
            raise Refused(10001, "params error: orderId or orderLinkId is required")
        for order in self._venue.accounts[api].open():
            wanted = ident("order", order.number) == name if name else order.tag.link == link
            if wanted and order.tag.product == product:
                return market, order
        raise Refused(110001, "order not exists or too late to cancel")


def _names(order: Order) -> dict[str, Any]:
    return {"orderId": ident("order", order.number), "orderLinkId": order.tag.link}


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`; Bybit takes numbers as texts alone.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused(10001, f"{name.title()} invalid"), text=True)
