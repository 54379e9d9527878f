"""Rows out of the messages and answers of Bitget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...typedefs import Item

__all__ = ["answered", "candles_of", "check", "rows_of"]

_CANDLE = ("startTime", "openPr", "highPr", "lowPr", "closePr", "baseVolume", "quoteVolume", "usdtVolume")


def rows_of(msg: Any, needed: Sequence[str], *named: str) -> list[Item]:
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
    return check([{**head, **row} for row in check(msg["data"])], needed)


def answered(answer: Any, kind: str, names: Mapping[str, str], needed: Sequence[str]) -> list[Item]:
    """Return the rows of an answer as the stream would spell them.

    Args:
        answer: What it lists.
        kind: Their ``instType``.
        names: The fields that the stream calls by another name, and that name.
        needed: As in `rows_of`.

    Raises:
        TypeError: As in `rows_of`.
    """
    told = ({names.get(name, name): value for name, value in row.items()} for row in check(answer))
    rows = check([{"instType": kind, **row} for row in told], needed)
    return [{**row, "instId": row["instId"].upper()} if "instId" in row else row for row in rows]


def check(rows: Any, needed: Iterable[str] = ()) -> list[Item]:
    """Return `rows` if they are rows.

    Raises:
        TypeError: As in `rows_of`.
    """
    if not isinstance(rows, list):
        raise TypeError(f"not a list of rows: {rows!r:.100}")
    for row in rows:
        if not isinstance(row, dict):
            raise TypeError(f"not a row: {row!r:.100}")
        for field in needed:
            if not isinstance(row.get(field), str | int):
                raise TypeError(f"a row without {field}")
    return rows


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
