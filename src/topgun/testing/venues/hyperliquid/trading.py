"""Actions at the fake Hyperliquid: orders, cancels, transfers, approvals."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from .account import LEVERAGE, Ticket
from .gate import TYPES, UNREADABLE, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from ...orders import Order, Side, Terms
    from . import Hyperliquid
    from .account import Account

__all__ = ["Trading"]

TERMS: dict[str, Terms] = {"Gtc": "GTC", "Ioc": "IOC", "Alo": "PostOnly"}
SMALLEST = 10  # USDC
DONE = {"type": "default"}


class Wrong(Exception):
    """One order of an action is refused; the others are not."""


class Trading:
    """Executes actions. Trigger orders and TWAPs are refused: not played.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/exchange-endpoint
    """

    def __init__(self, venue: Hyperliquid) -> None:
        self._venue = venue
        self._ways: dict[str, Callable[[Account, Mapping[str, Any]], dict[str, Any]]] = {
            "order": lambda account, action: self._several("order", account, action["orders"], self._place),
            "cancel": lambda account, action: self._several("cancel", account, action["cancels"], self._cancel),
            "cancelByCloid": lambda account, action: self._several("cancel", account, action["cancels"], self._cancel),
            "batchModify": lambda account, action: self._several("order", account, action["modifies"], self._modify),
            "modify": self._modify_one,
            "updateLeverage": lambda account, action: DONE,
            "scheduleCancel": lambda account, action: DONE,
            "noop": lambda account, action: DONE,
            "usdSend": self._send,
            "approveAgent": self._approve,
        }

    def execute(self, body: Any, host: str | None) -> dict[str, Any]:
        """Execute what a body says, if its signature and its nonce are good.

        Raises:
            Refused: It is not executed.
        """
        account, action = self._venue.gate.use(body, host), body["action"]
        way = self._ways.get(action["type"])
        if way is None and action["type"] not in TYPES:
            raise Refused(UNREADABLE, 422)
        try:
            return {"status": "ok", "response": way(account, action) if way else DONE}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Refused(UNREADABLE, 422) from None

    # --- orders ---

    def _several(
        self, kind: str, account: Account, given: Any, do: Callable[[Account, Mapping[str, Any]], Any]
    ) -> dict[str, Any]:
        statuses = []
        for each in given:
            try:
                statuses.append(do(account, each))
            except Wrong as error:
                statuses.append({"error": str(error)})
        return {"type": kind, "data": {"statuses": statuses}}

    def _place(self, account: Account, given: Mapping[str, Any]) -> dict[str, Any]:
        market, side = self._market(given), self._side(given)
        terms = TERMS.get(given["t"].get("limit", {}).get("tif"))
        if terms is None:
            raise Wrong("this fake plays limit orders alone")
        size, price = _amount(given["s"], market.lot, "size"), _amount(given["p"], market.tick, "price")
        if size * price < SMALLEST and not given["r"]:
            raise Wrong(f"Order must have minimum value of ${SMALLEST}. asset={given['a']}")
        if given["r"]:
            size = min(size, self._closable(account, market, side))
        elif size * price / LEVERAGE > account.available(self._venue.markets.values()):
            raise Wrong(f"Insufficient margin to place order. asset={given['a']}")
        ticket = Ticket(market.name, given.get("c"), bool(given["r"]))
        events = market.submit(self._venue.now(), account.name, side, size, price, terms=terms, tag=ticket)
        order = next(event.order for event in events if hasattr(event, "order"))
        account.orders.append(order)
        self._venue.publish(market, events)
        return self._told(order, given["a"])

    def _told(self, order: Order, asset: int) -> dict[str, Any]:
        named = {} if order.tag.cloid is None else {"cloid": order.tag.cloid}
        if order.state == "open":
            return {"resting": {"oid": order.number, **named}}
        if order.filled:
            average = f"{order.average.quantize(Decimal('1e-8')).normalize():f}"
            return {"filled": {"totalSz": f"{order.filled:f}", "avgPx": average, "oid": order.number, **named}}
        if order.state == "rejected":
            raise Wrong(f"Post only order would have immediately matched. asset={asset}")
        raise Wrong(f"Order could not immediately match against any resting orders. asset={asset}")

    def _cancel(self, account: Account, given: Mapping[str, Any]) -> str:
        asset, name = (given["a"], given["o"]) if "a" in given else (given["asset"], given["cloid"])
        order = self._resting(account, name, self._market({"a": asset}))
        market = self._venue.markets[order.tag.coin]
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return "success"

    def _modify(self, account: Account, given: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel an order and place another one, which has another number."""
        market = self._market(given["order"])
        order = self._resting(account, given["oid"], market)
        self._venue.publish(market, market.cancel(self._venue.now(), order))
        return self._place(account, given["order"])

    def _modify_one(self, account: Account, given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self._modify(account, given)
        except Wrong as error:
            raise Refused(str(error)) from None
        return DONE

    # --- money ---

    def _send(self, account: Account, given: Mapping[str, Any]) -> dict[str, Any]:
        amount = _amount(given["amount"], Decimal("0.000001"), "amount")
        if amount > account.available(self._venue.markets.values()):
            raise Refused("Insufficient balance for withdrawal.")
        account.usdc -= amount
        self._venue.account_of(given["destination"]).usdc += amount
        return DONE

    def _approve(self, account: Account, given: Mapping[str, Any]) -> dict[str, Any]:
        self._venue.gate.agents[str(given["agentAddress"]).lower()] = account
        return DONE

    # --- what an order names ---

    def _market(self, given: Mapping[str, Any]) -> Market:
        asset = given["a"]
        if not isinstance(asset, int) or not 0 <= asset < len(self._venue.coins):
            raise Wrong(f"Unknown asset: {asset}")
        return self._venue.markets[self._venue.coins[asset]]

    def _side(self, given: Mapping[str, Any]) -> Side:
        return "buy" if given["b"] else "sell"

    def _closable(self, account: Account, market: Market, side: Side) -> Decimal:
        held = market.position(account.name).size
        if not (held < 0 if side == "buy" else held > 0):
            raise Wrong("Reduce only order would increase position.")
        return abs(held)

    def _resting(self, account: Account, name: Any, market: Market) -> Order:
        for order in account.open():
            if name in (order.number, order.tag.cloid or order.number) and order.tag.coin == market.name:
                return order
        raise Wrong("Order was never placed, already canceled, or filled.")


def _amount(given: Any, step: Decimal, name: str) -> Decimal:
    """Return a positive number that is a multiple of `step`.

    Raises:
        Wrong: It is not.
    """
    try:
        amount = Decimal(given)
    except InvalidOperation:
        amount = ZERO
    if not amount.is_finite() or amount <= 0 or amount % step:
        raise Wrong(f"Order has invalid {name}.")
    return amount
