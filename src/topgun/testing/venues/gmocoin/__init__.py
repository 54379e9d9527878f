"""The fake of GMO Coin: hosts, keys and markets; rest, stream, trading and tokens say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned
from ...venue import Reply, Venue
from .account import Account, Product
from .rest import Rest
from .stream import PRIVATE, PUBLIC, Stream
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Request

__all__ = ["VENUE", "GMOCoin"]

HOSTS = {"api.coin.z.com": "gmocoin", "forex-api.coin.z.com": "gmocoin_fx"}
PRODUCTS = (Product("BTC", "gmocoin"), Product("BTC_JPY", "gmocoin", 2), Product("USD_JPY", "gmocoin_fx", 25))
MARKETS: dict[str, dict[str, Any]] = {
    "BTC": {
        "price": "10000000", "tick": "1", "lot": "0.00001", "minimum": "0.00001", "grid": "500", "unit": "0.01",
    },
    "BTC_JPY": {"price": "10010000", "tick": "1", "lot": "0.01", "minimum": "0.01", "grid": "500", "unit": "0.01"},
    "USD_JPY": {"price": "150.000", "tick": "0.001", "lot": "1", "minimum": "100", "grid": "0.005", "unit": "100"},
}  # fmt: skip


class GMOCoin(Venue):
    """GMO Coin with a spot market, a leverage market, and a currency pair of FX.

    Attributes:
        spacing_ns: The time between two subscriptions, on whatever socket of a host.

    https://api.coin.z.com/docs/
    """

    name = "gmocoin"
    hosts = tuple(HOSTS)
    spacing_ns: ClassVar = 1_000_000_000
    keys: ClassVar = {name: (f"fake-{name}-key", f"fake-{name}-secret") for name in HOSTS.values()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = {product.symbol: product for product in PRODUCTS}
        self.accounts = {api: Account() for api in self.apis}
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def products_of(self, host: str | None) -> str:
        """Return the API name whose products and keys a host has."""
        return HOSTS[host or ""]

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address: a private one needs a token that is valid."""
        return request.url.path == PUBLIC or self._owner(request.url.host, request.url.path) is not None

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or none where it needs none."""
        private = request.url.path.startswith("/private/")
        if not private and "API-KEY" not in request.headers:
            return True
        try:
            return bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request; a WebSocket without a valid token is refused."""
        return Reply(status=401) if "Upgrade" in request.headers else self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Note whose socket it is; nothing is said."""
        link.api = self._owner(link.host, link.path)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self._cut()
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self._cut()
        self.stream.publish(market, events)
        for api in self.accounts:
            ours = owned(events, api)
            if ours:
                self.stream.tell_account(api, market, ours)

    def _owner(self, host: str | None, path: str) -> str | None:
        """Return whose private socket that is, ``None`` if it is none, or not any more."""
        owner = self._rest.tokens.owner(path.removeprefix(PRIVATE)) if path.startswith(PRIVATE) else None
        return owner if owner == self.products_of(host) else None

    def _cut(self) -> None:
        """Cut the private sockets whose token has ended."""
        for link in self.links():
            if link.api is not None and self._owner(link.host, link.path) is None:
                link.abort()


VENUE = GMOCoin
