"""`View`: what one stream has told of a book, so that it can tell what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .orders import ZERO, Level, Side

if TYPE_CHECKING:
    from .market import Market

__all__ = ["View"]

SIDES: tuple[Side, Side] = ("sell", "buy")


class View:
    """The best levels of a market, as they were last told.

    Args:
        market: Whose book.
        limit: How many levels of each side; ``None`` = all.

    Attributes:
        number: How often it changed so far.
        sides: The levels of each side, best first.
    """

    def __init__(self, market: Market, limit: int | None = None) -> None:
        self.market = market
        self.number = 1
        self._limit = limit
        self.sides = self._look()

    def step(self) -> dict[Side, list[Level]] | None:
        """Look again; return the levels of each side that are new or different (size 0 = gone), ``None`` if none is."""
        before, self.sides = self.sides, self._look()
        changes = {side: _changes(before[side], self.sides[side]) for side in SIDES}
        if not any(changes.values()):
            return None
        self.number += 1
        return changes

    def _look(self) -> dict[Side, list[Level]]:
        return {side: self.market.levels(side, self._limit) for side in SIDES}


def _changes(before: list[Level], now: list[Level]) -> list[Level]:
    old, new = dict(before), dict(now)
    gone = [(price, ZERO) for price in old if price not in new]
    return gone + [(price, size) for price, size in now if old.get(price) != size]
