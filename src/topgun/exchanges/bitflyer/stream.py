"""What a bitFlyer WebSocket (JSON-RPC 2.0) needs besides frames: the login, and what an unsubscribe cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...exchange import Link

__all__ = ["forget", "login"]


async def login(link: Link) -> None:
    """Log a fresh socket in, whatever it will subscribe to; without a credential do nothing.

    Raises:
        LoginRefused: bitFlyer did not answer with ``"result": true``.

    https://bf-lightning-api.readme.io/docs/realtime-api-auth
    """
    if link.credential is None:
        return
    timestamp, nonce = link.instant().ms, link.clock.nonce(16)
    signature = hmac_hex(link.credential.secret, f"{timestamp}{nonce}".encode())
    params = {"api_key": link.credential.key, "timestamp": timestamp, "nonce": nonce, "signature": signature}
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("id") == "auth")
    await link.send_json({"method": "auth", "params": params, "id": "auth"})
    answer = await reply
    if answer.get("result") is not True:
        raise LoginRefused(answer.get("error", answer))


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    Either may be one request or a JSON-RPC batch (a list of requests).

    https://bf-lightning-api.readme.io/docs/endpoint-json-rpc
    """
    gone = [_channel(request, "unsubscribe") for request in _requests(unsubscription)]
    kept = [
        request
        for request in _requests(subscription)
        if (channel := _channel(request, "subscribe")) is None or channel not in gone
    ]
    if len(kept) == len(_requests(subscription)):
        return subscription
    return kept or None


def _requests(message: Any) -> list[Any]:
    return message if isinstance(message, list) else [message]


def _channel(request: Any, method: str) -> Any:
    """Return the channel that `request` names, ``None`` for anything but a request of `method`."""
    match request:
        case {"method": called, "params": {"channel": channel}} if called == method:
            return channel
    return None
