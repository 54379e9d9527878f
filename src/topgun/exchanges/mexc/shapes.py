"""Rows in MEXC's messages and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...typedefs import Item

__all__ = ["rows_of"]


def rows_of(data: Any, needed: Sequence[str] = ()) -> list[Item]:
    """Return the rows of a payload, which is a list of them or just one.

    Raises:
        TypeError: Something is not a row, or has neither text nor number in a field that is needed.
    """
    rows = data if isinstance(data, list) else [data]
    for row in rows:
        if not isinstance(row, dict):
            raise TypeError(f"not a row: {row!r:.100}")
        for field in needed:
            if not isinstance(row.get(field), str | int):
                raise TypeError(f"a row without {field}")
    return rows
