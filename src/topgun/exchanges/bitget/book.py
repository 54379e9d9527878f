"""The order book of Bitget: whose it is, its numbers and its checksum, and how it gets a new snapshot."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from ...store import BookStore

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OrderBook", "OrderBookV1", "OrderBookV3", "logger"]

logger = logging.getLogger("topgun.exchanges.bitget")

_PATIENCE = 10  # changes without a snapshot: it must have been lost
_SUMMED = 25  # levels of each side that a checksum covers


@dataclass(slots=True)
class _Source:
    """Whose book it is: what was subscribed to, and on which socket.

    Attributes:
        number: That of the last message, ``None`` where Bitget does not number them.
        last: The last message.
        early: Changes that came before the first snapshot.
    """

    arg: dict[str, Any]
    ws: Any
    number: int | None = None
    last: Any = None
    early: int = 0

    def overtaken(self, number: int | None, data: Any) -> bool:
        """Tell a snapshot that is older than the last message, both by number and by time: a new count begins low."""
        if number is None or self.number is None or number >= self.number:
            return False
        time, since = _whole(data.get("ts")), _whole(self.last.get("ts"))
        return time is not None and since is not None and time < since


class OrderBook(BookStore):
    """The order book of each instrument, of whichever channel (``books``, ``books15``, ...) begins it.

    A snapshot replaces the book whenever it comes, unless it is late. Changes are checked by whatever they carry: the
    number of the one before (``pseq``), a checksum of the best 25 levels, or just a number that rises (``seq``). If one
    does not fit, or cannot be read, the channel is subscribed to anew, which brings a snapshot.

    https://www.bitget.com/api-doc/contract/websocket/public/Order-Book-Channel
    """

    _GROUP: ClassVar[Sequence[str]] = ("instType", "instId")
    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "price", "amount"
    _CHANNEL = "channel"  # what names the channel in ``arg``

    def _init(self) -> None:
        self._sources: dict[tuple[Any, ...], _Source] = {}
        self._ignored: list[dict[str, Any]] = []

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        arg = msg["arg"]
        group = tuple([arg[field] for field in self._GROUP])
        source = self._sources.get(group)
        if source is None or source.ws is not ws or source.arg != arg:
            source = self._claim(group, arg, ws)
            if source is None:
                return
        try:
            [data] = msg["data"]
            self._advance(group, source, msg["action"], data)
        except Exception:
            self._again(group, source, "a message cannot be read")
            raise

    def unsubscribed(self, arg: Any, ws: Any) -> None:
        """Know that a channel sends no more. A book that waits for a snapshot has asked for that itself."""
        for group, source in self._sources.items():
            if source.ws is ws and source.arg == arg and self._states.get(group) == "live":
                self._mark(group, "stale", "unsubscribed")

    def _advance(self, group: tuple[Any, ...], source: _Source, action: str, data: Any) -> None:
        asks, bids, number = data[self._ASK], data[self._BID], _whole(data.get("seq"))
        if action == "snapshot":
            if source.overtaken(number, data):
                return
            self._replace(group, asks, bids)
            self._mark(group, "live", ws=source.ws)
        elif action != "update":
            raise ValueError(f"an action {action!r}")
        elif self._states.get(group) != "live":
            self._wait(group, source)
            return
        elif number == source.number and data == source.last:
            return
        elif not _follows(source.number, number, _whole(data.get("pseq"))):
            self._again(group, source, f"changes between number {source.number} and number {number} are missing")
            return
        else:
            self._levels(group, asks, bids)
        source.number, source.last = number, data
        checksum = int(data.get("checksum") or 0)  # 0 = none; of the other channels nobody says what it covers
        if checksum and source.arg[self._CHANNEL] == "books" and (checksum - self._sum(group)) % 2**32:
            self._again(group, source, "the checksum differs")

    def _sum(self, group: tuple[Any, ...]) -> int:
        """Return the checksum of the best levels, spelled as they came."""
        sides = self.sorted(dict(zip(self._GROUP, group, strict=True)), _SUMMED)
        levels = [row for pair in zip_longest(sides[self._BID], sides[self._ASK]) for row in pair if row]
        return crc32(":".join(f"{row[self._PRICE]}:{row[self._SIZE]}" for row in levels).encode())

    def _wait(self, group: tuple[Any, ...], source: _Source) -> None:
        """Take note of a change without a snapshot before it."""
        source.early += 1
        if source.early == _PATIENCE and self._states.get(group) != "syncing":
            self._again(group, source, "the snapshot is missing")

    def _again(self, group: tuple[Any, ...], source: _Source, reason: str) -> None:
        """Give the book up and ask for a new snapshot: subscribing anew brings one."""
        self._resync(
            group, reason, source.ws, [{"op": op, "args": [source.arg]} for op in ("unsubscribe", "subscribe")]
        )

    def _claim(self, group: tuple[Any, ...], arg: dict[str, Any], ws: Any) -> _Source | None:
        """Return the new source of a book that nobody keeps right; ``None``, with one warning, if somebody does."""
        if not all(isinstance(name, str) for name in group):
            raise TypeError(f"no names of a book: {group!r}")
        if group in self._sources and self._states.get(group, "stale") != "stale":
            if arg not in self._ignored:
                self._ignored.append(arg)
                logger.warning("%s: ignored, a store keeps one book of an instrument; use another store for it", arg)
            return None
        source = self._sources[group] = _Source(arg, ws)
        return source


class OrderBookV1(OrderBook):
    """The order book of each instrument of V1, by the same rules; spot and futures have the same names there.

    Attributes:
        timestamp: Always ``None``.

    https://bitgetlimited.github.io/apidoc/en/mix/#depth-channel
    """

    _GROUP = ("instId",)
    _PRICE, _SIZE = "px", "sz"
    timestamp: None = None


class OrderBookV3(OrderBook):
    """The order book of each instrument of V3, by the same rules.

    https://www.bitget.com/api-doc/uta/websocket/public/Order-Book-Channel
    """

    _GROUP = ("instType", "symbol")
    _ASK, _BID = "a", "b"
    _SIZE = "size"
    _CHANNEL = "topic"


def _follows(last: int | None, number: int | None, before: int | None) -> bool:
    """Tell whether a change comes right after the message of number `last`, as far as numbers tell.

    Args:
        last: ``None`` where Bitget does not number the messages.
        number: Of the change.
        before: What it says was the number before it.
    """
    return last is None or (number is not None and number > last and before in (None, last))


def _whole(number: Any) -> int | None:
    """Return a number of a message, which comes as a text or as a number, or not at all.

    Raises:
        ValueError: It is something else.
    """
    if number is None or type(number) is int:
        return number
    if isinstance(number, str) and number.isdecimal():
        return int(number)
    raise ValueError(f"not a sequence number: {number!r}")
