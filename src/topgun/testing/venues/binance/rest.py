"""The HTTP API of the fake Binance: who asks, what is public, what belongs to an account, listenKeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote

from ...venue import Reply
from .rows import holding, position_row
from .shapes import levels
from .signing import Refused, check_time, is_right
from .trading import Trading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import Binance

    Handler: TypeAlias = Callable[[str, str, Mapping[str, Any]], Any]

__all__ = ["Rest"]

KINDS = {"api": "spot", "fapi": "usdsm", "dapi": "coinm"}
DEPTHS = {"spot": (100, 5000), "usdsm": (500, 1000), "coinm": (500, 1000)}  # usual, largest
KEY_ONLY = ("listenKey", "userDataStream")
PUBLIC_PARAMETERS = {"symbol", "limit"}


class Rest:
    """Every path that the fake plays: ``/api/v3`` for spot, ``/fapi`` and ``/dapi`` for futures."""

    def __init__(self, venue: Binance) -> None:
        self._venue = venue
        self.trading = trading = Trading(venue)
        self._public: dict[str, Handler] = {"ping": self._ping, "time": self._time, "depth": self._depth}
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", "order"): trading.query,
            ("POST", "order"): trading.place,
            ("POST", "order/test"): trading.test,
            ("DELETE", "order"): trading.cancel,
            ("DELETE", "openOrders"): trading.cancel_all,
            ("DELETE", "allOpenOrders"): trading.cancel_all,
            ("GET", "openOrders"): trading.open,
            ("GET", "openOrderList"): self._nothing,
            ("GET", "openAlgoOrders"): self._nothing,
            ("GET", "account"): self._account,
            ("GET", "balance"): self._balance,
            ("GET", "positionRisk"): self._positions,
            ("POST", "listenKey"): self._make_key,
            ("PUT", "listenKey"): self._extend_key,
            ("DELETE", "listenKey"): self._close_key,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return Reply(self._execute(request))
        except Refused as refusal:
            return Reply(refusal.data, refusal.status)

    def is_signed(self, request: Request) -> bool:
        """Tell whether a request carries what it has to: a signature, the key alone, or nothing at all."""
        try:
            kind, name, _ = self._place(request)
            return name in self._public or bool(self._account_of(request, kind, name))
        except Refused:
            return False

    def _execute(self, request: Request) -> Any:
        kind, name, version = self._place(request)
        values = dict(parse_qsl(request.target.partition("?")[2])) | dict(parse_qsl(request.body.decode()))
        if name in self._public:
            if kind == "spot" and values.keys() - PUBLIC_PARAMETERS:
                raise Refused(-1104, "Not all sent parameters were read.")
            return self._public[name]("", kind, values)
        if name == "userDataStream":
            raise Refused(-1000, "This endpoint has been retired.", 410)
        if (request.method, name) not in self._private:
            raise Refused(-1, "Path not found.", 404)
        api = self._account_of(request, kind, name)
        return self._private[request.method, name](api, kind, {**values, "version": version})

    def _place(self, request: Request) -> tuple[str, str, str]:
        """Return product, name and version of what is asked for."""
        parts = request.url.path.strip("/").split("/", 2)
        if len(parts) < 3 or KINDS.get(parts[0]) not in self._venue.kinds(request.url.host):
            raise Refused(-1, "Path not found.", 404)
        return KINDS[parts[0]], parts[2], parts[1]

    def _account_of(self, request: Request, kind: str, name: str) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
        """
        key = request.headers.get("X-MBX-APIKEY")
        if key is None:
            raise Refused(-2014, "API-key format invalid.", 401)
        api = self._venue.api_of(key)
        if api is None or api != self._venue.environment(request.url.host):
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if name in KEY_ONLY:
            return api
        text = request.target.partition("?")[2]
        query, found, signature = text.rpartition("signature=")
        query = query.removesuffix("&") if found else text
        values = dict(parse_qsl(query)) | dict(parse_qsl(request.body.decode()))
        check_time(values, self._venue.now().ms)
        if not is_right(self._venue.apis[api][1], query.encode() + request.body, unquote(signature)):
            raise Refused(-1022, "Signature for this request is not valid.")
        return api

    # --- public ---

    def _ping(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _time(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"serverTime": self._venue.now().ms}

    def _depth(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, product = self.trading.named(kind, values)
        usual, largest = DEPTHS[kind]
        given = str(values.get("limit", usual))
        if not given.isdecimal() or not int(given):
            raise Refused(-1100, "Illegal characters found in parameter 'limit'.")
        limit, now = min(int(given), largest), self._venue.now().ms
        told = {
            "lastUpdateId": self._venue.feed.last(market),
            "bids": levels(market, market.levels("buy", limit)),
            "asks": levels(market, market.levels("sell", limit)),
        }
        more = {"symbol": product.symbol, "pair": product.symbol.partition("_")[0]} if kind == "coinm" else {}
        return told if kind == "spot" else {**told, **more, "E": now, "T": now}

    # --- the account ---

    def _nothing(self, api: str, kind: str, values: Mapping[str, Any]) -> list[Any]:
        return []

    def _account(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        account, product = self._venue.accounts[api], self._venue.product(kind)
        rows = [holding(account, product, coin) for coin in account.wallets[kind]]
        return {"accountType": "SPOT", "canTrade": True, "balances": rows, "permissions": ["SPOT"]}

    def _balance(self, api: str, kind: str, values: Mapping[str, Any]) -> list[Any]:
        account, product = self._venue.accounts[api], self._venue.product(kind)
        return [holding(account, product, coin) for coin in account.wallets[kind]]

    def _positions(self, api: str, kind: str, values: Mapping[str, Any]) -> list[Any]:
        version, rows = values["version"], []
        for name, product in self._venue.products.items():
            market = self._venue.markets[name]
            asked = product.kind == kind and values.get("symbol", product.symbol) == product.symbol
            if asked and (version != "v3" or market.position(api).size):
                rows.append(position_row(market, product, api, version=version))
        return rows

    # --- listenKeys ---

    def _make_key(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"listenKey": self._venue.keys_of_streams.make(api, kind)}

    def _extend_key(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if not self._venue.keys_of_streams.extend(api, kind):
            raise Refused(-1125, "This listenKey does not exist.")
        return {"listenKey": self._venue.keys_of_streams.make(api, kind)}

    def _close_key(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        self._venue.keys_of_streams.close(api, kind)
        return {}
