"""The fake of Phemex: hosts, keys and markets; rest, trading, stream and public say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account
from .rest import Rest
from .stream import Stream
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Phemex"]

REST = {"api.phemex.com": "phemex", "vapi.phemex.com": "phemex", "testnet-api.phemex.com": "phemex_testnet"}
STREAM = {
    ("ws.phemex.com", "/"): "phemex",
    ("vapi.phemex.com", "/ws"): "phemex",
    ("phemex.com", "/ws"): "phemex",
    ("testnet-api.phemex.com", "/ws"): "phemex_testnet",
    ("testnet.phemex.com", "/ws"): "phemex_testnet",
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTCUSDT": {"price": "60000", "tick": "0.1", "lot": "0.001", "minimum": "0.001", "grid": "0.5", "unit": "0.010"},
    "ETHUSDT": {"price": "3000", "tick": "0.01", "lot": "0.01", "minimum": "0.01", "grid": "0.05", "unit": "0.10"},
}


class Phemex(Venue):
    """Phemex with two USD-M perpetuals, in one-way or in hedged mode, the same on the testnet.

    COIN-M, spot and margin are not played.

    https://phemex-docs.github.io/
    """

    name = "phemex"
    hosts = tuple(dict.fromkeys([*REST, *(host for host, _ in STREAM)]))
    keys: ClassVar = {name: (f"fake-{name}-key", f"fake-{name}-secret") for name in ("phemex", "phemex_testnet")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {api: Account(api, place) for place, api in enumerate(self.apis)}
        self.trading = Trading(self)
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {
            name: Market(name, seed=seed, depth=60, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def environment(self, host: str | None, path: str | None = None) -> str | None:
        """Return the API name whose keys a host takes: over HTTP, or as a socket if a path is given."""
        return REST.get(host or "") if path is None else STREAM.get((host or "", path))

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address; ``ws.phemex.com`` takes neither path nor query."""
        known = self.environment(request.url.host, request.url.path) is not None
        return known and not (request.url.host == "ws.phemex.com" and request.query)

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake."""
        if self.admits(request):
            return True
        try:
            return bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.feed.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            if ours:
                account.book(ours)
                self.stream.tell_account(api, market, ours)


VENUE = Phemex
