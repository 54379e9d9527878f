"""The order books of BitTrade: one that is told anew each time, and one that is carried on by numbered changes."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from ...store import BookStore
from .shapes import content, topic_of

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Depth", "MarketByPrice", "logger"]

logger = logging.getLogger("topgun.exchanges.bittrade")

_KEPT = 1000  # changes that wait for a snapshot, 100 s of them; some pairs are never answered


class Depth(BookStore):
    """The order book of each symbol and type (``market.btcjpy.depth.step0``); every message holds all of it.

    An answer of the HTTP API is a picture of a moment: it fills a book that no socket keeps, and leaves it stale.

    https://api-doc.bittrade.co.jp/
    """

    _GROUP = ("symbol", "type")
    _SIDE, _ASK, _BID = "side", "asks", "bids"

    def _init(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Any]] = {}  # the number of each book, and the socket it came from

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        topic = topic_of(msg)
        _, symbol, _, kind = topic.split(".")
        group = symbol, kind
        try:
            book = content(msg)
            known, source = self._known.get(group, (0, None))
            number = _whole(book.get("version", known))  # the documents know no version
            if number < known and (source is ws or self._states.get(group) == "live"):
                return  # it was overtaken: answers come late
            self._replace(group, book["asks"], book["bids"])
        except Exception:
            self._resync(group, "a message cannot be read", ws, [_request(topic)])
            raise
        self._known[group] = number, ws
        self._mark(group, "live", ws=ws)

    def unsubscribed(self, topic: Any, ws: Any) -> None:
        """Know that this socket tells `topic` no more."""
        for group, (_, source) in self._known.items():
            if source is ws and topic == "market.{}.depth.{}".format(*group):
                self._mark(group, "stale", "unsubscribed")

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        group, book = (url.query["symbol"], url.query["type"]), content(data)
        if self._states.get(group) != "live":
            self._replace(group, book["asks"], book["bids"])


class _Source:
    """Whose book it is: the topic and the socket it comes from, and how far it has come.

    Attributes:
        whole: Each message holds the whole book.
        last: The number of the last change; ``None`` before a snapshot and after a gap.
        newest: The highest number that a message of this topic had.
        fresh: Nothing has followed the snapshot yet, and the first change may begin before it.
        waiting: The changes since then, while there is no snapshot.
    """

    __slots__ = ("fresh", "last", "newest", "topic", "waiting", "whole", "ws")

    def __init__(self, topic: str, ws: Any) -> None:
        self.topic = topic
        self.ws = ws
        self.whole = ".refresh." in topic
        self.last: int | None = None
        self.newest = 0
        self.fresh = False
        self.waiting: deque[Item] = deque(maxlen=_KEPT)


class MarketByPrice(BookStore):
    """The order book of each symbol, of whichever topic begins it: ``market.btcjpy.mbp.150`` or ``.mbp.refresh.20``.

    The changes of ``mbp.150`` carry their number (``seqNum``) and that of the one before (``prevSeqNum``). No snapshot
    comes by itself: it is the answer to a ``req`` on the same socket, and the changes that came before it are kept
    until it is there. The table asks for it when a first change comes, after a gap, and after a message that cannot be
    read. ``mbp.refresh`` tells the whole book each time.

    https://api-doc.bittrade.co.jp/
    """

    _GROUP = ("symbol",)
    _SIDE, _ASK, _BID = "side", "asks", "bids"

    def _init(self) -> None:
        self._sources: dict[tuple[str], _Source] = {}
        self._ignored: set[str] = set()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        topic = topic_of(msg)
        group = (topic.split(".", 2)[1],)
        source = self._sources.get(group)
        if source is None or source.topic != topic or source.ws is not ws:
            source = self._claim(group, topic, ws)
            if source is None:
                return
        try:
            if "rep" in msg or source.whole:
                self._begin(group, source, content(msg))
            else:
                self._carry_on(group, source, content(msg))
        except Exception:
            self._again(group, source, "a message cannot be read")
            raise

    def unsubscribed(self, topic: Any, ws: Any) -> None:
        """Know that this socket tells `topic` no more; whatever comes of it later begins anew."""
        for group, source in [*self._sources.items()]:
            if source.ws is ws and source.topic == topic:
                del self._sources[group]
                self._mark(group, "stale", "unsubscribed")

    def _begin(self, group: tuple[str], source: _Source, book: Any) -> None:
        """Take a snapshot, then the changes that have waited for it."""
        number = _whole(book["seqNum"])
        if number < source.newest and (source.whole or source.last is not None):
            return  # it was overtaken: answers come late
        self._replace(group, book["asks"], book["bids"])
        waiting, source.waiting = source.waiting, deque(maxlen=_KEPT)
        source.last, source.fresh, source.newest = number, True, max(number, source.newest)
        for change in waiting:
            self._carry_on(group, source, change)
        if source.waiting:  # again: there was a gap among them
            return
        if source.last < source.newest:
            self._again(group, source, f"the snapshot of {number} is older than change {source.newest}")
        else:
            self._mark(group, "live", ws=source.ws)

    def _carry_on(self, group: tuple[str], source: _Source, change: Any) -> None:
        number, before, last = _whole(change["seqNum"]), _whole(change["prevSeqNum"]), source.last
        source.newest = max(number, source.newest)
        if last is None:
            self._keep(group, source, change)
        elif number > last:
            if before == last or (source.fresh and before < last):
                self._levels(group, change["asks"], change["bids"])
                source.last, source.fresh = number, False
            else:
                self._again(group, source, f"changes between {last} and {before} are missing")
                source.waiting.append(change)

    def _keep(self, group: tuple[str], source: _Source, change: Any) -> None:
        """Keep a change until there is a snapshot; the first one of a topic asks for it."""
        first = not source.waiting and self._states.get(group, "stale") == "stale"
        source.waiting.append(change)
        if first and self.heal and source.ws is not None:
            source.ws.request_snapshot(
                (id(self), group), [_request(source.topic)], lambda: self._states.get(group, "stale") != "stale"
            )

    def _again(self, group: tuple[str], source: _Source, reason: str) -> None:
        """Give the book up and ask for a new snapshot, unless one comes by itself."""
        source.last = None
        source.waiting.clear()
        self._resync(group, reason, source.ws, [] if source.whole else [_request(source.topic)])

    def _claim(self, group: tuple[str], topic: str, ws: Any) -> _Source | None:
        """Return the new source of a book that nobody keeps right; ``None``, with one warning, if somebody does."""
        if group in self._sources and self._states.get(group, "stale") != "stale":
            if topic not in self._ignored:
                self._ignored.add(topic)
                logger.warning("%s: ignored, a store keeps one book of a symbol; use another store for it", topic)
            return None
        source = self._sources[group] = _Source(topic, ws)
        return source


def _request(topic: str) -> Item:
    """Return the question whose answer is a snapshot."""
    return {"req": topic, "id": topic}


def _whole(number: Any) -> int:
    if type(number) is not int:
        raise ValueError(f"not a sequence number: {number!r:.100}")
    return number
