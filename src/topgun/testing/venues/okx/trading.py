"""Orders at the fake OKX, for its HTTP API and for its sockets alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import amount_of
from .account import LEVERAGE, Ticket
from .shapes import order_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import OKX
    from .account import Account, Product

__all__ = ["Refused", "Trading"]

SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
TERMS: dict[str, Terms] = {"limit": "GTC", "market": "IOC", "post_only": "PostOnly", "fok": "FOK", "ioc": "IOC"}
LINK = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
BATCH = 20  # orders in one request


class Refused(Exception):
    """A request, or an order of it, is answered with a code other than 0.

    https://www.okx.com/docs-v5/en/#error-code
    """

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Trading:
    """Takes, changes and cancels orders. Attached take-profit and stop-loss orders are refused: not played."""

    def __init__(self, venue: OKX) -> None:
        self._venue = venue
        self.ways: dict[str, Callable[[str, Mapping[str, Any]], Order]] = {
            "order": self._place, "cancel-order": self._cancel, "amend-order": self._amend,
        }  # fmt: skip

    def done(self, way: str, api: str, given: Any) -> dict[str, Any]:
        """Carry a command out, or several of them, and return what is told; see `ways`."""
        rows = [self._done(way, api, values) for values in (given if isinstance(given, list) else [given])[:BATCH]]
        failed = [row["sCode"] != "0" for row in rows]
        if not rows or not any(failed):
            return {"code": "0", "msg": "", "data": rows}
        return {"code": "1" if all(failed) else "2", "msg": "Operation failed.", "data": rows}

    def find(self, api: str, values: Mapping[str, Any]) -> Order:
        """Return the order that a request names.

        Raises:
            Refused: There is none.
        """
        name, link = values.get("ordId"), values.get("clOrdId")
        for order in self._venue.accounts[api].orders:
            if (name and order_id(order) == name) or (not name and link and order.tag.link == link):
                return order
        raise Refused(51603, "Order does not exist.")

    # --- inside ---

    def _done(self, way: str, api: str, values: Any) -> dict[str, Any]:
        names = {"ordId": "", "clOrdId": "", "tag": "", "ts": str(self._venue.now().ms)}
        try:
            order = self.ways[way](api, values if isinstance(values, dict) else {})
        except Refused as refusal:
            return {**names, "clOrdId": "", "sCode": str(refusal.code), "sMsg": refusal.message}
        return {**names, "ordId": order_id(order), "clOrdId": order.tag.link, "sCode": "0", "sMsg": ""}

    def _place(self, api: str, values: Mapping[str, Any]) -> Order:
        market, product = self._named(values)
        account, kind = self._venue.accounts[api], str(values.get("ordType"))
        side, link = SIDES.get(str(values.get("side"))), values.get("clOrdId") or ""
        if side is None or kind not in TERMS:
            raise Refused(51000, f"Parameter {'side' if side is None else 'ordType'} error")
        if values.get("tdMode") != ("cash" if product.kind == "SPOT" else "cross"):
            raise Refused(51000, "Parameter tdMode error; this fake plays cash on spot and cross on perpetuals")
        if values.get("attachAlgoOrds"):
            raise Refused(51000, "Parameter attachAlgoOrds error; this fake does not play it")
        if (product.kind, side, kind) == ("SPOT", "buy", "market") and values.get("tgtCcy") != "base_ccy":
            raise Refused(51000, "Parameter tgtCcy error; this fake plays base_ccy")
        if link and not LINK.fullmatch(str(link)):
            raise Refused(51000, "Parameter clOrdId error")
        if link and any(order.tag.link == link for order in account.open()):
            raise Refused(51016, "Duplicated client order ID")
        size = _amount(values, "sz", market.lot)
        if size < market.minimum:
            raise Refused(51020, "Your order should meet or exceed the minimum order amount.")
        price = None if kind == "market" else _amount(values, "px", market.tick)
        reduce_only = values.get("reduceOnly") in (True, "true")
        if reduce_only:
            size = min(size, self._closable(market, account, side))
        else:
            self._check_funds(api, product, side, size, market.last if price is None else price)
        ticket = Ticket(product, str(link), kind, values["tdMode"], reduce_only)
        events = market.submit(self._venue.now(), api, side, size, price, terms=TERMS[kind], tag=ticket)
        order: Order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return order

    def _cancel(self, api: str, values: Mapping[str, Any]) -> Order:
        market, order = self._resting(
            api, values, 51400, "Cancellation failed as the order has been filled or canceled"
        )
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return order

    def _amend(self, api: str, values: Mapping[str, Any]) -> Order:
        market, order = self._resting(api, values, 51503, "Order modification failed as the order does not exist.")
        size = _amount(values, "newSz", market.lot) if values.get("newSz") else None
        price = _amount(values, "newPx", market.tick) if values.get("newPx") else None
        if size is None and price is None:
            raise Refused(51506, "Order modification unavailable for the order type.")
        self._venue.publish(market, market.amend(self._venue.now(), order, size=size, price=price))
        return order

    def _named(self, values: Mapping[str, Any]) -> tuple[Market, Product]:
        name = values.get("instId")
        if name not in self._venue.products:
            raise Refused(51001, "Instrument ID doesn't exist.")
        return self._venue.markets[name], self._venue.products[name]

    def _resting(self, api: str, values: Mapping[str, Any], code: int, message: str) -> tuple[Market, Order]:
        market, product = self._named(values)
        order = self.find(api, values)
        if order.state != "open" or order.tag.product != product:
            raise Refused(code, message)
        return market, order

    def _closable(self, market: Market, account: Account, side: Side) -> Decimal:
        held = market.position(account.name).size
        if not (held < 0 if side == "buy" else held > 0):
            raise Refused(51169, "Order failed because you don't have any positions to reduce.")
        return abs(held)

    def _check_funds(self, api: str, product: Product, side: Side, size: Decimal, price: Decimal) -> None:
        coin, need = product.quote, size * product.worth * price
        if product.kind == "SWAP":
            need /= LEVERAGE
        elif side == "sell":
            coin, need = product.base, size
        if need > self._venue.free(api)[coin]:
            raise Refused(51008, f"Order failed. Insufficient {coin} balance in account.")


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused(51000, f"Parameter {name} error"))
