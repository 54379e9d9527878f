"""What the messages of BitTrade have in common: a topic, what is told of it, and rows that a table can believe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...typedefs import Item

__all__ = ["content", "sound", "topic_of"]


def topic_of(msg: Any) -> str:
    """Return the topic of a push (``ch``) or of the answer to a ``req`` (``rep``).

    Raises:
        KeyError: It has none.
    """
    topic: str = msg["ch"] if "ch" in msg else msg["rep"]
    return topic


def content(msg: Any) -> Any:
    """Return what a public message tells: its ``tick``, else its ``data``; the documents and the wire do not agree.

    Raises:
        KeyError: It tells nothing.
    """
    return msg["tick"] if "tick" in msg else msg["data"]


def sound(rows: Any, needed: Sequence[str] = ()) -> list[Item]:
    """Return `rows`, which are a list of dicts with a text or a whole number in each field of `needed`.

    Raises:
        TypeError: They are not.
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
