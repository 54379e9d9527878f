"""The order book of Bybit: one depth of each symbol, carried on by numbered changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...store import BookStore, SequenceGuard

__all__ = ["OrderBook"]

logger = logging.getLogger("topgun.exchanges.bybit")

_PATIENCE = 10  # changes without a snapshot: it must have been lost


@dataclass(slots=True)
class _Source:
    """Whose book it is: the topic, the socket it comes from, the number of its last change."""

    topic: str
    ws: Any
    guard: SequenceGuard
    early: int = 0  # changes that came before the first snapshot


class OrderBook(BookStore):
    """The order book of each symbol, of whichever depth (``orderbook.50.BTCUSDT``) begins it.

    Each change carries the number after the one before (``u``). After a gap, or a message that cannot be read, the
    topic is subscribed to anew, which brings a snapshot. A snapshot replaces the book whenever it comes; one with the
    number 1 says that Bybit has restarted the service.

    https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
    """

    _GROUP = ("s",)
    _SIDE, _ASK, _BID = "S", "a", "b"
    _PRICE, _SIZE = "p", "v"

    def _init(self) -> None:
        self._sources: dict[tuple[str], _Source] = {}
        self._ignored: set[str] = set()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        topic = msg["topic"]
        group = _group(topic)
        source = self._sources.get(group)
        if source is None or source.topic != topic or source.ws is not ws:
            source = self._claim(group, topic, ws)
            if source is None:
                return
        try:
            self._advance(group, source, msg)
        except Exception:
            self._again(group, source, "a message cannot be read")
            raise

    def _advance(self, group: tuple[str], source: _Source, msg: Any) -> None:
        kind, data = msg["type"], msg["data"]
        number, asks, bids = data["u"], data["a"], data["b"]
        if (data["s"],) != group or kind not in ("snapshot", "delta"):
            raise ValueError(f"a {kind!r} of {data['s']!r}")
        if kind == "snapshot" or number == 1:
            source.guard.snapshot(number)
            self._replace(group, asks, bids)
            self._mark(group, "live", ws=source.ws)
            return
        state = self._states.get(group)
        if state == "live":
            verdict = source.guard.update(number, number)
            if verdict == "apply":
                self._levels(group, asks, bids)
            elif verdict == "gap":
                self._again(group, source, f"changes before number {number} are missing")
        elif state != "syncing":
            source.early += 1
            if source.early == _PATIENCE:
                self._again(group, source, "the snapshot is missing")

    def _again(self, group: tuple[str], source: _Source, reason: str) -> None:
        """Give the book up and ask for a new snapshot: subscribing anew brings one."""
        messages = [{"op": op, "args": [source.topic]} for op in ("unsubscribe", "subscribe")]
        self._resync(group, reason, source.ws, messages)

    def _claim(self, group: tuple[str], topic: str, ws: Any) -> _Source | None:
        """Return the new source of a book that nobody keeps right; ``None``, with one warning, if somebody does.

        The spot and the linear market of a symbol have the same topic, so the socket counts as well.
        """
        if group in self._sources and self._states.get(group, "stale") != "stale":
            if topic not in self._ignored:
                self._ignored.add(topic)
                logger.warning("%s: ignored, a store keeps one book of a symbol; use another store for it", topic)
            return None
        source = self._sources[group] = _Source(topic, ws, SequenceGuard())
        return source


@lru_cache(maxsize=4096)
def _group(topic: str) -> tuple[str]:
    """Return the symbol of ``orderbook.{depth}.{symbol}``."""
    return (topic.split(".", 2)[2],)
