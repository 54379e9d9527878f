"""The order book of OKX: whose book it is, its changes, and how it gets a new snapshot."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ...store import BookStore
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["OrderBook", "logger"]

logger = logging.getLogger("topgun.exchanges.okx")

_HELD = 5_000  # changes kept while a snapshot is on its way
_DEPTHS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50}  # channels whose book HTTP has as well
_DEMO = "pap.okx.com"  # how the sockets of demo trading end
_REST = {
    "ws.okx.com": "www.okx.com",
    "wspap.okx.com": "www.okx.com",
    "wsaws.okx.com": "aws.okx.com",
    "wseea.okx.com": "eea.okx.com",
    "wseeapap.okx.com": "eea.okx.com",
    "wsus.okx.com": "us.okx.com",
    "wsuspap.okx.com": "us.okx.com",
}


class _Change(NamedTuple):
    before: Any
    number: Any
    asks: Any
    bids: Any


class _Source:
    """Whose book it is: what was subscribed to, on which socket; how far it is, and what waits for a snapshot.

    Attributes:
        heard: Number and time of the last message that counted.
    """

    __slots__ = ("arg", "chain", "channel", "heard", "held", "ws")

    def __init__(self, arg: Item, ws: Any) -> None:
        self.arg = arg
        self.channel: str = arg["channel"]
        self.ws = ws
        self.chain = Chain()
        self.held: deque[_Change] = deque(maxlen=_HELD)
        self.heard: tuple[Any, Any] = (None, None)

    def overtaken(self, number: Any, time: Any) -> bool:
        """Tell a snapshot that is older than what was heard, both by number and by time: a new count begins low."""
        last, since = self.heard
        return last is not None and number is not None and number < last and int(time) < int(since)

    def forget(self) -> None:
        """Wait for the next snapshot. One that is on its way already does not count: it looks for `held`."""
        self.chain.forget()
        self.held = deque(maxlen=_HELD)

    def hold(self, change: _Change) -> None:
        """Keep a change until there is a snapshot; where numbers do not follow, what was before is of no use."""
        if change.number < change.before:
            self.forget()
            return
        if self.held and self.held[-1].number != change.before:
            self.forget()
        self.held.append(change)


class OrderBook(BookStore):
    """The order book of each instrument, of the channel (``books``, ``books5``, ``books-l2-tbt``...) that sends it.

    Each change names the number of the one before. After a gap, or a message that cannot be read, the channel is
    subscribed to anew, which brings a snapshot; if none comes, it is fetched by HTTP. A snapshot of another channel or
    socket takes the book over; changes of another one are ignored. ``checksum`` is not looked at: it is always 0.

    Attributes:
        checksum: The last ``checksum`` of each instrument, as it came.
        ts: The time of the last message, in ms.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
    """

    _GROUP = ("instId",)
    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "px", "sz"
    _MORE = ("liqSz", "ordSz")

    def _init(self) -> None:
        self.checksum: dict[str, Any] = {}
        self.ts: str | None = None
        self._sources: dict[tuple[str], _Source] = {}
        self._told: set[tuple[str, str]] = set()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        arg, action = msg["arg"], msg.get("action", "snapshot")
        group = (arg["instId"],)
        source = self._sources.get(group)
        if source is None or source.ws is not ws or source.channel != arg["channel"]:
            source = self._claim(group, arg, ws, action)
            if source is None:
                return
        try:
            for data in msg["data"]:
                self._advance(group, source, action, data)
        except Exception:
            if self._sources.get(group) is source:
                self._again(group, source, "a message cannot be read")
            raise

    def unsubscribed(self, arg: Any, ws: Any) -> None:
        """Know that a channel sends no more. A book that waits for a snapshot has asked for that itself."""
        for group, source in self._sources.items():
            if source.ws is ws and source.arg == arg and self._states.get(group) == "live":
                self._mark(group, "stale", "unsubscribed")

    def _advance(self, group: tuple[str], source: _Source, action: str, data: Item) -> None:
        asks, bids, number, time = data["asks"], data["bids"], data.get("seqId"), data.get("ts", self.ts)
        if action == "update":
            self._change(group, source, _Change(data["prevSeqId"], number, asks, bids))
        elif action == "snapshot":
            if source.overtaken(number, time):
                return
            source.chain.snapshot(number)
            self._replace(group, asks, bids)
            self._sources[group] = source
            self._mark(group, "live", ws=source.ws)
        else:
            raise ValueError(f"an action {action!r}")
        source.heard, self.ts = (number, time), time
        if "checksum" in data:
            self.checksum[group[0]] = data["checksum"]

    def _change(self, group: tuple[str], source: _Source, change: _Change) -> None:
        known = source.chain.last
        verdict = source.chain.update(change.before, change.number)
        if verdict == "apply":
            self._levels(group, change.asks, change.bids)
            return
        if verdict == "gap":
            self._again(group, source, f"changes between number {known} and {change.before} are missing")
        if verdict != "drop":
            source.hold(change)

    def _claim(self, group: tuple[str], arg: Item, ws: Any, action: str) -> _Source | None:
        """Return the new source of a book; ``None`` for changes of a book that somebody else keeps right.

        A snapshot takes such a book over, once it has been read. Who begins with changes has sent no snapshot.
        """
        if not isinstance(group[0], str):
            raise TypeError(f"not an instrument: {group[0]!r}")
        source = _Source(arg, ws)
        if group not in self._sources or self._states.get(group, "stale") == "stale":
            self._sources[group] = source
            if action == "update":
                fetch = self._fetch(group, source, at_once=True)
                messages = _anew(arg) if fetch is None else [fetch]
                self._resync(group, "changes come without a snapshot", ws, messages)
            return source
        if (source.channel, *group) not in self._told:
            self._told.add((source.channel, *group))
            text = "%s %s: a store keeps one book of an instrument, and %s has it; use another store for this one"
            logger.warning(text, source.channel, *group, self._sources[group].channel)
        return source if action == "snapshot" else None

    # --- a new snapshot ---

    def _again(self, group: tuple[str], source: _Source, reason: str) -> None:
        """Give the book up and subscribe anew, which brings a snapshot; from the second time on fetch one as well."""
        source.forget()
        fetch = self._fetch(group, source, at_once=False)
        self._resync(group, reason, source.ws, [*_anew(source.arg), *([fetch] if fetch else [])])

    def _fetch(self, group: tuple[str], source: _Source, *, at_once: bool) -> Callable[[], Awaitable[None]] | None:
        """Return what fetches a snapshot by HTTP, `at_once` or from the second call on; ``None`` if there is none."""
        ws, depth = source.ws, _DEPTHS.get(source.channel)
        host = None if ws is None else _REST.get(ws.url.host)
        if host is None or depth is None:
            return None
        ready = at_once

        async def fetch() -> None:
            nonlocal ready
            held, late, ready = source.held, not ready, True
            if late:
                return
            told = await ws.requester.request_json(
                "GET",
                f"https://{host}/api/v5/market/books",
                params={"instId": group[0], "sz": str(depth)},
                headers={"x-simulated-trading": "1"} if ws.url.host.endswith(_DEMO) else {},
                auth=None,
            )
            if source.held is held and source.chain.last is None and self._sources[group] is source:
                self._join(group, source, told["data"][0])

        return fetch

    def _join(self, group: tuple[str], source: _Source, data: Item) -> None:
        """Take a snapshot that came by HTTP and apply what was held; if it is older than that, wait for the next."""
        number = int(data["seqId"])
        changes = [change for change in source.held if change.number > number]
        if changes and changes[0].before > number:
            return
        try:
            self._replace(group, data["asks"], data["bids"])
            source.chain.snapshot(number, joining=True)
            if not changes:  # then it is the latest that is known: what the channel sent before it is old
                source.heard = (number, data["ts"])
            for change in changes:
                source.chain.update(change.before, change.number)
                self._levels(group, change.asks, change.bids)
        except Exception:
            self._again(group, source, "a change that was held cannot be read")
            raise
        source.held.clear()
        self._mark(group, "live", ws=source.ws)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        """Take a book by HTTP where no stream keeps it right; it is stale, as it does not go on."""
        group = (url.query["instId"],)
        for book in data["data"]:
            if self._states.get(group, "stale") == "stale":
                self._replace(group, _full(book["asks"]), _full(book["bids"]))
                self._mark(group, "stale", "came by HTTP, and no stream goes on from it")
                self.ts = book.get("ts", self.ts)


def _anew(arg: Item) -> list[Any]:
    return [{"op": op, "args": [arg]} for op in ("unsubscribe", "subscribe")]


def _full(levels: Iterable[Any]) -> list[Any]:
    """Return levels of four values: those of ``/market/books-full`` lack the third, which is always "0"."""
    return [[*level[:2], "0", *level[2:]] if len(level) == 3 else level for level in levels]
