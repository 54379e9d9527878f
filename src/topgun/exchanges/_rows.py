"""What a table must see in a row before it believes it; nothing here belongs to one exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..typedefs import Item

__all__ = ["one_or_more", "row_of", "rows_of"]


def row_of(row: Any, needed: Collection[str] = ()) -> Item:
    """Return `row`, which has a text or a whole number in every field that is needed.

    Raises:
        TypeError: It has not.
    """
    if not isinstance(row, dict):
        raise TypeError(f"not a row: {row!r:.100}")
    for field in needed:
        if not isinstance(row.get(field), str | int):
            raise TypeError(f"a row without {field}")
    return row


def rows_of(data: Any, needed: Collection[str] = ()) -> list[Item]:
    """Return `data`, which is a list of such rows.

    Raises:
        TypeError: It is none, or something in it is no such row.
    """
    if not isinstance(data, list):
        raise TypeError(f"not a list of rows: {data!r:.100}")
    for row in data:
        row_of(row, needed)
    return data


def one_or_more(data: Any, needed: Collection[str] = ()) -> list[Item]:
    """Return the rows of `data`, which is a list of them or just one.

    Raises:
        TypeError: Something is no such row.
    """
    return rows_of(data if isinstance(data, list) else [data], needed)
