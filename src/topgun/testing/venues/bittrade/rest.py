"""The HTTP API of the fake BitTrade: who asks, what is public, what belongs to the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

from ...venue import Reply
from .shapes import PERIODS, book, candles, detail, order_row, text, ticker
from .signing import right, stale
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...orders import Order
    from ...venue import Request
    from . import BitTrade

    Handler: TypeAlias = Callable[..., Any]

__all__ = ["Rest"]

ORDERS = "/v1/order/orders"


class Rest:
    """Every path that the fake plays. Errors have the HTTP status 200.

    https://api-doc.bittrade.co.jp/
    """

    def __init__(self, venue: BitTrade) -> None:
        self._venue = venue
        self._trading = trading = Trading(venue)
        self._public: dict[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            ("GET", "/v1/common/timestamp"): lambda _: {"data": venue.now().ms},
            ("GET", "/v1/common/symbols"): self._symbols,
            ("GET", "/market/depth"): self._depth,
            ("GET", "/market/history/kline"): self._kline,
            ("GET", "/market/detail/merged"): self._merged,
            ("GET", "/market/tickers"): lambda _: {"data": [ticker(each) for each in venue.markets.values()]},
        }
        private: dict[tuple[str, str], Handler] = {
            ("GET", "/v1/account/accounts"): self._accounts,
            ("GET", r"/v1/account/accounts/(\d+)/balance"): self._balance,
            ("GET", "/v1/order/openOrders"): self._open_orders,
            ("POST", f"{ORDERS}/place"): trading.place,
            ("POST", f"{ORDERS}/batchcancel"): trading.cancel_several,
            ("POST", f"{ORDERS}/batchCancelOpenOrders"): trading.cancel_all,
            ("POST", rf"{ORDERS}/(\d+)/submitcancel"): lambda api, _, number: trading.cancel(api, number),
            ("GET", rf"{ORDERS}/(\d+)"): lambda api, _, number: self._row(api, trading.order(api, number)),
        }
        self._private = {(method, re.compile(path)): handler for (method, path), handler in private.items()}

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        try:
            return Reply({"status": "ok", **self._execute(request)})
        except Refused as refusal:
            return Reply({"status": "error", "err-code": refusal.code, "err-msg": refusal.message, "data": None})

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://api-doc.bittrade.co.jp/#4adc7a21f5
        """
        items = [item.partition("=") for item in request.target.partition("?")[2].split("&")]
        values = {unquote(name): unquote(value) for name, _, value in items}
        api = self._venue.api_of(values.get("AccessKeyId"))
        if api is None:
            raise Refused("api-signature-not-valid", "Signature not valid: Incorrect Access key [Access key error]")
        if stale(values.get("Timestamp", ""), self._venue.now().ms):
            raise Refused("api-signature-not-valid", "Signature not valid: Invalid timestamp [Timestamp]")
        signature = values.pop("Signature", "")
        url = request.url
        if signature != right(self._venue.apis[api][1], request.method, url.host or "", url.raw_path, values):
            raise Refused("api-signature-not-valid", "Signature not valid: Verification failure")
        return api

    def _execute(self, request: Request) -> dict[str, Any]:
        method, path = request.method, request.url.path
        if handler := self._public.get((method, path)):
            return handler(request.query)
        for (wanted, pattern), private in self._private.items():
            if wanted == method and (match := pattern.fullmatch(path)):
                api = self.account_of(request)
                values = request.query if method == "GET" else request.json() or {}
                if not isinstance(values, dict):
                    raise Refused("invalid-parameter", "the body is not a JSON object")
                return {"data": private(api, values, *match.groups())}
        raise Refused("base-not-found", f"this fake does not play {method} {path}")

    # --- public ---

    def _symbols(self, _: Mapping[str, Any]) -> dict[str, Any]:
        rows = [
            {"base-currency": name.removesuffix("jpy"), "quote-currency": "jpy", "symbol": name, "state": "online"}
            for name in self._venue.markets
        ]
        return {"data": rows}

    def _depth(self, values: Mapping[str, Any]) -> dict[str, Any]:
        market, kind = self._trading.market(values), values.get("type")
        if kind != "step0":
            raise Refused("invalid-parameter", "invalid type")
        sides = {"buy": market.levels("buy", 150), "sell": market.levels("sell", 150)}
        tick = {**book(sides), "version": self._venue.stream.feed.version(market), "ts": self._venue.now().ms}
        return {"ch": f"market.{market.name}.depth.{kind}", "ts": self._venue.now().ms, "tick": tick}

    def _kline(self, values: Mapping[str, Any]) -> dict[str, Any]:
        market, period, size = self._trading.market(values), values.get("period"), str(values.get("size", 150))
        if period not in PERIODS or not size.isdecimal() or not 0 < int(size) <= 2000:
            raise Refused("invalid-parameter", "invalid period or size")
        now = self._venue.now().ms
        return {
            "ch": f"market.{market.name}.kline.{period}",
            "ts": now,
            "data": candles(market, period, now, int(size)),
        }

    def _merged(self, values: Mapping[str, Any]) -> dict[str, Any]:
        market = self._trading.market(values)
        row, told = ticker(market), detail(market, self._venue.stream.feed.version(market))
        best = {"bid": [row["bid"], row["bidSize"]], "ask": [row["ask"], row["askSize"]]}
        return {"ch": f"market.{market.name}.detail.merged", "ts": self._venue.now().ms, "tick": {**told, **best}}

    # --- the account ---

    def _accounts(self, api: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"id": self._venue.accounts[api].ident, "type": "spot", "subtype": "", "state": "working"}]

    def _balance(self, api: str, values: Mapping[str, Any], number: str) -> dict[str, Any]:
        account = self._trading.account(api, {"account-id": number})
        rows = []
        for coin, amount in account.coins.items():
            frozen = account.frozen(coin)
            for kind, part in (("trade", amount - frozen), ("frozen", frozen)):
                rows.append({"currency": coin, "type": kind, "balance": text(part)})
        return {"id": account.ident, "type": "spot", "state": "working", "list": rows}

    def _open_orders(self, api: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        orders, size = self._venue.accounts[api].open(), str(values.get("size", 100))
        if not size.isdecimal() or not 0 < int(size) <= 500:
            raise Refused("invalid-parameter", "invalid size")
        if "account-id" in values:
            self._trading.account(api, values)
        if "symbol" in values:
            symbol = self._trading.market(values).name
            orders = [order for order in orders if order.tag.symbol == symbol]
        if "side" in values:
            orders = [order for order in orders if order.side == values["side"]]
        return [self._row(api, order) for order in orders[::-1][: int(size)]]

    def _row(self, api: str, order: Order) -> dict[str, Any]:
        return order_row(order, self._venue.accounts[api].ident)
