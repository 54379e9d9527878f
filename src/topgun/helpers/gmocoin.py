"""The tokens of the private WebSocket of GMO Coin."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import aiohttp

from ..exchanges.gmocoin.stream import AUTH, PRIVATE, accepted, token_of

if TYPE_CHECKING:
    from ..client import Client, FetchResult
    from ..ws import WebSocketApp

__all__ = ["GMOCoinHelper", "GMOCoinResponseError"]

logger = logging.getLogger("topgun.helpers.gmocoin")


class GMOCoinResponseError(Exception):
    """GMO Coin did not do what it was asked for; the text is its answer."""


class GMOCoinHelper:
    """Gets tokens for the private WebSocket, and keeps them valid.

    A socket that `Client.ws_connect` has opened extends its token by itself, and gets a new one when it has to
    reconnect without; `manage_ws_token` is for sockets that are opened without a key, and does no harm to others.

    Args:
        client: It signs the requests.
        host: ``forex-api.coin.z.com`` for FX.

    https://api.coin.z.com/docs/#authentication-private-ws
    """

    def __init__(self, client: Client, *, host: str = "api.coin.z.com") -> None:
        self._client = client
        self._endpoint = f"https://{host}{AUTH}"
        self._socket = f"wss://{host}{PRIVATE}"

    async def create_access_token(self) -> str:
        """Return a new token. It lives for 60 minutes; of more than five the one that would end first goes.

        Raises:
            GMOCoinResponseError: There is none.
            aiohttp.ClientError: There is no answer.
            TimeoutError: Likewise.

        https://api.coin.z.com/docs/#ws-auth-post
        """
        result = await self._client.fetch("POST", self._endpoint)
        if accepted(result.data) and isinstance(result.data.get("data"), str):
            return str(result.data["data"])
        raise _refusal(result)

    async def extend_access_token(self, token: str) -> None:
        """Let a token live for 60 minutes from now.

        Raises:
            GMOCoinResponseError: It does not, or there is no such token any more.
            aiohttp.ClientError: There is no answer.
            TimeoutError: Likewise.

        https://api.coin.z.com/docs/#ws-auth-put
        """
        result = await self._client.fetch("PUT", self._endpoint, data={"token": token})
        if not accepted(result.data):
            raise _refusal(result, token)

    async def manage_ws_token(self, ws: WebSocketApp, token: str, delay: float = 300.0) -> None:
        """Keep the token of a socket valid, for ever; run it as a task.

        Where the token cannot be extended, `ws.url` gets a new one, with which the socket connects the next time.
        Whatever fails is tried again in the next round.

        Args:
            ws: The socket; if its URL holds another token, that one is extended.
            token: Its token.
            delay: How long to wait between two rounds, in s.
        """
        while True:
            token = token_of(ws.url) or token
            try:
                token = await self._valid(ws, token)
            except GMOCoinResponseError:
                logger.debug("the token could be neither extended nor replaced")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                logger.warning("no answer about the token (%s); once more in %g s", type(error).__name__, delay)
            await self._client.clock.sleep(delay)

    async def _valid(self, ws: WebSocketApp, token: str) -> str:
        """Return a token that is valid, `token` if it can be extended; a new one is put into the URL of `ws`."""
        try:
            await self.extend_access_token(token)
        except GMOCoinResponseError:
            if (other := token_of(ws.url)) not in ("", token):  # the socket has got itself another one meanwhile
                return other
            token = await self.create_access_token()
            ws.url = self._socket + token
            logger.debug("a new token was created")
        else:
            logger.debug("the token was extended")
        return token


def _refusal(result: FetchResult, token: str = "") -> GMOCoinResponseError:
    return GMOCoinResponseError(result.text.replace(token, "***") if token else result.text)
