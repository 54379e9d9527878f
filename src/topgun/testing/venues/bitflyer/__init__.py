"""The fake of bitFlyer: hosts, keys and markets; rest and stream say how it speaks, account what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account
from .rest import Refused, Rest
from .shapes import order_event
from .stream import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "BitFlyer"]

REST, STREAM = "api.bitflyer.com", "ws.lightstream.bitflyer.com"
YEN = {"tick": "1", "lot": "0.00000001"}
MARKETS: dict[str, dict[str, Any]] = {
    "BTC_JPY": {**YEN, "price": "10000000", "minimum": "0.001", "grid": "500", "unit": "0.01"},
    "FX_BTC_JPY": {**YEN, "price": "10010000", "minimum": "0.01", "grid": "500", "unit": "0.01"},
    "ETH_JPY": {**YEN, "price": "400000", "minimum": "0.01", "grid": "20", "unit": "0.1"},
}


class BitFlyer(Venue):
    """bitFlyer Lightning with two spot markets, and Crypto CFD; no special (parent) orders.

    Its clock may be 30 s away from that of a bot; there is no such figure in the documents.

    https://lightning.bitflyer.com/docs
    """

    name = "bitflyer"
    hosts = (REST, STREAM)
    keys: ClassVar = {"bitflyer": ("fake-bitflyer-key", "fake-bitflyer-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {api: Account() for api in self.apis}
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by product code."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return (request.url.host, request.url.path) == (STREAM, "/json-rpc")

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake."""
        if request.url.host == STREAM:
            return True
        try:
            return bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        for market in self.markets.values():
            self.publish(market, [])  # orders whose time is over are gone, also for those who ask
        return self._rest.answer(request)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        happened = [*events, *self._expire(market)]
        self.stream.publish(market, trades_in(happened))
        for api, account in self.accounts.items():
            ours = owned(happened, api)
            account.book(ours)
            if ours:
                self.stream.tell_account(api, [order_event(event, self.now()) for event in ours])

    def _expire(self, market: Market) -> list[Event]:
        now = self.now()
        ended = [order for api in self.apis for order in market.orders(api) if order.tag.expires.ns <= now.ns]
        return [event for order in ended for event in market.cancel(now, order, state="expired", reason="too old")]


VENUE = BitFlyer
