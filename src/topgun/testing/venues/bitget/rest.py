"""The HTTP API of the fake Bitget: who asks, what is public, what belongs to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply
from .rows import asset, futures_account, listed_order, position
from .shapes import ident, levels, ticker
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from ...venue import Request
    from . import Bitget

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], Any]

__all__ = ["Rest"]

WINDOW = 30_000  # ms a request may be old, or ahead
MIX, SPOT = "/api/v2/mix", "/api/v2/spot"


class Rest:
    """Every path of ``/api/v2`` that the fake plays."""

    def __init__(self, venue: Bitget) -> None:
        self._venue = venue
        self._public: dict[tuple[str, str], Handler] = {
            ("GET", "/api/v2/public/time"): lambda *_: {"serverTime": str(venue.now().ms)},
            ("GET", f"{MIX}/market/merge-depth"): self._depth,
            ("GET", f"{SPOT}/market/orderbook"): self._depth,
            ("GET", f"{MIX}/market/ticker"): self._ticker,
            ("GET", f"{SPOT}/market/tickers"): self._ticker,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("GET", f"{MIX}/order/orders-pending"): self._pending,
            ("GET", f"{SPOT}/trade/unfilled-orders"): self._orders,
            ("GET", f"{MIX}/position/all-position"): self._positions,
            ("GET", f"{MIX}/account/accounts"): self._accounts,
            ("GET", f"{SPOT}/account/assets"): self._assets,
            ("POST", f"{MIX}/order/place-order"): self._place,
            ("POST", f"{SPOT}/trade/place-order"): self._place,
            ("POST", f"{MIX}/order/cancel-order"): self._cancel,
            ("POST", f"{SPOT}/trade/cancel-order"): self._cancel,
            ("POST", f"{MIX}/order/cancel-all-orders"): self._cancel_all,
            ("POST", f"{SPOT}/trade/cancel-symbol-order"): self._cancel_symbol,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            told, status = {"code": "00000", "msg": "success", "data": self._execute(request)}, 200
        except Refused as refusal:
            told, status = {"code": refusal.code, "msg": refusal.message, "data": None}, refusal.status
        return Reply({**told, "requestTime": self._venue.now().ms}, status)

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the passphrase, the time or the signature is wrong.

        https://www.bitget.com/api-doc/common/signature
        """
        names = ("KEY", "PASSPHRASE", "TIMESTAMP", "SIGN")
        key, passphrase, timestamp, sign = (request.headers.get(f"ACCESS-{name}", "") for name in names)
        api = self._venue.api_of(key)
        if api is None:
            raise Refused("40037", "Apikey does not exist")
        if api != ("bitget_demo" if request.headers.get("paptrading") == "1" else "bitget"):
            raise Refused("40099", "exchange environment is incorrect")
        if passphrase != self._venue.apis[api][2]:
            raise Refused("40012", "apikey/password is incorrect")
        if not timestamp.isdecimal() or abs(int(timestamp) - self._venue.now().ms) > WINDOW:
            raise Refused("40008", "Request timestamp expired")
        if sign != self._venue.signature(api, f"{timestamp}{request.method}{request.target}".encode() + request.body):
            raise Refused("40009", "sign signature error")
        return api

    def _execute(self, request: Request) -> Any:
        place = request.method, request.url.path
        values = request.query if request.method == "GET" else request.json()
        api = ""
        if place not in self._public:
            if place not in self._private:
                raise Refused("40404", "Request URL NOT FOUND", 404)
            api = self.account_of(request)
        if not isinstance(values, dict):
            raise Refused("40020", "Parameter body error")
        kind = "SPOT" if place[1].startswith(SPOT) else str(values.get("productType") or "").upper()
        if kind not in ("SPOT", "USDT-FUTURES") and place[1].startswith(MIX):
            raise Refused("40019", "Parameter productType cannot be empty; this fake plays USDT-FUTURES")
        handler = self._public.get(place) or self._private[place]
        return handler(api, {**values, "kind": kind})

    # --- public ---

    def _market(self, values: Mapping[str, Any]) -> Market:
        return self._venue.market_of(self._venue.trading.product(values["kind"], values.get("symbol")))

    def _depth(self, _: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, limit = self._market(values), _whole(values, "limit", 100, 1000)
        sides = {"asks": market.levels("sell", limit), "bids": market.levels("buy", limit)}
        return {**{name: levels(market, side) for name, side in sides.items()}, "ts": str(self._venue.now().ms)}

    def _ticker(self, _: str, values: Mapping[str, Any]) -> list[Any]:
        market = self._market(values)
        product = self._venue.products[market.name]
        return [{"symbol": product.symbol, **ticker(market, product, self._venue.now().ms)}]

    # --- the account ---

    def _orders(self, api: str, values: Mapping[str, Any]) -> list[Any]:
        orders = self._venue.trading.chosen(api, values["kind"], str(values.get("symbol") or "").upper())
        if wanted := values.get("orderId"):
            orders = [order for order in orders if ident(order.number) == wanted]
        if last := values.get("idLessThan"):
            orders = [order for order in orders if int(ident(order.number)) < int(last)]
        page = orders[::-1][: _whole(values, "limit", 100, 100)]
        return [listed_order(self._venue.market_of(order.tag.product), order) for order in page]

    def _pending(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        rows = self._orders(api, values)
        return {"entrustedList": rows or None, "endId": rows[-1]["orderId"] if rows else None}

    def _positions(self, api: str, values: Mapping[str, Any]) -> list[Any]:
        held = [market for market in self._venue.futures if market.position(api).size]
        account, now = self._venue.accounts[api], self._venue.now().ms
        return [position(each, self._venue.products[each.name].symbol, account, now, listed=True) for each in held]

    def _accounts(self, api: str, values: Mapping[str, Any]) -> list[Any]:
        return [futures_account(self._venue.accounts[api], self._venue.futures, listed=True)]

    def _assets(self, api: str, values: Mapping[str, Any]) -> list[Any]:
        account, now = self._venue.accounts[api], self._venue.now().ms
        return [asset(account, coin, now) for coin in account.coins if values.get("coin", coin) == coin]

    def _place(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        trading = self._venue.trading
        return trading.place(api, trading.product(values["kind"], values.get("symbol")), values)

    def _cancel(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        trading = self._venue.trading
        return trading.cancel(api, trading.product(values["kind"], values.get("symbol")), values)

    def _cancel_all(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        done = self._venue.trading.cancel_all(api, values["kind"], str(values.get("symbol") or "").upper())
        return {"successList": done, "failureList": []}

    def _cancel_symbol(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        product = self._venue.trading.product("SPOT", values.get("symbol"))
        self._venue.trading.cancel_all(api, "SPOT", product.symbol)
        return {"symbol": product.symbol}


def _whole(values: Mapping[str, Any], name: str, usual: int, largest: int) -> int:
    """Return a whole number of a query, at most `largest`.

    Raises:
        Refused: It is none.
    """
    given = str(values.get(name) or usual)
    if not given.isdecimal():
        raise Refused("40020", f"Parameter {name} error")
    return min(int(given), largest)
