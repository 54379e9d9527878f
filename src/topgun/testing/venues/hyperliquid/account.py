"""An account at the fake Hyperliquid: its orders, fills and money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Fill
from .shapes import fill_row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Ended, Order, Placed

__all__ = ["LEVERAGE", "Account", "Ticket"]

LEVERAGE = 20
MAKER, TAKER = Decimal("0.00015"), Decimal("0.00045")


@dataclass(slots=True, eq=False)
class Ticket:
    """What Hyperliquid keeps about an order besides what the market does.

    Attributes:
        cloid: The name that the account gave it.
    """

    coin: str
    cloid: str | None
    reduce_only: bool


class Account:
    """What belongs to one address.

    Attributes:
        name: The API name of its key, empty for somebody whom nobody knows.
        orders: Every order it ever sent, oldest first.
        fills: Every fill, as it is told, oldest first.
        usdc: Its money without the gains of open positions.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.orders: list[Order] = []
        self.fills: list[dict[str, Any]] = []
        self.usdc = Decimal(100_000) if name else ZERO

    def open(self) -> list[Order]:
        """Return the resting orders, newest first."""
        return [order for order in reversed(self.orders) if order.state == "open"]

    def book(self, market: Market, events: Iterable[Placed | Fill | Ended]) -> list[dict[str, Any]]:
        """Carry out what events mean for the money; return the new fills."""
        new = []
        for event in events:
            if isinstance(event, Fill):
                fee = event.trade.price * event.trade.size * (MAKER if event.maker else TAKER)
                gain = event.after.realised - event.before.realised
                self.usdc += gain - fee
                new.append(fill_row(market, event, gain, fee))
        self.fills += new
        return new

    def available(self, markets: Iterable[Market]) -> Decimal:
        """Return what neither orders nor positions need as margin."""
        held = sum((abs(each.position(self.name).size) * each.last for each in markets), ZERO)
        ordered = sum((order.left * (order.price or ZERO) for order in self.open()), ZERO)
        return self.usdc - (held + ordered) / LEVERAGE
