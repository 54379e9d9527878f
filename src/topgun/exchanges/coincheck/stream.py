"""What the WebSockets of Coincheck need besides frames: the login, and what an unsubscribe cancels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_hex
from .._stream import without

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["forget", "login"]

logger = logging.getLogger("topgun.exchanges.coincheck")

_SIGNED_URL = "wss://stream.coincheck.com/private"  # whatever URL is connected to
_CHANNELS = ("order-events", "execution-events")


async def login(link: Link) -> None:
    """Log a fresh private socket in; without a credential do nothing.

    What the key may not subscribe to is one warning: nothing would ever come on that channel.

    Raises:
        LoginRefused: Coincheck did not answer with ``"success": true``.

    https://coincheck.com/documents/exchange/api#private-channels
    """
    if link.credential is None:
        return
    nonce = str(link.instant().ms)
    signature = hmac_hex(link.credential.secret, f"{nonce}{_SIGNED_URL}".encode())
    reply = link.expect(lambda msg: isinstance(msg, dict) and "success" in msg)
    await link.send_json(
        {"type": "login", "access_key": link.credential.key, "access_nonce": nonce, "access_signature": signature}
    )
    answer = await reply
    if answer["success"] is not True:
        raise LoginRefused(answer.get("error", answer))
    available = answer.get("available_channels")
    if isinstance(available, list) and (missing := [name for name in _CHANNELS if name not in available]):
        logger.warning("the key has no permission for %s", ", ".join(missing))


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    Public messages name one ``channel``, private ones a list of ``channels``.

    https://coincheck.com/documents/exchange/api#public-channels
    """
    match subscription, unsubscription:
        case {"type": "subscribe", "channel": channel}, {"type": "unsubscribe", "channel": gone} if channel == gone:
            return None
        case {"type": "subscribe", "channels": [*_]}, {"type": "unsubscribe", "channels": [*gone]}:
            return without(subscription, "channels", gone)
    return subscription
