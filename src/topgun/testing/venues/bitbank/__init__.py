"""The fake of bitbank: hosts, keys and markets; rest, stream and pubnub say how it speaks, account what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account
from .public import Public
from .pubnub import PubNub
from .rest import Refused, Rest
from .stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Bitbank"]

REST, PUBLIC, STREAM, PUBNUB = "api.bitbank.cc", "public.bitbank.cc", "stream.bitbank.cc", "ps.pndsn.com"
MARKETS: dict[str, dict[str, Any]] = {
    "btc_jpy": {
        "price": "15000000", "tick": "1", "lot": "0.0001", "minimum": "0.0001", "grid": "500", "unit": "0.0100",
    },
    "eth_jpy": {
        "price": "500000", "tick": "1", "lot": "0.0001", "minimum": "0.0001", "grid": "20", "unit": "0.1000",
    },
    "xrp_jpy": {
        "price": "350.000", "tick": "0.001", "lot": "0.0001", "minimum": "0.0001", "grid": "0.010", "unit": "10.0000",
    },
}  # fmt: skip


class Bitbank(Venue):
    """bitbank with three spot pairs; neither stop orders nor margin trading.

    https://github.com/bitbankinc/bitbank-api-docs
    """

    name = "bitbank"
    hosts = (REST, PUBLIC, STREAM, PUBNUB)
    keys: ClassVar = {"bitbank": ("fake-bitbank-key", "fake-bitbank-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {api: Account(number) for number, api in enumerate(self.apis, start=1)}
        self.stream = Stream(self)
        self.pubnub = PubNub(self.now)
        self._rest = Rest(self)
        self._public = Public(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by pair."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        query = request.query
        wanted = query.get("EIO") in ("3", "4") and query.get("transport") == "websocket"
        return (request.url.host, request.url.path) == (STREAM, "/socket.io/") and wanted

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or a token that is valid, or needs neither."""
        if request.url.host == PUBNUB:
            return self.pubnub.refusal(request) is None
        try:
            return request.url.host != REST or bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Execute a request."""
        if request.url.host == PUBNUB:
            return self.pubnub.answer(request)
        return (self._rest if request.url.host == REST else self._public).answer(request)

    def greet(self, link: Link) -> None:
        """Say what the venue says first on a socket."""
        self.stream.greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def tick(self) -> None:
        """Let the crowd act, and time pass."""
        super().tick()
        self.stream.beat()
        self.pubnub.release()

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            for message in account.book(market, ours):
                self.pubnub.publish(account.channel, message)


VENUE = Bitbank
