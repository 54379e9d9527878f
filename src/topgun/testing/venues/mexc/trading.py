"""Orders at the fake MEXC, on both markets. Conditional orders are refused: not played."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

from ...orders import ZERO
from .account import LEVERAGE, Ticket
from .shapes import contract_name, contract_order, spot_name, spot_row
from .signing import ContractRefused, SpotRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import MEXC
    from .account import Account, Product

    Form: TypeAlias = tuple[Side, Decimal, Decimal | None, Ticket]

__all__ = ["Contracts", "Spot"]

SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
KINDS = {"LIMIT": 1, "LIMIT_MAKER": 2, "IMMEDIATE_OR_CANCEL": 3, "FILL_OR_KILL": 4, "MARKET": 5}
TERMS: dict[int, Terms] = {1: "GTC", 2: "PostOnly", 3: "IOC", 4: "FOK", 5: "IOC"}
CONTRACT_SIDES: dict[Any, Side] = {1: "buy", 2: "buy", 3: "sell", 4: "sell"}  # 1 and 3 open, 2 and 4 close


class _Trading:
    """What both markets have in common."""

    def __init__(self, venue: MEXC) -> None:
        self._venue = venue

    def _submit(self, api: str, market: Market, form: Form) -> Order:
        side, size, price, ticket = form
        events = market.submit(self._venue.now(), api, side, size, price, terms=TERMS[ticket.kind], tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        self._venue.accounts[api].orders.append(order)
        self._venue.publish(market, events)
        return order

    def _cancel(self, order: Order) -> None:
        market = self._venue.markets[order.tag.product.symbol]
        self._venue.publish(market, market.cancel(self._venue.now(), order))


class Spot(_Trading):
    """The spot market.

    https://www.mexc.com/api-docs/spot-v3/spot-account-trade
    """

    def place(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the stream."""
        market, form = self._checked(api, values)
        order = self._submit(api, market, form)
        row, told = spot_row(market, order), ("symbol", "orderId", "orderListId", "price", "origQty", "type", "side")
        return {**{name: row[name] for name in told}, "transactTime": order.time.ms}

    def test(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Check an order and do nothing."""
        self._checked(api, values)
        return {}

    def cancel(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Cancel a resting order."""
        order = self._order(api, values)
        if order.state != "open":
            raise SpotRefused(-2011, "Unknown order sent.")
        self._cancel(order)
        return spot_row(self.market(values), order)

    def cancel_all(self, api: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Cancel every resting order of a symbol."""
        market = self.market(values)
        orders = self._venue.accounts[api].open(spot=True)
        for order in orders:
            self._cancel(order)
        return [spot_row(market, order) for order in orders]

    def query(self, api: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Return one order, whatever became of it."""
        return spot_row(self.market(values), self._order(api, values))

    def open(self, api: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the resting orders of a symbol."""
        market = self.market(values)
        return [spot_row(market, order) for order in self._venue.accounts[api].open(spot=True)]

    def market(self, values: Mapping[str, str]) -> Market:
        """Return the market that a request names."""
        product = self._venue.products.get(values.get("symbol", ""))
        if product is None or not product.is_spot:
            raise SpotRefused(-1121, "Invalid symbol.")
        return self._venue.markets[product.symbol]

    def _checked(self, api: str, values: Mapping[str, str]) -> tuple[Market, Form]:
        market, account = self.market(values), self._venue.accounts[api]
        product = self._venue.products[market.name]
        side, kind = SIDES.get(values.get("side", "")), KINDS.get(values.get("type", ""))
        if side is None or kind is None:
            raise SpotRefused(700004, "Mandatory parameter 'side' or 'type' was not sent, or is malformed.")
        size = _amount(values.get("quantity"), market.lot)
        price = None if kind == 5 else _amount(values.get("price"), market.tick)
        if size is None or size < market.minimum or (price is None and kind != 5):
            raise SpotRefused(30002, "The minimum transaction volume cannot be less than the limit")
        worth = size * (market.last if price is None else price)
        coin, need = (product.quote, worth) if side == "buy" else (product.base, size)
        if need > account.spot[coin] - account.frozen(coin):
            raise SpotRefused(30004 if side == "sell" else 10101, "Insufficient position")
        return market, (side, size, price, Ticket(product, values.get("newClientOrderId", ""), kind))

    def _order(self, api: str, values: Mapping[str, str]) -> Order:
        self.market(values)
        name, given = values.get("orderId"), values.get("origClientOrderId")
        for order in self._venue.accounts[api].orders:
            if order.tag.product.is_spot and (spot_name(order) == name or (given and order.tag.name == given)):
                return order
        raise SpotRefused(-2013, "Order does not exist.")


class Contracts(_Trading):
    """The contract market, in one-way mode.

    https://www.mexc.com/api-docs/futures/account-and-trading-endpoints
    """

    def submit(self, api: str, values: Any) -> dict[str, Any]:
        """Take an order; what becomes of it is told by the stream."""
        match values:
            case {"symbol": str(), "vol": vol, "side": int(number), "type": int(kind)}:
                market, product = self.market(values["symbol"])
            case _:
                raise ContractRefused(600, "Parameter error!")
        side, size = CONTRACT_SIDES.get(number), _amount(vol, market.lot)
        price = None if kind == 5 else _amount(values.get("price"), market.tick)
        if side is None or kind not in TERMS or size is None or (price is None and kind != 5):
            raise ContractRefused(2015, "Price or quantity precision error")
        held = market.position(api).size
        if number in (2, 4):
            if not (held < 0 if side == "buy" else held > 0):
                raise ContractRefused(2009, "Position is nonexistent or closed")
            size = min(size, abs(held))
        self._check_margin(api, product, size, market.last if price is None else price)
        ticket = Ticket(product, values.get("externalOid", ""), kind, number)
        order = self._submit(api, market, (side, size, price, ticket))
        return {"orderId": contract_name(order), "ts": order.time.ms}

    def cancel(self, api: str, values: Any) -> list[dict[str, Any]]:
        """Cancel resting orders by their numbers."""
        if not isinstance(values, list):
            raise ContractRefused(600, "Parameter error!")
        known = {contract_name(order): order for order in self._venue.accounts[api].open(spot=False)}
        told = []
        for name in values:
            order = known.pop(str(name), None)
            if order is not None:
                self._cancel(order)
            code, text = (2040, "order not exist") if order is None else (0, "success")
            told.append({"orderId": name, "errorCode": code, "errorMsg": text})
        return told

    def cancel_all(self, api: str, values: Any) -> None:
        """Cancel every resting order, of one symbol if one is named."""
        symbol = (values or {}).get("symbol")
        for order in self._venue.accounts[api].open(spot=False):
            if symbol in (None, order.tag.product.symbol):
                self._cancel(order)

    def open(self, api: str, symbol: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return one page of the resting orders, newest first; numbers of orders are numbers here."""
        orders = self._venue.accounts[api].open(spot=False)
        orders = [order for order in reversed(orders) if symbol in ("", order.tag.product.symbol)]
        size = min(int(values.get("page_size", "20")), 100)
        first = (int(values.get("page_num", "1")) - 1) * size
        rows = [contract_order(order, None, 1) for order in orders[first : first + size]]
        return [{**row, "orderId": int(row["orderId"])} for row in rows]

    def query(self, api: str, name: str) -> dict[str, Any]:
        """Return one order, whatever became of it."""
        for order in self._venue.accounts[api].orders:
            if not order.tag.product.is_spot and contract_name(order) == name:
                return contract_order(order, None, 1)
        raise ContractRefused(2040, "Order does not exist")

    def market(self, symbol: str) -> tuple[Market, Product]:
        """Return the market of a contract."""
        product = self._venue.products.get(symbol)
        if product is None or product.is_spot:
            raise ContractRefused(1002, "Contract doesn't exist!")
        return self._venue.markets[symbol], product

    def _check_margin(self, api: str, product: Product, size: Decimal, price: Decimal) -> None:
        account: Account = self._venue.accounts[api]
        markets = [(each, self._venue.markets[name]) for name, each in self._venue.products.items()]
        if product.value(size, price) / LEVERAGE > account.margin - account.used(markets):
            raise ContractRefused(2005, "Balance insufficient")


def _amount(value: Any, step: Decimal) -> Decimal | None:
    """Return a positive number that is a multiple of `step`, ``None`` if it is none."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > ZERO and not amount % step else None
