"""An account at the fake Binance: its wallets, what orders need of them, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Event, Order

__all__ = ["CONTRACT", "LEVERAGE", "Account", "Product", "Ticket", "fee_of"]

LEVERAGE = 20
CONTRACT = Decimal(100)  # USD, what a contract of COIN-M is worth
FEES = {  # maker, taker
    "spot": (Decimal("0.001"), Decimal("0.001")),
    "usdsm": (Decimal("0.0002"), Decimal("0.0005")),
    "coinm": (Decimal("0.0001"), Decimal("0.0005")),
}


@dataclass(frozen=True, slots=True)
class Product:
    """What Binance trades under a symbol.

    Attributes:
        kind: ``spot``, ``usdsm`` or ``coinm``.
        margin: What futures are settled in.
    """

    kind: str
    symbol: str
    base: str
    quote: str
    margin: str = ""

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Return what a size is worth in the coin that it is settled in."""
        return size * CONTRACT / price if self.kind == "coinm" else size * price

    def gain(self, size: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """Return what a position above 0 (long) or below has gained since `entry`."""
        if not size:
            return ZERO
        if self.kind == "coinm":
            return size * CONTRACT * (1 / entry - 1 / price)
        return size * (price - entry)


@dataclass(slots=True, eq=False)
class Ticket:
    """What Binance keeps about an order besides what the market does."""

    product: Product
    name: str  # clientOrderId
    kind: str  # LIMIT, MARKET, LIMIT_MAKER
    terms: str  # GTC, IOC, FOK, GTX
    reduce_only: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """What belongs to one key.

    Attributes:
        wallets: The coins of each product: what is there, with what orders have locked.
        orders: Every order it ever sent, oldest first.
    """

    name: str
    orders: list[Order] = field(default_factory=list)
    wallets: dict[str, dict[str, Decimal]] = field(
        default_factory=lambda: {
            "spot": {"USDT": Decimal(100_000), "BTC": Decimal(10)},
            "usdsm": {"USDT": Decimal(100_000)},
            "coinm": {"BTC": Decimal(5)},
        }
    )

    def open(self, kind: str) -> list[Order]:
        """Return the resting orders of a product, oldest first."""
        return [order for order in self.orders if order.state == "open" and order.tag.product.kind == kind]

    def locked(self, coin: str) -> Decimal:
        """Return what spot orders need of a coin."""
        need = ZERO
        for order in self.open("spot"):
            product: Product = order.tag.product
            need += order.left if (order.side, product.base) == ("sell", coin) else ZERO
            need += order.left * (order.price or ZERO) if (order.side, product.quote) == ("buy", coin) else ZERO
        return need

    def margin(self, product: Product, markets: Iterable[tuple[Product, Market]]) -> Decimal:
        """Return what orders and positions with the margin of `product` need of it."""
        orders = (order for order in self.open(product.kind) if order.tag.product.margin == product.margin)
        need = sum((product.value(order.left, order.price or Decimal(1)) for order in orders), ZERO)
        for other, market in markets:
            if (other.kind, other.margin) == (product.kind, product.margin):
                need += other.value(abs(market.position(self.name).size), market.last)
        return need / LEVERAGE

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what fills mean for the wallets."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event)

    def _fill(self, fill: Fill) -> None:
        product: Product = fill.order.tag.product
        price, size = fill.trade.price, fill.trade.size
        coins = self.wallets[product.kind]
        if product.kind == "spot":
            sign = 1 if fill.order.side == "buy" else -1
            coins[product.base] += sign * size
            coins[product.quote] -= sign * size * price + fee_of(fill)
            return
        signed = size if fill.order.side == "buy" else -size
        closes = fill.before.size * signed < 0
        closed = min(abs(fill.before.size), size).copy_sign(fill.before.size) if closes else ZERO
        coins[product.margin] += product.gain(closed, fill.before.entry, price) - fee_of(fill)


def fee_of(fill: Fill) -> Decimal:
    """Return what a fill costs, in the quote coin of spot or the margin of futures."""
    product: Product = fill.order.tag.product
    return product.value(fill.trade.size, fill.trade.price) * FEES[product.kind][0 if fill.maker else 1]
