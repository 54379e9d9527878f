"""The HTTP API of the fake OKJ, V5 and V3: who asks, what is public, what belongs to the account."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply
from .feed import instrument
from .shapes import balance3, iso, order_row, order_row3, ticker
from .stream import placed
from .stream3 import WINDOW, signature
from .trading import API, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import OKJ

    Handler: TypeAlias = Callable[[Any], Any]

__all__ = ["Rest"]

KINDS3 = {"0": "limit", "1": "post_only", "2": "fok", "3": "ioc"}
PAGE = 100  # rows of an answer


class Rest:
    """Every path that the fake plays; `V5` answers wrapped, V3 bare."""

    def __init__(self, venue: OKJ) -> None:
        self._venue = venue
        trading = venue.trading
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", "/api/v5/public/time"): lambda _: [{"ts": str(venue.now().ms)}],
            ("GET", "/api/v5/public/instruments"): self._instruments,
            ("GET", "/api/v5/market/tickers"): self._tickers,
            ("GET", "/api/v5/market/ticker"): lambda values: [self._ticker(trading.market(values).name)],
            ("GET", "/api/v5/market/books"): self._books,
            ("GET", "/api/general/v3/time"): lambda _: {"iso": iso(venue.now()), "epoch": str(venue.now().ns / 1e9)},
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", "/api/v5/account/balance"): self._balance,
            ("GET", "/api/v5/trade/orders-pending"): self._orders,
            ("GET", "/api/v5/trade/orders-algo-pending"): lambda _: [],
            ("GET", "/api/spot/v3/accounts"): lambda _: [balance3(venue.account, each) for each in venue.account.coins],
            ("GET", "/api/spot/v3/orders_pending"): self._orders3,
            ("POST", "/api/spot/v3/orders"): self._create3,
        }
        self._trade = {
            "/api/v5/trade/order": trading.create,
            "/api/v5/trade/cancel-order": trading.cancel,
            "/api/v5/trade/amend-order": trading.amend,
            "/api/v5/trade/batch-orders": trading.create,
            "/api/v5/trade/cancel-batch-orders": trading.cancel,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        v5 = request.url.host == "api.okj.com"
        try:
            data = self._execute(request)
        except Refused as refusal:
            if v5:
                return Reply({"code": refusal.code, "data": [], "msg": refusal.message}, refusal.status)
            return Reply({"code": refusal.code3, "message": refusal.message}, refusal.status)
        if not v5:
            return Reply(data)
        code, rows = data if isinstance(data, tuple) else ("0", data)
        text = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded."}[code]
        return Reply({"code": code, "data": rows, "msg": text})

    def check(self, request: Request) -> None:
        """Check key, time, passphrase and signature of a request.

        Raises:
            Refused: One is wrong.

        https://dev.okcoin.jp/en/#summary-yan-zheng
        """
        names = ("KEY", "TIMESTAMP", "PASSPHRASE", "SIGN")
        key, time, passphrase, sign = (request.headers.get(f"OK-ACCESS-{name}", "") for name in names)
        right_key, secret, right_passphrase = self._venue.apis[API]
        if key != right_key:
            raise Refused("50111", "Invalid OK-ACCESS-KEY", 30006, 401)
        try:
            asked = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
        except ValueError:
            raise Refused("50112", "Invalid OK-ACCESS-TIMESTAMP", 30005, 401) from None
        if abs(asked - self._venue.now().ns / 1e9) > WINDOW:
            raise Refused("50102", "Timestamp request expired", 30008, 401)
        if passphrase != right_passphrase:
            raise Refused("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", 30015, 401)
        if sign != signature(secret, f"{time}{request.method}{request.target}".encode() + request.body):
            raise Refused("50113", "Invalid Sign", 30013, 401)

    def _execute(self, request: Request) -> Any:
        place = request.method, request.url.path
        host, path = request.url.host, request.url.path
        known = place in self._public or place in self._private or path in self._trade
        cancels = place[0] == "POST" and path.startswith("/api/spot/v3/cancel_orders/")
        if not (known or cancels) or (host == "api.okj.com") != path.startswith("/api/v5/"):
            raise Refused("50404", "Not found", 30404, 404)
        if place in self._public:
            return self._public[place](request.query)
        self.check(request)
        if cancels:
            return self._cancel3(path.rpartition("/")[2], request.json() or {})
        if path not in self._trade:
            return self._private[place](request.query if request.method == "GET" else request.json())
        values = request.json()
        several = values if isinstance(values, list) else [values]
        if ("batch" in path) != isinstance(values, list) or not all(isinstance(each, dict) for each in several):
            raise Refused("50002", "JSON syntax error", 30020, 400)
        return placed([(self._trade[path], each) for each in several])

    # --- V5 ---

    def _instruments(self, values: Mapping[str, str]) -> Any:
        self._spot(values)
        markets = [self._venue.trading.market(values)] if "instId" in values else list(self._venue.markets.values())
        return [instrument(each) for each in markets]

    def _tickers(self, values: Mapping[str, str]) -> Any:
        self._spot(values)
        return [self._ticker(name) for name in self._venue.markets]

    def _ticker(self, name: str) -> dict[str, str]:
        return {**ticker(self._venue.markets[name]), "ts": str(self._venue.now().ms)}

    def _books(self, values: Mapping[str, str]) -> Any:
        return [self._venue.stream.feed.book(self._venue.trading.market(values).name, int(values.get("sz", "1")))]

    def _balance(self, values: Mapping[str, str]) -> Any:
        wanted = values["ccy"].split(",") if values.get("ccy") else list(self._venue.account.coins)
        return [self._venue.stream.balances([each for each in wanted if each in self._venue.account.coins])]

    def _orders(self, values: Mapping[str, str]) -> Any:
        orders = self._venue.account.open(values.get("instId") or None)[::-1]
        rows = [order_row(order) for order in orders if values.get("instType", "SPOT") == "SPOT"]
        return rows[: int(values.get("limit", PAGE))]

    def _spot(self, values: Mapping[str, str]) -> None:
        if values.get("instType") != "SPOT":
            raise Refused("50014", "instType cannot be empty")

    # --- V3 ---

    def _orders3(self, values: Mapping[str, str]) -> Any:
        name = self._venue.trading.market({"instId": values.get("instrument_id")}).name
        return [order_row3(order) for order in self._venue.account.open(name)[::-1]][: int(values.get("limit", PAGE))]

    def _create3(self, values: Any) -> Any:
        if not isinstance(values, dict):
            raise Refused("50002", "JSON syntax error", 30020, 400)
        kind = values.get("type", "limit")
        words = {
            "instId": values.get("instrument_id"), "side": values.get("side"), "sz": values.get("size"),
            "px": values.get("price"), "clOrdId": values.get("client_oid"), "tdMode": "cash", "tgtCcy": "base_ccy",
            "ordType": KINDS3.get(str(values.get("order_type", "0"))) if kind == "limit" else kind,
        }  # fmt: skip
        return self._done3(self._venue.trading.create, words)

    def _cancel3(self, ident: str, values: Mapping[str, Any]) -> Any:
        words = {"ordId": ident, "clOrdId": ident} if ident.isdecimal() else {"clOrdId": ident}
        return self._done3(self._venue.trading.cancel, {**words, "instId": values.get("instrument_id")})

    def _done3(self, way: Handler, words: dict[str, Any]) -> dict[str, Any]:
        try:
            order = way(words)
        except Refused as refusal:
            trouble = {"error_code": str(refusal.code3), "error_message": refusal.message}
            return {"client_oid": "", **trouble, "order_id": "-1", "result": False}
        names = {"client_oid": order.tag.link, "order_id": str(order.number)}
        return {**names, "error_code": "", "error_message": "", "result": True}
