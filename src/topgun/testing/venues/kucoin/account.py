"""An account at the fake KuCoin: its orders, what it holds, and what fills do to that."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...market import Market
    from ...orders import Order, Side

__all__ = ["LEVERAGE", "Account", "Product", "Ticket"]

LEVERAGE = 5
FEES = {"spot": Decimal("0.001"), "futures": Decimal("0.0006")}


@dataclass(frozen=True, slots=True)
class Product:
    """What is traded under a symbol.

    Attributes:
        kind: ``spot`` or ``futures``.
        multiplier: What a contract is worth at a price of 1.
    """

    symbol: str
    kind: str
    multiplier: str = "1"

    @property
    def base(self) -> str:
        """What is bought and sold on a spot market."""
        return self.symbol.partition("-")[0]

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Return what a size is worth in USDT."""
        return size * price * Decimal(self.multiplier)


@dataclass(slots=True, eq=False)
class Ticket:
    """What KuCoin keeps about an order besides what the market does.

    Attributes:
        name: The ``clientOid``.
        kind: ``limit`` or ``market``.
    """

    product: Product
    name: str
    kind: str
    terms: str
    post_only: bool = False
    reduce_only: bool = False


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        coins: What is there, with what orders hold; of futures the money without open positions.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: list[Order] = []
        self.coins = {
            "spot": {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)},
            "futures": {"USDT": Decimal(100_000)},
        }

    def open(self, kind: str, symbol: str | None = None) -> list[Order]:
        """Return the resting orders of a product, oldest first."""
        orders = [order for order in self.orders if order.state == "open" and order.tag.product.kind == kind]
        return [order for order in orders if symbol in (None, order.tag.product.symbol)]

    def held(self, coin: str) -> Decimal:
        """Return what spot orders hold of a coin."""
        need = ZERO
        for order in self.open("spot"):
            if order.side == "sell" and order.tag.product.base == coin:
                need += order.left
            elif order.side == "buy" and coin == "USDT":
                need += order.left * (order.price or ZERO)
        return need

    def margin(self, markets: Mapping[str, Market], products: Mapping[str, Product]) -> Decimal:
        """Return what orders and positions of futures need."""
        need = sum((order.tag.product.value(order.left, order.price or ZERO) for order in self.open("futures")), ZERO)
        for name, market in markets.items():
            if products[name].kind == "futures":
                need += products[name].value(abs(market.position(self.name).size), market.last)
        return need / LEVERAGE

    def affords(self, venue: Any, product: Product, side: Side, size: Decimal, price: Decimal) -> bool:
        """Tell whether the funds allow one more order."""
        if product.kind == "futures":
            free = self.coins["futures"]["USDT"] - self.margin(venue.markets, venue.products)
            return product.value(size, price) / LEVERAGE <= free
        coin, need = ("USDT", size * price) if side == "buy" else (product.base, size)
        return need <= self.coins["spot"][coin] - self.held(coin)

    def book(self, product: Product, events: Iterable[Any]) -> None:
        """Carry out what fills mean."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(product, event)

    def _fill(self, product: Product, fill: Fill) -> None:
        coins, trade = self.coins[product.kind], fill.trade
        value = product.value(trade.size, trade.price)
        coins["USDT"] -= value * FEES[product.kind]
        if product.kind == "futures":
            coins["USDT"] += (fill.after.realised - fill.before.realised) * Decimal(product.multiplier)
            return
        sign = 1 if fill.order.side == "buy" else -1
        coins[product.base] += sign * trade.size
        coins["USDT"] -= sign * value
