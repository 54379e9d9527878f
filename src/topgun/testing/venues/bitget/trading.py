"""Orders at the fake Bitget, for its HTTP API and for its private socket alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import amount_of
from .account import LEVERAGE, Ticket
from .shapes import ident

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import Bitget
    from .account import Account, Product

__all__ = ["Refused", "Trading"]

SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
TERMS: dict[str, Terms] = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}
NOT_PLAYED = ("triggerPrice", "presetStopSurplusPrice", "presetStopLossPrice", "presetTakeProfitPrice", "tpslType")
NAME = re.compile(r"[\w#:.+-]{1,64}", re.ASCII)


class Refused(Exception):
    """A request is answered with a ``code`` other than ``00000``.

    https://www.bitget.com/api-doc/spot/error-code/restapi
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Trading:
    """Takes and cancels orders. Trigger orders, take-profit and stop-loss are refused: not played."""

    def __init__(self, venue: Bitget) -> None:
        self._venue = venue

    def place(self, api: str, product: Product, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the channel ``orders``.

        https://www.bitget.com/api-doc/contract/trade/Place-Order
        https://www.bitget.com/api-doc/spot/trade/Place-Order
        """
        market, account = self._venue.market_of(product), self._venue.accounts[api]
        side, form, terms = self._form(product, values)
        size = _amount(values, "size", market.lot)
        if size < market.minimum:
            raise Refused("45111", "less than the minimum order quantity")
        price = _amount(values, "price", market.tick) if form == "limit" else None
        name = values.get("clientOid") or f"fake-{next(self._venue.numbers)}"
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise Refused("40017", "Parameter verification failed clientOid")
        if any(order.tag.name == name for order in account.orders):
            raise Refused("40786", "Duplicate clientOid")
        reduce_only = str(values.get("reduceOnly", "")).upper() == "YES"
        if reduce_only:
            size = min(size, _closable(market, account, side))
        else:
            self._check_funds(account, product, side, size, market.last if price is None else price)
        ticket = Ticket(product, name, form, reduce_only)
        events = market.submit(self._venue.now(), api, side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return _names(order)

    def cancel(self, api: str, product: Product, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel a resting order.

        https://www.bitget.com/api-doc/contract/trade/Cancel-Order
        https://www.bitget.com/api-doc/spot/trade/Cancel-Order
        """
        wanted, name = values.get("orderId"), values.get("clientOid")
        for order in self._venue.accounts[api].open():
            named = ident(order.number) == wanted if wanted else order.tag.name == name
            if named and order.tag.product == product:
                self._end(order)
                return _names(order)
        raise Refused("43001", "The order does not exist")

    def cancel_all(self, api: str, kind: str, symbol: str) -> list[dict[str, Any]]:
        """Cancel every resting order of a product type, or of one symbol of it.

        https://www.bitget.com/api-doc/contract/trade/Cancel-All-Orders
        https://www.bitget.com/api-doc/spot/trade/Cancel-Symbol-Orders
        """
        orders = self.chosen(api, kind, symbol)
        for order in orders:
            self._end(order)
        return [_names(order) for order in orders]

    def chosen(self, api: str, kind: str, symbol: str = "") -> list[Order]:
        """Return the resting orders of a product type, or of one symbol of it, oldest first."""
        resting = [order for order in self._venue.accounts[api].open() if order.tag.product.kind == kind]
        return [order for order in resting if symbol in ("", order.tag.product.symbol)]

    def product(self, kind: str, symbol: Any) -> Product:
        """Return the product of that name.

        Raises:
            Refused: There is none.
        """
        for product in self._venue.products.values():
            if (product.kind, product.symbol) == (kind, str(symbol).upper()):
                return product
        raise Refused("40034", f"Parameter {symbol} does not exist")

    # --- inside ---

    def _end(self, order: Order) -> None:
        market = self._venue.market_of(order.tag.product)
        self._venue.publish(market, market.cancel(self._venue.now(), order))

    def _form(self, product: Product, values: Mapping[str, Any]) -> tuple[Side, str, Terms]:
        side, form = SIDES.get(str(values.get("side"))), values.get("orderType")
        terms = TERMS.get(str(values.get("force") or "gtc"))
        if side is None or form not in ("limit", "market") or terms is None:
            raise Refused("40017", "Parameter verification failed side, orderType or force")
        if unplayed := [name for name in NOT_PLAYED if values.get(name)]:
            raise Refused("40017", f"this fake does not play {unplayed[0]}")
        if (product.kind, side, form) == ("SPOT", "buy", "market"):
            raise Refused("40017", "this fake does not play market orders by amount")
        missing = (
            [] if product.kind == "SPOT" else [each for each in ("marginMode", "marginCoin") if each not in values]
        )
        if missing:
            raise Refused("40019", f"Parameter {missing[0]} cannot be empty")
        return side, str(form), "IOC" if form == "market" else terms

    def _check_funds(self, account: Account, product: Product, side: Side, size: Decimal, price: Decimal) -> None:
        if product.kind != "SPOT":
            free, need = account.margin - account.needed(self._venue.futures), size * price / LEVERAGE
        else:
            coin, need = (product.quote, size * price) if side == "buy" else (product.base, size)
            free = account.coins[coin] - account.locked(coin)
        if need > free:
            raise Refused("43012", "Insufficient balance")


def _closable(market: Market, account: Account, side: Side) -> Decimal:
    held = market.position(account.name).size
    if not (held < 0 if side == "buy" else held > 0):
        raise Refused("22002", "No position to close")
    return abs(held)


def _names(order: Order) -> dict[str, Any]:
    return {"orderId": ident(order.number), "clientOid": order.tag.name}


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`; Bitget takes numbers as texts.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused("40020", f"Parameter {name} error"), text=True)
