"""The order book of Coincheck: the documented one without numbers, and the numbered one of the limit range."""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

from ...store import BookStore
from .source import Change, Source, both_sides, is_numbered, whole

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester

__all__ = ["OrderBook"]

logger = logging.getLogger("topgun.exchanges.coincheck")

_SNAPSHOT = "https://coincheck.com/api/order_books"


class OrderBook(BookStore):
    """The order book of each pair, in whichever of two forms a socket tells it first.

    Both begin with a REST answer, which the store asks for as soon as it has heard a first change.

    ``PAIR-orderbook`` has no numbers, so nothing shows a lost message. Its changes are applied also before there is a
    snapshot. The latest ones are applied to it once more: of the levels that it names, a stream knows best.

    ``PAIR-limit-range-orderbook`` is numbered, but nobody says that the numbers have no gaps. Its changes are kept
    until there is a snapshot that is not older than the first of them, and are applied from its number on. It is not
    documented.

    Attributes:
        last_update_at: The time of the latest message of whichever pair, in s as text.
        initialized: Which pairs have had a numbered snapshot on this connection.

    https://coincheck.com/documents/exchange/api#websocket-order-book
    """

    _GROUP = ("pair",)
    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "rate", "amount"

    def _init(self) -> None:
        self.last_update_at: str | None = None
        self.initialized: defaultdict[str, bool] = defaultdict(bool)
        self._numbers: dict[str, int] = {}  # of the last change in the rows of a numbered book
        self._sources: dict[str, Source] = {}
        self._ignored: set[tuple[str, bool]] = set()

    # --- changes ---

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        pair, data = msg
        source = self._sources.get(pair)
        try:
            numbered = is_numbered(data)
            if source is None or source.numbered is not numbered or source.ws is not ws:
                source = self._claim(pair, ws, numbered=numbered)
                if source is None:
                    return
            begins = source.base is None
            (self._count if numbered else self._follow_up)(pair, source, data)
        except Exception:
            if source is not None and source.ws is ws:
                source.lose(data)
                self._race.note((pair,))
                self._again(pair, source, "a message cannot be read")
            raise
        if begins:
            self._begin(pair, source)

    def _claim(self, pair: str, ws: Any, *, numbered: bool) -> Source | None:
        """Return the new source of a book that nobody tells; ``None``, with one warning, if somebody does."""
        known = self._sources.get(pair)
        if known is not None and known.ws is not None and known.alive:
            if (pair, numbered) not in self._ignored:
                self._ignored.add((pair, numbered))
                logger.warning("%s: a second stream of this book is ignored; use another store for it", pair)
            return None
        if known is not None:  # its snapshot was not for this connection
            self.initialized[pair] = False
        source = self._sources[pair] = Source(ws, numbered=numbered)
        self._race.note((pair,))
        self._mark((pair,), "stale", "no snapshot yet", ws)
        return source

    def _count(self, pair: str, source: Source, data: Any) -> None:
        """Take a change with a number."""
        number, last = whole(data["sequence_number"]), source.last
        if source.base is None:
            source.base = number - 1
            if self.initialized[pair] and self._numbers[pair] >= source.base:  # nothing happened in between
                source.rest(self._numbers[pair])
                self._go_live(pair, source)
        verdict = source.judge(number)
        if verdict == "known":
            return
        change = Change(number, *both_sides(data), data.get("last_update_at"))
        if verdict == "next" and self.initialized[pair] and number > self._numbers[pair]:
            self._apply(pair, change)
        else:
            change.check()
        source.keep(change)
        if verdict == "anew":
            source.recount()
            self._again(pair, source, f"the numbers begin anew at {number}")
        elif verdict == "late" and number > source.base and self._states[pair,] == "live":
            self._again(pair, source, f"change {number} came after {last}")
        elif verdict == "next" and 0 < last < number - 1:
            logger.debug("%s: after change %s came %s", pair, last, number)

    def _follow_up(self, pair: str, source: Source, data: Any) -> None:
        """Take a change without a number."""
        change = Change(1, data["asks"], data["bids"], data.get("last_update_at"))
        if self._states[pair,] == "syncing":
            change.check()
        else:
            self._apply(pair, change)
        source.base = 0
        source.keep(change)

    def _apply(self, pair: str, change: Change) -> None:
        self._levels((pair,), change.asks, change.bids)
        self._known(pair, change)

    def _known(self, pair: str, change: Change) -> None:
        self._numbers[pair] = change.number
        self.last_update_at = change.at or self.last_update_at

    # --- snapshots ---

    def _begin(self, pair: str, source: Source) -> None:
        """Ask for a snapshot, as a first change has come."""
        if self.heal and source.ws is not None and not source.begun:
            ask = partial(self._fetch, pair, source)
            source.ws.request_snapshot((id(self), (pair,)), [ask], lambda: source.begun)

    def _again(self, pair: str, source: Source, reason: str) -> None:
        """Give the book up and ask for a new snapshot."""
        self.initialized[pair] = False
        self._resync((pair,), reason, source.ws, [partial(self._fetch, pair, source)])

    def _go_live(self, pair: str, source: Source) -> None:
        source.begun = True
        self._mark((pair,), "live", ws=source.ws)

    async def _fetch(self, pair: str, source: Source) -> None:
        """Get a snapshot; unsigned, so that no nonce of the account is used up for it."""
        params = {"pair": pair, "version": "1.0"} if source.numbered else {"pair": pair}
        log = self._race.begin()
        try:
            data = await source.ws.requester.request_json("GET", _SNAPSHOT, params=params, auth=None)
            with self._race.answering(log):
                self._start(pair, data)
        finally:
            self._race.end(log)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._start(url.query.get("pair") or data.get("pair") or "btc_jpy", data)

    def _start(self, pair: str, data: Any) -> None:
        """Take a snapshot."""
        numbered = is_numbered(data)
        source = self._sources.get(pair)
        if source is not None and not source.alive:
            del self._sources[pair]
            source = None
        if source is not None and source.numbered is not numbered:
            logger.warning("%s: a snapshot of the other form is ignored (version=1.0 is for the limit range)", pair)
            return
        if numbered:
            snapshot = Change(whole(data["sequence_number"]), *both_sides(data), data.get("last_update_at"))
        else:
            snapshot = Change(0, data["asks"], data["bids"], None)
        fits = source is not None and source.base is not None and snapshot.number >= source.base
        if not numbered and self._race.overtook((pair,)):  # asked for before all that its stream has told
            fits = False
        if not fits and self._states.get((pair,), "stale") != "stale":
            logger.debug("%s: snapshot %s is too old", pair, snapshot.number)
            return
        self._replace((pair,), snapshot.asks, snapshot.bids)
        self._known(pair, snapshot)
        self.initialized[pair] = numbered
        if source is not None and (since := source.after(snapshot.number)) is not None:
            self._apply(pair, since)
        if source is not None and fits:
            if numbered:
                source.rest(snapshot.number)
            self._go_live(pair, source)
        else:
            self._mark((pair,), "stale", "not the snapshot of an open stream")
