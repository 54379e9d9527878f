"""The order books of KuCoin: whole books of some levels, and one of all levels by numbered changes."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import InitializeError
from ...store import BookStore
from .endpoint import FUTURES, SPOT
from .shapes import decimal, symbol_of, text
from .stream import accepted, is_keyless

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Depth", "OrderBook"]

_WAITING = 20_000  # changes kept of a book that waits for its snapshot
_PATIENCE = 10  # whole books in a row that are older than the one before
_PART = 100  # levels of each side, where only a part of the book can be had
_FEW = 20  # so few levels left of a part, and another one is fetched
_ENDLESS = (float("inf"), 0.0)  # the bounds of asks and bids where there are none
_FULL_SPOT, _PART_SPOT = f"{SPOT}/api/v3/market/orderbook/level2", f"{SPOT}/api/v1/market/orderbook/level2_100"
_FULL_FUTURES = f"{FUTURES}/api/v1/level2/snapshot"


class Depth(BookStore):
    """The first 5 or 50 levels of each book; every message is all of it.

    A message that cannot be read empties the book until the next one; one that is older than the last is left out,
    unless so many have been that KuCoin must have set its clock back.

    https://www.kucoin.com/docs-new/3470069w0
    https://www.kucoin.com/docs-new/3470083w0
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _MORE = ("timestamp",)

    def _init(self) -> None:
        self._last: dict[tuple[str], int] = {}  # the number of the last message (futures), or its time in ms
        self._late: dict[tuple[str], int] = {}  # messages left out since the last one that was not

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = (symbol_of(msg["topic"]),)
        try:
            data = msg["data"]
            time = _number(data["timestamp"])
            number = _number(data["sequence"]) if "sequence" in data else time
            if self._states.get(group) == "live" and number < self._last[group] and self._late[group] < _PATIENCE:
                self._late[group] += 1
                return
            self._replace(group, *([(price, size, time) for price, size in data[side]] for side in ("asks", "bids")))
        except Exception:
            self._resync(group, "a message cannot be read", ws)
            raise
        self._last[group], self._late[group] = number, 0
        self._mark(group, "live", ws=ws)


class _Change(NamedTuple):
    """A message: numbers and levels; a level is price, size and, on spot, its own number."""

    first: int
    last: int
    time: int
    asks: list[Any]
    bids: list[Any]


class _Line:
    """How far one book has come.

    Attributes:
        last: The number up to which the book is right; ``None`` = there is no book.
        heard: The last message, whatever became of it.
        ws: The socket that it came from.
        kept: The messages since the last one that a snapshot was of no use for.
        bounds: The worst prices of a book that is but a part, asks and bids; ``None`` = it is all there is.
    """

    __slots__ = ("bounds", "heard", "kept", "last", "ws")

    def __init__(self) -> None:
        self.last: int | None = None
        self.heard: _Change | None = None
        self.ws: Any = None
        self.kept: deque[_Change] = deque(maxlen=_WAITING)
        self.bounds: tuple[float, float] | None = None


