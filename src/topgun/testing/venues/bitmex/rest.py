"""The HTTP API of the fake BitMEX: market data, orders, positions, margin."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

from ...orders import ZERO, Trade
from ...venue import Reply
from .account import LEVERAGE, Account, Ticket
from .gate import Refused
from .shapes import ident, instrument, margin, moment, order_row, position, wallet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from ...orders import Order, Side, Terms
    from ...venue import Request
    from . import Bitmex

    Values: TypeAlias = Mapping[str, Any]
    Handler: TypeAlias = Callable[[str, Values], Any]

__all__ = ["Rest"]

API = "/api/v1"
SIDES: dict[Any, Side] = {"Buy": "buy", "Sell": "sell"}
TERMS: dict[Any, Terms] = {"GoodTillCancel": "GTC", "ImmediateOrCancel": "IOC", "FillOrKill": "FOK"}
PASSIVE, REDUCE = "ParticipateDoNotInitiate", "ReduceOnly"
NOT_PLAYED = ("stopPx", "displayQty", "pegOffsetValue", "pegPriceType", "contingencyType", "clOrdLinkID")
ENDS = {
    "by user": "Canceled: Canceled via API.",
    "would take": f"Canceled: Order had execInst of {PASSIVE}",
    "nothing left": "Canceled: Canceled via API.",
}


class Rest:
    """Every path of ``/api/v1`` that the fake plays.

    https://www.bitmex.com/api/explorer/
    """

    def __init__(self, venue: Bitmex) -> None:
        self._venue = venue
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", f"{API}/instrument"): self._instruments,
            ("GET", f"{API}/orderBook/L2"): self._book,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", f"{API}/order"): self._orders,
            ("POST", f"{API}/order"): self._create,
            ("PUT", f"{API}/order"): self._amend,
            ("DELETE", f"{API}/order"): self._cancel,
            ("DELETE", f"{API}/order/all"): self._cancel_all,
            ("GET", f"{API}/position"): self._positions,
            ("GET", f"{API}/user/margin"): self._margin,
            ("GET", f"{API}/user/wallet"): self._wallet,
        }

    def is_public(self, request: Request) -> bool:
        """Tell whether anybody may ask that."""
        return (request.method, request.url.path) in self._public

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return Reply(self._execute(self._venue.gate.enter(request), request))
        except Refused as refusal:
            return refusal.reply

    def _execute(self, api: str | None, request: Request) -> Any:
        place = request.method, request.url.path
        if handler := self._public.get(place):
            return handler("", _values(request))
        if place not in self._private:
            raise Refused("Not Found", 404)
        if api is None:
            raise Refused("Please provide an API key.", 401)
        return self._private[place](api, _values(request))

    # --- public ---

    def _instruments(self, _: str, values: Values) -> list[Any]:
        markets = [self._market(values)] if values.get("symbol") else self._venue.markets.values()
        return [instrument(each, self._venue.products[each.name], self._now) for each in markets]

    def _book(self, _: str, values: Values) -> list[Any]:
        return self._venue.stream.levels(self._market(values), _whole(values, "depth", 25) or None)

    # --- the account ---

    def _orders(self, api: str, values: Values) -> list[Any]:
        account = self._venue.accounts[api]
        asked = _filter(values)
        orders = account.open() if asked.get("open") else account.orders
        symbol = values.get("symbol") or asked.get("symbol")
        return [order_row(each, account) for each in reversed(orders) if symbol in (None, each.tag.product.symbol)]

    def _positions(self, api: str, values: Values) -> list[Any]:
        account, symbol = self._venue.accounts[api], _filter(values).get("symbol")
        held = [each for name, each in account.held.items() if symbol in (None, name)]
        return [position(each, account, self._venue.markets[each.product.symbol].last, self._now) for each in held]

    def _margin(self, api: str, values: Values) -> Any:
        return self._money(margin, api, values)

    def _wallet(self, api: str, values: Values) -> Any:
        return self._money(wallet, api, values)

    def _money(self, write: Callable[[Account, str, str], Any], api: str, values: Values) -> Any:
        account, currency = self._venue.accounts[api], values.get("currency", "XBt")
        if currency == "all":
            return [write(account, each, self._now) for each in account.money]
        if currency not in account.money:
            raise Refused("Invalid currency")
        return write(account, currency, self._now)

    def _create(self, api: str, values: Values) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the table ``order`` as well.

        https://www.bitmex.com/api/explorer/#!/Order/Order_new
        """
        market, account = self._market(values), self._venue.accounts[api]
        if unplayed := [name for name in NOT_PLAYED if values.get(name)]:
            raise Refused(f"this fake does not play {unplayed[0]}")
        size = _amount(values, "orderQty", market.lot)
        side = SIDES.get(values.get("side", "Buy" if size > 0 else "Sell"))
        kind = values.get("ordType", "Limit" if values.get("price") else "Market")
        terms = TERMS.get(values.get("timeInForce", "GoodTillCancel"))
        told = str(values.get("execInst", ""))
        if side is None or kind not in ("Limit", "Market") or terms is None:
            raise Refused("Invalid side, ordType or timeInForce")
        if set(told.split(",")) - {"", PASSIVE, REDUCE}:
            raise Refused("Invalid execInst")
        price = _amount(values, "price", market.tick) if kind == "Limit" else None
        name = str(values.get("clOrdID", ""))
        if name and any(order.tag.name == name for order in account.orders):
            raise Refused("Duplicate clOrdID")
        size = self._reducible(account, market, side, abs(size)) if REDUCE in told else abs(size)
        product = self._venue.products[market.name]
        needed = abs(product.value(size, price or market.last)) / LEVERAGE
        if REDUCE not in told and needed > account.money[product.settle] - account.margin(product.settle):
            raise Refused("Account has insufficient Available Balance", name="ValidationError")
        ticket = Ticket(product, name, kind, str(values.get("timeInForce", "GoodTillCancel")), told)
        how: Terms = "IOC" if price is None else "PostOnly" if PASSIVE in told else terms
        events = market.submit(self._venue.now(), api, side, size, price, terms=how, tag=ticket)
        order = next(each.order for each in events if not isinstance(each, Trade) and each.order.tag is ticket)
        account.orders.append(order)
        self._publish(market, events)
        return order_row(order, account)

    def _amend(self, api: str, values: Values) -> dict[str, Any]:
        """Change quantity or price of a resting order."""
        [order] = self._named(api, values)
        market = self._venue.markets[order.tag.product.symbol]
        if order.state != "open":
            raise Refused("Invalid ordStatus")
        size = _amount(values, "orderQty", market.lot) if values.get("orderQty") else None
        price = _amount(values, "price", market.tick) if values.get("price") else None
        self._publish(market, market.amend(self._venue.now(), order, size=size, price=price))
        return order_row(order, self._venue.accounts[api])

    def _cancel(self, api: str, values: Values) -> list[Any]:
        """Cancel orders by id; one that is over already is answered with a word about it."""
        rows = []
        for order in self._named(api, values):
            over = order.state != "open"
            row = self._end(api, order)
            rows.append(
                {**row, "error": f"Unable to cancel order due to existing state: {row['ordStatus']}"} if over else row
            )
        return rows

    def _cancel_all(self, api: str, values: Values) -> list[Any]:
        open_ = self._venue.accounts[api].open()
        return [self._end(api, each) for each in open_ if values.get("symbol") in (None, each.tag.product.symbol)]

    def _end(self, api: str, order: Order) -> dict[str, Any]:
        if order.state == "open":
            market = self._venue.markets[order.tag.product.symbol]
            self._publish(market, market.cancel(self._venue.now(), order))
        return order_row(order, self._venue.accounts[api])

    # --- inside ---

    @property
    def _now(self) -> str:
        return moment(self._venue.now())

    def _publish(self, market: Market, events: list[Any]) -> None:
        for event in events:
            if (reason := getattr(event, "reason", None)) is not None:
                event.order.tag.text = f"{ENDS.get(reason, 'Canceled: Order had timeInForce')}\nSubmitted via API."
        self._venue.publish(market, events)

    def _market(self, values: Values) -> Market:
        market = self._venue.markets.get(str(values.get("symbol")))
        if market is None:
            raise Refused("Invalid symbol")
        return market

    def _named(self, api: str, values: Values) -> list[Order]:
        """Return the orders that a request names, by ``orderID`` or by ``clOrdID`` (``origClOrdID``)."""
        orders = self._venue.accounts[api].orders
        idents, names = _several(values.get("orderID")), _several(values.get("clOrdID") or values.get("origClOrdID"))
        found = [each for each in orders if ident("order", each.number) in idents or (each.tag.name or None) in names]
        if not found:
            raise Refused("Not Found", 404)
        return found

    def _reducible(self, account: Account, market: Market, side: Side, size: Decimal) -> Decimal:
        held = account.held[market.name].size if market.name in account.held else ZERO
        if not (held < 0 if side == "buy" else held > 0):
            raise Refused("Order would not reduce the position", name="ValidationError")
        return min(size, abs(held))


