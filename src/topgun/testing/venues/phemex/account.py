"""An account at the fake Phemex: its orders, positions and balance, and what fills do to them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Ended, Fill, Position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Order, Placed

__all__ = ["LEVERAGE", "Account", "Moment", "Ticket"]

LEVERAGE = 10
FEES = (Decimal("0.0001"), Decimal("0.0006"))  # maker, taker
REMEMBERED = 100  # orders that have ended, in the snapshot of a subscription


@dataclass(slots=True, eq=False)
class Ticket:
    """What Phemex keeps about an order besides what the market does.

    Attributes:
        name: What the account calls it (``clOrdID``).
        form: ``Limit`` or ``Market``.
        pos_side: ``Merged``, ``Long`` or ``Short``.
        terms: Its ``timeInForce``.
    """

    symbol: str
    name: str
    form: str
    pos_side: str
    terms: str
    reduce_only: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """An order as it was when something happened to it."""

    order: Order
    status: str
    filled: Decimal
    left: Decimal
    action: str = "New"


class Account:
    """What belongs to one key.

    Attributes:
        number: The ``accountID``.
        orders: Every order it ever sent, oldest first.
        ended: How the last ones ended, oldest first.
        hedged: The symbols in hedged mode.
        positions: By symbol and ``posSide``.
        balance: In USDT.
    """

    def __init__(self, name: str, place: int) -> None:
        self.name = name
        self.number = 9_328_670_003 + 10_000 * place
        self.orders: list[Order] = []
        self.ended: deque[Moment] = deque(maxlen=REMEMBERED)
        self.hedged: set[str] = set()
        self.positions: dict[tuple[str, str], Position] = {}
        self.balance = Decimal(100_000)

    def book(self, events: Iterable[Fill | Ended | Placed]) -> None:
        """Carry out what events mean for positions and the balance, and remember orders that end."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event)
            moment = moment_of(event)
            if moment.status in ("Filled", "Canceled"):
                self.ended.append(moment)

    def open(self, symbol: str = "") -> list[Order]:
        """Return the resting orders, oldest first, of one symbol if it is given."""
        return [order for order in self.orders if order.state == "open" and symbol in ("", order.tag.symbol)]

    def sides(self, symbol: str) -> tuple[str, ...]:
        """Return which positions a symbol has in the mode that it is in."""
        return ("Long", "Short") if symbol in self.hedged else ("Merged",)

    def position(self, symbol: str, side: str) -> Position:
        """Return what it holds."""
        return self.positions.get((symbol, side), Position())

    def used(self, markets: Iterable[Market]) -> Decimal:
        """Return what orders and positions need as margin."""
        value = sum((order.left * (order.price or ZERO) for order in self.open()), ZERO)
        prices = {market.name: market.last for market in markets}
        held = sum((abs(each.size) * prices[symbol] for (symbol, _), each in self.positions.items()), ZERO)
        return (value + held) / LEVERAGE

    def _fill(self, fill: Fill) -> None:
        trade, key = fill.trade, (fill.order.tag.symbol, fill.order.tag.pos_side)
        before = self.position(*key)
        after = self.positions[key] = before.after(fill.order.side, trade.price, trade.size)
        fee = trade.price * trade.size * FEES[0 if fill.maker else 1]
        self.balance += after.realised - before.realised - fee
        if not after.size:
            self.positions[key] = replace(after, entry=ZERO)


def moment_of(event: Any) -> Moment:
    """Return what an order was when an event happened."""
    order: Order = event.order
    if isinstance(event, Ended):
        return Moment(order, "Canceled", order.size - event.left, ZERO, "Cancel")
    if isinstance(event, Fill):
        return Moment(order, "PartiallyFilled" if event.left else "Filled", order.size - event.left, event.left)
    return Moment(order, "New", ZERO, order.size, "Replace" if event.amended else "New")
