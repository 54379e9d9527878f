"""The order book of Hyperliquid: whole each time, so there is nothing to carry on and little to go wrong."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from ...store import BookStore

if TYPE_CHECKING:
    from .answers import Answer

__all__ = ["L2Book"]

logger = logging.getLogger("topgun.exchanges.hyperliquid")

_PATIENCE = 10  # messages in a row that are older than the book: then it is the time that was wrong


class L2Book(BookStore):
    """The best levels of each coin, 20 of each side; each message tells all of them.

    Messages have a time but no number, so a lost one is not noticed; the next one makes up for it within a second. One
    that is older than the book is left out. After one that cannot be read the book is asked for by HTTP, with the
    aggregation that was subscribed to.

    Subscribe to one aggregation (``nSigFigs``, ``mantissa``) of a coin: the messages of two cannot be told apart.

    Attributes:
        time: That of the latest message of whichever coin, in ms.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
    """

    _GROUP = ("coin",)
    _SIDE, _ASK, _BID = "side", "A", "B"
    _PRICE, _SIZE = "px", "sz"
    _MORE = ("n",)
    _BIDS_FIRST = True  # as in the message

    def _init(self) -> None:
        self.time: int | None = None
        self._sources: dict[str, tuple[Any, int, int]] = {}  # socket, time, how many older messages came since
        self._aggregations: dict[str, dict[str, Any]] = {}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if msg["channel"] == "l2Book":
            self._take(msg["data"], ws)
        else:
            self._note(msg["data"], ws)

    def _onresponse(self, data: Answer, url: Any, requester: Any = None) -> None:
        coin = data.body["coin"]
        socket = self._sources.get(coin, (None, 0, 0))[0]
        self._take(data.body, None if socket is None or socket.closed else socket)

    def _take(self, data: Any, ws: Any) -> None:
        group = (str(data["coin"]),)
        try:
            time, (bids, asks) = int(data["time"]), data["levels"]
            if self._is_late(group[0], time, ws):
                return
            self._replace(group, _triples(asks), _triples(bids))
        except Exception:
            self._resync(group, "a message cannot be read", ws, [partial(self._fetch, group[0], ws)])
            raise
        self.time = time
        if ws is None:
            self._mark(group, "stale", "not from a stream")
        else:
            self._mark(group, "live", ws=ws)

    def _is_late(self, coin: str, time: int, ws: Any) -> bool:
        """Tell whether a message is older than what its connection, or another one that is open, has told already."""
        socket, latest, late = self._sources.get(coin, (None, 0, 0))
        same = socket is ws or (socket is not None and not socket.closed)
        if same and time < latest and late < _PATIENCE:
            self._sources[coin] = socket, latest, late + 1
            return True
        self._sources[coin] = ws, time, 0
        return False

    def _note(self, answer: Any, ws: Any) -> None:
        """Take note of how a book was subscribed to, or that it is told no more."""
        match answer:
            case {"method": "subscribe", "subscription": {"type": "l2Book", "coin": str(coin), **details}}:
                wanted = {name: details.get(name) for name in ("nSigFigs", "mantissa")}
                self._aggregations[coin] = {name: value for name, value in wanted.items() if value is not None}
            case {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": str(coin)}}:
                if (coin,) in self._states and self._sources.get(coin, (ws, 0, 0))[0] is ws:
                    self._sources.pop(coin, None)  # what is asked for by HTTP has no stream beside it any more
                    self._mark((coin,), "stale", "unsubscribed")

    async def _fetch(self, coin: str, ws: Any) -> None:
        question = {"type": "l2Book", "coin": coin, **self._aggregations.get(coin, {})}
        answer = await ws.requester.request_json("POST", f"https://{ws.url.host}/info", data=question, auth=None)
        if self._states[coin,] == "syncing":  # else the stream has told it since, or nobody does any more
            self._take(answer, ws)


def _triples(levels: Any) -> list[tuple[Any, Any, Any]]:
    return [(level["px"], level["sz"], level["n"]) for level in levels]
