"""The fake of Bitget V2: hosts, keys and markets; rest, stream, public and trading say how it speaks."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Venue
from .account import Account, Product
from .rest import Rest
from .stream import PATHS, Stream
from .trading import Refused, Trading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Reply, Request

__all__ = ["VENUE", "Bitget"]

REST = "api.bitget.com"
STREAM = {"ws.bitget.com": "bitget", "wspap.bitget.com": "bitget_demo"}
PRODUCTS = {
    "BTCUSDT": Product("USDT-FUTURES", "BTCUSDT", "BTC", "USDT"),
    "ETHUSDT": Product("USDT-FUTURES", "ETHUSDT", "ETH", "USDT"),
    "spot BTCUSDT": Product("SPOT", "BTCUSDT", "BTC", "USDT"),
}
MARKETS: dict[str, dict[str, Any]] = {
    "BTCUSDT": {
        "price": "60000", "tick": "0.1", "lot": "0.0001", "minimum": "0.0001", "grid": "0.5", "unit": "0.0100",
    },
    "ETHUSDT": {"price": "3000", "tick": "0.01", "lot": "0.01", "minimum": "0.01", "grid": "0.05", "unit": "0.10"},
    "spot BTCUSDT": {
        "price": "59990", "tick": "0.01", "lot": "0.000001", "minimum": "0.000010", "grid": "0.50", "unit": "0.001",
    },
}  # fmt: skip


class Bitget(Venue):
    """Bitget V2 with two USDT perpetuals in one-way mode and one spot market, the same in demo trading.

    A test finds the spot market under ``spot BTCUSDT``. Futures and spot have a wallet each. The book of futures tells
    the number before each change, that of spot a checksum.

    https://www.bitget.com/api-doc/classic/intro
    """

    name = "bitget"
    hosts = (REST, *STREAM)
    keys: ClassVar = {
        name: (f"fake-{name}-key", f"fake-{name}-secret", f"fake-{name}-passphrase")
        for name in ("bitget", "bitget_demo")
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = PRODUCTS
        self.futures = [each for name, each in self.markets.items() if PRODUCTS[name].kind != "SPOT"]
        self.accounts = {api: Account(api, self.numbers) for api in self.apis}
        self.trading = Trading(self)
        self.stream = Stream(self)
        self._rest = Rest(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by symbol, the spot market after the word ``spot``."""
        return {
            name: Market(name, seed=seed, depth=60, numbers=self.numbers, **terms) for name, terms in MARKETS.items()
        }

    def market_of(self, product: Product) -> Market:
        """Return where a product is traded."""
        return next(market for name, market in self.markets.items() if PRODUCTS[name] == product)

    def environment(self, host: str) -> str | None:
        """Return the API name whose keys a stream takes."""
        return STREAM.get(host)

    def signature(self, api: str, text: bytes) -> str:
        """Return the signature that a text must have.

        https://www.bitget.com/api-doc/common/signature
        """
        return b64encode(hmac.digest(self.apis[api][1].encode(), text, "sha256")).decode()

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return request.url.host in STREAM and request.url.path in PATHS

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

    def greet(self, link: Link) -> None:
        """Have the answer to a ping sent as it is, unlike all other messages."""
        link.encode = lambda text: "pong" if text == '"pong"' else text

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


VENUE = Bitget
