"""What a bitbank WebSocket needs besides frames. It speaks Socket.IO: version 4, or the older one as ``EIO=3``."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ...exchange import Link

__all__ = ["answer", "decode", "greet", "heartbeat"]

_PING = 15.0  # s between two pings of the client, with EIO=3
_PACKETS = {"0": "open", "1": "close", "2": "ping", "3": "pong", "40": "connect", "41": "disconnect", "44": "refused"}
_connecting: WeakKeyDictionary[Link, asyncio.Future[None]] = WeakKeyDictionary()


@lru_cache(maxsize=1)  # the connection wants each frame decoded, and right after it the tables do
def decode(frame: str | bytes) -> Any:
    """Return the event that a frame holds, ``["message", {...}]``; of a control frame its name and its payload.

    The names are ``open``, ``close``, ``ping``, ``pong``, ``connect``, ``disconnect`` and ``refused``.

    Raises:
        ValueError: It is no frame of Socket.IO.

    https://socket.io/docs/v4/socket-io-protocol/#packet-encoding
    """
    text = frame if isinstance(frame, str) else frame.decode()
    if text.startswith("42["):
        return json.loads(text[2:])
    for length in (2, 1):
        if (name := _PACKETS.get(text[:length])) and text[length : length + 1] in ("", "{"):
            return [name, json.loads(text[length:] or "null")]
    raise ValueError("not a frame of Socket.IO")


def greet(link: Link) -> Awaitable[Any] | None:
    """Return what to wait for before rooms are joined: with version 4 the namespace is opened first.

    https://socket.io/docs/v4/socket-io-protocol/#connection-to-a-namespace
    """
    if not _is_version_4(link):
        return None
    connected = _connecting[link] = asyncio.get_running_loop().create_future()
    return connected


def answer(message: Any, link: Link) -> str | None:
    """Return what version 4 wants to hear at once: a request for the namespace, a pong for each ping.

    https://socket.io/docs/v4/engine-io-protocol/#heartbeat
    """
    name = message[0] if isinstance(message, list) and message else None
    if name == "message" or not _is_version_4(link):
        return None
    if name == "connect" and (connected := _connecting.pop(link, None)) and not connected.done():
        connected.set_result(None)
    return "40" if name == "open" else "3" if name == "ping" else None


async def heartbeat(link: Link) -> None:
    """Send the client's ping of the older version at once and every 15 s; with version 4 the server pings.

    https://socket.io/docs/v4/engine-io-protocol/#difference-between-v3-and-v4
    """
    while not link.closed and not _is_version_4(link):
        await link.send_str("2")
        await link.clock.sleep(_PING)


def _is_version_4(link: Link) -> bool:
    return link.url.query.get("EIO") == "4"
