"""What the messages of BitTrade have in common: a topic, what is told of it, and rows that a table can believe."""

from __future__ import annotations

from typing import Any

__all__ = ["content", "topic_of"]


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
