"""What a Hyperliquid WebSocket needs besides frames: heartbeat, pace, signed orders; there is no login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._pace import Pace
from .._stream import pings
from .actions import signed
from .rest import is_mainnet

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["LIMIT", "decode", "forget", "heartbeat", "sign_message"]

LIMIT = Pace(2_000, 60.0, shared=True)
"""Messages of all sockets of one address.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/rate-limits-and-user-limits
"""

_PING = 30.0  # s between two pings; Hyperliquid closes a socket to which it has sent nothing for 60 s
_GREETING = "Websocket connection established."


heartbeat = pings('{"method":"ping"}', _PING)
"""Send a ping at once and every 30 s.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/timeouts-and-heartbeats
"""


def decode(frame: str | bytes) -> str | bytes:
    """Return a frame as it came; the greeting, the one that is not JSON, as a word that nobody has to hear."""
    return "pong" if frame == _GREETING else frame


def sign_message(message: Any, link: Link) -> Any:
    """Return a copy of a ``post`` with an action, signed like a request to ``/exchange``; anything else as it is.

    Raises:
        SigningError: The action cannot be signed.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/post-requests
    """
    match message:
        case {"method": "post", "request": {"type": "action", "payload": dict(payload)} as request} if link.credential:
            body = signed(payload, link.credential.key, link.instant().ms, mainnet=is_mainnet(link.url.host))
            return {**message, "request": {**request, "payload": body}}
    return message


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
    """
    match subscription, unsubscription:
        case (
            {"method": "subscribe", "subscription": there},
            {"method": "unsubscribe", "subscription": gone},
        ) if there == gone:
            return None
    return subscription
