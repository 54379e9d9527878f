"""What the public stream of bitbank tells, as tables; the book is in depth, what an account is told in private."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ...store import DataStore, DataStoreCollection, Topic
from .depth import Depth
from .stream import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bitbankDataStore"]

logger = logging.getLogger("topgun.exchanges.bitbank")

_DOCS = "https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md"
_TABLES = {
    "transactions": "transactions",
    "depth_whole": "depth",
    "depth_diff": "depth",
    "ticker": "ticker",
    "circuit_break_info": "circuit_break_info",
}
_ROOM = re.compile(rf"({'|'.join(_TABLES)})_(.+)")
_NAMED_ROOM = re.compile(r'"room_name": ?"(\w+)"')


class _Told(NamedTuple):
    """What a room tells of a pair."""

    room: str
    pair: str
    data: Any


class Transactions(DataStore):
    """The trades of everybody, newest first within a message; ``pair`` is added.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md#transactions
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: _Told, ws: Any = None) -> None:
        self._insert([{"pair": msg.pair, **trade} for trade in msg.data["transactions"]])


class Latest(DataStore):
    """What is known last of each pair; a message replaces it as a whole, and ``pair`` is added.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md#ticker
    """

    _KEYS = ("pair",)

    def _onmessage(self, msg: _Told, ws: Any = None) -> None:
        self._insert([{"pair": msg.pair, **msg.data}])


class bitbankDataStore(DataStoreCollection):
    """What the public stream tells: give its `onmessage` to ``ws_connect(hdlr_str=...)``.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md
    """

    transactions = Topic(Transactions, "transactions", f"{_DOCS}#transactions")
    depth = Topic(Depth, "depth", f"{_DOCS}#depth-diff")
    ticker = Topic(Latest, "ticker", f"{_DOCS}#ticker")
    circuit_break_info = Topic(Latest, "circuit_break_info", f"{_DOCS}#circuit-break-info")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        try:
            event = decode(msg) if isinstance(msg, str) else msg
        except ValueError as error:
            if not msg.startswith("42"):  # no event
                return
            logger.warning("a frame cannot be read (%s): %.200r", error, msg)
            event = _remains(msg)
        try:
            kind, body = event
            room, data = _room(body["room_name"]), body["message"]["data"]
        except (LookupError, TypeError, ValueError):  # another event
            return
        if kind == "message" and room is not None:
            super()._onmessage(_Told(*room, data), ws)

    def _topic(self, msg: _Told) -> Sequence[str]:
        return (_TABLES[msg.room],)


@lru_cache(maxsize=4096)
def _room(name: str) -> tuple[str, str] | None:
    """Return the kind of a room and its pair; ``None`` for one that has no table."""
    match = _ROOM.fullmatch(name)
    return (match[1], match[2]) if match else None


def _remains(frame: str) -> Any:
    """Return the event that a broken frame was, without its data: a book has to know that it missed something."""
    room = _NAMED_ROOM.search(frame)
    return ["message", {"room_name": room[1], "message": {"data": None}}] if room else None
