"""The order book of bitFlyer, and how a book without numbers notices that it lost a message."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ...store import BookStore
from .shapes import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...typedefs import Item

__all__ = ["Board"]

_SNAPSHOT = "lightning_board_snapshot_"
_DELTA = "lightning_board_"
_TRUST = 100  # messages in a row whose mid price was the middle of the book: from then on it has to be
_DOUBT = 10  # messages in a row whose mid price is not: something was lost


class Board(BookStore):
    """The order book: started by the snapshot channel, carried on by the delta channel.

    There is neither a sequence number nor a checksum. What keeps the book right is the mid price of each message:
    levels on its wrong side are deleted, in an auction too, when a crossed book would be legal. And as long as the
    mid price has been the middle of the best prices, as in the documented sample, a book whose middle goes elsewhere
    has lost a message and is made anew. Where the feed does not keep that rule, it is not held to it.

    https://bf-lightning-api.readme.io/docs/realtime-board-snapshot
    """

    _GROUP = ("product_code",)
    _SIDE, _ASK, _BID = "side", "asks", "bids"
    _PRICE, _SIZE = "price", "size"

    mid_price: dict[str, float]

    def _init(self) -> None:
        self.mid_price = {}
        self._rules: dict[str, _Rule] = {}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        channel, board = msg["params"]["channel"], msg["params"]["message"]
        if channel.startswith(_SNAPSHOT):
            self._start(channel, channel.removeprefix(_SNAPSHOT), board, ws)
            return
        product = channel.removeprefix(_DELTA)
        if self._states.get((product,)) != "live":
            return
        try:
            mid, asks, bids = _read(board)
            self._levels((product,), asks.items(), bids.items())
        except (LookupError, TypeError, ValueError):
            self._restart(product, "a message was damaged", ws)
            raise
        self.mid_price[product] = mid
        self._prune(product, mid)
        ask, bid = self.best({"product_code": product})
        fits = ask is not None and bid is not None and _is_middle(mid, ask["price"], bid["price"])
        if self._rules[product].gives_up(fits=fits):
            self._restart(product, f"a message was lost: the mid price is {mid}, the middle is not", ws)

    def _start(self, channel: str, product: str, board: Any, ws: Any) -> None:
        mid, asks, bids = _read(board)
        self._replace((product,), asks.items(), bids.items())
        if ws is not None:  # one snapshot is enough: the channel would go on sending whole books
            ws.send_json_soon({"method": "unsubscribe", "params": {"channel": channel}})
        self._mark((product,), "live", ws=ws)
        self.mid_price[product] = mid
        self._rules[product] = _Rule()
        self._prune(product, mid)

    def _restart(self, product: str, reason: str, ws: Any) -> None:
        subscribe = {"method": "subscribe", "params": {"channel": _SNAPSHOT + product}}
        self._resync((product,), reason, ws, [subscribe])

    def _prune(self, product: str, mid: float) -> None:
        group = {"product_code": product}
        ask, bid = self.best(group)
        if (ask and ask["price"] <= mid) or (bid and bid["price"] > mid):
            sides = self.sorted(group)
            self._delete(list(takewhile(lambda row: row["price"] <= mid, sides["asks"])))
            self._delete(list(takewhile(lambda row: row["price"] > mid, sides["bids"])))


class _Rule:
    """Whether the mid price of one product is the middle of its book."""

    def __init__(self) -> None:
        self.kept = 0
        self.broken = 0

    def gives_up(self, *, fits: bool) -> bool:
        """Note one more message; return whether the book must have lost one."""
        if fits:
            self.kept, self.broken = self.kept + 1, 0
        elif self.kept < _TRUST:
            self.kept = 0
        else:
            self.broken += 1
        return self.broken == _DOUBT


def _is_middle(mid: float, ask: float, bid: float) -> bool:
    rounding = 1.0 if mid > 1000 else mid * 1e-6  # yen are whole; other prices have up to eight decimals
    return abs(ask + bid - 2 * mid) <= rounding


def _read(board: Any) -> tuple[float, dict[float, float], dict[float, float]]:
    """Return mid price, asks and bids of a message.

    Raises:
        LookupError: Something is missing.
        TypeError: Something is not a number.
        ValueError: Likewise.
    """
    mid = board["mid_price"]
    if not is_number(mid):
        raise ValueError(f"mid_price is {mid!r}")
    return mid, _ladder(board["asks"]), _ladder(board["bids"])


def _ladder(rows: Iterable[Item]) -> dict[float, float]:
    """Return the size at each price; price 0 is a market order of an auction, not a level."""
    return {row["price"]: row["size"] for row in rows if row["price"] > 0 and row["size"] >= 0}
