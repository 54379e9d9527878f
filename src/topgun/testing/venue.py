"""`Venue`: what a fake of one exchange must say about itself; the rest of the kit names no exchange."""

from __future__ import annotations

import hmac
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from multidict import CIMultiDictProxy
    from yarl import URL

    from ..clock import Instant
    from .link import Link
    from .market import Market
    from .orders import Event, Order, Side

__all__ = ["LiveMarket", "Reply", "Request", "Venue", "hmac_hex", "parsed"]

OPENING = 10  # how often the crowd acts before anybody looks, so that there is a book and a past


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came over the wire.

    Attributes:
        target: Path and query, exactly as sent.
        body: Exactly as sent.
    """

    method: str
    url: URL
    target: str = field(repr=False)
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def query(self) -> dict[str, str]:
        """The decoded query, the last value of each name."""
        return dict(self.url.query.items())

    def json(self) -> Any:
        """Return the body as JSON, ``None`` if it is not."""
        return parsed(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `data` goes out as JSON, ``None`` as an empty body."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Venue(ABC):
    """The fake of one exchange: its hosts, accounts and markets, and how it speaks.

    Args:
        now: Reads the exchange's clock.
        links: Returns the open sockets, those to other hosts too.
        seed: Of its markets.
        apis: Further credentials to know, by API name; they replace the fake's own.
    """

    name: ClassVar[str]
    hosts: ClassVar[Sequence[str]]
    keys: ClassVar[Mapping[str, Sequence[str]]]  # API name -> the credential that the fake gives to bots

    def __init__(
        self,
        now: Callable[[], Instant],
        links: Callable[[], Iterable[Link]],
        seed: int = 1,
        apis: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.now = now
        self._links = links
        self.numbers = count(1)
        self.apis = {name: list((apis or {}).get(name, own)) for name, own in self.keys.items()}
        self.markets: dict[str, Market] = self.open_markets(seed)
        for market in [each for each in self.markets.values() for _ in range(OPENING)]:
            market.stir(now())

    @abstractmethod
    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by the names under which a test asks for them."""

    @abstractmethod
    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""

    @abstractmethod
    def verified(self, request: Request) -> bool:
        """Tell whether a request carries a right signature, or is a handshake, which this venue does not sign."""

    @abstractmethod
    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Execute a request; return something to await for a long poll, which is answered when something happens."""

    @abstractmethod
    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""

    @abstractmethod
    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""

    def greet(self, link: Link) -> None:  # noqa: B027  (most venues wait for their clients)
        """Say what the venue says first on a socket that has just been opened (a hook)."""

    def links(self) -> list[Link]:
        """Return the open sockets to the hosts of this venue."""
        return [link for link in self._links() if link.host in self.hosts]

    def tick(self) -> None:
        """Let the crowd act once on every market."""
        for market in self.markets.values():
            self.publish(market, market.stir(self.now()))

    def api_of(self, key: str | None) -> str | None:
        """Return the API name that a key belongs to."""
        return next((name for name, entry in self.apis.items() if entry[0] == key), None)


class LiveMarket:
    """One market of a fake exchange, in the hands of a test: whatever is done is published at once.

    Attributes:
        name: What `FakeExchange.market` knows it by.
        market: What it is made of.
    """

    def __init__(self, venue: Venue, name: str) -> None:
        self.name = name
        self.market = venue.markets[name]
        self._venue = venue

    def tick(self, times: int = 1) -> None:
        """Let the crowd act so many times."""
        for _ in range(times):
            self._venue.publish(self.market, self.market.stir(self._venue.now()))

    def trade(self, side: Side, size: float | str | Decimal) -> None:
        """Let the crowd take `size` at once at any price: ``sell`` fills the best bids."""
        events = self.market.submit(self._venue.now(), None, side, Decimal(str(size)))
        self._venue.publish(self.market, events)

    def order(self, side: Side, size: float | str | Decimal, price: float | str | Decimal) -> None:
        """Let the crowd place a limit order."""
        events = self.market.submit(self._venue.now(), None, side, Decimal(str(size)), Decimal(str(price)))
        self._venue.publish(self.market, events)

    def fill(self, size: float | str | Decimal | None = None) -> None:
        """Let the crowd trade until the oldest order of an account is filled.

        Args:
            size: How much of it; ``None`` = all that is left.

        Raises:
            LookupError: No order of an account rests here.
        """
        ours = self.orders()
        if not ours:
            raise LookupError(f"no order of an account rests in {self.name}")
        order = ours[0]
        wanted = order.left if size is None else min(Decimal(str(size)), order.left)
        self.trade("sell" if order.side == "buy" else "buy", self.market.ahead(order) + wanted)

    def orders(self) -> list[Order]:
        """Return the resting orders of the accounts, those of one account oldest first."""
        return [order for api in self._venue.apis for order in self.market.orders(api)]

    def book(self, limit: int | None = None) -> dict[str, list[tuple[Decimal, Decimal]]]:
        """Return the true book: ``{"asks": [(price, size), ...], "bids": [...]}``, best first."""
        return {"asks": self.market.levels("sell", limit), "bids": self.market.levels("buy", limit)}

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest price that somebody asks."""
        return self.market.best("sell")

    @property
    def best_bid(self) -> Decimal | None:
        """The highest price that somebody bids."""
        return self.market.best("buy")


def hmac_hex(secret: str, text: str | bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 of `text`."""
    return hmac.digest(secret.encode(), text.encode() if isinstance(text, str) else text, "sha256").hex()


def parsed(frame: str | bytes) -> Any:
    """Return a frame, or a body, as JSON; ``None`` if it is not."""
    try:
        return json.loads(frame)
    except ValueError:
        return None
