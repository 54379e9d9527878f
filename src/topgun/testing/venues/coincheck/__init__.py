"""The fake of Coincheck: hosts, keys and markets; gate, rest and stream say how it speaks, account what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account
from .gate import Gate
from .rest import Rest
from .stream import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Coincheck"]

REST, PUBLIC, PRIVATE = "coincheck.com", "ws-api.coincheck.com", "stream.coincheck.com"
MARKETS: dict[str, dict[str, Any]] = {
    "btc_jpy": {
        "price": "10000000", "tick": "1", "lot": "0.00000001", "minimum": "0.001", "grid": "500", "unit": "0.01",
    },
    "eth_jpy": {"price": "400000", "tick": "1", "lot": "0.000001", "minimum": "0.01", "grid": "20", "unit": "0.1"},
}  # fmt: skip


class Coincheck(Venue):
    """Coincheck with two pairs, without fees, stop orders and auctions.

    Attributes:
        gate: Knows the keys, and the nonces that were used so far.

    https://coincheck.com/documents/exchange/api
    """

    name = "coincheck"
    hosts = (REST, PUBLIC, PRIVATE)
    keys: ClassVar = {"coincheck": ("fake-coincheck-key", "fake-coincheck-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {api: Account() for api in self.apis}
        self.gate = Gate(self)
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by pair."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address: at any path of the two hosts."""
        return request.url.host in (PUBLIC, PRIVATE)

    def verified(self, request: Request) -> bool:
        """Tell whether a request is a handshake, an unsigned question that is public, or carries a right signature."""
        if request.url.host != REST or self._rest.is_open(request):
            return True
        return self.gate.fits(request)

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame, private=link.host == PRIVATE)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            account.book(ours)
            self.stream.tell_account(api, ours)


VENUE = Coincheck
