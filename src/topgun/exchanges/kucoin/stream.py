"""What a KuCoin WebSocket needs besides frames: welcome, heartbeat, a valid token, what an unsubscribe cancels."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from yarl import URL

from ...clock import within
from .endpoint import PUBLIC, endpoint_of, opened, sources

if TYPE_CHECKING:
    from collections.abc import Generator

    from ...exchange import Link, Requester

__all__ = ["accepted", "forget", "greet", "heartbeat", "is_keyless", "readdress"]

logger = logging.getLogger("topgun.exchanges.kucoin")

_PING, _PATIENCE = 15.0, 10.0  # s, for a socket of which no bullet call is known


def accepted(answer: Any) -> bool:
    """Tell whether a decoded answer of the HTTP API reports success."""
    return isinstance(answer, dict) and answer.get("code") == "200000"


def is_keyless(answer: Any) -> bool:
    """Tell whether something was refused for want of a good key; 400002 is about the clock."""
    code = str(answer.get("code")) if isinstance(answer, dict) else ""
    return code.startswith("4000") and code != "400002"


class Welcome(Awaitable[None]):
    """The first thing that KuCoin says on a socket.

    Raises:
        ConnectionError: It is not the welcome: the token is not valid, or there are too many connections.
    """

    def __init__(self, said: Awaitable[Any]) -> None:
        self._said = said

    def __await__(self) -> Generator[Any, None, None]:
        said = yield from self._said.__await__()
        if said["type"] == "error":
            raise ConnectionError(f"KuCoin does not open the connection: {said.get('code')} {said.get('data')}")


def greet(link: Link) -> Welcome:
    """Wait for the welcome: before it a subscription may be lost.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """
    return Welcome(link.expect(_is_greeting))


def _is_greeting(message: Any) -> bool:
    return isinstance(message, dict) and message.get("type") in ("welcome", "error")


async def heartbeat(link: Link) -> None:
    """Ping as often as the bullet call has asked for, at once for the first time; without a pong, end the connection.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """
    known, clock = endpoint_of(link.url), link.clock
    ping, patience = (known.ping, known.patience) if known is not None else (_PING, _PATIENCE)
    while not link.closed:
        began, name = clock.monotonic(), str(UUID(hex=clock.nonce(16), version=4))
        pong = link.expect(partial(_is_pong, name))
        await link.send_str(f'{{"id": "{name}", "type": "ping"}}')
        try:
            await within(clock, patience, pong)
        except TimeoutError:
            link.drop(f"no pong of KuCoin within {patience:g} s")
            return
        await clock.sleep(max(began + ping - clock.monotonic(), 0.0))


def _is_pong(name: str, message: Any) -> bool:
    return isinstance(message, dict) and message.get("type") == "pong" and message.get("id") == name


async def readdress(url: URL, requester: Requester) -> URL:
    """Return where to connect to: every connection gets a new token, since one lives for 24 hours.

    If KuCoin gives none, the old URL is tried, whose token may still be good.

    https://www.kucoin.com/docs-new/websocket-api/base-info/get-private-token-spot-margin
    """
    for source in sources(url):
        unsigned = {"auth": None} if source.endswith(PUBLIC) else {}
        answer = await requester.request_json("POST", source, **unsigned)
        if accepted(answer):
            return URL(opened(answer, source).url)
        told = (answer.get("code"), answer.get("msg")) if isinstance(answer, dict) else type(answer).__name__
        logger.warning("KuCoin gives no new token for a socket: %r", told)
        if not is_keyless(answer):  # it may go better the next time; a public token would lose the private topics
            break
    return url


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """
    match subscription, unsubscription:
        case {"type": "subscribe", "topic": str(topic)}, {"type": "unsubscribe", "topic": str(gone)}:
            if topic == gone:
                return None
            kind, _, symbols = topic.partition(":")
            gone_kind, _, gone_symbols = gone.partition(":")
            left = [symbol for symbol in symbols.split(",") if symbol not in gone_symbols.split(",")]
            if kind == gone_kind and len(left) < symbols.count(",") + 1:
                return {**subscription, "topic": f"{kind}:{','.join(left)}"} if left else None
    return subscription
