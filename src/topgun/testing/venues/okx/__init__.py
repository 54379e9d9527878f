"""The fake of OKX V5: hosts, keys and markets; rest, stream and public say how it speaks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import ZERO, owned, trades_in
from ...venue import Venue
from .account import LEVERAGE, Account, Product
from .rest import Rest
from .stream import PATHS, Stream
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["OKX", "VENUE"]

REST = tuple(f"{name}.okx.com" for name in ("openapi", "www", "aws", "eea", "my", "us", "app"))
STREAM = {
    **dict.fromkeys((f"{name}.okx.com" for name in ("ws", "wsaws", "wseea", "wsus")), "okx"),
    **dict.fromkeys((f"{name}.okx.com" for name in ("wspap", "wseeapap", "wsuspap")), "okx_demo"),
}
PRODUCTS = {
    "BTC-USDT": Product("SPOT", "BTC-USDT", "BTC", "USDT"),
    "BTC-USDT-SWAP": Product("SWAP", "BTC-USDT-SWAP", "BTC", "USDT", "0.01"),
    "ETH-USDT-SWAP": Product("SWAP", "ETH-USDT-SWAP", "ETH", "USDT", "0.1"),
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTC-USDT": {
        "price": "59990", "tick": "0.1", "lot": "0.00000001", "minimum": "0.00001", "grid": "0.5", "unit": "0.001",
    },
    "BTC-USDT-SWAP": {
        "price": "60000", "tick": "0.1", "lot": "0.01", "minimum": "0.01", "grid": "0.5", "unit": "1",
    },
    "ETH-USDT-SWAP": {
        "price": "3000", "tick": "0.01", "lot": "0.01", "minimum": "0.01", "grid": "0.05", "unit": "1",
    },
}  # fmt: skip


class OKX(Venue):
    """OKX V5 with a spot market and two perpetuals in net mode, the same for real and for demo trading.

    Sizes of perpetuals are contracts. Fees are not taken.

    https://www.okx.com/docs-v5/en/
    """

    name = "okx"
    hosts = (*REST, *STREAM)
    keys: ClassVar = {
        name: (f"fake-{name}-key", f"fake-{name}-secret", f"fake-{name}-passphrase") for name in ("okx", "okx_demo")
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.swaps = [market for name, market in self.markets.items() if PRODUCTS[name].kind == "SWAP"]
        self.accounts = {api: Account(api) for api in self.apis}
        self.stream = Stream(self)
        self._rest = Rest(self)
        self.trading = self._rest.trading

    # --- what only OKX does ---

    def upgrade(self) -> None:
        """Tell every socket that it will be closed for an upgrade of the service (64008)."""
        self.stream.upgrade()

    def keep_alive(self, name: str) -> None:
        """Tell those who follow a book by its changes that there was none for a minute."""
        self.stream.feed.keep_alive(self.markets[name])

    def reset(self, name: str) -> None:
        """Begin to count anew with the next change of a book, as after a maintenance."""
        self.stream.feed.reset(self.markets[name])

    def withhold_snapshots(self) -> None:
        """Send no snapshots when books are subscribed to: OKX has announced it."""
        self.stream.feed.snapshots = False

    # --- what every venue does ---

    def free(self, api: str) -> dict[str, Decimal]:
        """Return what of each coin neither orders nor positions of an account need."""
        worth = {market: abs(market.position(api).size) * self.products[market.name].worth for market in self.swaps}
        margin = sum((size * market.last for market, size in worth.items()), ZERO) / LEVERAGE
        account = self.accounts[api]
        return {coin: account.free(coin) - (margin if coin == "USDT" else ZERO) for coin in account.coins}

    def worth(self) -> dict[str, Decimal]:
        """Return what one of each coin is worth in USD."""
        return {
            "BTC": self.markets["BTC-USDT"].last, "ETH": self.markets["ETH-USDT-SWAP"].last, "USDT": Decimal(1),
        }  # fmt: skip

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by instrument."""
        return {
            name: Market(name, seed=seed, depth=150, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return request.url.host in STREAM and request.url.path in PATHS

    def environment(self, host: str) -> str:
        """Return the API name whose keys a socket takes."""
        return STREAM[host]

    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or none where none is needed, or is a handshake."""
        if request.url.host in STREAM or (self._rest.is_public(request) and "OK-ACCESS-KEY" not in request.headers):
            return True
        try:
            return bool(self._rest.account_of(request))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        return self._rest.answer(request)

    def greet(self, link: Link) -> None:
        """Say nothing, but answer a ping as OKX does: with a word that is no JSON."""
        link.encode = lambda text: text.strip('"') if text == '"pong"' else text

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


VENUE = OKX
