"""The order books of OKJ: V5 by number and checksum, V3 by checksum alone."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from ...store import BookStore

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Books", "Depth"]

logger = logging.getLogger("topgun.exchanges.okj")

_SUMMED = 25  # levels of each side that a checksum covers
_PATIENCE = 10  # changes without a snapshot: it must have been lost


@dataclass(slots=True)
class _Source:
    """Whose book it is.

    Attributes:
        channel: The channel that tells it.
        wanted: What is subscribed to for it.
        ws: The socket it comes from.
        last: The number of its last change, where they have numbers.
        time: When its last message was made, as OKJ sent it.
        early: How many changes came before the first snapshot.
    """

    channel: str
    wanted: Any
    ws: Any
    last: Any = None
    time: str = ""
    early: int = 0


class _CheckedBook(BookStore):
    """The order book of each instrument, of whichever channel begins it.

    A change is applied only to a book that is known to be right, and the book must have the checksum that comes with
    the change. If it has not, the channel is unsubscribed and subscribed to again, which brings a snapshot; to
    subscribe twice would bring none.

    Attributes:
        checksum: The last checksum of each instrument, as OKJ sent it.
        ts: When the last message was made, as OKJ sent it.
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _WHOLE: ClassVar[str]  # how a snapshot calls itself
    _TIME: ClassVar[str]

    def _init(self) -> None:
        self.checksum: dict[str, int] = {}
        self.ts = ""
        self._sources: dict[tuple[str], _Source] = {}
        self._ignored: set[str] = set()

    def unsubscribed(self, channel: Any, ws: Any) -> None:
        """Know that `channel`, as it was subscribed to, will tell no more on this socket.

        The answer to the unsubscription that is to bring a snapshot changes nothing.
        """
        for group, source in self._sources.items():
            if source.wanted == channel and source.ws is ws and self._states.get(group) == "live":
                self._mark(group, "stale", "unsubscribed")

    def _hear(self, group: tuple[str], channel: str, msg: Item, data: Item, ws: Any) -> None:
        """Take what a message says of one book."""
        source = self._sources.get(group)
        if source is None or source.channel != channel or source.ws is not ws:
            source = self._claim(group, channel, msg, ws)
        kind = msg.get("action", self._WHOLE)
        if source is None or (kind == "update" and not self._expects(group, source)):
            return
        try:
            trouble = self._advance(group, source, data, kind)
        except Exception:
            self._again(group, source, "a message cannot be read")
            raise
        if trouble:
            self._again(group, source, trouble)

    def _expects(self, group: tuple[str], source: _Source) -> bool:
        """Tell whether there is a book to change; one whose snapshot does not come is asked for."""
        state = self._states.get(group)
        if state not in ("live", "syncing"):
            source.early += 1
            if source.early == _PATIENCE:
                self._again(group, source, "the snapshot is missing")
        return state == "live"

    def _advance(self, group: tuple[str], source: _Source, data: Item, kind: str) -> str:
        """Carry a book on; return what is wrong with it, nothing if all is well."""
        asks, bids = self._level_lists(data)
        time = data.get(self._TIME, source.time)
        if kind == self._WHOLE:
            if time < source.time:  # one of the past, out of order
                return ""
            self._replace(group, asks, bids)
        elif kind != "update":
            raise ValueError(f"a message of the kind {kind!r}")
        elif gap := self._gap(source, data):
            return gap
        else:
            self._levels(group, asks, bids)
        source.last = data.get("seqId")
        source.time = self.ts = time
        if said := data.get("checksum"):  # none, or 0, where OKJ does not say it
            self.checksum[group[0]] = said
            if said != self._sum(group):
                return f"it has not the checksum {said}"
        if kind == self._WHOLE:
            self._mark(group, "live", ws=source.ws)
        return ""

    @abstractmethod
    def _wanted(self, group: tuple[str], msg: Item) -> Any:
        """Return what was subscribed to for a message."""

    def _level_lists(self, data: Item) -> tuple[Any, Any]:
        """Return asks and bids of a message as `_levels` takes them (a hook)."""
        return data["asks"], data["bids"]

    @abstractmethod
    def _gap(self, source: _Source, data: Item) -> str:
        """Return why a change does not follow the one before, nothing if it does."""

    def _sum(self, group: tuple[str]) -> int:
        book = self._book(group)
        pairs = zip_longest(book.bids.top(_SUMMED), book.asks.top(_SUMMED))
        told = [text for row in chain.from_iterable(pairs) if row for text in (row[self._PRICE], row[self._SIZE])]
        value = crc32(":".join(told).encode())
        return value - (value >> 31 << 32)  # as a signed number

    def _again(self, group: tuple[str], source: _Source, reason: str) -> None:
        messages = [{"op": op, "args": [source.wanted]} for op in ("unsubscribe", "subscribe")]
        self._resync(group, reason, source.ws, messages)

    def _claim(self, group: tuple[str], channel: str, msg: Item, ws: Any) -> _Source | None:
        """Return the new source of a book that nobody keeps right; ``None``, with one warning, if somebody does."""
        if group in self._sources and self._states.get(group, "stale") != "stale":
            name = f"{channel} {group[0]}"
            if name not in self._ignored:
                self._ignored.add(name)
                logger.warning("%s: ignored, a store keeps one book of an instrument; use another store for it", name)
            return None
        source = self._sources[group] = _Source(channel, self._wanted(group, msg), ws)
        return source


