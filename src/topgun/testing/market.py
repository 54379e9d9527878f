"""`Market`: a matching engine for one product, and the crowd that trades on it.

It does no I/O and reads no clock: every action takes the time and returns what happened, in order.
"""

from __future__ import annotations

import random
from collections import deque
from decimal import Decimal
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from .orders import ZERO, Ended, Event, Fill, Level, Order, Placed, Position, Side, Terms, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..clock import Instant

__all__ = ["Market"]


class Market:
    """The orders of one product, matched by price and then by time.

    Args:
        name: Which product.
        price: Where the crowd begins to trade.
        tick: The step of prices.
        lot: The step of sizes.
        minimum: The smallest order of an account.
        grid: The step of the crowd's prices, a multiple of `tick`.
        unit: The crowd's sizes are multiples of it.
        seed: The same seed and the same actions give the same market.
        depth: How many orders the crowd keeps on each side.
        numbers: Where order and trade numbers come from.
    """

    def __init__(
        self,
        name: str,
        *,
        price: str,
        tick: str,
        lot: str,
        minimum: str,
        grid: str,
        unit: str,
        seed: int = 1,
        depth: int = 60,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.name = name
        self.tick, self.lot, self.minimum = Decimal(tick), Decimal(lot), Decimal(minimum)
        self.last = self.fair = Decimal(price)
        self.volume = ZERO
        self.trades: deque[Trade] = deque(maxlen=500)
        self.positions: dict[str, Position] = {}
        self._grid, self._unit, self._depth = Decimal(grid), Decimal(unit), depth
        self._random = random.Random(f"{seed} {name}")  # noqa: S311  (a market to play with, not cryptography)
        self._numbers = numbers or count(1)
        self._book: dict[Side, dict[Decimal, deque[Order]]] = {"buy": {}, "sell": {}}

    # --- looking ---

    def best(self, side: Side) -> Decimal | None:
        """Return the best price of the resting orders of `side`."""
        prices = self._book[side]
        return (max(prices) if side == "buy" else min(prices)) if prices else None

    @property
    def mid(self) -> Decimal:
        """The middle of the best prices; the last price while a side is empty."""
        bid, ask = self.best("buy"), self.best("sell")
        return self.last if bid is None or ask is None else (bid + ask) / 2

    def levels(self, side: Side, limit: int | None = None) -> list[Level]:
        """Return price and total size of each level, best first."""
        prices = sorted(self._book[side], reverse=side == "buy")[:limit]
        return [(price, sum((order.left for order in self._book[side][price]), ZERO)) for price in prices]

    def orders(self, owner: str | None) -> list[Order]:
        """Return the resting orders of an account (``None``: of the crowd), oldest first."""
        resting = [order for side in self._book.values() for queue in side.values() for order in queue]
        return sorted((order for order in resting if order.owner == owner), key=lambda order: order.number)

    def ahead(self, order: Order) -> Decimal:
        """Return how much is filled before a resting order gets its turn."""
        queue = list(self._queue(order))
        better = takewhile(lambda level: level[0] != order.price, self.levels(order.side))
        return sum((size for _, size in better), ZERO) + sum((each.left for each in queue[: queue.index(order)]), ZERO)

    def position(self, owner: str) -> Position:
        """Return what an account holds."""
        return self.positions.get(owner, Position())

    # --- acting ---

    def submit(
        self,
        now: Instant,
        owner: str | None,
        side: Side,
        size: Decimal,
        price: Decimal | None = None,
        *,
        terms: Terms = "GTC",
        tag: Any = None,
    ) -> list[Event]:
        """Take an order: fill what can be filled, let the rest rest unless its `terms` forbid it.

        Args:
            now: The time.
            owner: The account; ``None`` = the crowd.
            side: ``buy`` or ``sell``.
            size: How much, above 0.
            price: The limit; ``None`` = at any price.
            terms: How long and how it may rest.
            tag: Kept in the order.

        Returns:
            What happened, in order; the first entry of an account's order names it.
        """
        order = Order(next(self._numbers), owner, side, price, size, size, now, terms, tag, updated=now)
        if terms == "PostOnly" and self._reachable(order):
            return self._end(order, now, "rejected", "would take")
        events: list[Event] = [Placed(order)] if owner is not None else []
        if terms == "FOK" and self._reachable(order) < size:
            return [*events, *self._end(order, now, "cancelled", "not filled at once")]
        return [*events, *self._work(order, now)]

    def amend(
        self, now: Instant, order: Order, *, size: Decimal | None = None, price: Decimal | None = None
    ) -> list[Event]:
        """Change a resting order; it loses its place in the queue.

        A size that is already filled ends it, and so does a price at which an order that may only rest would take.
        """
        self._remove(order)
        order.left += (order.size if size is None else size) - order.size
        order.size = order.size if size is None else size
        order.price = order.price if price is None else price
        order.updated = now
        if order.left <= 0:
            order.size, order.left = order.filled, ZERO
            return [Placed(order, amended=True), *self._end(order, now, "cancelled", "nothing left")]
        if order.terms == "PostOnly" and self._reachable(order):
            return [Placed(order, amended=True), *self._end(order, now, "cancelled", "would take")]
        return [Placed(order, amended=True), *self._work(order, now)]

    def cancel(self, now: Instant, order: Order, *, state: str = "cancelled", reason: str = "by user") -> list[Event]:
        """Take a resting order away."""
        self._remove(order)
        return self._end(order, now, state, reason)

    def stir(self, now: Instant) -> list[Event]:
        """Let the crowd act once: some orders leave, some arrive, perhaps somebody takes what rests."""
        chance = self._random
        self.fair = max(self.fair + chance.choice((-1, 0, 0, 1)) * self._grid, self._grid * 4 * self._depth)
        crowd = self.orders(None)
        for order in chance.sample(crowd, min(len(crowd), chance.randint(0, 3))):
            self.cancel(now, order)
        events: list[Event] = []
        if crowd and chance.random() < 0.6:
            side: Side = chance.choice(("buy", "sell")) if self.mid == self.fair else self._towards()
            events += self.submit(now, None, side, chance.randint(1, 25) * self._unit)
        for side in ("buy", "sell"):
            missing = self._depth - sum(len(queue) for queue in self._book[side].values())
            for _ in range(max(missing, 1)):
                away = min(1 + int(chance.expovariate(2 / self._depth)), 2 * self._depth) * self._grid
                price = self.fair - away if side == "buy" else self.fair + away
                events += self.submit(now, None, side, chance.randint(1, 20) * self._unit, price)
        return events

    def thin(self, now: Instant, depth: int) -> None:
        """Have the crowd keep only so many orders on each side from now on."""
        self._depth = depth
        for side in self._book.values():
            resting = [order for queue in side.values() for order in queue if order.owner is None]
            for order in resting[depth:]:
                self.cancel(now, order)

    # --- inside ---

    def _towards(self) -> Side:
        return "buy" if self.mid < self.fair else "sell"

    def _reachable(self, order: Order) -> Decimal:
        """Return how much of `order` could be filled at once."""
        other: Side = "sell" if order.side == "buy" else "buy"
        sizes = (size for price, size in self.levels(other) if _accepts(order, price))
        return min(sum(sizes, ZERO), order.left)

    def _work(self, order: Order, now: Instant) -> list[Event]:
        events: list[Event] = []
        other: Side = "sell" if order.side == "buy" else "buy"
        while order.left and (price := self.best(other)) is not None and _accepts(order, price):
            queue = self._book[other][price]
            events += self._meet(order, queue[0], price, now)
            if not queue[0].left:
                queue.popleft()
            if not queue:
                del self._book[other][price]
        if not order.left:
            return events
        if order.price is None or order.terms in ("IOC", "FOK"):
            return [*events, *self._end(order, now, "cancelled", "no liquidity")]
        self._book[order.side].setdefault(order.price, deque()).append(order)
        return events

    def _meet(self, taker: Order, maker: Order, price: Decimal, now: Instant) -> list[Event]:
        size = min(taker.left, maker.left)
        buy, sell = (taker, maker) if taker.side == "buy" else (maker, taker)
        trade = Trade(next(self._numbers), now, taker.side, price, size, buy, sell)
        self.last, self.volume = price, self.volume + size
        self.trades.append(trade)
        events: list[Event] = [trade]
        for order in (maker, taker):
            order.left -= size
            order.value += price * size
            order.updated = now
            if not order.left:
                order.state = "filled"
            if order.owner is not None:
                before = self.position(order.owner)
                after = self.positions[order.owner] = before.after(order.side, price, size)
                events.append(Fill(order, trade, order.left, order is maker, before, after))
        return events

    def _end(self, order: Order, now: Instant, state: str, reason: str) -> list[Event]:
        order.state, order.updated = state, now
        return [] if order.owner is None else [Ended(order, order.left, reason)]

    def _queue(self, order: Order) -> deque[Order]:
        """Return the orders at the price of a resting order."""
        if order.state != "open" or order.price is None:
            raise ValueError(f"order {order.number} does not rest: it is {order.state}")
        return self._book[order.side][order.price]

    def _remove(self, order: Order) -> None:
        queue = self._queue(order)
        queue.remove(order)
        if not queue and order.price is not None:
            del self._book[order.side][order.price]


def _accepts(order: Order, price: Decimal) -> bool:
    """Tell whether `order` may trade at `price`."""
    if order.price is None:
        return True
    return price <= order.price if order.side == "buy" else price >= order.price
