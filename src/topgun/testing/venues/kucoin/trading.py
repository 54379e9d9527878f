"""Orders at the fake KuCoin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import ZERO, amount_of
from .account import Ticket
from .shapes import name_of, order_row
from .signing import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import KuCoin
    from .account import Product

__all__ = ["Trading"]

SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
TERMS: dict[str, Terms] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK"}


class Trading:
    """Takes and cancels orders. Stop orders, ``GTT``, ``funds`` and changes of orders are refused: not played."""

    def __init__(self, venue: KuCoin) -> None:
        self._venue = venue

    def place(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Take an order.

        https://www.kucoin.com/docs-new
        """
        market, product = self.named(kind, values)
        account, side = self._venue.accounts[api], self._side(values)
        ticket, price = self._form(market, product, values)
        size = _amount(values, "size", market.lot)
        if any(order.tag.name == ticket.name for order in account.orders):
            raise Refused("400100", "Duplicate clientOid")
        if ticket.reduce_only:
            held = market.position(api).size
            size = min(size, max(-held if side == "buy" else held, ZERO))
            if not size:
                raise Refused("300009", "No open positions to close.")
        elif not account.affords(self._venue, product, side, size, price or market.last):
            raise Refused("200004", "Balance insufficient!")
        terms: Terms = "PostOnly" if ticket.post_only else TERMS[ticket.terms]
        events = market.submit(self._venue.now(), api, side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return {"orderId": name_of(order), "clientOid": ticket.name}

    def cancel(self, api: str, kind: str, values: Mapping[str, Any]) -> Any:
        """Cancel a resting order.

        https://www.kucoin.com/docs-new
        """
        order = next((each for each in self._venue.accounts[api].open(kind) if name_of(each) == values["id"]), None)
        if order is None:
            code = "400100" if kind == "spot" else "100004"
            raise Refused(code, "order_not_exist_or_not_allow_to_be_cancelled")
        self._end(order)
        return {"orderId": name_of(order)} if kind == "spot" else {"cancelledOrderIds": [name_of(order)]}

    def cancel_all(self, api: str, kind: str, values: Mapping[str, Any]) -> Any:
        """Cancel every resting order of a symbol.

        https://www.kucoin.com/docs-new
        """
        _, product = self.named(kind, values)
        orders = self._venue.accounts[api].open(kind, product.symbol)
        for order in orders:
            self._end(order)
        return "success" if kind == "spot" else {"cancelledOrderIds": [name_of(order) for order in orders]}

    def open(self, api: str, kind: str, values: Mapping[str, Any]) -> Any:
        """Return the resting orders: of a symbol on spot, of a symbol or of all on futures.

        https://www.kucoin.com/docs-new
        """
        symbol = values.get("symbol")
        if kind == "spot" or symbol:
            self.named(kind, values)
        orders = self._venue.accounts[api].open(kind, symbol)
        if kind == "futures" and values.get("status") == "done":
            orders = [order for order in self._venue.accounts[api].orders if order.state != "open"]
        rows = [order_row(order) for order in reversed(orders)]
        if kind == "spot":
            return rows
        return {"currentPage": 1, "pageSize": 50, "totalNum": len(rows), "totalPage": 1, "items": rows}

    def named(self, kind: str, values: Mapping[str, Any]) -> tuple[Market, Product]:
        """Return the market that a request names."""
        product = self._venue.products.get(str(values.get("symbol")))
        if product is None or product.kind != kind:
            raise Refused("900001" if kind == "spot" else "200003", "symbol not exists")
        return self._venue.markets[product.symbol], product

    # --- inside ---

    def _end(self, order: Order) -> None:
        market = self._venue.markets[order.tag.product.symbol]
        self._venue.publish(market, market.cancel(self._venue.now(), order))

    def _side(self, values: Mapping[str, Any]) -> Side:
        side = SIDES.get(str(values.get("side")))
        if side is None:
            raise Refused("400100", "side invalid")
        return side

    def _form(self, market: Market, product: Product, values: Mapping[str, Any]) -> tuple[Ticket, Decimal | None]:
        kind, name = str(values.get("type", "limit")), values.get("clientOid")
        if kind not in ("limit", "market") or values.get("stop"):
            raise Refused("400100", "type invalid")
        if not isinstance(name, str) or not name:
            if product.kind == "futures":
                raise Refused("400100", "clientOid is required")
            name = f"fake{next(self._venue.numbers)}"
        terms = str(values.get("timeInForce", "GTC"))
        if terms not in TERMS:
            raise Refused("400100", "timeInForce invalid")
        price = _amount(values, "price", market.tick) if kind == "limit" else None
        post_only = kind == "limit" and values.get("postOnly") is True
        reduce_only = product.kind == "futures" and values.get("reduceOnly") is True
        return Ticket(product, name, kind, terms, post_only, reduce_only), price


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused("400100", f"{name} invalid"))
