"""The HTTP API of the fake Phemex: who asks, what is public, what belongs to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply, hmac_hex
from .shapes import account_row, candle, levels, listed_order, position_row, trade_row
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import Phemex

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], Any]

__all__ = ["Rest"]

FURTHEST = 120  # s that an expiry may lie ahead


class Rest:
    """Every path that the fake plays."""

    def __init__(self, venue: Phemex) -> None:
        self._venue = venue
        trading = venue.trading
        self._market_data: dict[str, Handler] = {"/md/v2/orderbook": self._book, "/md/v2/trade": self._trades}
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", "/public/time"): lambda *_: {"serverTime": venue.now().ms},
            ("GET", "/exchange/public/md/v2/kline/last"): self._candles,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", "/g-orders/activeList"): self._orders,
            ("GET", "/g-accounts/accountPositions"): self._positions,
            ("PUT", "/g-orders/create"): trading.create,
            ("POST", "/g-orders"): trading.create,
            ("PUT", "/g-orders/replace"): trading.replace,
            ("DELETE", "/g-orders/cancel"): trading.cancel,
            ("DELETE", "/g-orders/all"): trading.cancel_all,
            ("PUT", "/g-positions/switch-pos-mode-sync"): trading.switch,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request; paths that begin with ``/md`` have an envelope of their own."""
        market_data = self._market_data.get(request.url.path) if request.method == "GET" else None
        try:
            if market_data is not None:
                return Reply({"error": None, "id": 0, "result": market_data("", request.query)})
            return Reply({"code": 0, "msg": "", "data": self._execute(request)})
        except Refused as refusal:
            if market_data is not None:
                return Reply({"error": {"code": refusal.code, "message": refusal.message}, "id": 0, "result": None})
            return Reply({"code": refusal.code, "msg": refusal.message, "data": None}, refusal.status)

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the expiry or the signature is wrong.

        https://phemex-docs.github.io/#request-signature
        """
        key, expiry, signature = (
            request.headers.get(f"x-phemex-{name}", "")
            for name in ("access-token", "request-expiry", "request-signature")
        )
        api = self._venue.api_of(key)
        if api is None or api != self._venue.environment(request.url.host):
            raise Refused(401, "401 Failed to load API KEY.", 401)
        if not expiry.isdecimal() or not 0 < int(expiry) - self._venue.now().ns / 1e9 <= FURTHEST:
            raise Refused(401, "401 Request has expired.", 401)
        path, _, query = request.target.partition("?")
        if signature != hmac_hex(self._venue.apis[api][1], f"{path}{query}{expiry}".encode() + request.body):
            raise Refused(401, "401 API Signature verification failed.", 401)
        return api

    def _execute(self, request: Request) -> Any:
        place = request.method, request.url.path
        values = request.json() if request.method == "POST" else request.query
        if handler := self._public.get(place):
            return handler("", values)
        if place not in self._private:
            raise Refused(404, "404 Not Found", 404)
        api = self.account_of(request)
        if not isinstance(values, dict):
            raise Refused(30000, "Please double check input arguments")
        return self._private[place](api, values)

    def _book(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market = self._venue.trading.market(values)
        told = levels(market, {side: market.levels(side, 30) for side in ("sell", "buy")})
        return {
            "orderbook_p": told, "depth": 30, "sequence": self._venue.stream.feed.sequence, "symbol": market.name,
            "timestamp": self._venue.now().ns, "type": "snapshot",
        }  # fmt: skip

    def _trades(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market = self._venue.trading.market(values)
        told = [trade_row(market, each) for each in reversed(market.trades)]
        sequence = self._venue.stream.feed.sequence
        return {"trades_p": told, "sequence": sequence, "symbol": market.name, "type": "snapshot"}

    def _candles(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, seconds = self._venue.trading.market(values), str(values.get("resolution"))
        if not seconds.isdecimal() or not int(seconds):
            raise Refused(30000, "Please double check input arguments: resolution")
        now = self._venue.now().seconds
        return {"total": -1, "rows": [candle(market, int(seconds), now - now % int(seconds))]}

    def _orders(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market = self._venue.trading.market(values)
        orders = self._venue.accounts[api].open(market.name)
        if not orders:
            raise Refused(10002, "OM_ORDER_NOT_FOUND")
        return {"rows": [listed_order(market, order) for order in orders[::-1]]}

    def _positions(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if values.get("currency") != "USDT":
            raise Refused(30000, "Please double check input arguments: currency")
        account, markets = self._venue.accounts[api], self._venue.markets.values()
        told = account_row(account, account.used(markets))
        told["accountId"] = told.pop("accountID")
        wanted = [market for market in markets if values.get("symbol", market.name) == market.name]
        rows = [
            position_row(market, account, side, account.position(market.name, side))
            for market in wanted
            for side in account.sides(market.name)
        ]
        return {"account": told, "positions": rows}
