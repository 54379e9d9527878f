"""Orders at the fake Phemex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import amount_of
from .account import LEVERAGE, Ticket
from .shapes import ident, listed_order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import Phemex
    from .account import Account

__all__ = ["Refused", "Trading"]

SIDES: dict[str, Side] = {"Buy": "buy", "Sell": "sell"}
TERMS: dict[str, Terms] = {
    "GoodTillCancel": "GTC", "ImmediateOrCancel": "IOC", "FillOrKill": "FOK", "PostOnly": "PostOnly",
}  # fmt: skip
NOT_PLAYED = ("stopPxRp", "takeProfitRp", "stopLossRp")


class Refused(Exception):
    """A request is answered with a ``code`` other than 0.

    https://phemex-docs.github.io/#bizerror-codes
    """

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Trading:
    """Takes, changes and cancels orders. Conditional orders, take-profit and stop-loss are refused: not played."""

    def __init__(self, venue: Phemex) -> None:
        self._venue = venue

    def create(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by ``aop_p``.

        https://phemex-docs.github.io/#place-order-http-put-prefered-2
        """
        market, account = self.market(values), self._venue.accounts[api]
        side, form, terms = _form(values)
        size = _amount(values, "orderQtyRq", market.lot)
        price = _amount(values, "priceRp", market.tick) if form == "Limit" else None
        name, pos_side = str(values.get("clOrdID") or ""), str(values.get("posSide") or "Merged")
        if pos_side not in account.sides(market.name):
            raise Refused(20004, "TE_ERR_INCONSISTENT_POS_MODE")
        if name and any(order.tag.name == name for order in account.orders):
            raise Refused(10001, "OM_DUPLICATE_ORDERID")
        closing = pos_side == ("Short" if side == "buy" else "Long")
        reduce_only = closing or str(values.get("reduceOnly", "")).lower() == "true"
        if reduce_only:
            size = min(size, _closable(account, market, pos_side, side))
        elif size * (price or market.last) / LEVERAGE > account.balance - account.used(self._venue.markets.values()):
            raise Refused(11001, "TE_NO_ENOUGH_AVAILABLE_BALANCE")
        given = str(values.get("timeInForce") or "GoodTillCancel")
        ticket = Ticket(market.name, name, form, pos_side, given, reduce_only)
        events = market.submit(self._venue.now(), api, side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return listed_order(market, order, "Created")

    def replace(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change the size or the price of a resting order.

        https://phemex-docs.github.io/#amend-order-by-orderid-2
        """
        market, order = self._resting(api, values, "origClOrdID")
        size = _amount(values, "orderQtyRq", market.lot) if values.get("orderQtyRq") else None
        price = _amount(values, "priceRp", market.tick) if values.get("priceRp") else None
        self._venue.publish(market, market.amend(self._venue.now(), order, size=size, price=price))
        return listed_order(market, order)

    def cancel(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel a resting order.

        https://phemex-docs.github.io/#cancel-single-order-by-orderid-2
        """
        market, order = self._resting(api, values, "clOrdID")
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return listed_order(market, order, "Canceled")

    def cancel_all(self, api: str, values: Mapping[str, Any]) -> int:
        """Cancel every resting order of a symbol; return how many there were.

        https://phemex-docs.github.io/#cancel-all-orders-2
        """
        market = self.market(values)
        orders = self._venue.accounts[api].open(market.name)
        for order in orders:
            self._venue.publish(market, market.cancel(self._venue.now(), order))
        return len(orders)

    def switch(self, api: str, values: Mapping[str, Any]) -> None:
        """Change the mode of a symbol, without orders and positions.

        https://phemex-docs.github.io/#switch-position-mode-synchronously
        """
        market, account = self.market(values), self._venue.accounts[api]
        held = any(account.position(market.name, side).size for side in account.sides(market.name))
        if account.open(market.name) or held:
            raise Refused(20005, "TE_ERR_CANNOT_SWITCH_POS_MODE")
        account.hedged.discard(market.name)
        if values.get("targetPosMode") == "Hedged":
            account.hedged.add(market.name)
        self._venue.stream.tell_account(api, market, (), held=True)

    def market(self, values: Mapping[str, Any]) -> Market:
        """Return the market that a request names.

        Raises:
            Refused: There is none.
        """
        market = self._venue.markets.get(str(values.get("symbol")))
        if market is None:
            raise Refused(6001, "invalid argument")
        return market

    def _resting(self, api: str, values: Mapping[str, Any], name: str) -> tuple[Market, Order]:
        market = self.market(values)
        wanted, named = values.get("orderID"), values.get(name)
        for order in self._venue.accounts[api].open(market.name):
            if ident(order.number) == wanted or (named and order.tag.name == named):
                return market, order
        raise Refused(10002, "OM_ORDER_NOT_FOUND")


def _form(values: Mapping[str, Any]) -> tuple[Side, str, Terms]:
    side, form = SIDES.get(str(values.get("side"))), str(values.get("ordType") or "Limit")
    terms = TERMS.get(str(values.get("timeInForce") or "GoodTillCancel"))
    if side is None or form not in ("Limit", "Market") or terms is None:
        raise Refused(30000, "Please double check input arguments")
    if unplayed := [name for name in NOT_PLAYED if values.get(name)]:
        raise Refused(30000, f"this fake does not play {unplayed[0]}")
    return side, form, "IOC" if form == "Market" else terms


def _closable(account: Account, market: Market, pos_side: str, side: Side) -> Decimal:
    held = account.position(market.name, pos_side).size
    if not (held < 0 if side == "buy" else held > 0):
        raise Refused(11011, "TE_REDUCE_ONLY_ABORT")
    return abs(held)


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused(30000, f"Please double check input arguments: {name}"))
