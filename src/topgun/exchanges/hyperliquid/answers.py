"""What an answer of ``/info`` is an answer to: every question has the same path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["TABLES", "Answer", "answer"]

TABLES: Mapping[str, tuple[str, ...]] = {
    "allMids": ("allMids",),
    "l2Book": ("l2Book",),
    "candleSnapshot": ("candle",),
    "recentTrades": ("trades",),
    "openOrders": ("orderUpdates", "openOrders"),
    "frontendOpenOrders": ("orderUpdates", "openOrders"),
    "userFills": ("userFills",),
    "userFillsByTime": ("userFills",),
    "userTwapSliceFills": ("userTwapSliceFills",),
    "userTwapSliceFillsByTime": ("userTwapSliceFills",),
    "userNonFundingLedgerUpdates": ("userNonFundingLedgerUpdates",),
    "activeAssetData": ("activeAssetData",),
    "clearinghouseState": ("clearinghouseState", "positions"),
    "spotClearinghouseState": ("spotState",),
    "webData2": ("webData2", "positions"),
}
"""Which tables the answer to each ``type`` of question fills."""

_OF_A_USER = frozenset({"clearinghouseState", "spotClearinghouseState"})  # whose rows are those of somebody
_WHOLE = (
    ({"levels"}, "l2Book"),
    ({"marginSummary"}, "clearinghouseState"),
    ({"balances"}, "spotClearinghouseState"),
)
_ROWS = (
    ({"limitPx", "oid"}, "openOrders"),
    ({"tid"}, "userFills"),
    ({"t", "T", "s", "i"}, "candleSnapshot"),
)


class Answer(NamedTuple):
    """An answer and what it is about.

    Attributes:
        kind: The ``type`` of the question.
        user: Whose, in lower case; empty if nobody knows.
        dex: Of which perpetuals; empty = the first ones, and spot.
        body: The answer.
    """

    kind: str
    user: str
    dex: str
    body: Any


def answer(body: Any, question: Any, user: str, dex: str) -> Answer | None:
    """Return what an answer is about, ``None`` if it fills no table.

    Args:
        body: The answer.
        question: What was asked, as it was passed to the client; ``None`` if nobody knows: then the answer is
            recognised by its shape.
        user: Whose it is, where the question does not say.
        dex: The same.
    """
    asked = _decoded(question)
    kind = asked["type"] if "type" in asked else _shape(body)
    found = Answer(str(kind), str(asked.get("user") or user).lower(), str(asked.get("dex") or dex), body)
    return None if found.kind not in TABLES or (found.kind in _OF_A_USER and not found.user) else found


def _decoded(question: Any) -> Mapping[str, Any]:
    if isinstance(question, str | bytes | bytearray):
        try:
            question = json.loads(question)
        except ValueError:
            question = None
    return question if isinstance(question, Mapping) else {}


def _shape(body: Any) -> str:
    first = body[0] if isinstance(body, list) and body else body
    if isinstance(first, dict):
        for names, kind in _ROWS if isinstance(body, list) else _WHOLE:
            if names <= first.keys():
                return kind
    if isinstance(body, dict) and body and all(isinstance(value, str) for value in body.values()):
        return "allMids"
    return ""
