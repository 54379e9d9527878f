"""The streams of the fake Binance: who subscribes to what, on which path it comes, and what accounts are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import Fill
from ...venue import parsed
from .rows import holding, order_event, position_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Ended, Placed
    from . import Binance
    from .account import Product

__all__ = ["StreamKeys", "Streams"]

PATHS = re.compile(r"(?:/(?P<route>public|market|private))?/(?P<form>ws|stream)(?:/(?P<stream>[^/]+))?")
LIFE = 3_600_000  # ms a listenKey lives
ROUTED = "fstream.binance.com"


class StreamKeys:
    """The listenKeys: one for each account and product, for an hour since it was last extended."""

    def __init__(self, now: Callable[[], int], serial: Callable[[], int]) -> None:
        self._now = now
        self._serial = serial
        self._alive: dict[tuple[str, str], tuple[str, int]] = {}

    def make(self, api: str, kind: str) -> str:
        """Return the key that is alive, extended, or a new one."""
        key = self._alive.get((api, kind), (f"fake{self._serial():060}", 0))[0]
        self._alive[api, kind] = key, self._now() + LIFE
        return key

    def extend(self, api: str, kind: str) -> bool:
        """Extend a key; return whether there is one."""
        return (api, kind) in self._alive and bool(self.make(api, kind))

    def close(self, api: str, kind: str) -> None:
        """End a key."""
        self._alive.pop((api, kind), None)

    def of(self, api: str, kind: str) -> str | None:
        """Return the key of an account."""
        return self._alive.get((api, kind), (None, 0))[0]

    def expired(self) -> list[str]:
        """Return the keys whose time is over, and forget them."""
        over = {place: key for place, (key, end) in self._alive.items() if end <= self._now()}
        for place in over:
            del self._alive[place]
        return list(over.values())


class Streams:
    """Every socket but those to a WebSocket API.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
    """

    def __init__(self, venue: Binance) -> None:
        self._venue = venue

    def admits(self, path: str) -> bool:
        """Tell whether there are streams at that path."""
        return PATHS.fullmatch(path) is not None

    def greet(self, link: Link) -> None:
        """Subscribe a fresh socket to what its URL names."""
        match = PATHS.fullmatch(link.path)
        names = [match["stream"]] if match is not None and match["stream"] else []
        names += [*link.query.get("streams", "").split("/"), link.query.get("listenKey", "")]
        link.topics.update(dict.fromkeys(name for name in names if name))

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = parsed(frame)
        match heard:
            case {"method": "SUBSCRIBE", "params": list(streams), "id": name}:
                link.topics.update(dict.fromkeys(map(str, streams)))
                link.send({"result": None, "id": name})
            case {"method": "UNSUBSCRIBE", "params": list(streams), "id": name}:
                for stream in streams:
                    link.topics.pop(str(stream), None)
                link.send({"result": None, "id": name})
            case {"method": "LIST_SUBSCRIPTIONS", "id": name}:
                link.send({"result": list(link.topics), "id": name})
            case dict():
                link.send({"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": heard.get("id")})
            case _:
                link.send({"error": {"code": 3, "msg": "Invalid JSON"}})

    def tell(self, link: Link, stream: str, message: Any, *, update: bool = False, event: bool = False) -> None:
        """Send what a stream says, in the form of the path, if it comes on that path at all."""
        match = PATHS.fullmatch(link.path)
        if match is not None and (link.host != ROUTED or _comes_on(match["route"] or "public", stream)):
            told = {"stream": stream, "data": message} if match["form"] == "stream" else message
            link.send(told, topic=stream, update=update, event=event)

    def tell_account(self, api: str, market: Market, events: Sequence[Placed | Fill | Ended]) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        product, now = self._venue.products[market.name], self._venue.now().ms
        for event in events:
            self._tell_user(api, product, order_event(market, event, now))
        account, filled = self._venue.accounts[api], any(isinstance(event, Fill) for event in events)
        rows = [holding(account, product, coin) for coin in account.wallets[product.kind]]
        if product.kind == "spot":
            coins = [{"a": row["asset"], "f": row["free"], "l": row["locked"]} for row in rows]
            self._tell_user(api, product, {"e": "outboundAccountPosition", "E": now, "u": now, "B": coins})
        elif filled:
            balances = [{"a": row["asset"], "wb": row["balance"], "cw": row["balance"], "bc": "0"} for row in rows]
            told = {"m": "ORDER", "B": balances, "P": [position_event(market, product, api)]}
            self._tell_user(api, product, {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": told})

    def expire(self) -> None:
        """End the listenKeys whose time is over, and say so to those who use them; then they hear nothing more."""
        for key in self._venue.keys_of_streams.expired():
            for link in self._venue.links():
                if key in link.topics:
                    self.tell(link, key, {"e": "listenKeyExpired", "E": self._venue.now().ms, "listenKey": key})

    def _tell_user(self, api: str, product: Product, event: dict[str, Any]) -> None:
        key = self._venue.keys_of_streams.of(api, product.kind)
        for link in self._venue.links():
            if product.kind == "spot":
                if link.api == api and "user" in link.topics:
                    link.send({"subscriptionId": link.topics["user"], "event": event}, topic="user", event=True)
            elif key is not None and key in link.topics:
                self.tell(link, key, event, event=True)


def _comes_on(route: str, stream: str) -> bool:
    """Tell whether a stream comes on a path of the USDⓈ-M futures.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
    """
    if "@" not in stream and not stream.startswith("!"):
        return route == "private"
    if re.search(r"@bookTicker|^!bookTicker|@depth|@rpiDepth", stream):
        return route == "public"
    return route == "market"
