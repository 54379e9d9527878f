"""The fake of KuCoin: hosts, keys and markets; rest, tokens, stream and trading say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account, Product
from .rest import Rest
from .stream import Stream
from .tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "KuCoin"]

REST = {"api.kucoin.com": "spot", "api-futures.kucoin.com": "futures"}
SOCKETS = ("ws-api-spot.kucoin.com", "ws-api-futures.kucoin.com", "push-private.kucoin.com", "ws-api-7.kucoin.cloud")
PRODUCTS = (
    Product("BTC-USDT", "spot"),
    Product("ETH-USDT", "spot"),
    Product("XBTUSDTM", "futures", "0.001"),
    Product("ETHUSDTM", "futures", "0.01"),
)
MARKETS: dict[str, dict[str, Any]] = {
    "BTC-USDT": {
        "price": "60000", "tick": "0.1", "lot": "0.00001", "minimum": "0.00001", "grid": "0.5", "unit": "0.001",
    },
    "ETH-USDT": {"price": "3000", "tick": "0.01", "lot": "0.0001", "minimum": "0.0001", "grid": "0.05", "unit": "0.01"},
    "XBTUSDTM": {"price": "60010", "tick": "0.1", "lot": "1", "minimum": "1", "grid": "0.5", "unit": "10"},
    "ETHUSDTM": {"price": "3001", "tick": "0.01", "lot": "1", "minimum": "1", "grid": "0.05", "unit": "10"},
}  # fmt: skip


class KuCoin(Venue):
    """KuCoin with two spot markets and two perpetual contracts in one-way mode.

    Attributes:
        servers: Where the bullet calls of each product say that its sockets are; a test may set others of `SOCKETS`.
        ping_ms: How often clients are asked to ping, in ms.

    https://www.kucoin.com/docs-new
    """

    name = "kucoin"
    hosts = (*REST, *SOCKETS)
    keys: ClassVar = {"kucoin": ("fake-kucoin-key", "fake-kucoin-secret", "fake-kucoin-passphrase")}
    servers: ClassVar[Mapping[str, Sequence[str]]] = {
        "spot": ["wss://ws-api-spot.kucoin.com/"],
        "futures": ["wss://ws-api-futures.kucoin.com/"],
    }
    ping_ms: ClassVar = 18_000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = {product.symbol: product for product in PRODUCTS}
        self.accounts = {api: Account(api) for api in self.apis}
        self.tokens = Tokens(self.now)
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def kind(self, host: str | None) -> str:
        """Return the product of an HTTP host."""
        return REST.get(host or "", "")

    def admits(self, request: Request) -> bool:
        """Tell whether there are WebSockets on a host; whether its token is good is said on the socket."""
        return request.url.host in SOCKETS

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or none where it needs none."""
        return request.headers.get("Upgrade") is not None or self._rest.is_signed(request)

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Say welcome, or that the token is not valid."""
        self.stream.greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self._cut()
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self._cut()
        self.stream.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            account.book(self.products[market.name], ours)
            if ours:
                self.stream.tell_account(api, market, ours)

    def _cut(self) -> None:
        """Cut the sockets whose token has lived for 24 hours."""
        for link in self.links():
            if self.tokens.has_ended(link.query.get("token", "")):
                link.abort()


VENUE = KuCoin
