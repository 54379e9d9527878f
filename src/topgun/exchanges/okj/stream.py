"""What an OKJ WebSocket needs besides frames: login, heartbeat, the compression of V3, what an unsubscribe cancels."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_base64
from .._stream import pings, without

if TYPE_CHECKING:
    from ...credentials import Credential
    from ...exchange import Link

__all__ = ["decode", "forget", "heartbeat", "login_v3", "login_v5"]

_PING = 15.0  # s between two pings; OKJ cuts a connection after 30 s without data


async def login_v3(link: Link) -> None:
    """Log a fresh V3 socket in; without a credential nothing is sent.

    Raises:
        LoginRefused: OKJ said no.

    https://dev.okcoin.jp/en/#spot_ws-login
    """
    if (key := link.credential) is not None:
        time = str(link.instant().ns / 1_000_000_000)
        await _log_in(link, [key.key, key.passphrase, time, _signed(key, time)])


async def login_v5(link: Link) -> None:
    """Log a fresh V5 socket in, a public one too: some of its channels want it. Without a credential nothing is sent.

    Raises:
        LoginRefused: OKJ said no.

    https://dev.okj.com/apidoc/v5/en/
    """
    if (key := link.credential) is not None:
        time = link.instant().seconds
        signed = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": time, "sign": _signed(key, time)}
        await _log_in(link, [signed])


heartbeat = pings("ping", _PING)
"""Send OKJ's own ping at once and every 15 s; it is answered with ``pong``, which is no JSON.

https://dev.okcoin.jp/en/#spot_ws-limit
"""


def decode(frame: str | bytes) -> str | bytes:
    """Return the JSON of a V3 frame: those are binary, deflated, without a header.

    Raises:
        zlib.error: It is something else.

    https://dev.okcoin.jp/en/#spot_ws-limit
    """
    return frame if isinstance(frame, str) else zlib.decompress(frame, -zlib.MAX_WBITS)


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://dev.okj.com/apidoc/v5/en/
    """
    match subscription, unsubscription:
        case {"op": "subscribe", "args": [*_]}, {"op": "unsubscribe", "args": [*gone]}:
            return without(subscription, "args", gone)
    return subscription


def _signed(key: Credential, time: object) -> str:
    return hmac_base64(key.secret, f"{time}GET/users/self/verify".encode())


async def _log_in(link: Link, args: list[Any]) -> None:
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("event") in ("login", "error"))
    await link.send_json({"op": "login", "args": args})
    answer = await reply
    if answer["event"] == "error" or answer.get("success", answer.get("code") == "0") is not True:
        raise LoginRefused(answer)
