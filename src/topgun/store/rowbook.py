"""`RowBook`: order books whose levels have ids, for venues that change a level without naming its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .book import BookStore
from .ladder import Ladder, number
from .table import DataStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..typedefs import Item

__all__ = ["RowBook"]


class RowBook(BookStore):
    """A table of order books that are told row by row, each under an id of its own.

    A subclass sets `_ID`; the key fields are those of `_GROUP`, then `_ID` and `_SIDE`. It changes rows with
    `_insert`, `_update` and `_delete` instead of `_replace` and `_levels`; the order by price follows.
    """

    _ID = "id"

    def __init__(
        self, name: str | None = None, keys: Sequence[str] | None = None, data: Iterable[Item] | None = None
    ) -> None:
        self._places: dict[Any, tuple[Ladder, Any]] = {}  # where the row of each key stands: side and price
        super().__init__(name, keys, data)

    # --- as a table: here the rows come first, and the ladders follow ---

    @property
    def _data(self) -> dict[Any, Item]:
        return self._kept

    @_data.setter
    def _data(self, rows: dict[Any, Item]) -> None:
        self._kept = rows

    __len__ = DataStore.__len__
    get = DataStore.get
    _at = DataStore._at

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[tuple[Any, Item]]:
        return DataStore._candidates(self, query)

    def _drop(self, group: tuple[Any, ...]) -> None:
        """Remove every row of the book."""
        self._find_and_delete(dict(zip(self._GROUP, group, strict=True)))

    def _enters(self, key: Any, row: Item) -> None:
        """Put a row in its place.

        Raises:
            TypeError: Its price is none.
            ValueError: Likewise, or another row of that side has the same price.
        """
        DataStore._enters(self, key, row)
        price = row.get(self._PRICE)
        side, before = self._places.get(key, (None, None))
        if side is None or before != price:
            self._leave(key)
            side = self._side((*key[:-2], key[-1], price), make=True)
            if side is None:
                return
            number(price)
            if price in side.sizes:
                raise ValueError(f"two levels at {price!r}")
            self._places[key] = side, price
        side.keep(price, row)

    def _leaves(self, key: Any) -> None:
        self._leave(key)
        DataStore._leaves(self, key)

    def _leave(self, key: Any) -> None:
        side, price = self._places.pop(key, (None, None))
        if side is not None:
            side.remove(price)

    def _check(self) -> None:
        DataStore._check(self)
        sides = [side for book in self._books.values() for side in book]
        assert sum(len(side.sizes) for side in sides) == len(self._places)
        for key, (side, price) in self._places.items():
            row = self._data[key]
            assert row is side.rows[price]
            assert (row[self._PRICE], row.get(self._SIZE)) == (price, side.sizes[price])
            assert row.items() >= side.blank.items()
        for side in sides:
            prices = [float(row[self._PRICE]) for row in side.top()]
            assert prices == sorted(map(float, side.sizes), reverse=side.blank[self._SIDE] == self._BID)
