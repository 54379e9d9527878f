"""What a Binance WebSocket needs besides frames: heartbeat, signed messages, which stream belongs on which path."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from .._stream import without
from .rest import signature
from .shapes import streams_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarl import URL

    from ...exchange import Link

__all__ = ["forget", "hang_up", "heartbeat", "misplaced", "sign_message", "warn_of_path"]

logger = logging.getLogger("topgun.exchanges.binance")

_PONG = 60.0  # s between two unasked pongs
_API_PATHS = frozenset({"ws-api", "ws-fapi", "ws-dapi"})
_UNSIGNED = frozenset(
    (
        "ping", "time", "exchangeInfo", "depth", "klines", "uiKlines", "avgPrice", "executionRules",
        "session.status", "session.logout", "session.subscriptions",
        "userDataStream.subscribe", "userDataStream.subscribe.listenToken", "userDataStream.unsubscribe",
    )
)  # fmt: skip
_UNSIGNED_KINDS = ("trades.", "blockTrades.", "ticker", "referencePrice")
_KEY_ONLY = frozenset({"userDataStream.start", "userDataStream.ping", "userDataStream.stop"})
_ROUTED = frozenset({"fstream.binance.com"})
_ROUTES = frozenset({"public", "market", "private"})


async def heartbeat(link: Link) -> None:
    """Send an unasked pong at once and every 60 s.

    What keeps the connection are the answers to Binance's own pings, which the client sends by itself.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
    """
    while not link.closed:
        await link.pong()
        await link.clock.sleep(_PONG)


def sign_message(message: Any, link: Link) -> Any:
    """Return a request to a WebSocket API with key, time and signature; any other message as it is.

    An older time and signature in it are replaced. Requests for public data, and about a session that has logged
    on, are not signed. The answer is the same whatever the type of the key, but ``session.logon`` takes Ed25519 only.

    Raises:
        SigningError: The secret is a PEM key that cannot be used.

    https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/request-security
    """
    if not isinstance(message, dict):
        return message
    if _API_PATHS.isdisjoint(link.url.parts):
        warn_of_path(link.url, message)
        return message
    method, params, key = message.get("method"), message.get("params", {}), link.credential
    if key is None or not isinstance(method, str) or not isinstance(params, dict) or _is_unsigned(method):
        return message
    signed = {name: value for name, value in params.items() if name != "signature"}
    signed["apiKey"] = key.key
    if method not in _KEY_ONLY:
        signed["timestamp"] = link.clock.now().ms
        text = "&".join(f"{name}={_text(signed[name])}" for name in sorted(signed))
        signed["signature"] = signature(key.secret, text.encode())
    return {**message, "params": signed}


def _is_unsigned(method: str) -> bool:
    return method in _UNSIGNED or method.startswith(_UNSIGNED_KINDS)


def _text(value: Any) -> str:
    """Return a value as it stands in JSON, a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    One that ends a single ``subscriptionId`` cancels nothing: after a reconnect the numbers are others.

    https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
    """
    match subscription, unsubscription:
        case {"method": "SUBSCRIBE", "params": [*_]}, {"method": "UNSUBSCRIBE", "params": [*gone]}:
            return without(subscription, "params", gone)
        case {"method": str(method)}, {"method": "userDataStream.unsubscribe", **others}:
            if method.startswith("userDataStream.subscribe") and not others.get("params"):
                return None
    return subscription


async def hang_up(ws: Any) -> None:
    """Close a connection, so that its app makes another one."""
    await ws.close()


# --- which stream belongs on which path ---


def warn_of_path(url: URL, message: Any = None) -> None:
    """Log a warning for each stream that will never send anything, as it belongs on another path.

    Args:
        url: Where the socket is connected to; it may name streams.
        message: What is sent there.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
    """
    streams = streams_in(url)
    match message:
        case {"method": "SUBSCRIBE", "params": [*wanted]}:
            streams = [stream for stream in wanted if isinstance(stream, str)]
    for stream, path in misplaced(url, streams):
        shown = stream if "@" in stream or stream.startswith("!") else "user data"
        logger.warning("%s: %s comes on the path %s, so nothing will arrive here", url.host, shown, path)


def misplaced(url: URL, streams: Iterable[str]) -> list[tuple[str, str]]:
    """Return the streams that do not come at `url`, and the path that each belongs on."""
    if url.host not in _ROUTED:
        return []
    first = url.parts[1] if len(url.parts) > 1 else ""
    route = first if first in _ROUTES else "public"
    wanted = ((stream, _routes_of(stream)) for stream in streams)
    return [(stream, f"/{routes[0]}") for stream, routes in wanted if route not in routes]


def _routes_of(stream: str) -> tuple[str, ...]:
    name, _, kind = stream.partition("@")
    if not kind and not name.startswith("!"):
        return ("private",)  # a listenKey
    if kind.startswith(("bookTicker", "depth", "rpiDepth")) or name == "!bookTicker":
        return ("public",)
    return ("market", "public") if kind == "trade" else ("market",)