class Books(_CheckedBook):
    """The order book of each instrument, V5: ``books``, ``books5`` or one of those for VIPs.

    Each change names the number of the one before (``prevSeqId``). The numbers jump, and after maintenance they fall.
    A message without ``action`` is a snapshot.

    https://dev.okj.com/apidoc/v5/en/
    """

    _GROUP = ("instId",)
    _PRICE, _SIZE = "px", "sz"
    _MORE = ("liqSz", "ordSz")
    _WHOLE = "snapshot"
    _TIME = "ts"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        wanted = msg["arg"]
        for data in msg["data"]:
            self._hear((wanted["instId"],), wanted["channel"], msg, data, ws)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        group = (url.query["instId"],)
        if self._states.get(group, "stale") == "stale":  # else the stream has a newer one, or is about to
            [book] = data["data"]
            self._replace(group, book["asks"], book["bids"])
            self._mark(group, "stale", "asked for once, nothing keeps it right")

    def _wanted(self, group: tuple[str], msg: Item) -> Any:
        return msg["arg"]

    def _gap(self, source: _Source, data: Item) -> str:
        before = data["prevSeqId"]
        return "" if before == source.last else f"number {source.last} is followed by a change after {before}"


class Depth(_CheckedBook):
    """The order book of each instrument, V3: ``spot/depth``, or ``spot/depth5``, which sends snapshots alone.

    There are no numbers: what holds a book together is the checksum.

    https://dev.okcoin.jp/en/#spot_ws-depth
    """

    _GROUP = ("instrument_id",)
    _PRICE, _SIZE = "price", "size"
    _MORE = ("num_orders",)
    _WHOLE = "partial"
    _TIME = "timestamp"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for data in msg["data"]:
            self._hear((data["instrument_id"],), msg["table"], msg, data, ws)

    def _wanted(self, group: tuple[str], msg: Item) -> Any:
        return f"{msg['table']}:{group[0]}"

    def _level_lists(self, data: Item) -> tuple[Any, Any]:
        """Return asks and bids; what stands last in a level, of whichever length, is the number of orders."""
        asks, bids = ([(level[0], level[1], level[-1]) for level in data[side]] for side in ("asks", "bids"))
        return asks, bids

    def _gap(self, source: _Source, data: Item) -> str:
        late = data.get(self._TIME, source.time) < source.time  # it may fit the book that there was then
        return "a change is older than the one before" if late else ""
