"""An account at the fake Coincheck: its orders and coins, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...orders import Event, Order

__all__ = ["Account", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What Coincheck keeps about an order besides what the market does.

    Attributes:
        kind: ``buy``, ``sell``, ``market_buy`` or ``market_sell``.
        yen: How much a ``market_buy`` may cost, ``None`` for the others.
        terms: ``good_til_cancelled`` or ``post_only``.
    """

    pair: str
    kind: str
    yen: Decimal | None
    terms: str


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        fills: What happened to them, oldest first.
        coins: The amount of each currency.
    """

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.coins = {"jpy": Decimal(50_000_000), "btc": Decimal(10), "eth": Decimal(100)}

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what fills mean for the coins."""
        for fill in events:
            if isinstance(fill, Fill):
                self.fills.append(fill)
                for coin, change in self.funds(fill).items():
                    self.coins[coin] += change

    @staticmethod
    def funds(fill: Fill) -> dict[str, Decimal]:
        """Return what a fill adds to each of its two currencies."""
        base, _, quote = fill.order.tag.pair.partition("_")
        size = fill.trade.size if fill.order.side == "buy" else -fill.trade.size
        return {base: size, quote: -size * fill.trade.price}

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def reserved(self, coin: str) -> Decimal:
        """Return what the resting orders need of a currency."""
        need = ZERO
        for order in self.open():
            base, _, quote = order.tag.pair.partition("_")
            need += order.left if (order.side, coin) == ("sell", base) else ZERO
            need += order.left * (order.price or ZERO) if (order.side, coin) == ("buy", quote) else ZERO
        return need
