"""The account at the fake MEXC: its wallets, its orders, its positions, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...market import Market
    from ...orders import Fill, Order

__all__ = ["CONTRACT", "LEVERAGE", "Account", "Product", "Ticket", "fee_of"]

LEVERAGE = 20
CONTRACT = {"BTC_USDT": Decimal("0.0001"), "ETH_USDT": Decimal("0.01")}  # coins that a contract is worth
FEE = Decimal("0.0005")
FIRST_POSITION = 1_397_818


@dataclass(frozen=True, slots=True)
class Product:
    """What MEXC trades under a symbol: a spot pair, or contracts of `unit` coins."""

    symbol: str
    base: str
    quote: str = "USDT"
    unit: Decimal = ZERO

    @property
    def is_spot(self) -> bool:
        """Tell spot from contracts."""
        return not self.unit

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Return what a size is worth in the quote coin."""
        return size * price * (self.unit or 1)


@dataclass(slots=True, eq=False)
class Ticket:
    """What MEXC keeps about an order besides what the market does.

    Attributes:
        name: What the account called it.
        kind: The number of its type.
        side: Of contracts: 1 and 3 open, 2 and 4 close.
        position: The number of the position that a contract order belongs to.
    """

    product: Product
    name: str
    kind: int
    side: int = 0
    position: int = 0


@dataclass(slots=True, eq=False)
class Account:
    """What belongs to the key. Contracts are in one-way mode.

    Attributes:
        serial: Numbers its positions.
        orders: Every order it ever sent, oldest first.
        spot: The coins of the spot wallet, with what orders have frozen.
        margin: The USDT of the wallet of contracts.
        positions: The number and the opening, in ms, of the last position in each contract.
        closed: The same of the position before the one that was opened last.
    """

    name: str
    serial: Callable[[], int]
    orders: list[Order] = field(default_factory=list)
    spot: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000), "BTC": Decimal(10)})
    margin: Decimal = Decimal(100_000)
    positions: dict[str, tuple[int, int]] = field(default_factory=dict)
    closed: tuple[int, int] = (0, 0)

    def open(self, *, spot: bool) -> list[Order]:
        """Return the resting orders of a market, oldest first."""
        return [order for order in self.orders if order.state == "open" and order.tag.product.is_spot == spot]

    def frozen(self, coin: str) -> Decimal:
        """Return what spot orders need of a coin."""
        need = ZERO
        for order in self.open(spot=True):
            product: Product = order.tag.product
            need += order.left if (order.side, product.base) == ("sell", coin) else ZERO
            need += order.left * (order.price or ZERO) if (order.side, product.quote) == ("buy", coin) else ZERO
        return need

    def used(self, markets: Iterable[tuple[Product, Market]]) -> Decimal:
        """Return what orders and positions of contracts need as margin."""
        orders = self.open(spot=False)
        need = sum((order.tag.product.value(order.left, order.price or ZERO) for order in orders), ZERO)
        for product, market in markets:
            if not product.is_spot:
                need += product.value(abs(market.position(self.name).size), market.last)
        return need / LEVERAGE

    def book(self, fill: Fill) -> None:
        """Carry out what a fill means for the wallets, and number the position."""
        product: Product = fill.order.tag.product
        size, value = fill.trade.size, product.value(fill.trade.size, fill.trade.price)
        if product.is_spot:
            sign = 1 if fill.order.side == "buy" else -1
            self.spot[product.base] += sign * size
            self.spot[product.quote] -= sign * value + fee_of(fill)
            return
        self.margin += (fill.after.realised - fill.before.realised) * product.unit - fee_of(fill)
        if fill.before.size * fill.after.size <= 0 and fill.after.size:
            self.closed = self.positions.get(product.symbol, self.closed)
            self.positions[product.symbol] = FIRST_POSITION + self.serial(), fill.trade.time.ms
        fill.order.tag.position = self.positions[product.symbol][0]


def fee_of(fill: Fill) -> Decimal:
    """Return what a fill costs, in the quote coin: nothing if the order was there first."""
    product: Product = fill.order.tag.product
    return ZERO if fill.maker else product.value(fill.trade.size, fill.trade.price) * FEE
