"""What a GMO Coin WebSocket needs besides frames: a token that is valid, and what an unsubscribe cancels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Link, Requester

__all__ = ["AUTH", "PRIVATE", "accepted", "answer", "extend", "forget", "heartbeat", "readdress", "token_of"]

logger = logging.getLogger("topgun.exchanges.gmocoin")

AUTH = "/private/v1/ws-auth"
PRIVATE = "/ws/private/v1/"
_EXTEND = 900.0  # s between two extensions of a token, which lives for 60 minutes from each
_AGAIN = 60.0  # s after a refusal, which may be that of a request limit


def token_of(url: object) -> str:
    """Return the token in the URL of a private socket, nothing for any other URL."""
    return str(url).partition(PRIVATE)[2]


def accepted(answer: Any) -> bool:
    """Tell whether a decoded answer of the HTTP API reports success."""
    return isinstance(answer, dict) and answer.get("status") == 0


async def extend(requester: Requester, auth: str, token: str) -> bool:
    """Extend a token by 60 minutes from now; return whether GMO Coin did.

    Args:
        requester: The client.
        auth: The URL of ``ws-auth``.
        token: It.

    https://api.coin.z.com/docs/#ws-auth-put
    """
    return accepted(await requester.request_json("PUT", auth, data={"token": token}))


async def readdress(url: URL, requester: Requester) -> URL:
    """Return where to connect to: `url` if its token can be extended, else the same with a new token.

    Maintenance ends every token. As long as there is no new one, the old URL is tried.

    https://api.coin.z.com/docs/#ws-auth-post
    """
    token, auth = token_of(url), _auth(url)
    if not token or await extend(requester, auth, token):
        return url
    match await requester.request_json("POST", auth):
        case {"status": 0, "data": str(fresh)}:
            return url.with_path(PRIVATE + fresh)
        case answer:
            messages = answer.get("messages") if isinstance(answer, dict) else None
            logger.warning("GMO Coin gives no new token for the private socket: %r", messages)
    return url


async def heartbeat(link: Link) -> None:
    """Extend the token of a private socket every 15 minutes, so that it is not cut off after 60.

    A token that is refused twice is none any more: the socket is dropped, since nobody knows what it would still be
    told. GMO Coin pings by itself, once a minute, and wants nothing more.

    https://api.coin.z.com/docs/#authentication-private-ws
    """
    token, auth, refused = token_of(link.url), _auth(link.url), 0
    while token and link.credential is not None and not link.closed:
        await link.clock.sleep(_AGAIN if refused else _EXTEND)
        try:
            refused = 0 if await extend(link.requester, auth, token) else refused + 1
        except Exception as error:  # noqa: BLE001  (whatever it is: the socket is fine, and there is time to try again)
            logger.warning("the token of the private socket was not extended: %s", type(error).__name__)
        if refused > 1:
            link.drop("GMO Coin does not extend the token")


def answer(message: Any, link: Link) -> None:
    """Have the connection made anew if a subscription came too soon after another one of this address.

    Another program may have sent that. GMO Coin does not say which one it left out, so all must be sent again.

    https://api.coin.z.com/docs/#restrictions
    """
    if isinstance(message, dict) and str(message.get("error", "")).startswith("ERR-5003"):
        link.drop("a subscription was refused, as there was another one in the same second")


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    https://api.coin.z.com/docs/#ws-orderbooks
    """
    match subscription, unsubscription:
        case {"command": "subscribe", "channel": channel}, {"command": "unsubscribe", "channel": gone}:
            if (channel, subscription.get("symbol")) == (gone, unsubscription.get("symbol")):
                return None
    return subscription


def _auth(url: URL) -> str:
    """Return where the tokens for a socket at `url` come from."""
    return str(url.with_scheme("http" if url.scheme == "ws" else "https").with_path(AUTH))
