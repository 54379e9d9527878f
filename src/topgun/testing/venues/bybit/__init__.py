"""The fake of Bybit V5: hosts, keys and markets; rest, stream, public and trade say how it speaks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account, Product
from .rest import Rest
from .stream import PATHS, PRIVATE, Stream
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Bybit"]

REST = {
    **dict.fromkeys(
        (
            "api.bybit.com", "api.bytick.com", "api.bybit.nl", "api.bybit.eu", "api.bybit.ae", "api.bybit.tr",
            "api.bybit.kz", "api.bybit.id", "api.bybitgeorgia.ge", "api.manepa.jp",
        ),
        "bybit",
    ),
    "api-demo.bybit.com": "bybit_demo",
    **dict.fromkeys(("api-testnet.bybit.com", "api-testnet.manepa.jp"), "bybit_testnet"),
}  # fmt: skip
STREAM = {
    **dict.fromkeys(
        (
            "stream.bybit.com", "stream.bytick.com", "stream.bybit.tr", "stream.bybit.id", "stream.bybit.kz",
            "stream.bybitgeorgia.ge", "stream.manepa.jp",
        ),
        "bybit",
    ),
    "stream-demo.bybit.com": "bybit_demo",
    "stream-testnet.bybit.com": "bybit_testnet",
}  # fmt: skip
PRODUCTS = {
    "BTCUSDT": Product("linear", "BTCUSDT", "BTC", "USDT"),
    "ETHUSDT": Product("linear", "ETHUSDT", "ETH", "USDT"),
    "spot BTCUSDT": Product("spot", "BTCUSDT", "BTC", "USDT"),
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTCUSDT": {
        "price": "60000", "tick": "0.10", "lot": "0.001", "minimum": "0.001", "grid": "0.50", "unit": "0.010",
    },
    "ETHUSDT": {"price": "3000", "tick": "0.01", "lot": "0.01", "minimum": "0.01", "grid": "0.05", "unit": "0.10"},
    "spot BTCUSDT": {
        "price": "59990", "tick": "0.01", "lot": "0.000001", "minimum": "0.000048", "grid": "0.50", "unit": "0.001",
    },
}  # fmt: skip


class Bybit(Venue):
    """Bybit V5 with two linear perpetuals in one-way mode and one spot market, the same in every environment.

    A test finds the spot market under ``spot BTCUSDT``. Fees of spot trades are taken in the quote coin.

    https://bybit-exchange.github.io/docs/v5/intro
    """

    name = "bybit"
    hosts = (*REST, *STREAM)
    keys: ClassVar = {
        name: (f"fake-{name}-key", f"fake-{name}-secret") for name in ("bybit", "bybit_demo", "bybit_testnet")
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.linear = [market for name, market in self.markets.items() if PRODUCTS[name].category == "linear"]
        self.accounts = {api: Account(api) for api in self.apis}
        self.stream = Stream(self)
        self._rest = Rest(self)
        self.trading = self._rest.trading

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol, the spot market after the word ``spot``."""
        return {
            name: Market(name, seed=seed, depth=150, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def environment(self, host: str | None) -> str | None:
        """Return the API name whose keys a host takes."""
        return {**REST, **STREAM}.get(host or "")

    def market_of(self, product: Product) -> Market:
        """Return where a product is traded."""
        return next(market for name, market in self.markets.items() if PRODUCTS[name] == product)

    def worth(self) -> dict[str, Decimal]:
        """Return what one of each coin is worth in USD."""
        return {"BTC": self.markets["BTCUSDT"].last, "ETH": self.markets["ETHUSDT"].last, "USDT": Decimal(1)}

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address; demo trading has but the private one."""
        host, path = request.url.host or "", request.url.path
        return host in STREAM and path in ((PRIVATE,) if STREAM[host] == "bybit_demo" else PATHS)

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake."""
        if request.url.host in STREAM:
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
            account.book(ours)
            if ours:
                self.stream.tell_account(api, market, ours)


VENUE = Bybit
