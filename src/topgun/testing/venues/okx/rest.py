"""The HTTP API of the fake OKX: who asks, what is public, what belongs to the account."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply
from .shapes import account_row, book, instrument, order_row, position_row, ticker
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from ...orders import Order
    from ...venue import Request
    from . import OKX

    Public: TypeAlias = Callable[[Mapping[str, str]], list[dict[str, Any]]]
    Private: TypeAlias = Callable[[str, Mapping[str, str]], list[dict[str, Any]]]

__all__ = ["Rest", "digest"]

VALIDITY = 30_000  # ms a timestamp may be away from the exchange's time
PAGE = 100


def digest(secret: str, text: str | bytes) -> str:
    """Return the base64 of the HMAC-SHA256 of `text`."""
    data = text.encode() if isinstance(text, str) else text
    return b64encode(hmac.digest(secret.encode(), data, "sha256")).decode()


class Rest:
    """Every path of ``/api/v5`` that the fake plays."""

    def __init__(self, venue: OKX) -> None:
        self._venue = venue
        self.trading = Trading(venue)
        self._public: dict[str, Public] = {
            "/api/v5/public/time": self._time,
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/books": self._book,
            "/api/v5/market/books-full": self._full_book,
            "/api/v5/market/ticker": self._ticker,
        }
        self._private: dict[str, Private] = {
            "/api/v5/trade/orders-pending": self._orders,
            "/api/v5/trade/orders-algo-pending": self._algos,
            "/api/v5/trade/order": self._order,
            "/api/v5/account/balance": self._balance,
            "/api/v5/account/positions": self._positions,
        }
        self._commands = {
            "/api/v5/trade/order": "order",
            "/api/v5/trade/batch-orders": "order",
            "/api/v5/trade/cancel-order": "cancel-order",
            "/api/v5/trade/cancel-batch-orders": "cancel-order",
            "/api/v5/trade/amend-order": "amend-order",
        }

    def is_public(self, request: Request) -> bool:
        """Tell whether a request needs no signature."""
        return request.url.path in self._public

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            told = self._execute(request)
        except Refused as refusal:
            return Reply({"code": str(refusal.code), "msg": refusal.message, "data": []}, refusal.status)
        return Reply(told)

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: A header, the key, the time or the signature is wrong.

        https://www.okx.com/docs-v5/en/#overview-rest-authentication
        """
        names = ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE")
        key, sign, timestamp, passphrase = (request.headers.get(f"OK-ACCESS-{name}", "") for name in names)
        if not key:
            raise Refused(50103, 'Request header "OK-ACCESS-KEY" cannot be empty.', 401)
        api = self._venue.api_of(key)
        if api is None:
            raise Refused(50111, "Invalid OK-ACCESS-KEY.", 401)
        if api != ("okx_demo" if request.headers.get("x-simulated-trading") == "1" else "okx"):
            raise Refused(50101, "APIKey does not match current environment.", 401)
        if passphrase != self._venue.apis[api][2]:
            raise Refused(50105, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
        self._check_time(timestamp)
        text = f"{timestamp}{request.method}{request.target}".encode() + request.body
        if sign != digest(self._venue.apis[api][1], text):
            raise Refused(50113, "Invalid Sign", 401)
        if request.body and not request.headers.get("Content-Type", "").startswith("application/json"):
            raise Refused(50006, "Invalid Content-Type, please use the application/json format", 400)
        return api

    def _check_time(self, timestamp: str) -> None:
        try:
            sent = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000
        except ValueError:
            raise Refused(50112, "Invalid OK-ACCESS-TIMESTAMP", 401) from None
        if abs(sent - self._venue.now().ms) > VALIDITY:
            raise Refused(50102, "Timestamp request expired", 401)

    def _execute(self, request: Request) -> dict[str, Any]:
        path = request.url.path
        if request.method == "POST" and (way := self._commands.get(path)):
            return self.trading.done(way, self.account_of(request), request.json())
        rows = None
        if request.method == "GET" and path in self._public:
            rows = self._public[path](request.query)
        elif request.method == "GET" and path in self._private:
            rows = self._private[path](self.account_of(request), request.query)
        if rows is None:
            raise Refused(50404, "Path does not exist", 404)
        return {"code": "0", "msg": "", "data": rows}

    # --- public ---

    def _time(self, _: Mapping[str, str]) -> list[dict[str, Any]]:
        return [{"ts": str(self._venue.now().ms)}]

    def _instruments(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        products = [each for each in self._venue.products.values() if each.kind == query.get("instType")]
        return [instrument(self._venue.markets[each.inst], each) for each in products]

    def _book(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        market, depth = self._market(query), _whole(query, "sz", 1, 400)
        return [self._venue.stream.feed.book(market, depth)]

    def _full_book(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        market, depth = self._market(query), _whole(query, "sz", 1, 5000)
        told = book(market, market.levels("sell", depth), market.levels("buy", depth), full=True)
        return [{**told, "ts": str(self._venue.now().ms)}]

    def _ticker(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        market = self._market(query)
        return [ticker(market, self._venue.products[market.name], self._venue.now().ms)]

    # --- the account ---

    def _orders(self, api: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        orders = self._venue.accounts[api].open()[::-1]
        rows = [self._row(order) for order in orders]
        if after := query.get("after"):
            rows = [row for row in rows if int(row["ordId"]) < int(after)]
        for field in ("instType", "instId", "ordType", "state"):
            if wanted := query.get(field):
                rows = [row for row in rows if row[field] in wanted.split(",")]
        return rows[: _whole(query, "limit", PAGE, PAGE)]

    def _algos(self, _: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        if not query.get("ordType"):
            raise Refused(50014, "Parameter ordType cannot be empty.", 400)
        return []

    def _order(self, api: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return [self._row(self.trading.find(api, query))]

    def _balance(self, api: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        row = account_row(self._venue.accounts[api], self._venue.free(api), self._venue.worth(), self._venue.now().ms)
        if query.get("ccy"):
            row["details"] = [each for each in row["details"] if each["ccy"] in query["ccy"].split(",")]
        return [row]

    def _positions(self, api: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        now = self._venue.now().ms
        markets = [each for each in self._venue.swaps if each.position(api).size]
        rows = [position_row(market, self._venue.products[market.name], api, now) for market in markets]
        return [row for row in rows if query.get("instId") in (None, row["instId"])]

    def _row(self, order: Order) -> dict[str, Any]:
        over = order.state in ("cancelled", "rejected")
        return order_row(self._venue.markets[order.tag.product.inst], order, order.left, over=over)

    def _market(self, query: Mapping[str, str]) -> Market:
        if query.get("instId") not in self._venue.markets:
            raise Refused(51001, "Instrument ID doesn't exist.")
        return self._venue.markets[query["instId"]]


def _whole(query: Mapping[str, str], name: str, usual: int, largest: int) -> int:
    """Return a whole number of a query, at most `largest`.

    Raises:
        Refused: It is none.
    """
    given = query.get(name) or str(usual)
    if not given.isdecimal():
        raise Refused(51000, f"Parameter {name} error", 400)
    return min(int(given), largest)
