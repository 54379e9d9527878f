"""`Ladder`: one side of one order book, in order for whoever looks."""

from __future__ import annotations

from bisect import bisect_left
from math import inf, isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..typedefs import Item

__all__ = ["Ladder", "is_gone", "number"]

_PATIENCE = 64  # changes noted for a reader who may not come back, besides an eighth of the levels


class Ladder:
    """The levels of one side by price.

    Writing costs what a dict costs. The order is made when somebody asks for it, and is then kept: what came and went
    since is noted, and worked in by bisection at the next look. If nobody looks any more, it is given up.

    Args:
        blank: The fields that all rows of this side share.
        price: The field of the price, a number or its text.
        descending: The best price is the highest one (bids).

    Attributes:
        key: Their values, which begin the key of each row.
        rows: The rows by price, as the exchange spells it.
    """

    __slots__ = ("_best", "_noted", "_numbers", "_order", "_price", "blank", "key", "rows")

    def __init__(self, blank: Item, price: str, *, descending: bool) -> None:
        self.blank = blank
        self.key = tuple(blank.values())
        self.rows: dict[Any, Item] = {}
        self._price = price
        self._best = 1.0 if descending else -1.0
        self._order: list[Item] | None = None  # the best one last: most changes are near the end of the list
        self._numbers: list[float] = []
        self._noted: list[tuple[Item, bool]] = []

    def add(self, price: Any, row: Item) -> None:
        """Take a row whose price is not there yet."""
        self.rows[price] = row
        if self._order is not None:
            self._note(row, came=True)

    def remove(self, price: Any) -> None:
        """Let the row of `price` go."""
        row = self.rows.pop(price)
        if self._order is not None:
            self._note(row, came=False)

    def clear(self) -> dict[Any, Item]:
        """Let all rows go, and return them by price."""
        rows, self.rows = self.rows, {}
        self._give_up()
        return rows

    def best(self) -> Item | None:
        """Return the row of the best price."""
        order = self._ordered()
        return order[-1] if order else None

    def top(self, limit: int | None = None) -> list[Item]:
        """Return the rows, best first; the first `limit` of them (``None`` and 0 = all, below 0 = all but the last)."""
        order = self._ordered()
        if limit and limit > 0:
            return order[: -limit - 1 : -1]
        return order[::-1][:limit] if limit else order[::-1]

    def _note(self, row: Item, *, came: bool) -> None:
        self._noted.append((row, came))
        if len(self._noted) > _PATIENCE + len(self.rows) // 8:
            self._give_up()

    def _give_up(self) -> None:
        self._order = None
        self._noted.clear()

    def _ordered(self) -> list[Item]:
        if self._order is None:
            return self._sort()
        if self._noted:
            noted, self._noted = self._noted, []
            try:
                for row, came in noted:
                    self._work_in(self._order, row, came=came)
            except (LookupError, TypeError, ValueError):  # not a price, or a program changed the price of a row
                return self._sort()
        return self._order

    def _work_in(self, order: list[Item], row: Item, *, came: bool) -> None:
        number, numbers = self._number(row), self._numbers
        place = bisect_left(numbers, number)
        if came:
            numbers.insert(place, number)
            order.insert(place, row)
            return
        while order[place] is not row:  # the same number in another spelling
            if numbers[place] != number:
                raise LookupError
            place += 1
        del numbers[place], order[place]

    def _sort(self) -> list[Item]:
        pairs = []
        for row in reversed(self.rows.values()):  # of the same number in two spellings the earlier one is the better
            try:
                pairs.append((self._number(row), row))
            except (LookupError, TypeError, ValueError):  # not a price, so not a level
                continue
        pairs.sort(key=lambda pair: pair[0])
        self._numbers = [number for number, _ in pairs]
        self._order = [row for _, row in pairs]
        return self._order

    def _number(self, row: Item) -> float:
        number = self._best * float(row[self._price])
        if isnan(number):
            raise ValueError
        return number


def is_gone(size: Any) -> bool:
    """Tell a size of 0 in any spelling from another size.

    Raises:
        TypeError: It is not a size.
        ValueError: Likewise.
    """
    amount = number(size)
    if amount < 0:
        raise ValueError(f"not a size: {size!r}")
    return amount == 0


def number(value: Any) -> float:
    """Return the number that a price or a size is.

    Raises:
        TypeError: It is none.
        ValueError: Likewise.
    """
    try:
        result = float(value)
    except OverflowError:
        result = inf
    if -inf < result < inf and value is not True and value is not False:
        return result
    raise ValueError(f"not a number: {value!r}")
