"""The order book of GMO Coin: every message holds all of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from ...store import BookStore

__all__ = ["OrderBooks"]

_PATIENCE = 10  # messages in a row that are older than the book
_PAUSE = 2.0  # s; books come twice a second and more


class OrderBooks(BookStore):
    """The order book of each symbol; every message is a complete one, and replaces the one before.

    There is neither a number nor a checksum, and a lost message is made good by the next. What can go wrong: a
    message cannot be read, then the next one makes the book anew, and if none comes the channel is subscribed to
    again; or it is older than the book, then it is left out, unless so many have been that GMO Coin must have set its
    clock back.

    Attributes:
        timestamp: That of the last message, whatever its symbol; ``None`` before the first.

    https://api.coin.z.com/docs/#ws-orderbooks
    """

    _SIDE, _ASK, _BID = "side", "asks", "bids"

    timestamp: str | None

    def _init(self) -> None:
        self.timestamp = None
        self._times: dict[tuple[str], datetime] = {}
        self._late: dict[tuple[str], int] = {}  # messages left out since the last one that was not

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = (_text(msg["symbol"]),)
        try:
            time, asks, bids = datetime.fromisoformat(msg["timestamp"]), _levels(msg["asks"]), _levels(msg["bids"])
            self.timestamp = msg["timestamp"]
            if self._is_late(group, time):
                self._late[group] += 1
                return
            self._replace(group, asks, bids)
        except Exception:
            self._resync(group, "a message cannot be read", ws, [partial(self._ask, group, ws)])
            raise
        self._times[group], self._late[group] = time, 0
        self._mark(group, "live", ws=ws)

    async def _ask(self, group: tuple[str], ws: Any) -> None:
        """Subscribe anew, unless a message comes meanwhile, as it does on a market that moves."""
        await ws.clock.sleep(_PAUSE)
        if self._states[group] == "syncing":
            for command in ("unsubscribe", "subscribe"):
                ws.send_json_soon({"command": command, "channel": "orderbooks", "symbol": group[0]})

    def _is_late(self, group: tuple[str], time: datetime) -> bool:
        """Tell a message that a newer one has overtaken."""
        return self._states.get(group) == "live" and time < self._times[group] and self._late[group] < _PATIENCE


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r:.100}")
    return value


def _levels(side: Any) -> list[tuple[Any, Any]]:
    return [(level["price"], level["size"]) for level in side]
