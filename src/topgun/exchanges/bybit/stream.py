"""What a Bybit WebSocket needs besides frames: login, heartbeat, stamped orders, and what an unsubscribe cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._stream import pings, without
from .rest import signature

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["forget", "heartbeat", "login", "sign_message"]

_VALIDITY = 5_000  # ms a login may be under way
_PING = 20.0  # s between two pings, as Bybit recommends
_STAMP = "X-BAPI-TIMESTAMP"


async def login(link: Link) -> None:
    """Log a fresh private or trade socket in; public ones take no login, and without a credential nothing is sent.

    Raises:
        LoginRefused: Bybit said no. ``/v5/private`` answers with ``success``, ``/v5/trade`` with ``retCode``.
        SigningError: The secret is a PEM key that cannot be used.

    https://bybit-exchange.github.io/docs/v5/ws/connect#authentication
    """
    if link.credential is None or "public" in link.url.parts:
        return
    expires = link.instant().ms + _VALIDITY
    signed = signature(link.credential.secret, f"GET/realtime{expires}".encode())
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("op") == "auth")
    await link.send_json({"op": "auth", "args": [link.credential.key, expires, signed]})
    answer = await reply
    if answer.get("success", answer.get("retCode") == 0) is not True:
        raise LoginRefused(answer)


heartbeat = pings('{"op":"ping"}', _PING)
"""Send Bybit's own ping at once and every 20 s; the connection would be cut after 10 quiet minutes.

https://bybit-exchange.github.io/docs/v5/ws/connect#how-to-send-the-heartbeat-packet
"""


def sign_message(message: Any, link: Link) -> Any:
    """Return a message for a trade socket with the time it is sent; any other message as it is.

    A time that the caller has set stays, and so does the rest of its ``header``.

    https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline
    """
    if "trade" not in link.url.parts or not isinstance(message, dict) or message.get("op") in ("auth", "ping"):
        return message
    header = message.get("header", {})
    if not isinstance(header, dict) or _STAMP in header:
        return message
    return {**message, "header": {**header, _STAMP: str(link.instant().ms)}}


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://bybit-exchange.github.io/docs/v5/ws/connect#how-to-subscribe-to-topics
    """
    match subscription, unsubscription:
        case {"op": "subscribe", "args": [*_]}, {"op": "unsubscribe", "args": [*gone]}:
            return without(subscription, "args", gone)
    return subscription
