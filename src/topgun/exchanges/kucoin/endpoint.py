"""Where a KuCoin WebSocket is, and the token that opens it: what the bullet calls have said."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Endpoint", "endpoint_of", "is_named", "opened", "sources"]

SPOT, FUTURES = "https://api.kucoin.com", "https://api-futures.kucoin.com"
PUBLIC, PRIVATE = "/api/v1/bullet-public", "/api/v1/bullet-private"
_USUAL = ("ws-api-spot.kucoin.com", "ws-api-futures.kucoin.com")  # the server to take if there are several
_REMEMBERED = 1000
_LEAST = 1.0  # s between two pings, whatever KuCoin says


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a bullet call brought.

    Attributes:
        url: Where to connect to, with the token.
        source: Where it came from.
        ping: Seconds between two pings.
        patience: Seconds to wait for a pong.
    """

    url: str = field(repr=False)
    source: str
    ping: float
    patience: float


_endpoints: OrderedDict[str, Endpoint] = OrderedDict()  # by token
_hosts: set[str] = set()


def opened(answer: Any, source: str) -> Endpoint:
    """Return the endpoint of an answer to a bullet call, and remember it; no error quotes the token.

    Args:
        answer: It.
        source: The URL of the call.

    Raises:
        KeyError: A part of the answer is missing; likewise for the other errors.
        IndexError: There is no server.
        TypeError: A part is not what it should be.
        ValueError: Likewise.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """
    data = answer["data"]
    token, servers = _text(data["token"]), data["instanceServers"]
    server = next((each for each in servers if URL(_text(each["endpoint"])).host in _USUAL), servers[0])
    url = f"{server['endpoint']}?token={token}&acceptUserMessage=true&connectId={uuid4()}"
    endpoint = Endpoint(
        url=url,
        source=source,
        ping=_seconds(server, "pingInterval", 18_000),
        patience=_seconds(server, "pingTimeout", 10_000),
    )
    parsed = URL(url)
    _hosts.add(parsed.host or "")
    _endpoints[parsed.query["token"]] = endpoint
    if len(_endpoints) > _REMEMBERED:
        _endpoints.popitem(last=False)
    return endpoint


def endpoint_of(url: URL) -> Endpoint | None:
    """Return the endpoint whose token is in `url`, ``None`` if nothing is known of it."""
    return _endpoints.get(url.query.get("token", ""))


def is_named(host: str) -> bool:
    """Tell whether a bullet call has named a host."""
    return host in _hosts


def sources(url: URL) -> tuple[str, ...]:
    """Return which bullet calls may have opened `url`, the best one first; none if it has no token.

    A token for private topics is good for public ones too, so it is the better one where nothing is known.
    """
    if not url.query.get("token"):
        return ()
    if (known := endpoint_of(url)) is not None:
        return (known.source,)
    home = FUTURES if "futures" in (url.host or "") else SPOT
    return home + PRIVATE, home + PUBLIC


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value


def _seconds(server: Mapping[str, Any], name: str, usual: int) -> float:
    value = server.get(name, usual)
    if type(value) is not int:
        raise TypeError(f"{name} is no number of milliseconds")
    return max(value / 1000, _LEAST)
