"""The fake of Binance: hosts, keys and markets; rest, stream, public and api say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account, Product
from .api import PATHS, Api
from .public import Feed
from .rest import Rest
from .stream import StreamKeys, Streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Binance"]

SPOT, USDSM, COINM = ("spot",), ("usdsm",), ("coinm",)
REST: dict[str, tuple[str, Sequence[str]]] = {  # whose keys, which products
    **{f"{name}.binance.com": ("binance", SPOT) for name in ("api", "api-gcp", "api1", "api2", "api3", "api4")},
    "data-api.binance.vision": ("", SPOT),
    "fapi.binance.com": ("binance", USDSM),
    "dapi.binance.com": ("binance", COINM),
    "testnet.binance.vision": ("binancespot_testnet", SPOT),
    "api1.testnet.binance.vision": ("binancespot_testnet", SPOT),
    "testnet.binancefuture.com": ("binancefuture_testnet", (*USDSM, *COINM)),
    "demo-api.binance.com": ("binance_demo", SPOT),
    "demo-fapi.binance.com": ("binance_demo", USDSM),
    "demo-dapi.binance.com": ("binance_demo", COINM),
}
STREAM: dict[str, tuple[str, Sequence[str]]] = {
    "stream.binance.com": ("binance", SPOT),
    "data-stream.binance.vision": ("", SPOT),
    "fstream.binance.com": ("binance", USDSM),
    "dstream.binance.com": ("binance", COINM),
    "stream.testnet.binance.vision": ("binancespot_testnet", SPOT),
    "testnet.binance.vision": ("binancespot_testnet", SPOT),
    "fstream.binancefuture.com": ("binancefuture_testnet", USDSM),
    "stream.binancefuture.com": ("binancefuture_testnet", USDSM),
    "dstream.binancefuture.com": ("binancefuture_testnet", COINM),
    "demo-stream.binance.com": ("binance_demo", SPOT),
    "demo-fstream.binance.com": ("binance_demo", USDSM),
    "demo-dstream.binance.com": ("binance_demo", COINM),
}
API: dict[str, tuple[str, Sequence[str]]] = {
    "ws-api.binance.com": ("binance", SPOT),
    "ws-fapi.binance.com": ("binance", USDSM),
    "ws-dapi.binance.com": ("binance", COINM),
    "ws-api.testnet.binance.vision": ("binancespot_testnet", SPOT),
    "testnet.binance.vision": ("binancespot_testnet", SPOT),
    "testnet.binancefuture.com": ("binancefuture_testnet", (*USDSM, *COINM)),
    "demo-ws-api.binance.com": ("binance_demo", SPOT),
}
PRODUCTS = {
    "BTCUSDT": Product("usdsm", "BTCUSDT", "BTC", "USDT", "USDT"),
    "ETHUSDT": Product("usdsm", "ETHUSDT", "ETH", "USDT", "USDT"),
    "spot BTCUSDT": Product("spot", "BTCUSDT", "BTC", "USDT"),
    "BTCUSD_PERP": Product("coinm", "BTCUSD_PERP", "BTC", "USD", "BTC"),
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTCUSDT": {
        "price": "60000", "tick": "0.10", "lot": "0.001", "minimum": "0.001", "grid": "0.50", "unit": "0.010",
    },
    "ETHUSDT": {"price": "3000", "tick": "0.01", "lot": "0.001", "minimum": "0.001", "grid": "0.05", "unit": "0.100"},
    "spot BTCUSDT": {
        "price": "59990", "tick": "0.01", "lot": "0.00001", "minimum": "0.00010", "grid": "0.50", "unit": "0.00100",
    },
    "BTCUSD_PERP": {"price": "60010", "tick": "0.1", "lot": "1", "minimum": "1", "grid": "0.5", "unit": "10"},
}  # fmt: skip


class Binance(Venue):
    """Binance with a spot market, two USDⓈ-M and one COIN-M perpetual in one-way mode, the same in every environment.

    A test finds the spot market under ``spot BTCUSDT``.

    https://developers.binance.com/docs
    """

    name = "binance"
    hosts = tuple({**REST, **STREAM, **API})
    keys: ClassVar = {
        name: (f"fake-{name}-key", f"fake-{name}-secret")
        for name in ("binance", "binancespot_testnet", "binancefuture_testnet", "binance_demo")
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.accounts = {api: Account(api) for api in self.apis}
        self.keys_of_streams = StreamKeys(lambda: self.now().ms, lambda: next(self.numbers))
        self.feed = Feed(self)
        self._rest = Rest(self)
        self.trading = self._rest.trading
        self._streams = Streams(self)
        self._api = Api(self)
        self.tell = self._streams.tell

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol, the spot market after the word ``spot``."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def environment(self, host: str | None) -> str:
        """Return the API name whose keys a host takes."""
        return {**STREAM, **REST, **API}[host or ""][0]

    def kinds(self, host: str | None) -> Sequence[str]:
        """Return the products of a REST host."""
        return REST.get(host or "", ("", ()))[1]

    def product(self, kind: str) -> Product:
        """Return the first product of a kind."""
        return next(product for product in PRODUCTS.values() if product.kind == kind)

    def market_of(self, product: Product) -> Market:
        """Return where a product is traded."""
        return next(market for name, market in self.markets.items() if PRODUCTS[name] == product)

    def stream_links(self, kind: str) -> list[Link]:
        """Return the open sockets to the streams of a product."""
        return [link for link in self.links() if link.path not in PATHS and kind in STREAM.get(link.host, ("", ()))[1]]

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        host, path = request.url.host or "", request.url.path
        if path in PATHS:
            return PATHS[path] in API.get(host, ("", ()))[1]
        return host in STREAM and self._streams.admits(path)

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, needs none, or is a handshake."""
        return request.headers.get("Upgrade") is not None or self._rest.is_signed(request)

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        self._streams.expire()
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Subscribe a fresh socket to what its URL names."""
        if link.path not in PATHS:
            self._streams.greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        (self._api if link.path in PATHS else self._streams).hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self._streams.expire()
        self.feed.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            account.book(ours)
            if ours:
                self._streams.tell_account(api, market, ours)


VENUE = Binance
