"""The fake of OKJ, V5 and V3 side by side: hosts, keys and markets; rest, stream and feed say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import Trade, trades_in
from ...venue import Venue
from .account import Account
from .rest import Rest
from .shapes import bare, deflated
from .stream import PATHS, Stream
from .stream3 import Stream3
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["OKJ", "REST", "STREAM", "VENUE"]

REST = {"api.okj.com": 5, "www.okj.com": 3, "www.okcoin.jp": 3}  # which generation each host speaks
STREAM = {"ws.okj.com": 5, "connect.okj.com": 3, "connect.okcoin.jp": 3}
MARKETS: dict[str, dict[str, Any]] = {
    "BTC-JPY": {
        "price": "13600000", "tick": "1", "lot": "0.00000001", "minimum": "0.0001", "grid": "500", "unit": "0.01",
    },
    "XRP-JPY": {
        "price": "252.5", "tick": "0.01", "lot": "0.000001", "minimum": "1", "grid": "0.05", "unit": "10",
    },
}  # fmt: skip


class OKJ(Venue):
    """OKJ with two markets and one account, which both generations of its API show. There are no fees.

    https://dev.okj.com/apidoc/v5/en/
    """

    name = "okj"
    hosts = (*REST, *STREAM)
    keys: ClassVar = {"okj": ("fake-okj-key", "fake-okj-secret", "fake-okj-passphrase")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = Account(self.markets)
        self.trading = Trading(self)
        self.stream = Stream(self)
        self.stream3 = Stream3(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by instrument."""
        return {
            name: Market(name, seed=seed, depth=100, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        generation, path = STREAM.get(request.url.host or ""), request.url.path
        return path in PATHS if generation == 5 else (generation, path) == (3, "/ws/v3")

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake."""
        if request.url.host in STREAM:
            return True
        try:
            self._rest.check(request)
        except Refused:
            return False
        return True

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Settle how frames are written: V3 sends nothing but deflated ones."""
        link.encode = bare if STREAM[link.host] == 5 else deflated

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        (self.stream if STREAM[link.host] == 5 else self.stream3).hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.feed.publish(market, trades_in(events))
        ours = [event for event in events if not isinstance(event, Trade)]
        if ours:
            self.account.book(ours)
            self.stream.tell_account(market, ours)
            self.stream3.tell_account(market, ours)


VENUE = OKJ
