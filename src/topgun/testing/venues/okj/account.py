"""The account at the fake OKJ: its orders and coins, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...market import Market
    from ...orders import Event, Order

__all__ = ["Account", "Ticket"]


@dataclass(slots=True, eq=False)
class Ticket:
    """What OKJ keeps about an order besides what the market does.

    Attributes:
        instrument: Where it is.
        link: The name that the account gave it.
        kind: As V5 calls it: ``limit``, ``market``, ``post_only``, ``fok``, ``ioc``.
        last: Its last fill.
    """

    instrument: str
    link: str
    kind: str
    last: Fill | None = None


class Account:
    """What belongs to the key.

    Args:
        markets: By instrument.

    Attributes:
        orders: Every order it ever sent, oldest first.
        coins: The balance of each currency.
    """

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        self.orders: list[Order] = []
        self.coins = {"JPY": Decimal(100_000_000), "BTC": Decimal(10), "XRP": Decimal(100_000)}

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what fills mean for coins."""
        for event in events:
            if isinstance(event, Fill):
                event.order.tag.last = event
                base, quote = event.order.tag.instrument.split("-")
                sign = 1 if event.order.side == "buy" else -1
                self.coins[base] += sign * event.trade.size
                self.coins[quote] -= sign * event.trade.size * event.trade.price

    def locked(self, coin: str) -> Decimal:
        """Return what open orders need of a currency."""
        need = ZERO
        for order in self.open():
            base, quote = order.tag.instrument.split("-")
            if (order.side, base) == ("sell", coin):
                need += order.left
            elif (order.side, quote) == ("buy", coin) and order.price is not None:
                need += order.left * order.price
        return need

    def open(self, instrument: str | None = None) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [
            order
            for order in self.orders
            if order.state == "open" and instrument in (None, order.tag.instrument)
        ]  # fmt: skip
