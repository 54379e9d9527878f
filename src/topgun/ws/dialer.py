"""`Dialer`: from a URL to an open connection, as often as an app needs one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..auth import Auth
from ..exchange import Draft, Host
from .connection import Connection

if TYPE_CHECKING:
    from .reader import Handlers
    from .wiring import Wiring

__all__ = ["Dialer"]


class Dialer:
    """Opens the connections of one app.

    Args:
        wiring: What the client lends.
        handlers: Who gets the frames.
        auth: ``None`` = neither signed nor logged in.
        autoping: Whether protocol pings are answered.
        kwargs: For ``aiohttp.ClientSession.ws_connect``.
    """

    def __init__(self, wiring: Wiring, handlers: Handlers, auth: Any, autoping: bool, kwargs: dict[str, Any]) -> None:
        self._wiring = wiring
        self._handlers = handlers
        self._auth = auth
        self._autoping = autoping
        self._kwargs = {
            "max_msg_size": 0,  # aiohttp's 4 MiB would end the connection on a large snapshot
            "timeout": aiohttp.ClientWSTimeout(ws_close=2.0),
            **kwargs,
        }

    def host(self, url: str) -> Host:
        """Return what the exchange does on the host of `url`."""
        return self._wiring.registry.get(URL(url).host or "") or Host()

    async def dial(self, url: str) -> Connection:
        """Open a connection to `url`.

        Raises:
            Exception: Whatever keeps it from being opened; see `topgun.ws.handshake`.
        """
        target, host, wiring = URL(url), self.host(url), self._wiring
        credential = None
        if self._auth is Auth:
            draft = Draft("GET", target, CIMultiDict(self._kwargs.get("headers") or ()), upgrade=True)
            credential = host.credential(draft, wiring.session.headers, wiring.credentials)
        else:
            host = replace(host, login=None)
        raw = await wiring.connect(target, auth=self._auth, autoping=False, **self._kwargs)
        return Connection(
            raw, target, wiring, self._handlers, host=host, credential=credential, autoping=self._autoping
        )
