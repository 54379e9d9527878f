"""The HTTP API of the fake bitFlyer.

A refusal has the form that bitFlyer's have, ``{"status": -200, "error_message": "...", "data": null}``. bitFlyer
publishes no list of these numbers; a bot should look at the HTTP status and the text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from ....clock import Instant
from ...orders import ZERO, Ended, Order, Trade
from ...venue import Reply, hmac_hex
from .account import MARGIN, Ticket
from .shapes import acceptance_id, board, cancel_failed, day, execution, number, order_id, order_row, ticker
from .stream import WINDOW, ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ...market import Market
    from ...orders import Side
    from ...venue import Request
    from . import BitFlyer
    from .account import Account

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], Reply]

__all__ = ["Refused", "Rest"]

MINUTE = 60_000_000_000  # ns
LONGEST = 43_200  # minutes an order may live, and does by default
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
WAYS = ("GTC", "IOC", "FOK")


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, message: str, code: int = -100, status: int = 400) -> None:
        super().__init__(message)
        self.reply = Reply({"status": code, "error_message": message, "data": None}, status)


class Rest:
    """Every path of ``/v1`` that the fake plays.

    https://lightning.bitflyer.com/docs
    """

    def __init__(self, venue: BitFlyer) -> None:
        self._venue = venue
        public = (self.getmarkets, self.getboard, self.getticker, self.getexecutions)
        asking = (self.getchildorders, self.getpositions, self.getcollateral, self.getbalance)
        acting = (self.sendchildorder, self.cancelchildorder, self.cancelallchildorders)
        self._public: dict[tuple[str, str], Handler] = {("GET", f"/v1/{each.__name__}"): each for each in public}
        self._private: dict[tuple[str, str], Handler] = {
            **{("GET", f"/v1/me/{each.__name__}"): each for each in asking},
            **{("POST", f"/v1/me/{each.__name__}"): each for each in acting},
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return self._execute(request)
        except Refused as refusal:
            return refusal.reply

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://lightning.bitflyer.com/docs#authentication
        """
        key, timestamp, sign = (request.headers.get(f"ACCESS-{name}", "") for name in ("KEY", "TIMESTAMP", "SIGN"))
        api = self._venue.api_of(key)
        if api is None:
            raise Refused("Key not found", -500, 401)
        if not timestamp.isdecimal() or abs(ms(int(timestamp)) - self._venue.now().ms) > WINDOW:
            raise Refused("Invalid timestamp", -500, 401)
        text = f"{timestamp}{request.method}{request.target}".encode() + request.body
        if sign != hmac_hex(self._venue.apis[api][1], text):
            raise Refused("Invalid signature", -500, 401)
        return api

    # --- public ---

    def getmarkets(self, _: str, values: Mapping[str, Any]) -> Reply:
        """List the products."""
        kinds = {name: "FX" if name == MARGIN else "Spot" for name in self._venue.markets}
        return Reply([{"product_code": name, "market_type": kind} for name, kind in kinds.items()])

    def getboard(self, _: str, values: Mapping[str, Any]) -> Reply:
        """Return a book."""
        market = self._market(values)
        return Reply(board(market, market.levels("buy"), market.levels("sell")))

    def getticker(self, _: str, values: Mapping[str, Any]) -> Reply:
        """Return a ticker."""
        market = self._market(values)
        return Reply(ticker(market, self._venue.now(), len(market.trades)))

    def getexecutions(self, _: str, values: Mapping[str, Any]) -> Reply:
        """List the trades of a market, the latest first."""
        return Reply(_page([execution(trade) for trade in self._market(values).trades], values))

    # --- private ---

    def getchildorders(self, api: str, values: Mapping[str, Any]) -> Reply:
        """List orders of a product, the latest first."""
        product = self._market(values).name
        rows = [order_row(order) for order in self._account(api).orders if order.tag.product == product]
        for name in ("child_order_state", "child_order_id", "child_order_acceptance_id"):
            if name in values:
                rows = [row for row in rows if row[name] == values[name]]
        return Reply(_page(rows, values))

    def getpositions(self, api: str, values: Mapping[str, Any]) -> Reply:
        """List the pieces of the margin position."""
        if values.get("product_code") != MARGIN:
            raise Refused("Invalid product")
        last = self._venue.markets[MARGIN].last
        return Reply(
            [
                {
                    "product_code": MARGIN, "side": lot.side.upper(), "price": number(lot.price),
                    "size": number(lot.size), "commission": 0, "swap_point_accumulate": 0,
                    "require_collateral": number(last * lot.size / 2), "open_date": day(lot.opened), "leverage": 2,
                    "pnl": number((last - lot.price) * (lot.size if lot.side == "buy" else -lot.size)), "sfd": 0,
                }
                for lot in self._account(api).lots
            ]
        )  # fmt: skip

    def getcollateral(self, api: str, values: Mapping[str, Any]) -> Reply:
        """Tell about the collateral."""
        market, account = self._venue.markets[MARGIN], self._account(api)
        gain, required = account.gain(market.last), account.required(market)
        rate = (account.collateral + gain) / required if required else ZERO
        told = {"open_position_pnl": gain, "require_collateral": required, "keep_rate": rate}
        return Reply({"collateral": number(account.collateral), **{name: number(each) for name, each in told.items()}})

    def getbalance(self, api: str, values: Mapping[str, Any]) -> Reply:
        """List the assets."""
        account = self._account(api)
        return Reply(
            [
                {"currency_code": name, "amount": number(amount), "available": number(account.available(name))}
                for name, amount in account.assets.items()
            ]
        )

    def sendchildorder(self, api: str, values: Mapping[str, Any]) -> Reply:
        """Take an order; whether the funds allow it is decided after the answer, as an order event."""
        market, account, now = self._market(values), self._account(api), self._venue.now()
        kind, side = values.get("child_order_type"), SIDES.get(str(values.get("side")))
        life, terms = values.get("minute_to_expire", LONGEST), values.get("time_in_force", "GTC")
        if kind not in ("LIMIT", "MARKET") or side is None or terms not in WAYS:
            raise Refused("Invalid order: child_order_type, side or time_in_force")
        if type(life) is not int or not 1 <= life <= LONGEST:
            raise Refused("Invalid minute_to_expire")
        size = _amount(values, "size", market.lot)
        if size < market.minimum:
            raise Refused(f"The minimum order size is {market.minimum} {market.name.split('_')[-2]}.", -110)
        price = _amount(values, "price", market.tick) if kind == "LIMIT" else None
        ticket = Ticket(market.name, kind, Instant(now.ns + life * MINUTE))
        if account.affords(market, side, size, price):
            events = market.submit(now, api, side, size, price, terms=terms, tag=ticket)
            order = next(event.order for event in events if not isinstance(event, Trade))
        else:
            order = Order(next(self._venue.numbers), api, side, price, size, size, now, terms, ticket, state="rejected")
            events = [Ended(order, size, "Insufficient funds")]
        account.orders.append(order)
        self._venue.publish(market, events)
        return Reply({"child_order_acceptance_id": acceptance_id(order)})

    def cancelchildorder(self, api: str, values: Mapping[str, Any]) -> Reply:
        """Cancel one order."""
        market = self._market(values)
        wanted = {name: values[name] for name in ("child_order_acceptance_id", "child_order_id") if name in values}
        if not wanted:
            raise Refused("Neither child_order_acceptance_id nor child_order_id")
        for order in self._account(api).orders:
            names = {"child_order_acceptance_id": acceptance_id(order), "child_order_id": order_id(order)}
            if order.tag.product == market.name and wanted.items() <= names.items():
                self._cancel(market, order)
                return Reply()
        raise Refused("Order not found")

    def cancelallchildorders(self, api: str, values: Mapping[str, Any]) -> Reply:
        """Cancel every order of a product."""
        market = self._market(values)
        for order in market.orders(api):
            self._cancel(market, order)
        return Reply()

    # --- inside ---

    def _execute(self, request: Request) -> Reply:
        place = request.method, request.url.path
        values = request.query if request.method == "GET" else request.json()
        if handler := self._public.get(place):
            return handler("", values)
        if place not in self._private:
            raise Refused("Not found", status=404)
        api = self.account_of(request)
        if not isinstance(values, dict):
            raise Refused("The body is not a JSON object")
        return self._private[place](api, values)

    def _account(self, api: str) -> Account:
        return self._venue.accounts[api]

    def _market(self, values: Mapping[str, Any]) -> Market:
        """Return the market that a request names, BTC_JPY if it names none, as bitFlyer does."""
        market = self._venue.markets.get(str(values.get("product_code", "BTC_JPY")))
        if market is None:
            raise Refused("Invalid product")
        return market

    def _cancel(self, market: Market, order: Order) -> None:
        now = self._venue.now()
        if order.state == "open":
            self._venue.publish(market, market.cancel(now, order))
        else:
            self._venue.stream.tell_account(str(order.owner), [cancel_failed(order, now)])


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    given = values.get(name)
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e12:
        amount = Decimal(str(given))
        if not amount % step:
            return amount
    raise Refused(f"Invalid {name}")


def _page(rows: Iterable[dict[str, Any]], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the latest rows first, as many as asked for, before and after the ids asked for.

    https://lightning.bitflyer.com/docs#pagination
    """
    asked = {name: str(values.get(name, default)) for name, default in (("count", 100), ("before", 0), ("after", 0))}
    if not all(each.isdecimal() for each in asked.values()):
        raise Refused("Invalid count, before or after")
    count, before, after = (int(each) for each in asked.values())
    fitting = [row for row in rows if row["id"] > after and (not before or row["id"] < before)]
    return sorted(fitting, key=lambda row: -row["id"])[: min(count, 500)]
