"""An account at the fake BitTrade: its orders and coins, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...orders import Event, Order

__all__ = ["Account", "Ticket", "coins_of"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What BitTrade keeps about an order besides what the market does.

    Attributes:
        kind: As it was sent: ``buy-limit``.
        client: The name that the account gave it, or nothing.
    """

    symbol: str
    kind: str
    client: str


class Account:
    """What belongs to one key.

    Attributes:
        ident: Its number.
        orders: Every order it ever sent, oldest first.
        coins: The amount of each coin.
        numbers: What its balances are numbered with.
    """

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.orders: list[Order] = []
        self.coins = {"jpy": Decimal(50_000_000), "btc": Decimal(10), "eth": Decimal(100)}
        self.numbers = count(566_163)

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what fills mean for the coins."""
        for event in events:
            if isinstance(event, Fill):
                base, quote = coins_of(event.order.tag.symbol)
                size, value = event.trade.size, event.trade.price * event.trade.size
                buy = event.order.side == "buy"
                self.coins[base] += size if buy else -size
                self.coins[quote] += -value if buy else value

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def frozen(self, coin: str) -> Decimal:
        """Return what of a coin the resting orders have reserved."""
        reserved = ZERO
        for order in self.open():
            base, quote = coins_of(order.tag.symbol)
            if (order.side, base) == ("sell", coin):
                reserved += order.left
            elif (order.side, quote) == ("buy", coin) and order.price is not None:
                reserved += order.left * order.price
        return reserved


def coins_of(symbol: str) -> tuple[str, str]:
    """Return base and quote coin of a symbol."""
    return symbol.removesuffix("jpy"), "jpy"
