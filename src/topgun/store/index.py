"""`FieldIndex`: the rows of a table by the value of one field, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, KeysView

    from ..typedefs import Item

__all__ = ["FieldIndex"]


class FieldIndex:
    """Which rows have which value in `field`.

    Rows are live dicts that a program may edit behind the table's back: whoever takes rows from here checks them.

    Args:
        field: The field.
        rows: The rows that are there already, by their key, in order.

    Raises:
        TypeError: A value cannot be hashed, so it cannot be indexed.
    """

    __slots__ = ("_buckets", "_filed", "_shuffled", "field")

    def __init__(self, field: str, rows: Iterable[tuple[Hashable, Item]]) -> None:
        self.field = field
        self._buckets: dict[Any, dict[Hashable, Item]] = {}
        self._filed: dict[Hashable, Any] = {}
        self._shuffled = False  # a row came to another bucket late, so buckets are not in table order any more
        for key, row in rows:
            self.add(key, row)

    def add(self, key: Hashable, row: Item) -> None:
        """File a row that is new or has changed."""
        value = row.get(self.field)
        if key in self._filed:
            filed = self._filed[key]
            if filed != value:
                self._take(key, filed)
                self._shuffled = True
        self._buckets.setdefault(value, {})[key] = row
        self._filed[key] = value

    def remove(self, key: Hashable) -> None:
        """Forget the row of `key`."""
        self._take(key, self._filed.pop(key))

    def keys(self) -> KeysView[Hashable]:
        """Return the key of every row that is filed."""
        return self._filed.keys()

    def pairs(self, value: Any, table: dict[Any, Item]) -> Iterable[tuple[Any, Item]]:
        """Return key and row of those filed under `value`, in the order of `table`."""
        bucket = self._buckets.get(value, {})
        if self._shuffled:
            return [(key, row) for key, row in table.items() if key in bucket]
        return bucket.items()

    def _take(self, key: Hashable, value: Any) -> None:
        bucket = self._buckets[value]
        del bucket[key]
        if not bucket:
            del self._buckets[value]
