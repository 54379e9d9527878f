"""`Wiring`: what a client lends its sockets, and how a socket made from a session alone finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp
    from yarl import URL

    from ..clock import Clock, RisingInstants
    from ..credentials import Credential
    from ..exchange import Host, Requester
    from ..typedefs import JsonLoads
    from .app import WebSocketApp

    class Connect(Protocol):
        """Opens a WebSocket, signing the upgrade where the host asks for it."""

        async def __call__(self, url: URL, *, auth: Any, **kwargs: Any) -> aiohttp.ClientWebSocketResponse:
            """Return the open socket; `kwargs` are those of ``aiohttp.ClientSession.ws_connect``."""
            ...


__all__ = ["Wiring", "wiring_of"]

# By identity, and weak on both sides: the session must not outlive its client for having been looked up.
_wirings: WeakValueDictionary[int, Wiring] = WeakValueDictionary()


@dataclass(eq=False)
class Wiring:
    """What a client lends its sockets. Making one announces it; the client holds it as long as its session.

    Attributes:
        session: The client's session.
        registry: The hosts the client knows.
        credentials: The client's credentials by name.
        clock: The client's clock.
        instants: The times to sign with.
        json_loads: Decodes a frame.
        connect: Opens a WebSocket; called before each connection.
        requester: The client, for stores and logins that must send HTTP requests.
        apps: The sockets of the client that are not closed, oldest first.
    """

    session: aiohttp.ClientSession
    registry: Mapping[str, Host]
    credentials: Mapping[str, Credential]
    clock: Clock
    instants: RisingInstants
    json_loads: JsonLoads
    connect: Connect
    requester: Requester
    apps: list[WebSocketApp] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        _wirings[id(self.session)] = self


def wiring_of(session: aiohttp.ClientSession) -> Wiring:
    """Return what the client of `session` lends its sockets.

    Raises:
        ConfigError: `session` does not belong to a client.
    """
    wiring = _wirings.get(id(session))
    if wiring is None or wiring.session is not session:
        raise ConfigError("session is not the session of a topgun Client: use client.ws_connect(url, ...)")
    return wiring
