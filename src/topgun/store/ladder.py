"""`Ladder`: one side of one order book; what nobody looks at is neither a row nor in order."""

from __future__ import annotations

from bisect import bisect_left
from itertools import count
from math import inf, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..typedefs import Item

__all__ = ["Ladder", "Sides", "WideLadder", "is_gone", "number", "serial"]

_PATIENCE = 64  # changes noted for a reader who may not come back, besides an eighth of the levels
serial = count().__next__


class Ladder:
    """The levels of one side by price.

    Writing costs what a dict costs. A row is made when somebody asks for it and is then kept up to date; so is the
    order: what came and went since the last look is noted, and worked in by bisection at the next one. If nobody
    looks any more, the order is given up.

    Args:
        blank: The fields that all rows of this side share.
        price: The field of the price, a number or its text.
        size: The field of the size.
        descending: The best price is the highest one (bids).

    Attributes:
        key: Their values, which begin the key of each row.
        sizes: The size at each price, as the exchange spells both.
        born: For each price a number that rises from level to level, the order in which they came, and the price
            itself: whoever asks may spell it differently (``101``, ``101.0``).
        rows: The rows that somebody has looked at, by price.
        changed: Whether the last `apply` did anything.
    """

    __slots__ = (
        "_best",
        "_noted",
        "_numbers",
        "_order",
        "_price",
        "_size",
        "_whole",
        "blank",
        "born",
        "changed",
        "key",
        "rows",
        "sizes",
    )

    def __init__(self, blank: Item, price: str, size: str, *, descending: bool) -> None:
        self.blank = blank
        self.key = tuple(blank.values())
        self.sizes: dict[Any, Any] = {}
        self.born: dict[Any, tuple[int, Any]] = {}
        self.rows: dict[Any, Item] = {}
        self.changed = False
        self._price = price
        self._size = size
        self._best = 1.0 if descending else -1.0
        self._order: list[Any] | None = None  # prices, the best one last: most changes are near the end of the list
        self._numbers: list[float] = []
        self._whole: list[Item] | None = None  # the rows in that order, once somebody has asked for all of them
        self._noted: list[tuple[Any, bool]] = []

    def pairs(self, levels: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
        """Return price and size of each level that is about to be taken."""
        return levels

    def fresh(self, levels: Iterable[Any]) -> dict[Any, Any]:
        """Return the sizes by price that a snapshot tells; nothing is taken yet.

        Raises:
            TypeError: Something is not a pair, a price or a size.
            ValueError: Likewise.
        """
        return {
            price: size
            for price, size in self.pairs(levels)
            if (price in self.sizes or number(price) is not None) and not is_gone(size)
        }

    def apply(self, levels: Iterable[Any]) -> None:
        """Take sizes as they are told, 0 = the level is gone; `changed` says whether anything came of it.

        Raises:
            OverflowError: A size is larger than any; what came before it has been taken.
            TypeError: Something is not a pair, a price or a size; likewise.
            ValueError: Likewise.
        """
        sizes, rows, changed = self.sizes, self.rows, False
        try:
            for price, size in levels:
                if 0.0 < float(size) < inf and size is not True:
                    if price not in sizes:
                        number(price)
                        self.add(price, size)
                    elif price in rows:
                        self.resize(price, size)
                    else:
                        sizes[price] = size
                elif is_gone(size) and price in sizes:
                    self.remove(price)
                else:
                    number(price)
                    continue
                changed = True
        finally:
            self.changed = changed

    def add(self, price: Any, size: Any) -> None:
        """Take a level whose price is not there yet."""
        self.sizes[price] = size
        self.born[price] = serial(), price
        if self._order is not None:
            self._note(price, came=True)

    def resize(self, price: Any, size: Any) -> None:
        """Give a level that is there another size."""
        self.sizes[price] = size
        if price in self.rows:
            self.rows[price][self._size] = size

    def keep(self, price: Any, row: Item) -> None:
        """Take the row of a level, new or known, with whatever fields it has."""
        if price not in self.sizes:
            self.add(price, None)
        self.sizes[price] = row.get(self._size)
        self.rows[price] = row

    def remove(self, price: Any) -> None:
        """Let the level of `price` go."""
        del self.sizes[price], self.born[price]
        if self.rows:
            self.rows.pop(price, None)
        if self._order is not None:
            self._note(price, came=False)

    def clear(self, *, told: bool = True) -> list[Item]:
        """Let all levels go, and return their rows in the order in which they came, if they are to be `told`."""
        rows = [self.told(price) for price in self.sizes] if told else []
        self.sizes, self.born, self.rows = {}, {}, {}
        self._give_up()
        return rows

    def row(self, price: Any) -> Item:
        """Return the row of a level that is there; it is kept up to date from now on."""
        row = self.rows.get(price)
        if row is None:
            row = self._made(price)
            self.rows[row[self._price]] = row
        return row

    def told(self, price: Any) -> Item:
        """Return the row of a level if somebody has looked at it, else one that is not kept up to date."""
        return self.rows.get(price) or self._made(price)

    def best(self) -> Item | None:
        """Return the row of the best price."""
        order = self._ordered()
        return self.row(order[-1]) if order else None

    def top(self, limit: int | None = None) -> list[Item]:
        """Return the rows, best first; the first `limit` of them (``None`` and 0 = all, below 0 = all but the last)."""
        order = self._ordered()
        if limit and limit > 0:
            return [self.row(price) for price in order[: -limit - 1 : -1]]
        if self._whole is None:
            self._whole = [self.row(price) for price in order]
        return self._whole[::-1][:limit] if limit else self._whole[::-1]

    def _made(self, price: Any) -> Item:
        row = self.blank.copy()
        row[self._price] = self.born[price][1]
        row[self._size] = self.sizes[price]
        return row

    def _note(self, price: Any, *, came: bool) -> None:
        self._noted.append((price, came))
        if len(self._noted) > _PATIENCE + len(self.sizes) // 8:
            self._give_up()

    def _give_up(self) -> None:
        self._order = self._whole = None
        self._noted.clear()

    def _ordered(self) -> list[Any]:
        if self._order is None:
            return self._sort()
        if self._noted:
            noted, self._noted = self._noted, []
            try:
                for price, came in noted:
                    self._work_in(self._order, price, came=came)
            except (LookupError, TypeError, ValueError):  # not a price
                return self._sort()
        return self._order

    def _work_in(self, order: list[Any], price: Any, *, came: bool) -> None:
        number, numbers = self._number(price), self._numbers
        place = bisect_left(numbers, number)
        if came:
            numbers.insert(place, number)
            order.insert(place, price)
            if self._whole is not None:  # a level that is gone again by now needs a place until that is worked in too
                self._whole.insert(place, self.row(price) if price in self.sizes else {})
            return
        while order[place] != price:  # the same number in another spelling
            place += 1
        del numbers[place], order[place]
        if self._whole is not None:
            del self._whole[place]

    def _sort(self) -> list[Any]:
        pairs = []
        for price in reversed(self.sizes):  # of the same number in two spellings the earlier one is the better
            try:
                pairs.append((self._number(price), price))
            except (TypeError, ValueError):  # not a price, so not a level
                continue
        pairs.sort(key=lambda pair: pair[0])
        self._numbers = [number for number, _ in pairs]
        self._order, self._whole = [price for _, price in pairs], None
        return self._order

    def _number(self, price: Any) -> float:
        number = self._best * float(price)
        if isnan(number):
            raise ValueError
        return number


class WideLadder(Ladder):
    """One side of a book whose levels tell more than price and size.

    A level is a sequence: price, size, then the values of `fields`; of those some may be missing.

    Args:
        blank: See `Ladder`.
        price: See `Ladder`.
        size: See `Ladder`.
        fields: The fields of the further values.
        descending: See `Ladder`.
    """

    __slots__ = ("_fields", "_more", "_told")

    def __init__(self, blank: Item, price: str, size: str, fields: Sequence[str], *, descending: bool) -> None:
        super().__init__(blank, price, size, descending=descending)
        self._fields = tuple(fields)
        self._more: dict[Any, Sequence[Any]] = {}  # the further values at each price
        self._told: dict[Any, Sequence[Any]] = {}  # those of the levels that are being taken

    def pairs(self, levels: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
        """Return price and size of each level that is about to be taken, and keep the rest in mind."""
        listed = [*levels]
        self._told = {price: more for price, _, *more in listed}
        return [(level[0], level[1]) for level in listed]

    def apply(self, levels: Iterable[Any]) -> None:
        """Do what `Ladder.apply` does."""
        try:
            super().apply(self.pairs(levels))
        finally:  # of the levels that nobody looks at nothing but the size was taken
            self._more.update({price: more for price, more in self._told.items() if price in self.sizes})

    def add(self, price: Any, size: Any) -> None:
        """Take a level whose price is not there yet."""
        super().add(price, size)
        self._more[price] = self._told.get(price, ())

    def resize(self, price: Any, size: Any) -> None:
        """Give a level that is there what it was told."""
        super().resize(price, size)
        self._more[price] = more = self._told.get(price, ())
        if price in self.rows:
            self.rows[price].update(zip(self._fields, more, strict=False))

    def remove(self, price: Any) -> None:
        """Let the level of `price` go."""
        super().remove(price)
        del self._more[price]

    def clear(self, *, told: bool = True) -> list[Item]:
        """Do what `Ladder.clear` does."""
        rows = super().clear(told=told)
        self._more = {}
        return rows

    def _made(self, price: Any) -> Item:
        row = super()._made(price)
        row.update(zip(self._fields, self._more[price], strict=False))
        return row


class Sides(NamedTuple):
    """The two sides of one book."""

    asks: Ladder
    bids: Ladder


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
