"""The HTTP API of the fake Bybit: who asks, what is public, what belongs to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply, hmac_hex
from .rows import order_row, position, wallet
from .shapes import book, ident, ticker
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import Bybit

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], dict[str, Any]]

__all__ = ["Rest", "check_time"]

AHEAD = 1000  # ms a request may be in the exchange's future
WINDOW = "5000"  # ms it may be in its past, unless it says otherwise


def check_time(timestamp: str, window: str, now: int) -> None:
    """Check ``server_time - recv_window <= timestamp < server_time + 1000``, all in ms.

    Raises:
        Refused: It is not so.

    https://bybit-exchange.github.io/docs/v5/guide#parameters-for-authenticated-endpoints
    """
    sound = timestamp.isdecimal() and (window or WINDOW).isdecimal()
    if not sound or not now - int(window or WINDOW) <= int(timestamp) < now + AHEAD:
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{timestamp}],server_timestamp[{now}],recv_window[{window or WINDOW}]",
        )


class Rest:
    """Every path of ``/v5`` that the fake plays."""

    def __init__(self, venue: Bybit) -> None:
        self._venue = venue
        self.trading = trading = Trading(venue)
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", "/v5/market/time"): self._time,
            ("GET", "/v5/market/orderbook"): self._orderbook,
            ("GET", "/v5/market/tickers"): self._tickers,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", "/v5/order/realtime"): self._orders,
            ("GET", "/v5/position/list"): self._positions,
            ("GET", "/v5/account/wallet-balance"): self._wallet,
            ("POST", "/v5/order/create"): trading.create,
            ("POST", "/v5/order/amend"): trading.amend,
            ("POST", "/v5/order/cancel"): trading.cancel,
            ("POST", "/v5/order/cancel-all"): trading.cancel_all,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        code, message, status, result = 0, "OK", 200, {}
        try:
            result = self._execute(request)
        except Refused as refusal:
            code, message, status = refusal.code, refusal.message, refusal.status
        told = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self._venue.now().ms}
        return Reply(told, status)

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://bybit-exchange.github.io/docs/v5/guide#authentication
        """
        names = ("API-KEY", "TIMESTAMP", "SIGN", "RECV-WINDOW")
        key, timestamp, sign, window = (request.headers.get(f"X-BAPI-{name}", "") for name in names)
        api = self._venue.api_of(key)
        if api is None or api != self._venue.environment(request.url.host):
            raise Refused(10003, "API key is invalid.", 401)
        check_time(timestamp, window, self._venue.now().ms)
        query = request.target.partition("?")[2]
        text = f"{timestamp}{key}{window}{query}".encode() + request.body
        if sign != hmac_hex(self._venue.apis[api][1], text):
            raise Refused(10004, "error sign! please check your signature generation algorithm.")
        return api

    def _execute(self, request: Request) -> dict[str, Any]:
        place = request.method, request.url.path
        values = request.query if request.method == "GET" else request.json()
        if handler := self._public.get(place):
            return handler("", values)
        if place not in self._private:
            raise Refused(10017, "Route not found.", 404)
        api = self.account_of(request)
        if not isinstance(values, dict):
            raise Refused(10001, "Request parameter error.")
        return self._private[place](api, values)

    # --- public ---

    def _time(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        now = self._venue.now()
        return {"timeSecond": str(now.seconds), "timeNano": str(now.ns)}

    def _orderbook(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, product = self.trading.named(values)
        largest, usual = (500, 25) if product.category == "linear" else (200, 1)
        limit = _whole(values, "limit", usual, largest)
        told = book(market, product.symbol, market.levels("sell", limit), market.levels("buy", limit))
        return {**told, **self._venue.stream.feed.numbers(market, 1000 if product.category == "linear" else 200)}

    def _tickers(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        category = self.trading.category(values)
        names = [name for name, product in self._venue.products.items() if product.category == category]
        if values.get("symbol"):
            names = [self.trading.named(values)[0].name]
        told = [ticker(self._venue.markets[name], self._venue.products[name]) for name in names]
        return {"category": category, "list": told}

    # --- the account ---

    def _orders(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        orders = list(self.trading.chosen(values, self._venue.accounts[api].orders))
        if name := values.get("orderId"):
            orders = [order for order in orders if ident("order", order.number) == name]
        elif link := values.get("orderLinkId"):
            orders = [order for order in orders if order.tag.link == link]
        elif values.get("openOnly", "0") == "0":
            orders = [order for order in orders if order.state == "open"]
        orders.sort(key=lambda order: -order.number)
        limit, start = _whole(values, "limit", 20, 50), _whole(values, "cursor", 0, len(orders))
        rows = [order_row(self._venue.market_of(order.tag.product), order) for order in orders[start : start + limit]]
        for row in rows:
            del row["category"]
        following = str(start + limit) if start + limit < len(orders) else ""
        return {"list": rows, "nextPageCursor": following, "category": values["category"]}

    def _positions(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.trading.category(values) != "linear":
            raise Refused(10001, "params error: category")
        now = self._venue.now().ms
        if values.get("symbol"):
            markets = [self.trading.named(values)[0]]
        elif values.get("settleCoin") == "USDT":
            markets = [market for market in self._venue.linear if market.position(api).size]
        else:
            raise Refused(10001, "params error: symbol or settleCoin is required")
        rows = [position(each, self._venue.products[each.name], api, now, rest=True) for each in markets]
        return {"list": rows, "nextPageCursor": "", "category": values["category"]}

    def _wallet(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if values.get("accountType") != "UNIFIED":
            raise Refused(10001, "accountType only support UNIFIED.")
        told = wallet(self._venue.accounts[api], self._venue.linear, self._venue.worth())
        if values.get("coin"):
            told["coin"] = [row for row in told["coin"] if row["coin"] in values["coin"].split(",")]
        return {"list": [told]}


def _whole(values: Mapping[str, Any], name: str, usual: int, largest: int) -> int:
    """Return a whole number of a query, at most `largest`.

    Raises:
        Refused: It is none.
    """
    given = str(values.get(name) or usual)
    if not given.isdecimal():
        raise Refused(10001, f"params error: {name} invalid")
    return min(int(given), largest)
