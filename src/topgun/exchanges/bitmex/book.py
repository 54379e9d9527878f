"""The order book of BitMEX: rows with ids, begun by a partial and carried on without numbers."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from ...store import RowBook
from .._rows import rows_of

if TYPE_CHECKING:
    from ...typedefs import Item

__all__ = ["OrderBook", "logger"]

logger = logging.getLogger("topgun.exchanges.bitmex")

_DOUBT = 10  # messages in a row after which the best bid is not below the best ask: one that took a level away was lost


class _Source(NamedTuple):
    """Who keeps a book right: a table of the wire on a socket, and the topic that it was subscribed by."""

    wire: str
    ws: Any
    topic: str


class OrderBook(RowBook):
    """The order book of each symbol, from ``orderBookL2`` or ``orderBookL2_25``.

    There is neither a number nor a checksum: within a connection the order of the messages is all there is. So a
    partial replaces the book, nothing is taken before it, and the last partial says which of the two tables goes on.
    A change of a level that is not there, two levels at one price, a row that cannot be read, or a book that stays
    crossed show that a message is missing: the topic is subscribed to anew, which brings a partial. A book that begins
    crossed may stay so.

    https://www.bitmex.com/app/wsAPI#OrderBookL2
    """

    _GROUP = ("symbol",)
    _ID = "id"
    _SIDE, _ASK, _BID = "side", "Sell", "Buy"
    _PRICE, _SIZE = "price", "size"

    def _init(self) -> None:
        self._sources: dict[tuple[str], _Source] = {}
        self._ignored: set[tuple[str, str]] = set()
        self._crossed: dict[tuple[str], float] = {}  # for how many messages each book has been crossed

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        action, wire = msg["action"], msg["table"]
        symbol = msg["filter"].get("symbol") if action == "partial" else None
        if symbol is not None:  # even if it cannot be read: this is who tells the book from now on
            self._sources[symbol,] = _Source(wire, ws, f"{wire}:{symbol}")
        try:
            levels = _by_symbol(_levels(msg, whole=action in ("partial", "insert")))
            if action == "partial":
                self._begin(levels, symbol, wire, ws)
            else:
                for each, rows in levels.items():
                    self._carry_on((each,), action, rows, wire, ws)
        except Exception:
            self._doubt(wire, ws)
            raise

    def release(self, topic: str, ws: Any) -> None:
        """Mark the books stale that nobody carries on any more, since `topic` was unsubscribed from on `ws`."""
        for group, source in self._sources.items():
            if (source.topic, source.ws) == (topic, ws) and self._states.get(group) == "live":
                self._mark(group, "stale", "unsubscribed")

    def _begin(self, levels: dict[str, list[Item]], symbol: str | None, wire: str, ws: Any) -> None:
        """Begin the books that a partial covers: that of its symbol, or all; one without rows is empty."""
        covered = [symbol] if symbol is not None else [each for (each,) in self._sources]
        for each in dict.fromkeys([*covered, *levels]):
            if symbol is None:
                self._sources[each,] = _Source(wire, ws, wire)
            self._drop((each,))
            self._insert(levels.get(each, ()))
            self._crossed[each,] = -inf if self._is_crossed(each) else 0
            self._mark((each,), "live", ws=ws)

    def _carry_on(self, group: tuple[str], action: str, levels: list[Item], wire: str, ws: Any) -> None:
        source = self._sources.get(group)
        if source is None or source.wire != wire or source.ws is not ws:
            self._ignore(wire, group[0])
        elif self._states.get(group) != "live":
            return
        elif action == "update" and any(self.get(level) is None for level in levels):
            self._again(group, "a level that is not there has changed")
        else:
            change = {"delete": self._delete, "update": self._update}.get(action, self._insert)
            change(levels)
            self._crossed[group] = self._crossed[group] + 1 if self._is_crossed(group[0]) else 0
            if self._crossed[group] == _DOUBT:
                self._again(group, "the bids are above the asks")

    def _is_crossed(self, symbol: str) -> bool:
        ask, bid = self.best({"symbol": symbol})
        return ask is not None and bid is not None and bool(bid["price"] >= ask["price"])

    def _doubt(self, wire: str, ws: Any) -> None:
        """Give up every book of a table on a socket: a message cannot be read, so nobody knows whose it was."""
        for group, source in self._sources.items():
            if source.wire == wire and source.ws is ws:
                self._again(group, "a message cannot be read")

    def _again(self, group: tuple[str], reason: str) -> None:
        """Give the book up and ask for a partial: subscribing anew brings one, for all books of the topic."""
        source = self._sources[group]
        messages = [{"op": op, "args": [source.topic]} for op in ("unsubscribe", "subscribe")]
        self._resync(group, reason, source.ws, messages, key=(id(self), source.topic))

    def _ignore(self, wire: str, symbol: str) -> None:
        if (wire, symbol) not in self._ignored:
            self._ignored.add((wire, symbol))
            logger.warning("%s:%s: ignored, another table or socket keeps the book of this symbol", wire, symbol)


def _by_symbol(rows: list[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for row in rows:
        found.setdefault(row["symbol"], []).append(row)
    return found


def _levels(msg: Any, *, whole: bool) -> list[Item]:
    """Return the rows of a message.

    Args:
        msg: The message.
        whole: Whether each row must have price and size.

    Raises:
        TypeError: A row has not what it needs, or not of that kind.
    """
    rows = rows_of(msg["data"], ("symbol", "id"))
    for row in rows:
        if row.get("side") not in ("Sell", "Buy"):
            raise TypeError("a level without a side")
        for field in ("price", "size"):
            if whole or field in row:
                value: Any = row.get(field)
                if type(value) not in (int, float) or not 0 <= value < inf:
                    raise TypeError(f"a level without a sound {field}")
    return rows
