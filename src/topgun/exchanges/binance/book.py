"""The order books of Binance: snapshots by HTTP, numbered changes by stream."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import InitializeError
from ...store import BookStore, StoreChange
from .shapes import depth_of, payload, rest_of

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["OrderBook", "PartialDepth"]

_WAITING = 8000  # changes kept of a book that waits for its snapshot
_RECENT = 600  # changes kept of a book that is live, a minute's worth: a new snapshot is older than the last of them
_USUAL = 1000  # levels asked for
_GRACE = 1.0  # s in which the user may initialize a new book before topgun does
_BANNED = -1003  # too many requests


class _Line:
    """How far one book has come.

    Attributes:
        ws: The socket that its last change came from.
        heard: Whether there was any change yet.
        last: The number of the last change that is in the book; ``None`` = there is no book.
        number: The number of the last change that was heard.
        time: When that was, in ms.
        passed: How many changes in a row were older than the book.
        recent: The last changes.
        limit: How many levels to ask for.
    """

    __slots__ = ("heard", "last", "limit", "number", "passed", "recent", "time", "ws")

    def __init__(self) -> None:
        self.ws: Any = None
        self.heard = False
        self.last: int | None = None
        self.number = 0
        self.time = 0.0
        self.passed = 0
        self.recent: deque[Item] = deque(maxlen=_WAITING)
        self.limit: int | str = _USUAL


class OrderBook(BookStore):
    """The order book of each symbol.

    Changes are kept until a snapshot comes, then those that are newer are applied. Each covers the numbers after
    ``pu`` (futures) or from ``U`` (spot) to ``u``, and must begin where the book ends. If it does not, if it cannot
    be read, or if the numbers start anew, the book is given up and a snapshot is fetched. So it is for a new book that
    nobody has initialized within a second.

    Attributes:
        initialized: Whether there is a snapshot of a symbol. See `state` for whether the book is right.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
    """

    _GROUP = ("s",)
    _SIDE, _ASK, _BID = "S", "a", "b"
    _PRICE, _SIZE = "p", "q"

    def _init(self) -> None:
        self.initialized: defaultdict[str, bool] = defaultdict(bool)
        self._lines: defaultdict[tuple[str], _Line] = defaultdict(_Line)

    # --- the stream ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = payload(msg)
        group = (data["s"],)
        if not isinstance(data["s"], str):
            raise TypeError("a change of no symbol")
        line = self._lines[group]
        try:
            self._hear(group, line, data, ws)
        except Exception:
            line.recent.clear()
            self._again(group, line, "a message cannot be read", ws)
            raise

    def _hear(self, group: tuple[str], line: _Line, data: Item, ws: Any) -> None:
        before, number = _numbers(data)
        fault = _anew(line, data, number) or _missing(line, before)
        if fault:
            line.recent.clear()
        line.recent.append(data)
        if line.last is None:
            self._await_snapshot(group, line, ws)
        elif fault:
            self._again(group, line, fault, ws)
        else:
            while len(line.recent) > _RECENT:
                line.recent.popleft()
            self._advance(group, line, data, number)
            if line.ws is not ws or self._states.get(group) != "live":
                line.ws, line.heard = ws, True
                self._mark(group, "live", ws=ws)

    def _advance(self, group: tuple[str], line: _Line, data: Item, number: int) -> None:
        """Apply a change that fits, unless the book holds it already."""
        if line.last is not None and number <= line.last:
            line.passed += 1
            return
        self._levels(group, data["a"], data["b"])
        line.last, line.passed = number, 0

    def _await_snapshot(self, group: tuple[str], line: _Line, ws: Any) -> None:
        if line.heard and line.ws is ws and self._states.get(group) == "syncing":
            return
        line.ws, line.heard = ws, True
        self._mark(group, "syncing", "waiting for a snapshot", ws)
        if self.heal and ws is not None and rest_of(ws.url) is not None:
            done = partial(self._is_synced, group)
            ws.request_snapshot((id(self), group), [partial(self._fetch, group, ws, _GRACE)], done)

    def _is_synced(self, group: tuple[str]) -> bool:
        return self._states[group] != "syncing"

    # --- snapshots ---

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        symbol = url.query.get("symbol")
        if symbol:
            self._restore((symbol,), data)
            self._lines[symbol,].limit = url.query.get("limit", _USUAL)
        return bool(symbol)

    def _restore(self, group: tuple[str], data: Item) -> None:
        """Begin anew with a snapshot, and apply the changes that are newer.

        Raises:
            TypeError: It is no snapshot; likewise for the other errors.
            KeyError: A part of it is missing.
            ValueError: A number of it is none.
        """
        line, number, asks, bids = self._lines[group], data["lastUpdateId"], data["asks"], data["bids"]
        if type(number) is not int:
            raise TypeError(f"no number of a snapshot: {number!r}")
        newer = [change for change in line.recent if change["u"] > number]
        if newer and (before := _numbers(newer[0])[0]) > number:
            if line.last is None:
                self._again(group, line, f"the snapshot {number} is too old, changes begin after {before}", line.ws)
            return  # else the book itself is newer, and right
        self._replace(group, asks, bids)
        self.initialized[group[0]] = True
        line.last, line.passed = number, 0
        line.recent = deque(newer, maxlen=_WAITING)
        if fault := self._replay(group, line):
            self._again(group, line, fault, line.ws)
        elif line.heard:
            self._mark(group, "live", ws=line.ws)
        else:
            self._mark(group, "syncing", "waiting for the first change")

    def _replay(self, group: tuple[str], line: _Line) -> str:
        """Apply the changes that were kept; return what is wrong with them, or nothing."""
        for change in line.recent:
            before, number = _numbers(change)
            if fault := _missing(line, before):
                return fault
            try:
                self._advance(group, line, change, number)
            except (LookupError, TypeError, ValueError):
                line.recent.clear()
                return "a message that was kept cannot be read"
        return ""

    def _again(self, group: tuple[str], line: _Line, reason: str, ws: Any) -> None:
        """Give the book up and fetch a snapshot."""
        line.last, line.ws, line.heard = None, ws, True
        self.initialized[group[0]] = False
        fetch = () if ws is None or rest_of(ws.url) is None else (partial(self._fetch, group, ws),)
        self._resync(group, reason, ws, fetch)

    async def _fetch(self, group: tuple[str], ws: Any, grace: float = 0.0) -> None:
        """Fetch a snapshot, unless somebody else does so within `grace` seconds.

        Fetches take turns, so each takes the time that keeps them well below the limits of Binance together.
        """
        line = self._lines[group]
        if grace:
            await ws.clock.sleep(grace)
        if line.last is not None:
            return
        url, params = f"{rest_of(ws.url)}/depth", {"symbol": group[0], "limit": line.limit}
        data = await ws.requester.request_json("GET", url, params=params, auth=None)
        if not isinstance(data, dict) or "lastUpdateId" not in data:
            if isinstance(data, dict) and data.get("code") == _BANNED:
                await ws.clock.sleep(60.0)
            raise InitializeError(url, data)
        self._restore(group, data)
        await ws.clock.sleep(1.0 if int(line.limit) <= _USUAL else 5.0)

    def _announce(self, changes: list[StoreChange] | None) -> None:
        """Announce changes; the source of one that takes a level away is its price, without a size."""
        super()._announce(changes and [_sourced(each) for each in changes])


class PartialDepth(BookStore):
    """The first levels of each book, from the streams ``<symbol>@depth5``, ``10``, ``20``: each message is all of it.

    The streams are told apart by their names, so they need a combined connection, or a URL that names the stream.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#partial-book-depth-streams
    """

    _GROUP = ("s", "levels")
    _SIDE, _ASK, _BID = "S", "a", "b"
    _PRICE, _SIZE = "p", "q"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        _, symbol, levels = depth_of(msg["stream"])
        data, group = msg["data"], (symbol, levels)
        asks, bids = ("asks", "bids") if "asks" in data else ("a", "b")
        self._replace(group, data[asks], data[bids])
        self._mark(group, "live", ws=ws)


def _sourced(change: StoreChange) -> StoreChange:
    if change.operation != "delete" or change.source is None or change.source is change.data:
        return change
    return replace(change, source={name: value for name, value in change.source.items() if name != "q"})


def _numbers(data: Item) -> tuple[int, int]:
    """Return the number that a change follows, and its own last number.

    Raises:
        ValueError: It has no such numbers.
    """
    before, number = data["pu"] if "pu" in data else data["U"] - 1, data["u"]
    if type(before) is not int or type(number) is not int or before > number:
        raise ValueError(f"not numbers of a change: {before!r:.40} to {number!r:.40}")
    return before, number


def _missing(line: _Line, before: int) -> str:
    """Return what is missing between a book and a change, or nothing."""
    gap = line.last is not None and before > line.last
    return f"changes between {line.last} and {before} are missing" if gap else ""


def _anew(line: _Line, data: Item, number: int) -> str:
    """Return how the numbers have begun anew, or nothing: a later change has a lower number, or far too many have."""
    time, fell = data.get("E"), line.passed > _RECENT
    if isinstance(time, int) and time > line.time:
        fell = fell or (number < line.number and line.time > 0)
        line.number, line.time = number, float(time)
    if fell:
        line.passed = 0
    return f"the numbers have begun anew with {number}" if fell else ""
