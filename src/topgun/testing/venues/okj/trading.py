"""Orders at the fake OKJ, for both generations, over HTTP and over WebSocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import amount_of
from .account import Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import OKJ

__all__ = ["API", "Refused", "Trading"]

API = "okj"
SIDES: dict[Any, Side] = {"buy": "buy", "sell": "sell"}
KINDS: dict[Any, Terms] = {"limit": "GTC", "market": "IOC", "post_only": "PostOnly", "fok": "FOK", "ioc": "IOC"}
LINK = re.compile(r"[A-Za-z0-9]{1,32}")


class Refused(Exception):
    """A request is answered with an error.

    Args:
        code: As V5 says it.
        message: The same.
        code3: As V3 says it.
        status: The HTTP status.
    """

    def __init__(self, code: str, message: str, code3: int = 30025, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.code3, self.status = code, message, code3, status


class Trading:
    """Takes, changes and cancels orders, in the words of V5. Algo orders are not played."""

    def __init__(self, venue: OKJ) -> None:
        self._venue = venue

    def create(self, values: Mapping[str, Any]) -> Order:
        """Take an order."""
        market, account = self.market(values), self._venue.account
        side, kind, link = SIDES.get(values.get("side")), values.get("ordType"), values.get("clOrdId") or ""
        if side is None or kind not in KINDS or values.get("tdMode") != "cash":
            raise Refused("51000", "Parameter side, ordType or tdMode error")
        if (side, kind) == ("buy", "market") and values.get("tgtCcy") != "base_ccy":
            raise Refused("51000", "this fake plays market buys with tgtCcy=base_ccy alone")
        size, price = (
            _amount(values, "sz", market.lot),
            None if kind == "market" else _amount(values, "px", market.tick),
        )
        if size < market.minimum:
            raise Refused("51020", "Your order should meet or exceed the minimum order amount.", 33024)
        if link and not (isinstance(link, str) and LINK.fullmatch(link)):
            raise Refused("51000", "Parameter clOrdId error")
        if link and any(order.tag.link == link for order in account.orders):
            raise Refused("51016", "Duplicated client order ID", 33027)
        base, quote = market.name.split("-")
        coin, need = (base, size) if side == "sell" else (quote, size * (market.last if price is None else price))
        if need > account.coins[coin] - account.locked(coin):
            raise Refused("51008", f"Order failed. Insufficient {coin} balance in account", 33017)
        ticket = Ticket(market.name, link, str(kind))
        events = market.submit(self._venue.now(), API, side, size, price, terms=KINDS[kind], tag=ticket)
        order: Order = next(event.order for event in events if hasattr(event, "order") and event.order.tag is ticket)
        account.orders.append(order)
        self._venue.publish(market, events)
        return order

    def cancel(self, values: Mapping[str, Any]) -> Order:
        """Cancel a resting order."""
        order = self._resting(values)
        market = self._venue.markets[order.tag.instrument]
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return order

    def amend(self, values: Mapping[str, Any]) -> Order:
        """Change size or price of a resting order."""
        order = self._resting(values)
        market = self._venue.markets[order.tag.instrument]
        size = _amount(values, "newSz", market.lot) if values.get("newSz") else None
        price = _amount(values, "newPx", market.tick) if values.get("newPx") else None
        if size is None and price is None:
            raise Refused("51000", "Parameter newSz or newPx error")
        self._venue.publish(market, market.amend(self._venue.now(), order, size=size, price=price))
        return order

    def market(self, values: Mapping[str, Any]) -> Market:
        """Return the market that a request names."""
        market = self._venue.markets.get(str(values.get("instId")))
        if market is None:
            raise Refused("51001", "Instrument ID does not exist.", 30032)
        return market

    def _resting(self, values: Mapping[str, Any]) -> Order:
        name, link = values.get("ordId"), values.get("clOrdId")
        for order in self._venue.account.open(values.get("instId")):
            if name == str(order.number) or (not name and link and order.tag.link == link):
                return order
        text = "Cancellation failed as the order has been filled, canceled or does not exist"
        raise Refused("51400", text, 33014)


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused("51000", f"Parameter {name} error"))
