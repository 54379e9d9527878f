"""What a BitTrade WebSocket needs besides messages: login, pings of both sides, gzip, a send limit, what an unsub ends.

There are three sockets on the host of the HTTP API: ``/ws`` (market data), ``/ws/v2`` (the account) and
``/retail/ws`` (prices of the dealer). Only the second one takes a login.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._pace import Pace
from .rest import signature, timestamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ...exchange import Link

__all__ = ["answer", "decode", "forget", "heartbeat", "limit", "login"]

_PUBLIC, _PRIVATE, _RETAIL = "/ws", "/ws/v2", "/retail/ws"
_GZIP = b"\x1f\x8b"
_WITH_GZIP_HEADER = 31  # for zlib
_PACES = {
    _PUBLIC: Pace(10, 1.0),  # each `req` more than that may be refused
    _PRIVATE: Pace(50, 1.0),
}


async def login(link: Link) -> None:
    """Log a fresh socket to ``/ws/v2`` in; the others take no login, and without a credential nothing is sent.

    Raises:
        LoginRefused: BitTrade said no.

    https://api-doc.bittrade.co.jp/#7a52d716ff
    """
    if link.credential is None or link.url.path != _PRIVATE:
        return
    params = {
        "accessKey": link.credential.key,
        "signatureMethod": "HmacSHA256",
        "signatureVersion": "2.1",
        "timestamp": timestamp(link.instant()),
    }
    signed = signature(link.credential.secret, "GET", link.url, params.items())
    reply = link.expect(lambda msg: isinstance(msg, dict) and (msg.get("action"), msg.get("ch")) == ("req", "auth"))
    params = {"authType": "api", **params, "signature": signed}
    await link.send_json({"action": "req", "ch": "auth", "params": params})
    ack = await reply
    if ack.get("code") != 200:
        raise LoginRefused(ack)


async def heartbeat(link: Link) -> None:
    """Keep the socket alive, at once and then by the clock: a ping each 5 s on ``/ws``, a pong each 10 s to the dealer.

    ``/ws/v2`` is kept alive by `answer` alone. So is ``/ws``, but for a server that waits to be asked.

    https://api-doc.bittrade.co.jp/#401564b16d
    """
    path = link.url.path
    while not link.closed and path in (_PUBLIC, _RETAIL):
        now = link.clock.now()
        await link.send_json({"ping": now.ms} if path == _PUBLIC else {"action": 5, "ts": now.seconds})
        await link.clock.sleep(5.0 if path == _PUBLIC else 10.0)


def answer(message: Any, link: Link) -> str | None:
    """Return the pong to a ping of the server, with the server's own value; ``None`` for any other message.

    https://api-doc.bittrade.co.jp/#401564b16d and https://api-doc.bittrade.co.jp/#111d6cb2aa
    """
    match message:
        case {"ping": value}:
            return json.dumps({"pong": value})
        case {"action": "ping", "data": {"ts": value}}:
            return json.dumps({"action": "pong", "data": {"ts": value}})
    return None


def decode(frame: str | bytes) -> str | bytes:
    """Unpack a frame of market data, which is gzip; leave the text of ``/ws/v2`` as it is.

    Raises:
        ValueError: It begins like gzip, and is not.

    https://api-doc.bittrade.co.jp/#401564b16d
    """
    if isinstance(frame, str) or not frame.startswith(_GZIP):
        return frame
    try:
        return zlib.decompress(frame, _WITH_GZIP_HEADER)
    except zlib.error as error:
        raise ValueError(f"not gzip: {error}") from None


async def limit(link: Link, send: Callable[[], Awaitable[None]]) -> None:
    """Send at most 10 messages a second on a socket to ``/ws``, 50 on one to ``/ws/v2``."""
    pace = _PACES.get(link.url.path)
    await (send() if pace is None else pace(link, send))


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    The request for a snapshot of a topic goes with its subscription: a book that begins and is not carried on is wrong.

    https://api-doc.bittrade.co.jp/
    """
    match subscription, unsubscription:
        case {"sub": topic} | {"req": topic}, {"unsub": gone} if topic == gone:
            return None
        case {"action": "sub", "ch": topic}, {"action": "unsub", "ch": gone} if topic == gone:
            return None
    return subscription
