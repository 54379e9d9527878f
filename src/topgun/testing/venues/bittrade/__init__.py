"""The fake of BitTrade: host, keys and markets; rest, trading, stream, public and private say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account
from .rest import Rest
from .stream import PATHS, Stream
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "BitTrade"]

HOST = "api-cloud.bittrade.co.jp"
MARKETS: dict[str, dict[str, Any]] = {
    "btcjpy": {"price": "10000000", "tick": "1", "lot": "0.000001", "minimum": "0.0001", "grid": "500", "unit": "0.01"},
    "ethjpy": {"price": "400000", "tick": "1", "lot": "0.0001", "minimum": "0.001", "grid": "20", "unit": "0.1"},
}


class BitTrade(Venue):
    """BitTrade with two of its spot markets, without fees; the dealer's prices, but no orders to the dealer.

    https://api-doc.bittrade.co.jp/
    """

    name = "bittrade"
    hosts = (HOST,)
    keys: ClassVar = {"bittrade": ("fake-bittrade-key", "fake-bittrade-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {api: Account(100_009 + number) for number, api in enumerate(self.apis)}
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {
            name: Market(name, seed=seed, depth=150, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return request.url.path in PATHS

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake without one."""
        if self.admits(request):
            return "AccessKeyId" not in request.query
        try:
            return bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Begin to ping a socket, and have its frames packed where they are."""
        self.stream.greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def tick(self) -> None:
        """Let the crowd act once on every market, and send the pings that are due."""
        super().tick()
        self.stream.ping()

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.feed.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            account.book(ours)
            if ours:
                self.stream.reports.tell(api, market, ours)


VENUE = BitTrade
