"""An account at the fake OKX: its orders and coins, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Ended, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...orders import Event, Order

__all__ = ["LEVERAGE", "Account", "Product", "Ticket"]

LEVERAGE = 10


@dataclass(frozen=True, slots=True)
class Product:
    """What OKX trades under an instrument.

    Attributes:
        contract: What one contract is, in the base coin; empty on spot.
    """

    kind: str
    inst: str
    base: str
    quote: str
    contract: str = ""

    @property
    def worth(self) -> Decimal:
        """How much of the base coin a size of 1 is."""
        return Decimal(self.contract or 1)


@dataclass(slots=True, eq=False)
class Ticket:
    """What OKX keeps about an order besides what the market does.

    Attributes:
        link: The name that the account gave it (``clOrdId``).
        kind: ``limit``, ``market``, ``post_only``, ``fok`` or ``ioc``.
        mode: ``cash`` or ``cross``.
        reason: Why it ended.
    """

    product: Product
    link: str
    kind: str
    mode: str
    reduce_only: bool
    reason: str = ""


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        coins: The balance of each coin.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: list[Order] = []
        self.coins = {"USDT": Decimal(100_000), "BTC": Decimal(10), "ETH": Decimal(100)}

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what events mean for coins, and note why orders ended."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event)
            elif isinstance(event, Ended):
                event.order.tag.reason = event.reason

    def free(self, coin: str) -> Decimal:
        """Return what of a coin orders do not need."""
        need = ZERO
        for order in self.open():
            product: Product = order.tag.product
            value = order.left * product.worth * (order.price or ZERO)
            if product.kind == "SWAP":
                need += value / LEVERAGE if coin == product.quote else ZERO
            elif order.side == "sell":
                need += order.left if coin == product.base else ZERO
            else:
                need += value if coin == product.quote else ZERO
        return self.coins[coin] - need

    def _fill(self, fill: Fill) -> None:
        product: Product = fill.order.tag.product
        size, value = fill.trade.size, fill.trade.price * fill.trade.size
        if product.kind == "SWAP":
            self.coins[product.quote] += (fill.after.realised - fill.before.realised) * product.worth
        else:
            buy = fill.order.side == "buy"
            self.coins[product.base] += size if buy else -size
            self.coins[product.quote] += -value if buy else value
