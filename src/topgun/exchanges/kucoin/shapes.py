"""What the messages of KuCoin have in common."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._rows import row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...typedefs import Item

__all__ = ["data_of", "decimal", "kind_of", "symbol_of", "text"]


@lru_cache(maxsize=4096)
def kind_of(topic: str) -> str:
    """Return what a topic is about: what is before the colon."""
    return topic.partition(":")[0]


@lru_cache(maxsize=4096)
def symbol_of(topic: str) -> str:
    """Return whom a topic concerns: what is after the last colon, the whole topic if there is none."""
    return topic.rpartition(":")[2]


def data_of(msg: Any, needed: Sequence[str] = ()) -> Item:
    """Return the data of a message; see `row_of`."""
    return row_of(msg["data"], needed)


def text(value: Any) -> str:
    """Return `value`, which is a text.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r:.100}")
    return value


def decimal(value: Any) -> Decimal:
    """Return the number that a field holds, spelt as a number or as a text.

    Raises:
        ValueError: It is none.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"not a number: {value!r:.100}") from None
    if not number.is_finite():
        raise ValueError(f"not a number: {value!r:.100}")
    return number
