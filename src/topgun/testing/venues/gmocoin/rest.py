"""The HTTP API of the fake GMO Coin: who asks, what is public, what belongs to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ...venue import Reply, hmac_hex
from .shapes import book, execution_row, instant, order_row, position, summaries, ticker, trade
from .tokens import Tokens
from .trading import Refused, Trading, parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...venue import Request
    from . import GMOCoin

    Handler: TypeAlias = Callable[[str, Mapping[str, Any]], Any]

__all__ = ["Rest"]

WINDOW = 5_000  # ms the time of a request may be away from the exchange's; GMO Coin publishes no figure
PAGE = 100


class Rest:
    """Every path that the fake plays, of crypto assets and of FX."""

    def __init__(self, venue: GMOCoin) -> None:
        self._venue = venue
        self.tokens = Tokens(venue.now)
        self.trading = trading = Trading(venue)
        self._public: dict[str, Handler] = {
            "status": lambda _, __: {"status": "OPEN"},
            "ticker": self._ticker,
            "orderbooks": self._orderbooks,
            "trades": self._trades,
        }
        self._private: dict[tuple[str, str], Handler] = {
            ("POST", "ws-auth"): lambda api, _: self.tokens.create(api),
            ("PUT", "ws-auth"): lambda api, values: self.tokens.extend(api, values.get("token")),
            ("DELETE", "ws-auth"): lambda api, values: self.tokens.delete(api, values.get("token")),
            ("GET", "account/assets"): self._assets,
            ("GET", "activeOrders"): self._orders,
            ("GET", "latestExecutions"): self._executions,
            ("GET", "openPositions"): self._positions,
            ("GET", "positionSummary"): self._summary,
            ("POST", "order"): lambda api, values: self._placed(api, trading.order(api, values)),
            ("POST", "closeOrder"): lambda api, values: self._placed(api, trading.close(api, values)),
            ("POST", "closeBulkOrder"): lambda api, values: self._placed(api, trading.close(api, values)),
            ("POST", "changeOrder"): self._change,
            ("POST", "cancelOrder"): self._cancel,
            ("POST", "cancelOrders"): self._cancel_named,
            ("POST", "cancelBulkOrder"): self._cancel_bulk,
        }

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        told: dict[str, Any] = {"status": 0}
        try:
            data = self._execute(request)
            told |= {} if data is None else {"data": data}
        except Refused as refusal:
            message = {"message_code": refusal.code, "message_string": refusal.message}
            told = {"status": refusal.status, "messages": [message]}
        return Reply({**told, "responsetime": instant(self._venue.now())}, 200)

    def account_of(self, request: Request) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://api.coin.z.com/docs/#authentication-private
        """
        key, timestamp, sign = (request.headers.get(f"API-{name}", "") for name in ("KEY", "TIMESTAMP", "SIGN"))
        if not key:
            raise Refused("ERR-5011", "The request is invalid. API-KEY is empty.")
        api = self._venue.api_of(key)
        if api is None or api != self._venue.products_of(request.url.host):
            raise Refused("ERR-5012", "API-KEY authentication failed.")
        late = int(timestamp) - self._venue.now().ms if timestamp.isdecimal() else -WINDOW - 1
        if abs(late) > WINDOW:
            code, word = ("ERR-5008", "late") if late < 0 else ("ERR-5009", "early")
            raise Refused(code, f"The API-TIMESTAMP of the request is too {word}.")
        path = "/" + request.url.path.split("/", 2)[2]
        body = request.body if request.method == "POST" else b""
        if sign != hmac_hex(self._venue.apis[api][1], f"{timestamp}{request.method}{path}".encode() + body):
            raise Refused("ERR-5010", "API-SIGN is invalid.")
        return api

    def _execute(self, request: Request) -> Any:
        product, _, path = request.url.path.removeprefix("/").partition("/v1/")
        values = request.query if request.method == "GET" else request.json() or {}
        api = self._venue.products_of(request.url.host)
        if product == "public" and request.method == "GET" and path in self._public:
            return self._public[path](api, values)
        if product != "private" or (request.method, path) not in self._private or not isinstance(values, dict):
            raise Refused("ERR-5107", "The request path is not found.")
        return self._private[request.method, path](self.account_of(request), values)

    # --- public ---

    def _ticker(self, api: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        own = [product for product in self._venue.products.values() if product.api == api]
        wanted = [product for product in own if values.get("symbol") in (None, product.symbol)]
        rows = [ticker(self._venue.markets[product.symbol], product, self._venue.now()) for product in wanted]
        return [{name: value for name, value in row.items() if name != "channel"} for row in rows]

    def _orderbooks(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, product = self.trading.market(api, values.get("symbol"))
        told = book(market, {side: market.levels(side) for side in ("sell", "buy")}, product.symbol, self._venue.now())
        return {name: told[name] for name in ("asks", "bids", "symbol")}

    def _trades(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        market, product = self.trading.market(api, values.get("symbol"))
        rows = [trade(market, product.symbol, each) for each in reversed(market.trades)]
        rows = [{name: row[name] for name in ("price", "side", "size", "timestamp")} for row in rows]
        return _page(rows, values)

    # --- the account ---

    def _assets(self, api: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        assets = self._venue.accounts[api].assets.items()
        return [{"symbol": name, "amount": str(amount), "available": str(amount)} for name, amount in assets]

    def _orders(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        wanted = self._symbol(api, values)
        orders = [order for order in self._venue.accounts[api].open() if wanted in (None, order.tag.product.symbol)]
        return _page([order_row(order) for order in reversed(orders)], values)

    def _executions(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        _, product = self.trading.market(api, values.get("symbol"))
        done = [each for each in self._venue.accounts[api].executions if each.fill.order.tag.product == product]
        return _page([execution_row(each) for each in reversed(done)], values)

    def _positions(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        wanted = self._symbol(api, values)
        lots = [lot for lot in self._venue.accounts[api].lots if wanted in (None, lot.product.symbol)]
        rows = [position(lot, self._venue.markets[lot.product.symbol].last) for lot in reversed(lots)]
        return _page(rows, values)

    def _summary(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        lots = self._venue.accounts[api].lots
        held = {lot.product: self._venue.markets[lot.product.symbol].last for lot in lots}
        rows = [row for product, last in held.items() for row in summaries(product, lots, last)]
        rows = [row for row in rows if row["averagePositionRate"] != "0"]
        rows = [row for row in rows if values.get("symbol") in (None, row["symbol"])]
        return {"list": rows} if rows else {}

    def _symbol(self, api: str, values: Mapping[str, Any]) -> str | None:
        """Return the symbol that is asked for; only FX answers for all of them."""
        if api == "gmocoin_fx" and "symbol" not in values:
            return None
        return self.trading.market(api, values.get("symbol"))[1].symbol

    def _placed(self, api: str, order: Any) -> Any:
        return [order_row(order)] if api == "gmocoin_fx" else str(order.number)

    def _change(self, api: str, values: Mapping[str, Any]) -> Any:
        order = self.trading.change(api, values)
        return [order_row(order)] if api == "gmocoin_fx" else None

    def _cancel(self, api: str, values: Mapping[str, Any]) -> None:
        self.trading.cancel(api, self.trading.resting(api, values.get("orderId")))

    def _cancel_named(self, api: str, values: Mapping[str, Any]) -> dict[str, Any]:
        names = values.get("rootOrderIds" if api == "gmocoin_fx" else "orderIds")
        if not isinstance(names, list):
            raise parameter("orderIds")
        orders = [order for order in self._venue.accounts[api].open() if order.number in names]
        return {"success": self._cancelled(api, orders)}

    def _cancel_bulk(self, api: str, values: Mapping[str, Any]) -> Any:
        gone = self._cancelled(api, self.trading.chosen(self._venue.accounts[api], values))
        return {"success": gone} if api == "gmocoin_fx" else gone

    def _cancelled(self, api: str, orders: list[Any]) -> list[Any]:
        for order in orders:
            self.trading.cancel(api, order)
        return [{"rootOrderId": order.number} if api == "gmocoin_fx" else order.number for order in orders]


def _page(rows: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page of a list that is asked for; an empty one has no list.

    https://api.coin.z.com/docs/#active-orders
    """
    given = {name: str(values.get(name, default)) for name, default in (("page", 1), ("count", PAGE))}
    for name, text in given.items():
        if not text.isdecimal() or not int(text):
            raise parameter(name)
    page, count = int(given["page"]), min(int(given["count"]), PAGE)
    rows = rows[(page - 1) * count : page * count]
    return {"pagination": {"currentPage": page, "count": count}, "list": rows} if rows else {}
