"""The private HTTP API of the fake bitbank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...orders import amount_of
from ...venue import Reply, hmac_hex
from .account import Ticket
from .shapes import order_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from ...market import Market
    from ...orders import Order, Side
    from ...venue import Request
    from . import Bitbank
    from .account import Account

    Handler: TypeAlias = Callable[[Account, Mapping[str, Any]], Any]

__all__ = ["Refused", "Rest"]

SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
EARLY, WINDOW, LONGEST = 1_000, 5_000, 60_000  # ms
MOST = 30  # orders of a pair at the same time, and orders that are named in one request


class Refused(Exception):
    """A request is answered with a code.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/errors.md
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Rest:
    """Every path of ``/v1`` that the fake plays; a refusal has the status 200 as well.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/rest-api.md
    """

    def __init__(self, venue: Bitbank) -> None:
        self._venue = venue
        self._ways: dict[tuple[str, str], Handler] = {
            ("GET", "/v1/user/assets"): self.assets,
            ("GET", "/v1/user/subscribe"): self.subscribe,
            ("GET", "/v1/user/margin/positions"): self.positions,
            ("GET", "/v1/user/spot/order"): self.order,
            ("POST", "/v1/user/spot/orders_info"): self.orders_info,
            ("GET", "/v1/user/spot/active_orders"): self.active_orders,
            ("GET", "/v1/user/spot/trade_history"): self.trade_history,
            ("POST", "/v1/user/spot/order"): self.create,
            ("POST", "/v1/user/spot/cancel_order"): self.cancel,
            ("POST", "/v1/user/spot/cancel_orders"): self.cancel_many,
            ("POST", "/v1/user/confirm_deposits_all"): lambda *_: {},
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return Reply({"success": 1, "data": self._execute(request)})
        except Refused as refusal:
            return Reply({"success": 0, "data": {"code": refusal.code}})

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://github.com/bitbankinc/bitbank-api-docs/blob/master/rest-api.md#authorization
        """
        names = ("KEY", "REQUEST-TIME", "TIME-WINDOW", "SIGNATURE")
        key, time, window, signature = (request.headers.get(f"ACCESS-{name}", "") for name in names)
        api = self._venue.api_of(key)
        if api is None:
            raise Refused(20003)
        signed = request.target.encode() if request.method == "GET" else request.body
        if signature != hmac_hex(self._venue.apis[api][1], f"{time}{window}".encode() + signed):
            raise Refused(20005)
        if not (time.isdecimal() and (not window or window.isdecimal())):
            raise Refused(20001)
        age, limit = self._venue.now().ms - int(time), int(window or WINDOW)
        if not (-EARLY < age <= limit <= LONGEST):
            raise Refused(20001)
        return api

    # --- asking ---

    def assets(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """List the assets."""
        return {"assets": [account.asset(name) for name in account.assets]}

    def subscribe(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give the channel of the account and a new token for it."""
        return {"pubnub_channel": account.channel, "pubnub_token": self._venue.pubnub.grant(account.channel)}

    def positions(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """List margin positions: there are none."""
        nothing = {"what": None, "occurred_at": None, "amount": "0", "due_date_at": None}
        threshold = {"individual": "110", "company": "130"}
        return {"notice": nothing, "payables": {"amount": "0"}, "positions": [], "losscut_threshold": threshold}

    def order(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return one order."""
        return _row(self._named(account, values, str(values.get("order_id"))))

    def orders_info(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return some orders."""
        named = {str(ident) for ident in self._several(values)}
        pair = self._market(values).name
        orders = [order for order in account.orders if order.tag.pair == pair and str(order.number) in named]
        return {"orders": [_row(order) for order in orders]}

    def active_orders(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """List open orders, the latest first."""
        pair = self._market(values).name if "pair" in values else None
        orders = [order for order in account.open() if pair in (None, order.tag.pair)]
        return {"orders": [_row(order) for order in orders[::-1][: _count(values)]]}

    def trade_history(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """List fills, the latest first."""
        pair = self._market(values).name if "pair" in values else None
        trades = [trade for trade in account.trades if pair in (None, trade["pair"])]
        return {"trades": trades[::-1][: _count(values)]}

    # --- acting ---

    def create(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told through PubNub."""
        market, side, kind = self._market(values), SIDES.get(str(values.get("side"))), values.get("type")
        if side is None:
            raise Refused(40021)
        if kind not in ("limit", "market") or "position_side" in values:
            raise Refused(40024)  # the others are not played
        size = _amount(values, "amount", market.lot, 40001)
        price = _amount(values, "price", market.tick, 40020) if kind == "limit" else None
        if size < market.minimum:
            raise Refused(60004)
        if sum(order.tag.pair == market.name for order in account.open()) >= MOST:
            raise Refused(60011)
        if not account.affords(market, side, size, price):
            raise Refused(60001)
        post_only = kind == "limit" and values.get("post_only") is True
        ticket = Ticket(market.name, str(kind), post_only)
        terms: Any = "IOC" if price is None else "PostOnly" if post_only else "GTC"
        events = market.submit(self._venue.now(), self._api(account), side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return _row(order)

    def cancel(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel an order."""
        order = self._named(account, values, str(values.get("order_id")))
        if order.state != "open":
            raise Refused(50027 if order.state == "filled" else 50026)
        return self._cancel(order)

    def cancel_many(self, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel some orders of a pair; those that are over are left out."""
        named = [self._named(account, values, str(ident)) for ident in self._several(values)]
        return {"orders": [self._cancel(order) for order in named if order.state == "open"]}

    # --- inside ---

    def _execute(self, request: Request) -> Any:
        way = self._ways.get((request.method, request.url.path))
        if way is None:
            raise Refused(10000)
        account = self._venue.accounts[self.account_of(request)]
        values = request.query if request.method == "GET" else request.json() or {}
        if not isinstance(values, dict):
            raise Refused(10002)
        return way(account, values)

    def _api(self, account: Account) -> str:
        return next(api for api, each in self._venue.accounts.items() if each is account)

    def _market(self, values: Mapping[str, Any]) -> Market:
        market = self._venue.markets.get(str(values.get("pair")))
        if market is None:
            raise Refused(40017)
        return market

    def _named(self, account: Account, values: Mapping[str, Any], ident: str) -> Order:
        pair = self._market(values).name
        for order in account.orders:
            if (order.tag.pair, str(order.number)) == (pair, ident):
                return order
        raise Refused(50009)

    def _several(self, values: Mapping[str, Any]) -> list[Any]:
        named = values.get("order_ids")
        if not isinstance(named, list) or not named:
            raise Refused(40014)
        if len(named) > MOST:
            raise Refused(40015)
        return named

    def _cancel(self, order: Order) -> dict[str, Any]:
        market = self._venue.markets[order.tag.pair]
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return _row(order)


def _row(order: Order) -> dict[str, Any]:
    return order_row(order, ended=order.state != "open")


def _count(values: Mapping[str, Any]) -> int:
    count = str(values.get("count", 1000))
    if not count.isdecimal():
        raise Refused(40006)
    return min(int(count), 1000)


def _amount(values: Mapping[str, Any], name: str, step: Decimal, code: int) -> Decimal:
    """Return a positive number that is a multiple of `step`; a text, or a number of JSON.

    Raises:
        Refused: It is not.
    """
    return amount_of(values.get(name), step, Refused(code))
