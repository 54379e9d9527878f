"""An account at the fake Bitget: its orders, positions and wallets, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...market import Market
    from ...orders import Event, Order

__all__ = ["LEVERAGE", "Account", "Product", "Ticket", "fee_of"]

LEVERAGE = 20
FEES = {"USDT-FUTURES": (Decimal("0.0002"), Decimal("0.0006")), "SPOT": (Decimal("0.001"), Decimal("0.001"))}


@dataclass(frozen=True, slots=True)
class Product:
    """What Bitget trades under a symbol; `kind` is the ``instType``."""

    kind: str
    symbol: str
    base: str
    quote: str


@dataclass(slots=True, eq=False)
class Ticket:
    """What Bitget keeps about an order besides what the market does.

    Attributes:
        name: What the account calls it (``clientOid``).
        form: ``limit`` or ``market``.
        fee: What its fills cost so far, in the quote coin.
    """

    product: Product
    name: str
    form: str
    reduce_only: bool
    fee: Decimal = ZERO


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        coins: The balance of each coin on spot.
        margin: The balance in USDT for futures.
        idents: The id of each open position, by symbol.
    """

    def __init__(self, name: str, numbers: Iterator[int]) -> None:
        self.name = name
        self.orders: list[Order] = []
        self.coins = {"USDT": Decimal(100_000), "BTC": Decimal(10)}
        self.margin = Decimal(100_000)
        self.idents: dict[str, str] = {}
        self._numbers = numbers

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what events mean for wallets and positions."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event)

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def locked(self, coin: str) -> Decimal:
        """Return what spot orders need of a coin."""
        spot = [order for order in self.open() if order.tag.product.kind == "SPOT"]
        if coin == "USDT":
            return sum((order.left * (order.price or ZERO) for order in spot if order.side == "buy"), ZERO)
        return sum((order.left for order in spot if order.side == "sell" and order.tag.product.base == coin), ZERO)

    def needed(self, futures: Iterable[Market]) -> Decimal:
        """Return what futures orders and positions need as margin."""
        orders = (order for order in self.open() if order.tag.product.kind != "SPOT")
        value = sum((order.left * (order.price or ZERO) for order in orders), ZERO)
        held = sum((abs(market.position(self.name).size) * market.last for market in futures), ZERO)
        return (value + held) / LEVERAGE

    def _fill(self, fill: Fill) -> None:
        product: Product = fill.order.tag.product
        value, fee = fill.trade.price * fill.trade.size, fee_of(fill)
        fill.order.tag.fee += fee
        if product.kind == "SPOT":
            sign = 1 if fill.order.side == "buy" else -1
            self.coins[product.base] += sign * fill.trade.size
            self.coins[product.quote] -= sign * value + fee
            return
        self.margin += fill.after.realised - fill.before.realised - fee
        if fill.after.size and fill.before.size * fill.after.size <= 0:  # it has been opened, or turned round
            self.idents[product.symbol] = str(900_000_000_000_000_000 + next(self._numbers))


def fee_of(fill: Fill) -> Decimal:
    """Return what a fill costs, in the quote coin."""
    return fill.trade.price * fill.trade.size * FEES[fill.order.tag.product.kind][0 if fill.maker else 1]
