"""The fake of BitMEX: hosts, keys and markets; gate, rest and stream say how it speaks, account what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account, Product
from .gate import Gate, Refused
from .rest import Rest
from .stream import PATHS, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Bitmex"]

PRODUCTS = {
    "XBTUSD": Product("XBTUSD", "XBT", "USD", "XBt", inverse=True),
    "ETHUSDT": Product("ETHUSDT", "ETH", "USDT", "USDt", inverse=False),
}
MARKETS: dict[str, dict[str, Any]] = {
    "XBTUSD": {"price": "60000", "tick": "0.5", "lot": "100", "minimum": "100", "grid": "0.5", "unit": "100"},
    "ETHUSDT": {"price": "3000", "tick": "0.05", "lot": "1000", "minimum": "1000", "grid": "0.05", "unit": "1000"},
}


class Bitmex(Venue):
    """BitMEX with an inverse and a linear perpetual, without fees, funding and stops, the same on the testnet.

    https://www.bitmex.com/app/apiOverview
    """

    name = "bitmex"
    hosts = ("www.bitmex.com", "ws.bitmex.com", "testnet.bitmex.com", "ws.testnet.bitmex.com")
    keys: ClassVar = {name: (f"fake-{name}-key", f"fake-{name}-secret") for name in ("bitmex", "bitmex_testnet")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.accounts = {api: Account(number) for number, api in enumerate(self.apis, 1_455_728)}
        self.gate = Gate(self)
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address, for whoever comes without a key or with a right one."""
        return request.url.path in PATHS and self.verified(request)

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or asks for something public without one."""
        try:
            return self.gate.enter(request) is not None or request.url.path in PATHS or self._rest.is_public(request)
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Say welcome, and play the subscriptions of the address."""
        self.stream.welcome(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            if ours:
                self.stream.tell_account(account, market, ours)


VENUE = Bitmex
