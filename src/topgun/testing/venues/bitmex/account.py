"""An account at the fake BitMEX: its orders, what it holds, and its money in both coins."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO

if TYPE_CHECKING:
    from ...orders import Fill, Order

__all__ = ["LEVERAGE", "Account", "Holding", "Product", "Ticket"]

LEVERAGE = 100
SATOSHIS = Decimal(100_000_000)  # XBt in an XBT
UNIT = Decimal("0.00001")  # ETH in a contract, in which an order of the linear product is counted
MICROS = Decimal(1_000_000)  # USDt in a USDT


@dataclass(frozen=True, slots=True)
class Product:
    """What BitMEX trades under a symbol: contracts of one USD each (`inverse`), or of a part of the coin."""

    symbol: str
    base: str
    quote: str
    settle: str
    inverse: bool

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Return what `size` contracts are worth at `price`, in the currency that they settle in; it rises with it."""
        return -size / price * SATOSHIS if self.inverse else size * UNIT * price * MICROS

    def price(self, size: Decimal, value: Decimal) -> Decimal:
        """Return the price at which `size` contracts are worth `value`."""
        return -size / value * SATOSHIS if self.inverse else value / (size * UNIT * MICROS)


@dataclass(slots=True, eq=False)
class Ticket:
    """What BitMEX keeps about an order besides what the market does.

    Attributes:
        name: ``clOrdID``.
        kind: ``Limit`` or ``Market``.
        terms: ``timeInForce``.
        instructions: ``execInst``.
        text: What is said about it.
    """

    product: Product
    name: str
    kind: str
    terms: str
    instructions: str
    text: str = "Submitted via API."


@dataclass(slots=True, eq=False)
class Holding:
    """What an account holds of a product: contracts (below 0 = short), and what they cost."""

    product: Product
    size: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def entry(self) -> Decimal:
        """The mean price that was paid, 0 without a position."""
        return self.product.price(self.size, self.cost) if self.size else ZERO

    def add(self, size: Decimal, price: Decimal) -> Decimal:
        """Take contracts in (below 0: out) at `price`, and return what was gained."""
        closed = ZERO if self.size * size >= 0 else min(abs(size), abs(self.size)).copy_sign(self.size)
        freed = self.cost * closed / self.size if closed else ZERO
        opened = size + closed
        self.cost += self.product.value(opened, price) - freed
        self.size += size
        return self.product.value(closed, price) - freed if closed else ZERO


class Account:
    """What belongs to one key.

    Attributes:
        number: The account, as rows name it.
        orders: Every order it ever sent, oldest first.
        held: What it holds, by symbol; a closed position stays.
        money: The wallet balance of each currency.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.orders: list[Order] = []
        self.held: dict[str, Holding] = {}
        self.money = {"XBt": Decimal(1_000_000_000), "USDt": Decimal(100_000_000_000)}

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def book(self, fill: Fill) -> None:
        """Carry out what a fill means for position and money."""
        product: Product = fill.order.tag.product
        holding = self.held.setdefault(product.symbol, Holding(product))
        size = fill.trade.size if fill.order.side == "buy" else -fill.trade.size
        self.money[product.settle] += holding.add(size, fill.trade.price)

    def margin(self, currency: str) -> Decimal:
        """Return what orders and positions need of a currency."""
        held = [each for each in self.held.values() if each.product.settle == currency]
        resting = [each for each in self.open() if each.tag.product.settle == currency]
        orders = (abs(each.tag.product.value(each.left, each.price)) for each in resting if each.price)
        return sum((abs(each.cost) for each in held), sum(orders, ZERO)) / LEVERAGE
