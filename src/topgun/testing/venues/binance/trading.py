"""Orders at the fake Binance, for its HTTP API and for its WebSocket API alike."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from .account import LEVERAGE, Ticket
from .rows import order_row
from .signing import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import Binance
    from .account import Account, Product

__all__ = ["Trading"]

SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
TERMS: dict[str, Terms] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "GTX": "PostOnly"}
NAME = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CONDITIONAL = frozenset(
    {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"}
)


class Trading:
    """Takes and cancels orders. Conditional orders are refused: not played."""

    def __init__(self, venue: Binance) -> None:
        self._venue = venue

    def place(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the user data stream.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#new-order-trade
        """
        market, product, account, order = self._checked(api, kind, values)
        ticket, side, size, price, terms = order
        if terms == "PostOnly" and price is not None and self._would_take(market, side, price):
            if kind == "spot":
                raise Refused(-2010, "Order would immediately match and take.")
            raise Refused(
                -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."
            )
        events = market.submit(self._venue.now(), api, side, size, price, terms=terms, tag=ticket)
        placed = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(placed)
        self._venue.publish(market, events)
        row = order_row(market, placed)
        return {**row, "transactTime": row["updateTime"], "fills": []} if product.kind == "spot" else row

    def test(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check an order and do nothing.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#test-new-order-trade
        """
        self._checked(api, kind, values)
        return {}

    def cancel(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel a resting order.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#cancel-order-trade
        """
        market, _ = self.named(kind, values)
        order = next((each for each in self._orders(api, kind, values) if each.state == "open"), None)
        if order is None:
            raise Refused(-2011, "Unknown order sent.")
        return self._cancelled(market, order)

    def cancel_all(self, api: str, kind: str, values: Mapping[str, Any]) -> Any:
        """Cancel every resting order of a symbol.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#cancel-all-open-orders-on-a-symbol-trade
        """
        market, product = self.named(kind, values)
        orders = [order for order in self._venue.accounts[api].open(kind) if order.tag.product == product]
        if kind == "spot" and not orders:
            raise Refused(-2011, "Unknown order sent.")
        rows = [self._cancelled(market, order) for order in orders]
        return rows if kind == "spot" else {"code": 200, "msg": "The operation of cancel all open order is done."}

    def query(self, api: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return one order, whatever became of it.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints#query-order-user_data
        """
        market, _ = self.named(kind, values)
        for order in self._orders(api, kind, values):
            return order_row(market, order)
        raise Refused(-2013, "Order does not exist.")

    def open(self, api: str, kind: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the resting orders, of one symbol or pair if one is named.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints#current-open-orders-user_data
        """
        symbol, pair = values.get("symbol"), values.get("pair")
        if symbol:
            self.named(kind, values)
        orders = self._venue.accounts[api].open(kind)
        wanted = [order for order in orders if not symbol or order.tag.product.symbol == symbol]
        wanted = [order for order in wanted if not pair or order.tag.product.symbol.startswith(f"{pair}_")]
        return [order_row(self._venue.market_of(order.tag.product), order) for order in wanted]

    def named(self, kind: str, values: Mapping[str, Any]) -> tuple[Market, Product]:
        """Return the market that a request names."""
        symbol = values.get("symbol")
        if not symbol:
            raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        for name, product in self._venue.products.items():
            if (product.kind, product.symbol) == (kind, symbol):
                return self._venue.markets[name], product
        raise Refused(-1121, "Invalid symbol.")

    # --- inside ---

    def _checked(self, api: str, kind: str, values: Mapping[str, Any]) -> tuple[Market, Product, Account, Any]:
        market, product = self.named(kind, values)
        account = self._venue.accounts[api]
        side, ticket, terms = self._form(product, values)
        size = _amount(values, "quantity", market.lot)
        if size < market.minimum:
            raise Refused(-1013, "Filter failure: LOT_SIZE")
        price = None if ticket.kind == "MARKET" else _amount(values, "price", market.tick)
        if any(order.tag.name == ticket.name and order.state == "open" for order in account.orders):
            raise Refused(-2010, "Duplicate order sent.")
        if ticket.reduce_only:
            held = market.position(api).size
            if not (held < 0 if side == "buy" else held > 0):
                raise Refused(-2022, "ReduceOnly Order is rejected.")
            size = min(size, abs(held))
        else:
            self._check_funds(account, product, side, size, market.last if price is None else price)
        return market, product, account, (ticket, side, size, price, terms)

    def _form(self, product: Product, values: Mapping[str, Any]) -> tuple[Side, Ticket, Terms]:
        side, kind = SIDES.get(str(values.get("side"))), str(values.get("type"))
        if side is None:
            raise Refused(-1117, "Invalid side.")
        if kind in CONDITIONAL:
            raise Refused(-4120, "Order type not supported for this endpoint: this fake plays no conditional orders.")
        if kind not in ("LIMIT", "MARKET", "LIMIT_MAKER") or (kind == "LIMIT_MAKER" and product.kind != "spot"):
            raise Refused(-1116, "Invalid orderType.")
        given = str(values.get("timeInForce", "GTC" if kind != "LIMIT" else ""))
        if given not in TERMS or (given == "GTX" and product.kind == "spot"):
            raise Refused(-1115, "Invalid timeInForce.")
        name = str(values.get("newClientOrderId") or f"fake{next(self._venue.numbers)}")
        if not NAME.fullmatch(name):
            raise Refused(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
        terms: Terms = "PostOnly" if kind == "LIMIT_MAKER" else "IOC" if kind == "MARKET" else TERMS[given]
        reduce_only = product.kind != "spot" and str(values.get("reduceOnly", "")).lower() == "true"
        return side, Ticket(product, name, kind, given, reduce_only), terms

    def _would_take(self, market: Market, side: Side, price: Decimal) -> bool:
        best = market.best("sell" if side == "buy" else "buy")
        return best is not None and (price >= best if side == "buy" else price <= best)

    def _check_funds(self, account: Account, product: Product, side: Side, size: Decimal, price: Decimal) -> None:
        coins = account.wallets[product.kind]
        if product.kind == "spot":
            coin, need = (product.quote, size * price) if side == "buy" else (product.base, size)
            if need > coins[coin] - account.locked(coin):
                raise Refused(-2010, "Account has insufficient balance for requested action.")
            return
        used = account.margin(
            product, [(self._venue.products[name], each) for name, each in self._venue.markets.items()]
        )
        if product.value(size, price) / LEVERAGE > coins[product.margin] - used:
            raise Refused(-2019, "Margin is insufficient.")

    def _cancelled(self, market: Market, order: Order) -> dict[str, Any]:
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return order_row(market, order)

    def _orders(self, api: str, kind: str, values: Mapping[str, Any]) -> list[Order]:
        """Return the orders that a request names, the latest first."""
        number, name = str(values.get("orderId", "")), values.get("origClientOrderId")
        if not number and not name:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return [
            order
            for order in reversed(self._venue.accounts[api].orders)
            if (order.tag.product.kind, order.tag.product.symbol) == (kind, values["symbol"])
            and (str(order.number) == number if number else order.tag.name == name)
        ]


def _amount(values: Mapping[str, Any], name: str, step: Decimal) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Refused: It is not.
    """
    try:
        amount = Decimal(str(values.get(name, "")))
    except InvalidOperation:
        raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.") from None
    if not amount.is_finite() or amount <= ZERO:
        raise Refused(-1013, f"Invalid {name}.")
    if amount % step:
        raise Refused(-1111, f"Precision is over the maximum defined for this asset: {name}.")
    return amount
