"""The order book of Phemex: snapshots again and again, and changes in between whose numbers only rise."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...store import BookStore

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester

__all__ = ["OrderBook"]

logger = logging.getLogger("topgun.exchanges.phemex")

_METHODS = {"book": "orderbook.subscribe", "orderbook_p": "orderbook_p.subscribe"}
_USUAL = 30  # levels of each side, if the subscription does not ask for another depth
_PATIENCE = 90.0  # s without a snapshot: there should be one every 60 s
_ASKING = 1_000_000_124  # the id of what the store sends, so that nobody takes the answer for one to another question


@dataclass(slots=True)
class _Source:
    """Whose book it is.

    Attributes:
        ws: The socket it comes from.
        name: How its messages call the book, which says what to subscribe to.
        seen: When the last snapshot came, or the first message.
        depth: Levels of each side in the last snapshot; 0 = all, ``None`` = there was none.
        start: The number of the last snapshot.
        last: The number of the last message that counted.
        recent: The numbers of the last changes.
    """

    ws: Any
    name: str
    seen: float
    depth: Any = None
    start: int = -1
    last: int = -1
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=64))

    def forget(self) -> None:
        """Count anew: the numbers so far belong to a book that was given up."""
        self.depth, self.start, self.last, self.seen = None, -1, -1, self.now()
        self.recent.clear()

    def now(self) -> float:
        """Return the time in s; 0 for messages from a file."""
        return 0.0 if self.ws is None else float(self.ws.clock.monotonic())


class OrderBook(BookStore):
    """The order book of each symbol, in whichever depth it is subscribed to.

    A snapshot comes with the subscription and then every 60 s. The numbers of changes rise by any step, so that a
    lost message does not show until the next snapshot; one that comes out of order does, and so does a message that
    cannot be read, or that no snapshot comes for 90 s. Then the book is subscribed to anew. Changes before the first
    snapshot of a connection are applied, but the book is ``syncing``.

    Attributes:
        timestamp: That of the last message, whatever its symbol; ``None`` before the first.

    https://phemex-docs.github.io/#subscribe-orderbook-for-new-model
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "priceEp", "qty"

    timestamp: Any

    def _init(self) -> None:
        self.timestamp = None
        self._sources: dict[tuple[str], _Source] = {}
        self._ignored: set[tuple[str]] = set()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = (_text(msg["symbol"]),)
        source = self._sources.get(group)
        if source is None or source.ws is not ws:
            source = self._claim(group, "book" if "book" in msg else "orderbook_p", ws)
            if source is None:
                return
        try:
            trouble = self._advance(group, source, msg)
        except Exception:
            self._again(group, source, "a message cannot be read")
            raise
        if trouble:
            self._again(group, source, trouble)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        book = data["result"]
        group = (_text(book["symbol"]),)
        if self._states.get(group, "stale") == "stale":  # else the stream has a newer one, or is about to
            levels = book["book" if "book" in book else "orderbook_p"]
            self._replace(group, levels["asks"], levels["bids"])
            self._mark(group, "stale", "asked for once, nothing keeps it right")

    def _advance(self, group: tuple[str], source: _Source, msg: Any) -> str:
        """Carry a book on; return what is wrong with it, nothing if all is well."""
        kind, number, depth, levels = msg["type"], msg["sequence"], msg.get("depth", 0), msg[source.name]
        if type(number) is not int or type(depth) is not int or kind not in ("snapshot", "incremental"):
            raise ValueError(f"a {kind!r} with the number {number!r}")
        if kind == "snapshot":
            if number < source.last:  # late, or the numbers have begun anew: nobody can tell
                return f"snapshot {number} came after number {source.last}"
            self._replace(group, levels["asks"], levels["bids"])
            source.depth, source.start, source.seen = depth, number, source.now()
        elif number <= source.last:
            known = number <= source.start or number in source.recent
            return _overdue(source) if known else f"change {number} came after number {source.last}"
        elif source.depth not in (None, depth):  # of another subscription
            return _overdue(source)
        else:
            self._levels(group, levels["asks"], levels["bids"])
            source.recent.append(number)
        source.last = number
        self.timestamp = msg.get("timestamp", self.timestamp)
        if depth:
            self._trim(group, depth)
        if kind == "snapshot":
            self._mark(group, "live", ws=source.ws)
        return _overdue(source)

    def _trim(self, group: tuple[str], depth: int) -> None:
        """Let the levels go that have left the window: nothing more is told of them."""
        sides = self._book(group)
        if any(len(side.sizes) > depth for side in sides):
            self._levels(group, *([(row[self._PRICE], 0) for row in side.top()[depth:]] for side in sides))

    def _again(self, group: tuple[str], source: _Source, reason: str) -> None:
        """Give the book up and ask for a new snapshot: each subscription brings one.

        To unsubscribe first would end all books of the socket.
        """
        params = {0: [group[0], True], _USUAL: [group[0]], None: [group[0]]}.get(
            source.depth, [group[0], False, source.depth]
        )
        source.forget()
        message = {"id": _ASKING, "method": _METHODS[source.name], "params": params}
        self._resync(group, reason, source.ws, [message])

    def _claim(self, group: tuple[str], name: str, ws: Any) -> _Source | None:
        """Return the new source of a book that no other socket keeps right; ``None``, with one warning, if one does."""
        known = self._sources.get(group)
        if known is not None and known.ws is not None and self._states.get(group, "stale") != "stale":
            if group not in self._ignored:
                self._ignored.add(group)
                logger.warning("%s: a second socket with this book is ignored; use another store for it", group[0])
            return None
        source = self._sources[group] = _Source(ws, name, 0.0)
        source.forget()
        self._mark(group, "syncing", "no snapshot yet", ws)
        return source


def _overdue(source: _Source) -> str:
    return "" if source.now() - source.seen <= _PATIENCE else "no snapshot has come for 90 s"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r:.100}")
    return value