class OrderBook(BookStore):
    """The order book of each symbol of spot (``/market/level2``) and of futures (``/contractMarket/level2``).

    Changes are kept until a snapshot has been fetched; those that are newer are applied. Each carries the numbers
    after the one before. If one is missing or cannot be read, or the numbers begin anew, the book is given up and a
    snapshot is fetched again.

    KuCoin gives the whole book of spot to those with a key only. Without one the book is a part of it, 100 levels of
    each side at first: within its bounds it is right, beyond them there is nothing, and when few levels are left of a
    side another part is fetched.

    https://www.kucoin.com/docs-new/3470068w0
    https://www.kucoin.com/docs-new/3470082w0
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"

    def _init(self) -> None:
        self._lines: defaultdict[tuple[str], _Line] = defaultdict(_Line)
        self._keyless = False  # KuCoin has refused to give a whole book of spot

    # --- the stream ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = (symbol_of(msg["topic"]),)
        line = self._lines[group]
        try:
            change = _change_of(msg["data"])
        except Exception:
            line.kept.clear()
            self._again(group, line, "a message cannot be read", ws)
            raise
        if line.heard is not None and change.last < line.heard.last and change.time > line.heard.time:
            line.kept.clear()
            self._again(group, line, f"the numbers have begun anew with {change.first}", ws)
        line.heard = change
        try:
            self._hear(group, line, change, ws)
        except Exception:
            line.kept.clear()
            self._again(group, line, "a level cannot be read", ws)
            raise

    def _hear(self, group: tuple[str], line: _Line, change: _Change, ws: Any) -> None:
        if line.last is None:
            line.kept.append(change)
            if line.ws is not ws or self._states.get(group) != "syncing":
                self._begin(group, line, ws)
        elif change.first > line.last + 1:
            line.kept.clear()
            line.kept.append(change)
            self._again(group, line, f"changes between {line.last} and {change.first} are missing", ws)
        elif change.last > line.last:
            self._apply(group, line, change)
            if line.ws is not ws or self._states.get(group) != "live":
                line.ws = ws
                self._mark(group, "live", ws=ws)
            self._refill(group, line)

    def _apply(self, group: tuple[str], line: _Line, change: _Change) -> None:
        """Apply what is newer than the book, in the order of the numbers, and within the bounds."""
        sides, last = [change.asks, change.bids], line.last or 0
        if change.first <= last:
            sides = [[level for level in side if level[2] > last] for side in sides]
        if line.bounds is not None:
            highest, lowest = line.bounds
            sides = [
                [level for level in sides[0] if float(level[0]) <= highest],
                [level for level in sides[1] if float(level[0]) >= lowest],
            ]
        self._levels(group, *([level[:2] for level in side] for side in sides))
        line.last = change.last

    def _refill(self, group: tuple[str], line: _Line) -> None:
        """Fetch another part of the book if few levels are left of a side that has bounds."""
        if line.bounds is not None:
            sides = zip(self._book(group), line.bounds, _ENDLESS, strict=True)
            if any(len(side.sizes) < _FEW for side, bound, endless in sides if bound != endless):
                self._again(group, line, "few levels are left of the part that is known", line.ws)

    # --- snapshots ---

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._restore((url.query["symbol"],), data["data"], is_part=url.path.endswith("level2_100"))

    def _restore(self, group: tuple[str], data: Item, *, is_part: bool) -> None:
        """Begin anew with a snapshot, and apply the changes that are newer.

        Raises:
            TypeError: It is no snapshot; likewise for the other errors.
            KeyError: A part of it is missing.
            ValueError: A number or a level of it is none.
        """
        line, number = self._lines[group], _number(data["sequence"])
        newer = [change for change in line.kept if change.last > number]
        if (newer and newer[0].first > number + 1) or (line.last is not None and number < line.last):
            return  # it is older than what is known: a book goes on, else another snapshot is fetched
        known = max([number, *(change.last for change in newer)])
        if line.last is None and line.heard is not None and known < line.heard.last:
            return  # so is it if it lacks a message whose levels could not be read
        self._replace(group, data["asks"], data["bids"])
        line.last, line.bounds = number, _bounds(data) if is_part else None
        line.kept.clear()
        self._replay(group, line, newer)

    def _replay(self, group: tuple[str], line: _Line, kept: list[_Change]) -> None:
        """Apply the messages that were kept; those behind a gap are kept again."""
        for place, change in enumerate(kept):
            last = line.last or 0
            if change.first > last + 1:
                line.kept.extend(kept[place:])
                self._again(group, line, f"changes between {last} and {change.first} are missing", line.ws)
                return
            if change.last > last:
                self._apply(group, line, change)
        if line.heard is None:
            self._mark(group, "syncing", "waiting for the first change")
        else:
            self._mark(group, "live", ws=line.ws)
            self._refill(group, line)

    def _begin(self, group: tuple[str], line: _Line, ws: Any) -> None:
        """Fetch the first snapshot of a book."""
        line.ws = ws
        self._mark(group, "syncing", "waiting for a snapshot", ws)
        if self.heal and ws is not None:
            name, fetch = (id(self), group), partial(self._fetch, group, ws)
            ws.request_snapshot(name, [fetch], lambda: self._states[group] != "syncing")

    def _again(self, group: tuple[str], line: _Line, reason: str, ws: Any) -> None:
        """Give the book up and fetch a snapshot."""
        line.last, line.bounds, line.ws = None, None, ws
        self._resync(group, reason, ws, () if ws is None else (partial(self._fetch, group, ws),))

    async def _fetch(self, group: tuple[str], ws: Any) -> None:
        """Fetch a snapshot; of spot the whole book if there is a key, else a part of it."""
        futures, params = "-" not in group[0], {"symbol": group[0]}
        if futures or not self._keyless:
            url = _FULL_FUTURES if futures else _FULL_SPOT
            unsigned = {"auth": None} if futures else {}
            answer = await ws.requester.request_json("GET", url, params=params, **unsigned)
            if accepted(answer):
                self._restore(group, answer["data"], is_part=False)
                return
            if futures or not is_keyless(answer):
                raise InitializeError(url, answer)
            self._keyless = True
        answer = await ws.requester.request_json("GET", _PART_SPOT, params=params, auth=None)
        if not accepted(answer):
            raise InitializeError(_PART_SPOT, answer)
        self._restore(group, answer["data"], is_part=True)


def _change_of(data: Any) -> _Change:
    """Return what a message says, in the shape of both products.

    Raises:
        LookupError: A part of it is missing.
        TypeError: A part is not what it should be; likewise ValueError.
    """
    if "change" in data:
        price, side, size = text(data["change"]).split(",")
        number, level = _number(data["sequence"]), [(price, size)]
        if side not in ("buy", "sell"):
            raise ValueError(f"neither buy nor sell: {side:.40}")
        sides = ([], level) if side == "buy" else (level, [])
        return _Change(number, number, _number(data["timestamp"]), *sides)
    first, last = _number(data["sequenceStart"]), _number(data["sequenceEnd"])
    if first > last:
        raise ValueError(f"not numbers of a message: {first} to {last}")
    changes = data["changes"]
    return _Change(first, last, _number(data["time"]), _numbered(changes["asks"]), _numbered(changes["bids"]))


def _numbered(levels: Any) -> list[Any]:
    """Return price, size and number of each level, in the order of the numbers; the price 0 only takes a number."""
    found = [(price, size, _number(number)) for price, size, number in levels if price != "0"]
    return sorted(found, key=itemgetter(2)) if len(found) > 1 else found


def _number(value: Any) -> int:
    """Return a whole number, which REST and the levels of spot spell as a text."""
    if isinstance(value, str):
        return int(value)
    if type(value) is not int:
        raise TypeError(f"not a whole number: {value!r:.40}")
    return value


def _bounds(data: Item) -> tuple[float, float] | None:
    """Return the worst prices of a snapshot that is a part of the book; ``None`` if it is all there is."""
    asks, bids = ([float(decimal(level[0])) for level in data[side]] for side in ("asks", "bids"))
    highest, lowest = _ENDLESS
    if len(asks) >= _PART:
        highest = max(asks)
    if len(bids) >= _PART:
        lowest = min(bids)
    return None if (highest, lowest) == _ENDLESS else (highest, lowest)
