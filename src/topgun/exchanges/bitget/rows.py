"""Rows out of the messages and answers of Bitget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...typedefs import Item

__all__ = ["answered", "candles_of", "rows_in", "rows_of"]

_CANDLE = ("startTime", "openPr", "highPr", "lowPr", "closePr", "baseVolume", "quoteVolume", "usdtVolume")


def rows_in(msg: Any, needed: Sequence[str], *named: str) -> list[Item]:
    """Return the rows of a message.

    Args:
        msg: The message.
        needed: The fields that each row must have.
        *named: What else of ``arg`` goes into each row.

    Raises:
        TypeError: Something is not a row, or has neither text nor number in a field that is needed.
    """
    arg = msg["arg"]
    head = {name: arg[name] for name in ("instType", *named)}
    return rows_of([{**head, **row} for row in rows_of(msg["data"])], needed)


def answered(answer: Any, kind: str, names: Mapping[str, str], needed: Sequence[str]) -> list[Item]:
    """Return the rows of an answer as the stream would spell them.

    Args:
        answer: What it lists.
        kind: Their ``instType``.
        names: The fields that the stream calls by another name, and that name.
        needed: As in `rows_in`.

    Raises:
        TypeError: As in `rows_in`.
    """
    told = ({names.get(name, name): value for name, value in row.items()} for row in rows_of(answer))
    rows = rows_of([{"instType": kind, **row} for row in told], needed)
    return [{**row, "instId": row["instId"].upper()} if "instId" in row else row for row in rows]


def candles_of(data: Any, named: Item) -> list[Item]:
    """Return the candles of a message, each of which is a list of values.

    Args:
        data: What the message holds.
        named: What goes into each row.

    Raises:
        TypeError: Something is not a list, or does not begin with a time.
    """
    for values in data:
        if not isinstance(values, list) or not values or not isinstance(values[0], str | int):
            raise TypeError(f"not a candle: {values!r:.100}")
    return [{**named, **dict(zip(_CANDLE, values, strict=False))} for values in data]
