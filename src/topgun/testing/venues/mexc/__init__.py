"""The fake of MEXC: hosts, keys and markets; rest, stream and public say how it speaks, wire how spot is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import Fill, owned, trades_in
from ...venue import Venue
from .account import CONTRACT, Account, Product
from .public import Feed
from .rest import Rest
from .shapes import number
from .stream import ContractStream, SpotStream, StreamKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["MEXC", "VENUE"]

PRODUCTS = {
    "BTC_USDT": Product("BTC_USDT", "BTC", unit=CONTRACT["BTC_USDT"]),
    "ETH_USDT": Product("ETH_USDT", "ETH", unit=CONTRACT["ETH_USDT"]),
    "BTCUSDT": Product("BTCUSDT", "BTC"),
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTC_USDT": {"price": "60000", "tick": "0.1", "lot": "1", "minimum": "1", "grid": "0.5", "unit": "10"},
    "ETH_USDT": {"price": "3000", "tick": "0.01", "lot": "1", "minimum": "1", "grid": "0.05", "unit": "10"},
    "BTCUSDT": {
        "price": "59990", "tick": "0.01", "lot": "0.000001", "minimum": "0.0001", "grid": "0.50", "unit": "0.001",
    },
}  # fmt: skip


class MEXC(Venue):
    """MEXC with a spot market and two contracts in one-way mode.

    https://www.mexc.com/api-docs/spot-v3/introduction
    """

    name = "mexc"
    spot_host, contract_host = "wbs-api.mexc.com", "contract.mexc.com"
    hosts = ("api.mexc.com", contract_host, spot_host)
    keys: ClassVar = {"mexc": ("fake-mexc-key", "fake-mexc-secret")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.accounts = {api: Account(api, lambda: next(self.numbers)) for api in self.apis}
        self.keys_of_streams = StreamKeys(lambda: self.now().ms, lambda: next(self.numbers))
        self.feed = Feed(self)
        self._rest = Rest(self)
        self._spot, self._contracts = SpotStream(self), ContractStream(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def is_spot(self, symbol: str) -> bool:
        """Tell whether there is a spot market of that symbol."""
        return symbol in self.products and self.products[symbol].is_spot

    def asset(self, api: str) -> dict[str, Any]:
        """Write what an account has on the market of contracts."""
        account = self.accounts[api]
        used = account.used((product, self.markets[name]) for name, product in self.products.items())
        told = {"currency": "USDT", "positionMargin": number(used), "frozenBalance": 0, "bonus": 0}
        return {**told, "availableBalance": number(account.margin - used), "cashBalance": number(account.margin)}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return (request.url.host, request.url.path) in ((self.spot_host, "/ws"), (self.contract_host, "/edge"))

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, needs none, or is a handshake."""
        return request.headers.get("Upgrade") is not None or self._rest.is_verified(request)

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Settle how frames are written."""
        (self._spot if link.host == self.spot_host else self._contracts).greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        (self._spot if link.host == self.spot_host else self._contracts).hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.feed.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            stream = self._spot if self.products[market.name].is_spot else self._contracts
            for event in ours:
                if isinstance(event, Fill):
                    account.book(event)
                stream.tell_account(api, market, event)
            if ours:
                stream.tell_wallet(api, market)


VENUE = MEXC
