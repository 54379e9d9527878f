"""The fake of Hyperliquid: hosts, keys and markets; gate, info, trading and stream say how it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...market import Market
from ...orders import owned, trades_in
from ...venue import Reply, Venue
from .account import Account
from .gate import Gate, Refused, Wallet
from .info import Info
from .stream import Stream
from .trading import Trading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...orders import Event
    from ...venue import Request

__all__ = ["VENUE", "Hyperliquid"]

HOSTS = {"api.hyperliquid.xyz": "hyperliquid", "api.hyperliquid-testnet.xyz": "hyperliquid_testnet"}
MARKETS: dict[str, dict[str, Any]] = {  # in the order of their asset numbers
    "BTC": {"price": "60000", "tick": "1", "lot": "0.00001", "minimum": "0.00001", "grid": "1", "unit": "0.01"},
    "ETH": {"price": "3000", "tick": "0.1", "lot": "0.0001", "minimum": "0.0001", "grid": "0.1", "unit": "0.1"},
}


class Hyperliquid(Venue):
    """Hyperliquid with two perpetuals, the same on mainnet and testnet.

    Attributes:
        accounts: By API name; each belongs to the address of its key.
        gate: Knows who signs, and the nonces that were used so far.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api
    """

    name = "hyperliquid"
    hosts = tuple(HOSTS)
    keys: ClassVar = {"hyperliquid": (f"0x{1:064x}",), "hyperliquid_testnet": (f"0x{2:064x}",)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.coins = list(self.markets)
        self.accounts = {api: Account(api, address_of(entry[0])) for api, entry in self.apis.items()}
        self.gate = Gate(self)
        self.info = Info(self)
        self.trading = Trading(self)
        self.stream = Stream(self)

    def open_markets(self, seed: int) -> dict[str, Market]:
        """Return the markets by coin."""
        return {name: Market(name, seed=seed, numbers=self.numbers, **terms) for name, terms in MARKETS.items()}

    def environment(self, host: str | None) -> str:
        """Return the API name whose keys a host takes."""
        return HOSTS[host or ""]

    def account_of(self, user: Any) -> Account:
        """Return the account of an address; one that never did anything for any other address."""
        known = (account for account in self.accounts.values() if account.address == str(user).lower())
        return next(known, Account("", str(user).lower()))

    def admits(self, request: Request) -> bool:
        """Tell whether there is a WebSocket at that address."""
        return request.url.path == "/ws"

    def verified(self, request: Request) -> bool:
        """Tell whether a request needs no signature, or has one of somebody who is known."""
        if request.url.path != "/exchange":
            return True
        try:
            return bool(self.gate.account(request.json(), request.url.host))
        except Refused:
            return False

    def answer(self, request: Request) -> Reply:
        """Execute a request."""
        if request.method != "POST" or request.url.path not in ("/info", "/exchange"):
            return Reply(status=404)
        body = request.json()
        try:
            if request.url.path == "/info":
                return Reply(self.info.answer(body))
            return Reply(self.trading.execute(body, request.url.host))
        except Refused as refusal:
            return Reply(refusal.told, refusal.status)

    def greet(self, link: Link) -> None:
        """Say what is said first."""
        self.stream.greet(link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a frame of a client."""
        self.stream.hear(link, frame)

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Book what happened on a market and tell it to those who subscribed to it."""
        self.stream.publish(market, trades_in(events))
        for api, account in self.accounts.items():
            ours = owned(events, api)
            fills = account.book(market, ours)
            if ours:
                self.stream.tell_account(account, market, ours, fills)


def address_of(key: str) -> str:
    """Return the address of a private key in lower case, nothing if it is none: then nobody is let in with it."""
    try:
        return str(Wallet.from_key(key).address).lower()
    except ValueError:
        return ""


VENUE = Hyperliquid
