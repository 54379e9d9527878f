"""What a `Market` keeps and tells: orders, positions, trades, and what happened to an account's orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..clock import Instant

__all__ = [
    "ZERO",
    "Ended",
    "Event",
    "Fill",
    "Level",
    "Order",
    "Placed",
    "Position",
    "Side",
    "Terms",
    "Trade",
    "amount_of",
    "owned",
    "trades_in",
]

Side: TypeAlias = Literal["buy", "sell"]
Terms: TypeAlias = Literal["GTC", "IOC", "FOK", "PostOnly"]
Level: TypeAlias = tuple[Decimal, Decimal]
ZERO = Decimal(0)


@dataclass(slots=True, eq=False)
class Order:
    """One order, from its arrival to its end.

    Attributes:
        owner: The account; ``None`` = the crowd.
        price: ``None`` = a market order.
        left: What is still to be filled.
        value: The sum of price times size of its fills.
        state: ``open``, ``filled``, ``cancelled``, ``expired`` or ``rejected``.
        tag: What the venue keeps about it.
    """

    number: int
    owner: str | None
    side: Side
    price: Decimal | None
    size: Decimal
    left: Decimal
    time: Instant
    terms: Terms = "GTC"
    tag: Any = None
    value: Decimal = ZERO
    state: str = "open"
    updated: Instant | None = None

    @property
    def filled(self) -> Decimal:
        """How much of it was filled."""
        return self.size - self.left

    @property
    def average(self) -> Decimal:
        """The mean price of its fills, 0 without any."""
        return self.value / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class Position:
    """What one account holds: above 0 = long, below 0 = short, at the mean price `entry`."""

    size: Decimal = ZERO
    entry: Decimal = ZERO
    realised: Decimal = ZERO

    def after(self, side: Side, price: Decimal, size: Decimal) -> Position:
        """Return the position after one more fill."""
        signed = size if side == "buy" else -size
        total = self.size + signed
        if self.size * signed >= 0:
            return replace(self, size=total, entry=(self.size * self.entry + signed * price) / total)
        closed = min(abs(self.size), size).copy_sign(self.size)
        realised = self.realised + closed * (price - self.entry)
        entry = self.entry if total * self.size > 0 else price if total else ZERO
        return Position(total, entry, realised)


@dataclass(frozen=True, slots=True)
class Trade:
    """Two orders met; `side` is that of the one that came last."""

    number: int
    time: Instant
    side: Side
    price: Decimal
    size: Decimal
    buy: Order
    sell: Order


@dataclass(frozen=True, slots=True)
class Placed:
    """An account's order was accepted, or changed (`amended`)."""

    order: Order
    amended: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """An account's order was filled, in whole or in part; `left` and the positions are those at that moment."""

    order: Order
    trade: Trade
    left: Decimal
    maker: bool
    before: Position
    after: Position


@dataclass(frozen=True, slots=True)
class Ended:
    """An account's order ended with `left` unfilled: see its `state` and `reason`."""

    order: Order
    left: Decimal
    reason: str


Event: TypeAlias = Placed | Trade | Fill | Ended


def trades_in(events: Iterable[Event]) -> list[Trade]:
    """Return what everybody is told of `events`."""
    return [event for event in events if isinstance(event, Trade)]


def owned(events: Iterable[Event], owner: str | None) -> list[Placed | Fill | Ended]:
    """Return what happened to the orders of an account."""
    return [event for event in events if not isinstance(event, Trade) and event.order.owner == owner]


def amount_of(given: Any, step: Decimal, refusal: Exception, *, text: bool = False) -> Decimal:
    """Return what a client gave as a size or price: a positive number that is a multiple of `step`.

    Args:
        given: A number, or its text.
        step: Of sizes, or of prices.
        refusal: What is raised if it is none.
        text: Only a text will do.
    """
    try:
        amount = Decimal(str(given)) if isinstance(given, str) or not text else ZERO
    except InvalidOperation:
        amount = ZERO
    if not amount.is_finite() or amount <= 0 or amount % step:
        raise refusal
    return amount
