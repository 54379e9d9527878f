"""The HTTP API of the fake MEXC: spot below ``/api/v3``, contracts below ``/api/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ...venue import Reply
from .public import candle
from .shapes import contract_levels, position, spot_levels
from .signing import ContractRefused, SpotRefused, check_contract, check_spot, is_signed
from .trading import Contracts, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import MEXC

__all__ = ["Rest"]

INTERVALS = {"1m": "Min1", "60m": "Min60"}


class Rest:
    """Every path that the fake plays."""

    def __init__(self, venue: MEXC) -> None:
        self._venue = venue
        self._spot, self._contracts = Spot(venue), Contracts(venue)
        self._public: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "ping": lambda values: {},
            "time": lambda values: {"serverTime": venue.now().ms},
            "depth": self._depth,
            "klines": self._klines,
        }
        self._private: dict[tuple[str, str], Callable[[str, Mapping[str, str]], Any]] = {
            ("POST", "order"): self._spot.place,
            ("POST", "order/test"): self._spot.test,
            ("DELETE", "order"): self._spot.cancel,
            ("GET", "order"): self._spot.query,
            ("GET", "openOrders"): self._spot.open,
            ("DELETE", "openOrders"): self._spot.cancel_all,
            ("GET", "account"): self._account,
            ("POST", "userDataStream"): lambda api, values: {"listenKey": venue.keys_of_streams.make(api)},
            ("PUT", "userDataStream"): self._extend,
            ("DELETE", "userDataStream"): self._close,
            ("GET", "userDataStream"): lambda api, values: {"listenKey": venue.keys_of_streams.of(api)},
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            if request.url.path.startswith("/api/v1/"):
                return Reply({"success": True, "code": 0, "data": self._contract(request)})
            return Reply(self._of_spot(request))
        except SpotRefused as refusal:
            return Reply({"code": refusal.code, "msg": refusal.message}, refusal.status)
        except ContractRefused as refusal:
            return Reply({"success": False, "code": refusal.code, "message": refusal.message})

    def is_verified(self, request: Request) -> bool:
        """Tell whether the signature of a request is right, or is not needed and not there."""
        contract = request.url.path.startswith("/api/v1/")
        public = "/private/" not in request.url.path if contract else request.url.name in self._public
        if public and not is_signed(request):
            return True
        try:
            (check_contract if contract else check_spot)(self._venue, request)
        except (SpotRefused, ContractRefused):
            return False
        return True

    # --- spot ---

    def _of_spot(self, request: Request) -> Any:
        name = request.url.path.removeprefix("/api/v3/")
        values = dict(parse_qsl(request.target.partition("?")[2])) | dict(parse_qsl(request.body.decode()))
        if name in self._public:
            return self._public[name](values)
        if (request.method, name) not in self._private or request.url.host != "api.mexc.com":
            raise SpotRefused(404, "Not Found", 404)
        return self._private[request.method, name](check_spot(self._venue, request), values)

    def _depth(self, values: Mapping[str, str]) -> dict[str, Any]:
        market, limit = self._spot.market(values), values.get("limit", "100")
        if not limit.isdecimal() or not int(limit):
            raise SpotRefused(700006, "Illegal characters found in parameter 'limit'")
        bids, asks = (spot_levels(market, market.levels(side, min(int(limit), 5000))) for side in ("buy", "sell"))
        told = {"lastUpdateId": self._venue.feed.number(market), "bids": bids, "asks": asks}
        return {**told, "timestamp": self._venue.now().ms}

    def _klines(self, values: Mapping[str, str]) -> list[Any]:
        market, interval = self._spot.market(values), INTERVALS.get(values.get("interval", ""))
        if interval is None:
            raise SpotRefused(-1121, "Invalid interval.")
        row = candle(market, interval, self._venue.now().ms)
        names = ("openingPrice", "highestPrice", "lowestPrice", "closingPrice", "volume")
        start, end = row["windowStart"] * 1000, row["windowEnd"] * 1000
        return [[start, *(row[name] for name in names), end, row["amount"]]]

    def _account(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        account, rows = self._venue.accounts[api], []
        for coin, amount in account.spot.items():
            frozen = account.frozen(coin)
            rows.append({"asset": coin, "free": f"{amount - frozen:f}", "locked": f"{frozen:f}"})
        return {"canTrade": True, "accountType": "SPOT", "balances": rows, "permissions": ["SPOT"]}

    def _extend(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        key = values.get("listenKey", "")
        if not self._venue.keys_of_streams.extend(api, key):
            raise SpotRefused(730707, "The listenKey does not exist")
        return {"listenKey": key}

    def _close(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        key = values.get("listenKey", "")
        self._venue.keys_of_streams.close(key)
        return {"listenKey": key}

    # --- contracts ---

    def _contract(self, request: Request) -> Any:
        values = dict(request.url.query)
        match request.method, request.url.path.removeprefix("/api/v1/").split("/"):
            case "GET", ["contract", "ping"]:
                return self._venue.now().ms
            case "GET", ["contract", "depth", symbol]:
                return self._contract_depth(symbol, values)
            case method, ["private", *path]:
                return self._contract_private(check_contract(self._venue, request), method, path, request)
        raise ContractRefused(404, "Not Found")

    def _contract_private(self, api: str, method: str, path: list[str], request: Request) -> Any:
        values, trading = dict(request.url.query), self._contracts
        match method, path:
            case "GET", ["order", "list", "open_orders", *symbol]:
                return trading.open(api, "".join(symbol) or values.get("symbol", ""), values)
            case "GET", ["order", "get", name]:
                return trading.query(api, name)
            case "GET", ["account", "assets"]:
                return [self._venue.asset(api)]
            case "GET", ["position", "open_positions"]:
                return self._positions(api, values.get("symbol"))
            case "POST", ["order", "submit" | "cancel" | "cancel_all" as action]:
                return {"submit": trading.submit, "cancel": trading.cancel}.get(action, trading.cancel_all)(
                    api, request.json()
                )
        raise ContractRefused(404, "Not Found")

    def _contract_depth(self, symbol: str, values: Mapping[str, str]) -> dict[str, Any]:
        market, _ = self._contracts.market(symbol)
        limit = int(values["limit"]) if values.get("limit", "").isdecimal() else None
        bids, asks = (contract_levels(market.levels(side, limit)) for side in ("buy", "sell"))
        return {
            "asks": asks,
            "bids": bids,
            "version": self._venue.feed.number(market),
            "timestamp": self._venue.now().ms,
        }

    def _positions(self, api: str, symbol: str | None) -> list[dict[str, Any]]:
        return [
            position(product, held, self._venue.accounts[api].positions[name], long=held.size > 0)
            for name, product in self._venue.products.items()
            if not product.is_spot and symbol in (None, name) and (held := self._venue.markets[name].position(api)).size
        ]
