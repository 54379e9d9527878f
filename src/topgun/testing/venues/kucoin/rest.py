"""The HTTP API of the fake KuCoin: who asks, what is public, what belongs to an account, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply
from ...view import SIDES
from .shapes import levels, position
from .signing import Refused, check
from .trading import Trading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import KuCoin

    Handler: TypeAlias = Callable[[str, str, Mapping[str, Any]], Any]

__all__ = ["Rest"]

PART = 100
ORDERS = {"/api/v1/hf/orders/": "spot", "/api/v1/orders/": "futures"}  # an id follows


class Rest:
    """Every path that the fake plays, of spot and of futures."""

    def __init__(self, venue: KuCoin) -> None:
        self._venue = venue
        self._trading = trading = Trading(venue)
        self._public: dict[tuple[str, str, str], Handler] = {
            ("spot", "GET", "/api/v1/timestamp"): self._time,
            ("futures", "GET", "/api/v1/timestamp"): self._time,
            ("spot", "POST", "/api/v1/bullet-public"): self._bullet,
            ("futures", "POST", "/api/v1/bullet-public"): self._bullet,
            ("spot", "GET", "/api/v1/market/orderbook/level2_100"): self._part,
            ("futures", "GET", "/api/v1/level2/snapshot"): self._book,
        }
        self._private: dict[tuple[str, str, str], Handler] = {
            ("spot", "POST", "/api/v1/bullet-private"): self._bullet,
            ("futures", "POST", "/api/v1/bullet-private"): self._bullet,
            ("spot", "GET", "/api/v3/market/orderbook/level2"): self._book,
            ("spot", "GET", "/api/v1/accounts"): self._accounts,
            ("spot", "POST", "/api/v1/hf/orders"): trading.place,
            ("spot", "DELETE", "/api/v1/hf/orders"): trading.cancel_all,
            ("spot", "DELETE", "/api/v1/hf/orders/"): trading.cancel,
            ("spot", "GET", "/api/v1/hf/orders/active"): trading.open,
            ("futures", "POST", "/api/v1/orders"): trading.place,
            ("futures", "DELETE", "/api/v1/orders/"): trading.cancel,
            ("futures", "DELETE", "/api/v3/orders"): trading.cancel_all,
            ("futures", "GET", "/api/v1/orders"): trading.open,
            ("futures", "GET", "/api/v1/positions"): self._positions,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return Reply({"code": "200000", "data": self._execute(request)})
        except Refused as refusal:
            return Reply({"code": refusal.code, "msg": refusal.message}, refusal.status)

    def is_signed(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or none where it needs none."""
        place, _ = self._place(request)
        if place in self._public and "KC-API-KEY" not in request.headers:
            return True
        try:
            return bool(self._account_of(request))
        except Refused:
            return False

    def _execute(self, request: Request) -> Any:
        place, name = self._place(request)
        if place in self._public:
            return self._public[place]("", place[0], request.query)
        if place not in self._private:
            raise Refused("404", "Not Found", 404)
        api, values = self._account_of(request), request.query
        if request.method == "POST" and place[2] != "/api/v1/bullet-private":
            sent = request.json()
            if not isinstance(sent, dict):
                raise Refused("400100", "Invalid parameter")
            values = sent
        return self._private[place](api, place[0], {**values, "id": name})

    def _place(self, request: Request) -> tuple[tuple[str, str, str], str]:
        """Return product, method and path of what is asked for, and the id at the end of the path."""
        path, name = request.url.path, ""
        for prefix in ORDERS:
            if request.method == "DELETE" and path.startswith(prefix):
                path, name = prefix, path.removeprefix(prefix)
        return (self._venue.kind(request.url.host), request.method, path), name

    def _account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time, the passphrase or the signature is wrong.
        """
        key = request.headers.get("KC-API-KEY")
        if key is None:
            raise Refused("400001", "Please check the header of your request for KC-API-KEY", 401)
        api = self._venue.api_of(key)
        if api is None:
            raise Refused("400003", "KC-API-KEY not exists", 401)
        check(request, self._venue.apis[api], self._venue.now().ms)
        return api

    # --- public ---

    def _time(self, api: str, kind: str, values: Mapping[str, Any]) -> int:
        return self._venue.now().ms

    def _bullet(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        timing = {"pingInterval": self._venue.ping_ms, "pingTimeout": 10_000}
        servers = [
            {"endpoint": server, "encrypt": True, "protocol": "websocket", **timing}
            for server in self._venue.servers[kind]
        ]
        return {"token": self._venue.tokens.create(kind, api or None), "instanceServers": servers}

    def _book(self, api: str, kind: str, values: Mapping[str, Any], limit: int | None = None) -> dict[str, Any]:
        market, product = self._trading.named(kind, values)
        number, now = self._venue.stream.number(product.symbol), self._venue.now()
        asks, bids = (levels(product, market.levels(side, limit)) for side in SIDES)
        sides = {"asks": asks, "bids": bids}
        if kind == "spot":
            return {"time": now.ms, "sequence": str(number), **sides}
        return {"sequence": number, "symbol": product.symbol, **sides, "ts": now.ns}

    def _part(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._book(api, kind, values, PART)

    # --- the account ---

    def _accounts(self, api: str, kind: str, values: Mapping[str, Any]) -> list[dict[str, str]]:
        account, rows = self._venue.accounts[api], []
        for coin, total in account.coins["spot"].items():
            hold = account.held(coin)
            amounts = {"balance": str(total), "available": str(total - hold), "holds": str(hold)}
            rows.append({"id": f"fake{coin}", "currency": coin, "type": "trade", **amounts})
        return rows

    def _positions(self, api: str, kind: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = []
        for number, (name, product) in enumerate(self._venue.products.items()):
            market = self._venue.markets[name]
            if product.kind == "futures" and market.position(api).size:
                rows.append({"id": str(500_000_000_000_988_255 + number), **position(market, product, api)})
        return rows