def _values(request: Request) -> dict[str, Any]:
    """Return what a request says, in its query and in its body: a form or JSON."""
    if "json" in request.headers.get("Content-Type", ""):
        said = request.json()
        if not isinstance(said, dict):
            raise Refused("Unexpected body")
        return {**request.query, **said}
    return {**request.query, **dict(parse_qsl(request.body.decode()))}


def _several(value: Any) -> list[Any]:
    """Return what is named: one, a list, or the JSON text of a list."""
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value)
    return value if isinstance(value, list) else [value] if value else []


def _filter(values: Values) -> dict[str, Any]:
    try:
        asked = json.loads(values.get("filter", "{}"))
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused("Invalid filter")
    return asked


def _whole(values: Values, name: str, usual: int) -> int:
    given = str(values.get(name, usual))
    if not given.isdecimal():
        raise Refused(f"Invalid {name}")
    return int(given)


def _amount(values: Values, name: str, step: Decimal) -> Decimal:
    """Return a number that is a multiple of `step`; a quantity below 0 sells."""
    try:
        amount = Decimal(str(values.get(name)))
    except InvalidOperation:
        amount = ZERO
    if not amount.is_finite() or not amount or amount % step or (name == "price" and amount < 0):
        raise Refused(f"Invalid {name}")
    return amount
