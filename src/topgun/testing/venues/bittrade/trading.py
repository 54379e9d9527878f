"""Orders at the fake BitTrade: how they are taken and cancelled, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from ...orders import ZERO, Trade, amount_of
from .account import Ticket, coins_of
from .shapes import ident

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import BitTrade
    from .account import Account

__all__ = ["Refused", "Trading"]

TERMS: dict[str, Terms] = {
    "limit": "GTC", "ioc": "IOC", "limit-maker": "PostOnly", "limit-fok": "FOK", "market": "IOC",
}  # fmt: skip
CLIENT = re.compile(r"[\w-]{1,64}", re.ASCII)


class Refused(Exception):
    """A request is answered with ``"status": "error"``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Trading:
    """Takes and cancels orders. Conditional orders, and ``buy-market`` with its amount in yen, are not played.

    https://api-doc.bittrade.co.jp/
    """

    def __init__(self, venue: BitTrade) -> None:
        self._venue = venue

    def place(self, api: str, values: Mapping[str, Any]) -> str:
        """Take an order and return its id; what becomes of it is told by the topic ``orders``."""
        account, market = self.account(api, values), self.market(values)
        kind, client = str(values.get("type")), values.get("client-order-id") or ""
        side, _, terms = kind.partition("-")
        if side not in ("buy", "sell") or terms not in TERMS or kind == "buy-market":
            raise Refused("invalid-parameter", f"this fake does not play the type {kind}")
        size = _amount(values, "amount", market.lot)
        price = None if terms == "market" else _amount(values, "price", market.tick)
        if size < market.minimum:
            raise Refused("order-limitorder-amount-min-error", f"limit order amount error, min: `{market.minimum}`")
        if client and not (isinstance(client, str) and CLIENT.fullmatch(client)):
            raise Refused("invalid-parameter", "invalid client-order-id")
        if client and any(order.tag.client == client for order in account.orders):
            raise Refused("order-client-order-id-duplicate-error", "client-order-id is duplicated")
        base, quote = coins_of(market.name)
        coin, need = (quote, size * (price or ZERO)) if side == "buy" else (base, size)
        if need > account.coins[coin] - account.frozen(coin):
            raise Refused("account-frozen-balance-insufficient-error", "trade account balance is not enough")
        ticket = Ticket(market.name, kind, client)
        events = market.submit(self._venue.now(), api, cast("Side", side), size, price, terms=TERMS[terms], tag=ticket)
        order = next(event.order for event in events if not isinstance(event, Trade))
        account.orders.append(order)
        self._venue.publish(market, events)
        return str(ident(order))

    def cancel(self, api: str, number: str) -> str:
        """Cancel a resting order and return its id."""
        order = self.order(api, number)
        if order.state != "open":
            raise Refused("order-orderstate-error", "the order state is error")
        self._cancel(order)
        return number

    def cancel_several(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel the orders that are named; tell which could be."""
        numbers = values.get("order-ids")
        if not isinstance(numbers, list) or not 0 < len(numbers) <= 50:
            raise Refused("invalid-parameter", "invalid order-ids")
        told: dict[str, Any] = {"success": [], "failed": []}
        for number in map(str, numbers):
            try:
                told["success"].append(self.cancel(api, number))
            except Refused as error:
                told["failed"].append({"order-id": number, "err-code": error.code, "err-msg": error.message})
        return told

    def cancel_all(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel every resting order, those of a symbol or a side if these are named."""
        self.account(api, values)
        symbols = {self.market(values).name} if values.get("symbol") else {*self._venue.markets}
        sides = {values["side"]} if values.get("side") else {"buy", "sell"}
        orders = [
            each for each in self._venue.accounts[api].open() if each.tag.symbol in symbols and each.side in sides
        ]
        for order in orders:
            self._cancel(order)
        return {"success-count": len(orders), "failed-count": 0, "next-id": -1}

    # --- what a request names ---

    def account(self, api: str, values: Mapping[str, Any]) -> Account:
        """Return the account that a request names, which has to be that of its key."""
        account = self._venue.accounts[api]
        if str(values.get("account-id")) != str(account.ident):
            raise Refused("account-get-accounts-inexistent-error", "account-id is not that of this key")
        return account

    def market(self, values: Mapping[str, Any]) -> Market:
        """Return the market that a request names."""
        market = self._venue.markets.get(str(values.get("symbol")))
        if market is None:
            raise Refused("invalid-parameter", "invalid symbol")
        return market

    def order(self, api: str, number: str) -> Order:
        """Return the order of an id."""
        for order in self._venue.accounts[api].orders:
            if str(ident(order)) == number:
                return order
        raise Refused("base-record-invalid", "record invalid")

    def _cancel(self, order: Order) -> None:
        market = self._venue.markets[order.tag.symbol]
        self._venue.publish(market, market.cancel(self._venue.now(), order))


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused("invalid-parameter", f"invalid {name}"))
