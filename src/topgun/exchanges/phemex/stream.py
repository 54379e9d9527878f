"""What a Phemex WebSocket needs besides frames: login, heartbeat, the send limit, what an unsubscribe cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_hex
from .._pace import Pace
from .._stream import pings
from .rest import VALIDITY

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["forget", "heartbeat", "limit", "login"]

_LOGIN = 123  # the id of the question, and so of its answer
_PING = '{"method":"server.ping","params":[],"id":1000000123}'  # an id of its own: a pong is no answer to a login
_PAUSE = 10.0  # s between two pings; a client that is silent for 30 s is cut off, whatever it is told meanwhile

limit = Pace(18, 1.0)  # Phemex takes 20 messages a second from a connection; this leaves room for a login and a ping


async def login(link: Link) -> None:
    """Log a fresh socket in; without a credential nothing is sent.

    Raises:
        LoginRefused: Phemex said no.

    https://phemex-docs.github.io/#user-authentication
    """
    if link.credential is None:
        return
    key, secret = link.credential.key, link.credential.secret
    expiry = link.instant().seconds + VALIDITY
    reply = link.expect(_answers_login)
    signed = hmac_hex(secret, f"{key}{expiry}".encode())
    await link.send_json({"method": "user.auth", "params": ["API", key, signed, expiry], "id": _LOGIN})
    answer = await reply
    if answer.get("error"):
        raise LoginRefused(answer)


heartbeat = pings(_PING, _PAUSE)
"""Send Phemex's own ping at once and every 10 s.

https://phemex-docs.github.io/#heartbeat
"""


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return a remembered `subscription`, or ``None`` if `unsubscription` cancels it.

    ``orderbook.unsubscribe`` without ``params`` cancels all books of that kind, with a symbol those of the symbol.

    https://phemex-docs.github.io/#unsubscribe-orderbook
    """
    match subscription, unsubscription:
        case {"method": str(begun)}, {"method": str(ended)} if begun.endswith(".subscribe"):
            symbols, gone = subscription.get("params") or [], unsubscription.get("params") or []
            if ended == f"{begun.removesuffix('.subscribe')}.unsubscribe" and (not gone or symbols[:1] == gone[:1]):
                return None
    return subscription


def _answers_login(msg: Any) -> bool:
    match msg:
        case {"id": 123, "error": error} if error:
            return True
        case {"id": 123, "result": {"status": "success"}}:
            return True
    return False
