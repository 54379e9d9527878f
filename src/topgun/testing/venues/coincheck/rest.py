"""The HTTP API of the fake Coincheck.

A refusal has the form that Coincheck's have, ``{"success": false, "error": "..."}``; their texts are not documented.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

from ...orders import ZERO, Trade, amount_of
from ...venue import Reply
from .account import Ticket
from .gate import Refused
from .shapes import execution, opened, placed, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from ...orders import Side, Terms
    from ...venue import Request
    from . import Coincheck

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], dict[str, Any]]

__all__ = ["Rest"]

ORDERS = "/api/exchange/orders"
KINDS = ("buy", "sell", "market_buy", "market_sell")
TERMS: dict[str, Terms] = {"good_til_cancelled": "GTC", "post_only": "PostOnly"}


class Rest:
    """Every path of ``/api`` that the fake plays.

    https://coincheck.com/documents/exchange/api
    """

    def __init__(self, venue: Coincheck) -> None:
        self._venue = venue
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", "/api/ticker"): self._ticker,
            ("GET", "/api/order_books"): self._order_books,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", "/api/accounts/balance"): self._balance,
            ("GET", f"{ORDERS}/opens"): self._opens,
            ("GET", f"{ORDERS}/transactions"): self._transactions,
            ("POST", ORDERS): self._create,
        }

    def is_open(self, request: Request) -> bool:
        """Tell whether a request asks for something public, without a signature."""
        return (request.method, request.url.path) in self._public and "ACCESS-KEY" not in request.headers

    def answer(self, request: Request) -> Reply:
        """Execute a request; a signature is checked wherever there is one, and its nonce is used up."""
        try:
            api = "" if self.is_open(request) else self._venue.gate.enter(request)
            place = request.method, request.url.path
            if handler := self._public.get(place) or self._private.get(place):
                return Reply(handler(api, _values(request)))
            return Reply(self._cancel(api, request))
        except Refused as refusal:
            return refusal.reply

    # --- public ---

    def _ticker(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market = self._market(values)
        prices = {"last": market.last, "bid": market.best("buy") or ZERO, "ask": market.best("sell") or ZERO}
        told = {name: float(price) for name, price in prices.items()}
        return {**told, "volume": text(market.volume), "timestamp": self._venue.now().seconds}

    def _order_books(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._venue.stream.snapshot(self._market(values), numbered=values.get("version") == "1.0")

    # --- the account ---

    def _balance(self, api: str, _: Mapping[str, Any]) -> dict[str, Any]:
        account = self._venue.accounts[api]
        told: dict[str, Any] = {"success": True}
        for coin, amount in account.coins.items():
            reserved = account.reserved(coin)
            told |= {coin: text(amount - reserved), f"{coin}_reserved": text(reserved)}
        return told

    def _opens(self, api: str, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "orders": [opened(order) for order in reversed(self._venue.accounts[api].open())]}

    def _transactions(self, api: str, _: Mapping[str, Any]) -> dict[str, Any]:
        account = self._venue.accounts[api]
        rows = [execution(fill, account.funds(fill), rest=True) for fill in reversed(account.fills)]
        return {"success": True, "transactions": rows}

    def _create(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the stream, perhaps before this answer arrives.

        https://coincheck.com/documents/exchange/api#order-new
        """
        market, account, now = self._market(values), self._venue.accounts[api], self._venue.now()
        kind, terms = str(values.get("order_type")), str(values.get("time_in_force") or "good_til_cancelled")
        if kind not in KINDS or terms not in TERMS:
            raise Refused("Invalid order_type or time_in_force")
        if values.get("stop_loss_rate"):
            raise Refused("this fake does not play stop_loss_rate")
        price = None if kind.startswith("market") else _amount(values, "rate", market.tick)
        yen = _amount(values, "market_buy_amount", Decimal(1)) if kind == "market_buy" else None
        size = _amount(values, "amount", market.lot) if yen is None else _affordable(market, yen)
        if size < market.minimum:
            raise Refused(f"Amount must be at least {market.minimum}")
        side: Side = "buy" if kind.endswith("buy") else "sell"
        base, _, quote = market.name.partition("_")
        coin, need = (quote, yen or size * (price or ZERO)) if side == "buy" else (base, size)
        if need > account.coins[coin] - account.reserved(coin):
            raise Refused("Not enough funds")
        ticket = Ticket(market.name, kind, yen, terms)
        how: Terms = "IOC" if price is None else TERMS[terms]
        events = market.submit(now, api, side, size, price, terms=how, tag=ticket)
        order = next(event.order for event in events if not isinstance(event, Trade) and event.order.tag is ticket)
        account.orders.append(order)
        self._venue.publish(market, events)
        return placed(order)

    def _cancel(self, api: str, request: Request) -> dict[str, Any]:
        folder, _, number = request.url.path.rpartition("/")
        if request.method != "DELETE" or folder != ORDERS:
            raise Refused("not found", 404)
        for order in self._venue.accounts[api].open():
            if str(order.number) == number:
                market = self._venue.markets[order.tag.pair]
                self._venue.publish(market, market.cancel(self._venue.now(), order))
                return {"success": True, "id": order.number}
        raise Refused("The order is not found", 404)

    # --- inside ---

    def _market(self, values: Mapping[str, Any]) -> Market:
        market = self._venue.markets.get(str(values.get("pair") or "btc_jpy"))
        if market is None:
            raise Refused("Pair is invalid")
        return market


def _values(request: Request) -> dict[str, Any]:
    """Return query and body, a form or JSON.

    Raises:
        Refused: The body is neither.
    """
    if request.headers.get("Content-Type") != "application/json":
        return {**request.query, **dict(parse_qsl(request.body.decode(errors="replace")))}
    if not isinstance(values := request.json(), dict):
        raise Refused("invalid json")
    return values


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`, a number or its text.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused(f"{name.capitalize()} is invalid"))


def _affordable(market: Market, yen: Decimal) -> Decimal:
    """Return how much can be bought at once for so many yen."""
    size = ZERO
    for price, there in market.levels("sell"):
        part = min(there, (yen / price) // market.lot * market.lot)
        size, yen = size + part, yen - part * price
    return size
