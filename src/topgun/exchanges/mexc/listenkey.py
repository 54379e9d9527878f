"""The listenKey of the spot market: how it is kept alive, and what happens when it is gone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ...errors import InitializeError
from ...store import DataStore
from .stream import LISTEN_KEY, extend, key_in

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester

__all__ = ["ListenKey"]

logger = logging.getLogger("topgun.exchanges.mexc")

_EXTEND = 1800.0  # s between two extensions, as MEXC recommends; a key lives for 3600
_AGAIN = 30.0  # s before another try


class ListenKey(DataStore):
    """The listenKey of one store: made by the user's POST, then kept alive, and replaced when it is gone.

    A task of the client extends it every half hour. It is a table without rows: `wait` tells of another key.

    Attributes:
        value: The key; ``None`` before the first one.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    """

    def _init(self) -> None:
        self.value: str | None = None
        self._requester: Requester | None = None
        self._sockets: dict[Any, None] = {}

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._take(_key_of(data))
        if requester is not None and requester is not self._requester:
            self._requester = requester
            requester.spawn(self._keep(requester))

    def connected(self, ws: Any) -> None:
        """Know a fresh socket: the key in its URL is that of today."""
        if (key := key_in(ws.url)) is not None:
            self._sockets[ws] = None
            ws.on_close(lambda _: self._sockets.pop(ws, None))
            self._take(key)

    async def _keep(self, requester: Requester) -> None:
        """Extend the key for as long as it is this client's turn."""
        while self._requester is requester and not requester.closed:
            pause = _EXTEND
            try:
                if not await extend(requester, self.value or ""):
                    await self._replace(requester)
            except Exception as error:  # noqa: BLE001  (whatever it is, only another try helps)
                told = f"{error.data!r:.200}" if isinstance(error, InitializeError) else type(error).__name__
                logger.error("the listenKey was not extended (%s); another try follows", told)  # noqa: TRY400  (secrets)
                pause = _AGAIN
            await requester.clock.sleep(pause)

    async def _replace(self, requester: Requester) -> None:
        """Have a new key in place of one that is gone: of the next connection, or one's own where there is no socket.

        Raises:
            InitializeError: MEXC gives none.
        """
        logger.warning("the listenKey is gone, a new one is made")
        if self._sockets:
            for ws in list(self._sockets):
                await ws.close()  # the app comes back with a new key, see `readdress`
        else:
            self._take(_key_of(await requester.request_json("POST", LISTEN_KEY)))

    def _take(self, key: str) -> None:
        if key != self.value:
            self.value = key
            self._set()


def _key_of(data: Any) -> str:
    key = data.get("listenKey") if isinstance(data, dict) else None
    if not key or not isinstance(key, str):
        raise InitializeError(LISTEN_KEY, data)
    return key
