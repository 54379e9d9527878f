"""What a MEXC WebSocket needs besides frames: login, heartbeats, what is compressed, a listenKey that lives."""

from __future__ import annotations

import gzip
import logging
import zlib
from typing import TYPE_CHECKING, Any

from ...errors import LoginRefused
from .._crypto import hmac_hex
from .._stream import pings, without

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Link, Requester

__all__ = [
    "LISTEN_KEY",
    "extend",
    "forget_contract",
    "forget_spot",
    "heartbeat_contract",
    "heartbeat_spot",
    "key_in",
    "login",
    "plain",
    "readdress",
]

logger = logging.getLogger("topgun.exchanges.mexc")

LISTEN_KEY = "https://api.mexc.com/api/v3/userDataStream"
_PING_CONTRACT = 10.0  # s between two pings; the connection is cut after 60 s without one
_PING_SPOT = 15.0  # s; it is cut after 60 s without data


# --- contracts ---


async def login(link: Link) -> None:
    """Log a fresh contract socket in, with the time in ms; without a credential nothing is sent.

    Raises:
        LoginRefused: MEXC said no.

    https://www.mexc.com/api-docs/futures/websocket-api
    """
    if (key := link.credential) is None:
        return
    time = str(link.instant().ms)
    signed = hmac_hex(key.secret, f"{key.key}{time}".encode())
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("channel") in ("rs.login", "rs.error"))
    await link.send_json({"method": "login", "param": {"apiKey": key.key, "reqTime": time, "signature": signed}})
    answer = await reply
    if answer["channel"] != "rs.login" or answer.get("data") != "success":
        raise LoginRefused(answer)


heartbeat_contract = pings('{"method":"ping"}', _PING_CONTRACT)
"""Send MEXC's own ping at once and every 10 s.

https://www.mexc.com/api-docs/futures/websocket-api
"""


def plain(frame: str | bytes) -> str | bytes:
    """Return the JSON of a contract frame: one that was subscribed to with ``"gzip": true`` comes compressed.

    Raises:
        ValueError: It cannot be unpacked.

    https://www.mexc.com/api-docs/futures/websocket-api
    """
    if isinstance(frame, str) or not frame.startswith(b"\x1f\x8b"):
        return frame
    try:
        return gzip.decompress(frame)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"a compressed frame cannot be unpacked: {error}") from None


def forget_contract(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://www.mexc.com/api-docs/futures/websocket-api
    """
    match subscription, unsubscription:
        case {"method": str(method)}, {"method": str(gone)} if method == f"sub.{gone.removeprefix('unsub.')}":
            known, asked = (each.get("param") or {} for each in (subscription, unsubscription))
            if all(known.get(name) == asked.get(name, known.get(name)) for name in ("symbol", "interval", "limit")):
                return None
    return subscription


# --- spot ---


heartbeat_spot = pings('{"method":"PING"}', _PING_SPOT)
"""Send MEXC's own ping at once and every 15 s.

https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
"""


def forget_spot(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """
    match subscription, unsubscription:
        case {"method": "SUBSCRIPTION", "params": [*_]}, {"method": "UNSUBSCRIPTION", "params": [*gone]}:
            return without(subscription, "params", gone)
    return subscription


def key_in(url: URL) -> str | None:
    """Return the listenKey in the URL of a socket."""
    return url.query.get("listenKey") or None


async def extend(requester: Requester, key: str) -> bool:
    """Extend a listenKey to 60 minutes from now; return whether MEXC did.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    """
    answer = await requester.request_json("PUT", LISTEN_KEY, params={"listenKey": key})
    return isinstance(answer, dict) and "listenKey" in answer


async def readdress(url: URL, requester: Requester) -> URL:
    """Return where to connect to: `url` if its listenKey can be extended, else the same with a new key.

    As long as there is no new one, the old URL is tried.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    """
    key = key_in(url)
    if key is None or await extend(requester, key):
        return url
    match await requester.request_json("POST", LISTEN_KEY):
        case {"listenKey": str(fresh)}:
            return url.update_query(listenKey=fresh)
        case answer:
            logger.warning("MEXC gives no listenKey for the socket of the account: %.200r", answer)
    return url
