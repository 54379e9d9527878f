"""What a Bitget WebSocket needs besides frames: login, heartbeat, pace, and what an unsubscribe cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_base64
from .._pace import Pace
from .._stream import pings, without

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["forget", "heartbeat", "limit", "login"]

_PING = 25.0  # s between two pings; Bitget asks for one every 30 s, and closes after 2 minutes without

limit = Pace(8, 1.0)  # Bitget takes 10 a second, and a login and a ping do not wait for the others


async def login(link: Link) -> None:
    """Log a fresh socket in; public ones of V2 and V3 take no login, and without a credential nothing is sent.

    Raises:
        LoginRefused: Bitget said no.

    https://www.bitget.com/api-doc/common/websocket-intro
    """
    if link.credential is None or "public" in link.url.parts:
        return
    key, seconds = link.credential, str(round(link.instant().ns / 1_000_000_000))
    values = {
        "apiKey" if "v3" in link.url.parts else "api_key": key.key,
        "passphrase": key.passphrase,
        "timestamp": seconds,
        "sign": hmac_base64(key.secret, f"{seconds}GET/user/verify".encode()),
    }
    reply = link.expect(_answers_login)
    await link.send_json({"op": "login", "args": [values]})
    answer = await reply
    if answer["event"] == "error" or str(answer.get("code", 0)) != "0":
        raise LoginRefused(answer)


def _answers_login(msg: Any) -> bool:
    """Tell the answer to a login from that to a subscription, which has an ``arg``."""
    return isinstance(msg, dict) and msg.get("event") in ("login", "error") and "arg" not in msg


heartbeat = pings("ping", _PING)
"""Send Bitget's own ping at once and every 25 s.

https://www.bitget.com/api-doc/common/websocket-intro
"""


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://www.bitget.com/api-doc/common/websocket-intro
    """
    match subscription, unsubscription:
        case {"op": "subscribe", "args": [*_]}, {"op": "unsubscribe", "args": [*gone]}:
            return without(subscription, "args", gone)
    return subscription
