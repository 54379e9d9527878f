"""An account at the fake GMO Coin: its orders, positions and assets, and what fills do to them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Ended, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ....clock import Instant
    from ...market import Market
    from ...orders import Order, Placed, Side

__all__ = ["Account", "Execution", "Lot", "Product", "Ticket"]


@dataclass(frozen=True, slots=True)
class Product:
    """What is traded under a symbol.

    Attributes:
        api: ``gmocoin`` or ``gmocoin_fx``.
        leverage: How much may be held with one unit of collateral; 0 = spot.
    """

    symbol: str
    api: str
    leverage: int = 0

    @property
    def base(self) -> str:
        """What is bought and sold."""
        return self.symbol.partition("_")[0]


@dataclass(slots=True, eq=False)
class Lot:
    """A position: what one execution opened.

    Attributes:
        size: What is left of it.
        ordered: How much of that an order is about to close.
        told: Whether the account has heard of it.
    """

    number: int
    product: Product
    side: Side
    price: Decimal
    size: Decimal
    opened: Instant
    ordered: Decimal = ZERO
    told: bool = False

    def gain(self, price: Decimal, size: Decimal) -> Decimal:
        """Return what closing a part at `price` brings."""
        return (price - self.price) * size * (1 if self.side == "buy" else -1)


@dataclass(slots=True, eq=False)
class Ticket:
    """What GMO Coin keeps about an order besides what the market does.

    Attributes:
        kind: ``LIMIT`` or ``MARKET``.
        terms: ``FAS``, ``FAK``, ``FOK`` or ``SOK``.
        settle: ``OPEN`` or ``CLOSE``.
        closes: What it is still to close, and how much of each.
        reason: Why it ended.
    """

    product: Product
    kind: str
    terms: str
    settle: str = "OPEN"
    closes: list[tuple[Lot, Decimal]] = field(default_factory=list)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill, or the part of one that closed one position.

    Attributes:
        executed: How much of its order is executed with it.
        lot: The position that it opened or closed; none on a spot market.
    """

    number: int
    fill: Fill
    size: Decimal
    executed: Decimal
    lot: Lot | None = None
    gain: Decimal = ZERO


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        lots: Its open positions, oldest first.
        executions: Its latest executions.
        assets: The amount of each currency; positions are held against the yen.
    """

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.lots: list[Lot] = []
        self.executions: deque[Execution] = deque(maxlen=500)
        self.assets = {"JPY": Decimal(10_000_000), "BTC": Decimal(1)}

    def book(
        self, events: Iterable[Placed | Fill | Ended], numbers: Iterator[int]
    ) -> Iterator[Placed | Ended | Execution | Lot]:
        """Carry out what events mean; yield them, fills as executions, each followed by the positions it changed."""
        for event in events:
            if isinstance(event, Fill):
                yield from self._fill(event, numbers)
                continue
            if isinstance(event, Ended):
                event.order.tag.reason = event.reason
            yield event
            if isinstance(event, Ended):
                yield from self._release(event.order.tag)

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def closable(self, product: Product, side: Side) -> list[Lot]:
        """Return the positions of a side of which something can still be closed, oldest first."""
        return [lot for lot in self.lots if (lot.product, lot.side) == (product, side) and lot.ordered < lot.size]

    def affords(self, market: Market, product: Product, side: Side, size: Decimal, price: Decimal) -> bool:
        """Tell whether the funds allow one more order that opens."""
        if product.leverage:
            return size * price / product.leverage <= self.assets["JPY"] - self._margin()
        resting = [order for order in self.open() if order.tag.product == product and order.side == side]
        if side == "sell":
            return size + sum((order.left for order in resting), ZERO) <= self.assets[product.base]
        reserved = sum((order.left * (order.price or market.last) for order in resting), ZERO)
        return size * price + reserved <= self.assets["JPY"] - self._margin()

    def _margin(self) -> Decimal:
        orders = [order for order in self.open() if order.tag.product.leverage and order.tag.settle == "OPEN"]
        need = sum((order.left * (order.price or ZERO) / order.tag.product.leverage for order in orders), ZERO)
        return need + sum((lot.size * lot.price / lot.product.leverage for lot in self.lots), ZERO)

    def _fill(self, fill: Fill, numbers: Iterator[int]) -> Iterator[Execution | Lot]:
        executed, trade = fill.order.size - fill.left - fill.trade.size, fill.trade
        for lot, size in self._parts(fill, numbers):
            executed, gain = executed + size, ZERO
            if lot is None:
                bought = size if fill.order.side == "buy" else -size
                self.assets[fill.order.tag.product.base] += bought
                self.assets["JPY"] -= bought * trade.price
            elif fill.order.tag.settle == "CLOSE":
                gain = lot.gain(trade.price, size)
                self.assets["JPY"] += gain
                lot.size, lot.ordered = lot.size - size, lot.ordered - size
                self.lots = [each for each in self.lots if each.size]
            else:
                self.lots.append(lot)
            execution = Execution(next(numbers), fill, size, executed, lot, gain)
            self.executions.append(execution)
            yield execution
            if lot is not None:
                yield lot

    def _parts(self, fill: Fill, numbers: Iterator[int]) -> list[tuple[Lot | None, Decimal]]:
        """Return which positions a fill opens or closes, and how much of each; none on a spot market."""
        ticket, trade, left = fill.order.tag, fill.trade, fill.trade.size
        if ticket.settle == "OPEN":
            lot = Lot(next(numbers), ticket.product, fill.order.side, trade.price, left, trade.time)
            return [(lot if ticket.product.leverage else None, left)]
        parts: list[tuple[Lot | None, Decimal]] = []
        while left:
            lot, size = ticket.closes[0]
            part = min(size, left)
            parts.append((lot, part))
            ticket.closes[0:1] = [(lot, size - part)] if size > part else []
            left -= part
        return parts

    def _release(self, ticket: Ticket) -> Iterator[Lot]:
        """Let go of what an ended order has not closed."""
        for lot, size in ticket.closes:
            lot.ordered -= size
            yield lot
