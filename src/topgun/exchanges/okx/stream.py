"""What an OKX WebSocket needs besides frames: login, heartbeat, leaving in time, and what an unsubscribe cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_base64
from .._stream import pings, without

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["answer", "forget", "heartbeat", "login"]

_PING = 15.0  # s between two pings; OKX closes what was silent for 30 s
_UPGRADE = "64008"


async def login(link: Link) -> None:
    """Log a fresh socket in, whatever its path: some public channels want it too. Without a credential do nothing.

    Raises:
        LoginRefused: OKX said no; public channels go on all the same.

    https://www.okx.com/docs-v5/en/#overview-websocket-login
    """
    key = link.credential
    if key is None:
        return
    time = str(link.clock.now().seconds)
    signed = hmac_base64(key.secret, f"{time}GET/users/self/verify".encode())
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("event") in ("login", "error"))
    args = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": time, "sign": signed}
    await link.send_json({"op": "login", "args": [args]})
    told = await reply
    if told["event"] != "login":
        raise LoginRefused(told)


heartbeat = pings("ping", _PING)
"""Send OKX's own ping at once and every 15 s; it answers with the text ``pong``.

https://www.okx.com/docs-v5/en/#overview-websocket-connect
"""


def answer(msg: Any, link: Link) -> None:
    """Leave a connection that OKX is about to close for an upgrade of its service, 60 s ahead; nothing is sent.

    https://www.okx.com/docs-v5/en/#overview-websocket-notification
    """
    if isinstance(msg, dict) and msg.get("event") == "notice" and msg.get("code") == _UPGRADE:
        link.drop(f"OKX is about to close this connection ({_UPGRADE}: service upgrade)")


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://www.okx.com/docs-v5/en/#overview-websocket-unsubscribe
    """
    match subscription, unsubscription:
        case {"op": "subscribe", "args": [*_]}, {"op": "unsubscribe", "args": [*gone]}:
            return without(subscription, "args", gone)
    return subscription
