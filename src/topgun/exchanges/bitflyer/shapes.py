"""What an event or an answer of bitFlyer must look like before a table believes it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

    from ...typedefs import Item

    Shape: TypeAlias = Mapping[str, Callable[[Any], bool]]

__all__ = ["is_amount", "is_number", "is_side", "is_text", "listed", "scope", "sound"]

logger = logging.getLogger("topgun.exchanges.bitflyer")


def is_text(value: Any) -> bool:
    """Tell a text."""
    return isinstance(value, str)


def is_side(value: Any) -> bool:
    """Tell the side of an order."""
    return value in ("BUY", "SELL")


def is_number(value: Any) -> bool:
    """Tell a number that can be calculated with: not NaN, nor one beyond any amount of money."""
    return isinstance(value, int | float) and abs(value) < 1e15


def is_amount(value: Any) -> bool:
    """Tell a price, a size: a number that is not negative."""
    return is_number(value) and value >= 0


_FIELDS: dict[Any, Shape] = {  # what tables calculate with, by event_type
    "EXECUTION": {
        "side": is_side,
        "price": is_amount,
        "size": is_amount,
        "commission": is_number,
        "outstanding_size": is_amount,
    },
    "COMPLETE": {"parameter_index": is_number},
}


def sound(events: Any, key: str) -> list[Item]:
    """Return the order events that can be believed; each of the others is logged and left out.

    Args:
        events: What the channel sent: a list.
        key: The field that names the order.
    """
    believed = []
    for event in events if isinstance(events, list) else [events]:
        shape: Shape = {"product_code": is_text, "event_type": is_text, key: is_text}
        if not _misses(event, shape):
            shape = _FIELDS.get(event["event_type"], {})
        if missing := _misses(event, shape):
            logger.warning("an order event without a sound %s is ignored", ", ".join(missing))
        else:
            believed.append(event)
    return believed


def listed(data: Any, url: URL, shape: Shape) -> list[Item] | None:
    """Return the rows of a REST answer; ``None``, with one warning, unless it is a list of rows of that shape."""
    if isinstance(data, list) and not any(_misses(row, shape) for row in data):
        return data
    logger.warning("%s: the answer is skipped, expected objects with %s", url.path, ", ".join(shape))
    return None


def scope(rows: list[Item], url: URL) -> Item | None:
    """Return the query for the rows that a REST list replaces: those of its product, all if nothing names one."""
    product = rows[0]["product_code"] if rows else url.query.get("product_code")
    return {"product_code": product} if product else None


def _misses(row: Any, shape: Shape) -> list[str]:
    """Return the fields of `shape` that `row` has not, or not of that kind."""
    return [field for field, holds in shape.items() if not isinstance(row, dict) or not holds(row.get(field))]
