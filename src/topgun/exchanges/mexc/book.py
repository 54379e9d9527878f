"""The order books of both markets: snapshots by HTTP, numbered changes by stream; or whole books, again and again."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import InitializeError
from ...store import BookStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["OrderBook"]

_WAITING = 8000  # changes kept of a book that waits for its snapshot
_PASSED = 600  # changes in a row that are older than the book: after so many its numbers have begun anew
_GRACE = 1.0  # s in which the user may initialize a new book before topgun does
_PAUSE = 0.2  # s between two snapshots of a connection; MEXC takes 20 in 2 s
_SPOT = "https://api.mexc.com/api/v3/depth"
_CONTRACT = "https://api.mexc.com/api/v1/contract/depth/"


class _Line:
    """How far one book has come.

    Attributes:
        ws: The socket that its last message came from.
        heard: Whether there was any message yet.
        last: The number of the last change that is in the book; ``None`` = there is no book.
        passed: How many changes in a row were older than the book.
        kept: The changes that wait for a snapshot.
        spelled: The prices of each side as they were sent first, by number.
    """

    __slots__ = ("heard", "kept", "last", "passed", "spelled", "ws")

    def __init__(self) -> None:
        self.ws: Any = None
        self.heard = False
        self.last: int | None = None
        self.passed = 0
        self.kept: deque[_Change] = deque(maxlen=_WAITING)
        self.spelled: tuple[dict[float, Any], dict[float, Any]] = ({}, {})


class _Change:
    """A change of a book: it covers the numbers from `first` to `last`.

    Raises:
        KeyError: A part of it is missing; likewise for the other errors.
        TypeError: A number of it is none.
        ValueError: Likewise.
    """

    __slots__ = ("asks", "bids", "first", "last")

    def __init__(self, data: Item) -> None:
        if "fromVersion" in data:
            first, last = data["fromVersion"], data["toVersion"]
        else:  # several changes that MEXC has put together have both ends
            last = data.get("end", data["version"])
            first = data.get("begin", last)
        self.first, self.last = _number(first), _number(last)
        if self.first > self.last:
            raise ValueError(f"not numbers of a change: {first!r:.40} to {last!r:.40}")
        self.asks, self.bids = data["asks"], data["bids"]


class OrderBook(BookStore):
    """The order book of each symbol; spot and contracts never have the same one.

    Changes are kept until a snapshot comes, then those that are newer are applied. Each must begin where the book
    ends. If it does not, or cannot be read, the book is given up and a snapshot is fetched. So it is for a new book
    that nobody has initialized within a second. Whole books (``limit.depth``, ``push.depth.full``) replace all rows: do
    not mix them with changes of the same symbol.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _SIZE = "quantity"
    _MORE = ("count",)

    def _init(self) -> None:
        self._lines: defaultdict[tuple[str], _Line] = defaultdict(_Line)

    # --- the stream ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = (msg["symbol"],)
        if not isinstance(msg["symbol"], str):
            raise TypeError("a book of no symbol")
        if "publicLimitDepths" in msg:
            self._take_whole(group, msg["publicLimitDepths"], ws)
        elif msg["channel"] == "push.depth.full":
            self._take_whole(group, msg["data"], ws)
        else:
            self._take_change(group, msg.get("publicAggreDepths") or msg["data"], ws)

    def _take_whole(self, group: tuple[str], data: Item, ws: Any) -> None:
        """Replace the book, unless an older one comes late."""
        line, number = self._lines[group], _number(data["version"])
        if line.last is None or line.ws is not ws or number >= line.last:
            self._begin(group, line, data)
            line.last, line.ws, line.heard = number, ws, True
            self._mark(group, "live", ws=ws)

    def _take_change(self, group: tuple[str], data: Item, ws: Any) -> None:
        line = self._lines[group]
        try:
            change = _Change(data)
            if line.last is None:
                line.kept.append(change)
                self._await_snapshot(group, line, ws)
            elif fault := self._advance(group, line, change):
                line.kept.append(change)
                self._again(group, line, fault, ws)
            elif line.ws is not ws or self._states.get(group) != "live":
                line.ws, line.heard = ws, True
                self._mark(group, "live", ws=ws)
        except Exception:
            line.kept.clear()
            self._again(group, line, "a message cannot be read", ws)
            raise

    def _advance(self, group: tuple[str], line: _Line, change: _Change) -> str:
        """Apply a change, unless the book holds it already; return what is wrong with it, or nothing."""
        assert line.last is not None  # noqa: S101  (callers know that there is a book)
        if change.last <= line.last:
            line.passed += 1
            return f"the numbers have begun anew with {change.last}" if line.passed > _PASSED else ""
        if change.first > line.last + 1:
            return f"changes between {line.last} and {change.first} are missing"
        asks, bids = map(_spelled, line.spelled, (change.asks, change.bids))
        self._levels(group, asks, bids)
        line.last, line.passed = change.last, 0
        return ""

    def _await_snapshot(self, group: tuple[str], line: _Line, ws: Any) -> None:
        if line.heard and line.ws is ws and self._states.get(group) == "syncing":
            return
        line.ws, line.heard = ws, True
        self._mark(group, "syncing", "waiting for a snapshot", ws)
        if self.heal and ws is not None:
            done = partial(self._is_synced, group)
            ws.request_snapshot((id(self), group), [partial(self._fetch, group, ws, _GRACE)], done)

    def _is_synced(self, group: tuple[str]) -> bool:
        return self._states[group] != "syncing"

    # --- snapshots ---

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        symbol = url.query.get("symbol") if url.name == "depth" else url.name
        if symbol:
            self._restore((symbol,), data)
        return bool(symbol)

    def _restore(self, group: tuple[str], data: Item) -> None:
        """Begin anew with a snapshot, and apply the changes that are newer; a book that is newer itself stays.

        Raises:
            TypeError: It is no snapshot; likewise for the other errors.
            KeyError: A part of it is missing.
            ValueError: A number of it is none.
        """
        line = self._lines[group]
        if "lastUpdateId" in data:
            number = _number(data["lastUpdateId"])
        else:
            data = data.get("data", data)  # older pages show answers that are nothing but the book
            number = _number(data["version"])
        if line.last is not None and number < line.last and self._states.get(group) == "live":
            return
        self._begin(group, line, data)
        line.last = number
        kept, line.kept = line.kept, deque(maxlen=_WAITING)
        if fault := self._replay(group, line, kept):
            self._again(group, line, fault, line.ws)
        elif line.heard:
            self._mark(group, "live", ws=line.ws)
        else:
            self._mark(group, "syncing", "waiting for the first change")

    def _begin(self, group: tuple[str], line: _Line, data: Item) -> None:
        spelled: tuple[dict[float, Any], dict[float, Any]] = ({}, {})
        asks, bids = map(_spelled, spelled, (data["asks"], data["bids"]))
        self._replace(group, asks, bids)
        line.spelled, line.passed = spelled, 0

    def _replay(self, group: tuple[str], line: _Line, kept: deque[_Change]) -> str:
        """Apply the changes that were kept; return what is wrong with them, or nothing."""
        while kept:
            try:
                fault = self._advance(group, line, kept[0])
            except (LookupError, TypeError, ValueError):
                return "a message that was kept cannot be read"
            if fault:
                line.kept = kept
                return fault
            kept.popleft()
        line.passed = 0
        return ""

    def _again(self, group: tuple[str], line: _Line, reason: str, ws: Any) -> None:
        """Give the book up and fetch a snapshot."""
        line.last, line.passed, line.ws, line.heard = None, 0, ws, True
        self._resync(group, reason, ws, () if ws is None else (partial(self._fetch, group, ws),))

    async def _fetch(self, group: tuple[str], ws: Any, grace: float = 0.0) -> None:
        """Fetch a snapshot, unless somebody else does so within `grace` seconds. Fetches take turns."""
        if grace:
            await ws.clock.sleep(grace)
        if self._lines[group].last is not None:
            return
        [symbol] = group
        if "_" in symbol:
            url, params = f"{_CONTRACT}{symbol}", {}
        else:
            url, params = _SPOT, {"symbol": symbol, "limit": 1000}
        data = await ws.requester.request_json("GET", url, params=params, auth=None)
        if not isinstance(data, dict) or not ("lastUpdateId" in data or data.get("success")):
            raise InitializeError(url, data)
        self._restore(group, data)
        await ws.clock.sleep(_PAUSE)


def _number(value: Any) -> int:
    """Return a number of a book, which spot sends as a text.

    Raises:
        TypeError: It is none; likewise for the other error.
        ValueError: Likewise.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"not a number of a book: {value!r:.40}")
    return int(value)


def _spelled(known: dict[float, Any], levels: Iterable[Any]) -> list[Any]:
    """Return levels as sequences, with the spelling of each price that is in use: "1.50" may come again as "1.5".

    Raises:
        KeyError: A part of a level is missing; likewise for the other errors.
        TypeError: It is no level.
        ValueError: A number of it is none.
    """
    told = []
    for level in levels:
        price, quantity, *count = (level["price"], level["quantity"]) if isinstance(level, dict) else level
        number = float(price)
        price = known.setdefault(number, price) if float(quantity) else known.pop(number, price)
        told.append((price, quantity, *count))
    return told
