"""Orders at the fake GMO Coin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO, amount_of
from .account import Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import GMOCoin
    from .account import Account, Lot, Product

__all__ = ["Refused", "Trading", "parameter"]

SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
TERMS: dict[str, Terms] = {"FAS": "GTC", "FAK": "IOC", "FOK": "FOK", "SOK": "PostOnly"}


class Refused(Exception):
    """A request is answered with a status other than 0.

    https://api.coin.z.com/docs/#references-errorcode
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.status = 5 if code.startswith("ERR-5") else 1


def parameter(name: str) -> Refused:
    """Return the refusal of a parameter."""
    return Refused("ERR-5106", f"Invalid request parameter. {name}")


class Trading:
    """Takes, changes and cancels orders. Stop orders, IFD and OCO are refused: not played."""

    def __init__(self, venue: GMOCoin) -> None:
        self._venue = venue

    def order(self, api: str, values: Mapping[str, Any]) -> Order:
        """Take an order that opens, or one of a spot market.

        https://api.coin.z.com/docs/#order
        """
        market, product = self.market(api, values.get("symbol"))
        side, size = self._side(values), _amount(values, "size", market.lot)
        ticket, price = self._form(market, product, values)
        if size < market.minimum:
            raise parameter("size")
        if not self._venue.accounts[api].affords(market, product, side, size, price or market.last):
            raise Refused("ERR-201", "Trading margin is insufficient")
        return self._submit(api, market, side, size, price, ticket)

    def close(self, api: str, values: Mapping[str, Any]) -> Order:
        """Take an order that closes positions: `settlePosition`, or as many as make up `size`, oldest first.

        https://api.coin.z.com/docs/#close-order and #close-bulk-order
        """
        market, product = self.market(api, values.get("symbol"))
        side, account = self._side(values), self._venue.accounts[api]
        ticket, price = self._form(market, product, values)
        lots = account.closable(product, "sell" if side == "buy" else "buy")
        ticket.settle = "CLOSE"
        ticket.closes = _named(lots, values, market) if "settlePosition" in values else _bulk(lots, values, market)
        size = sum((part for _, part in ticket.closes), ZERO)
        return self._submit(api, market, side, size, price, ticket)

    def change(self, api: str, values: Mapping[str, Any]) -> Order:
        """Change the price of a resting order.

        https://api.coin.z.com/docs/#change-order
        """
        order = self.resting(api, values.get("orderId"))
        market, _ = self.market(api, order.tag.product.symbol)
        price = _amount(values, "price", market.tick)
        self._venue.publish(market, market.amend(self._venue.now(), order, price=price))
        return order

    def cancel(self, api: str, order: Order) -> None:
        """Cancel a resting order."""
        market, _ = self.market(api, order.tag.product.symbol)
        self._venue.publish(market, market.cancel(self._venue.now(), order))

    def chosen(self, account: Account, values: Mapping[str, Any]) -> list[Order]:
        """Return the resting orders of some symbols, perhaps of one side or settle type only.

        https://api.coin.z.com/docs/#cancel-orders
        """
        symbols = values.get("symbols")
        if not isinstance(symbols, list) or not symbols:
            raise parameter("symbols")
        orders = [order for order in account.open() if order.tag.product.symbol in symbols]
        if side := values.get("side"):
            orders = [order for order in orders if order.side == SIDES.get(side)]
        return [order for order in orders if values.get("settleType") in (None, order.tag.settle)]

    def market(self, api: str, symbol: Any) -> tuple[Market, Product]:
        """Return the market of a symbol."""
        product = self._venue.products.get(symbol) if isinstance(symbol, str) else None
        if product is None or product.api != api:
            raise parameter("symbol")
        return self._venue.markets[product.symbol], product

    def resting(self, api: str, name: Any) -> Order:
        """Return the resting order of an id, a number or its text."""
        for order in self._venue.accounts[api].open():
            if str(order.number) == str(name):
                return order
        raise Refused("ERR-5122", "The request is invalid due to the status of the specified order.")

    # --- inside ---

    def _side(self, values: Mapping[str, Any]) -> Side:
        side = SIDES.get(str(values.get("side")))
        if side is None:
            raise parameter("side")
        return side

    def _form(self, market: Market, product: Product, values: Mapping[str, Any]) -> tuple[Ticket, Decimal | None]:
        kind, terms = values.get("executionType"), values.get("timeInForce")
        if kind not in ("MARKET", "LIMIT"):
            raise parameter("executionType")
        terms = str(terms or ("FAK" if kind == "MARKET" else "FAS"))
        if terms not in TERMS or (kind == "MARKET" and terms == "SOK"):
            raise parameter("timeInForce")
        name = "price" if product.api == "gmocoin" else "limitPrice"
        price = _amount(values, name, market.tick) if kind == "LIMIT" else None
        return Ticket(product, str(kind), terms), price

    def _submit(  # noqa: PLR0917
        self, api: str, market: Market, side: Side, size: Decimal, price: Decimal | None, ticket: Ticket
    ) -> Order:
        for lot, part in ticket.closes:
            lot.ordered += part
        events = market.submit(self._venue.now(), api, side, size, price, terms=TERMS[ticket.terms], tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        self._venue.accounts[api].orders.append(order)
        self._venue.publish(market, events)
        return order


def _bulk(lots: list[Lot], values: Mapping[str, Any], market: Market) -> list[tuple[Lot, Decimal]]:
    left, closes = _amount(values, "size", market.lot), []
    for lot in lots:
        if left:
            closes.append((lot, min(left, lot.size - lot.ordered)))
            left -= closes[-1][1]
    if left:
        raise Refused("ERR-254", "No positions to settle")
    return closes


def _named(lots: list[Lot], values: Mapping[str, Any], market: Market) -> list[tuple[Lot, Decimal]]:
    closes = []
    for part in values["settlePosition"]:
        lot = next((lot for lot in lots if str(lot.number) == str(part.get("positionId"))), None)
        size = _amount(part, "size", market.lot)
        if lot is None or size > lot.size - lot.ordered:
            raise Refused("ERR-254", "No positions to settle")
        closes.append((lot, size))
    return closes


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`; GMO Coin takes numbers as texts.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, parameter(name), text=True)
