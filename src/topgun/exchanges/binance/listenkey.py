"""listenKeys: how they are kept alive, and what happens when one has expired. Futures have them, spot had them once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from yarl import URL

from ...errors import InitializeError
from ...store import DataStore
from .shapes import rest_of, streams_in
from .stream import hang_up

if TYPE_CHECKING:
    from ...exchange import Requester

__all__ = ["ListenKey", "key_in", "readdress"]

logger = logging.getLogger("topgun.exchanges.binance")

_EXTEND = 1800.0  # s between two extensions; a key lives for 3600
_AGAIN = 30.0  # s before another try
_GONE = -1125  # "this listenKey does not exist"
_NO_API_KEY = -2014  # the client has no key for this host


class _Kept(NamedTuple):
    """Where a key comes from, and who asks for it."""

    url: URL
    requester: Requester


class ListenKey(DataStore):
    """The listenKey of one store: made by the user's POST, then kept alive, and replaced when it is gone.

    A task of the client extends it every half hour. It is a table without rows: `wait` tells of another key.

    Attributes:
        value: The key; ``None`` before the first one.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams
    """

    def _init(self) -> None:
        self.value: str | None = None
        self._kept: _Kept | None = None
        self._replaced = False
        self._sockets: dict[Any, None] = {}

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._take(_key_of(url, data))
        kept = None if requester is None else _Kept(url.with_query(None), requester)
        if kept is not None and kept != self._kept:
            self._kept = kept
            kept.requester.spawn(self._keep(kept))

    def connected(self, ws: Any) -> None:
        """Know a fresh socket: the key in its URL is that of today; one without is told of a key that is new."""
        self._sockets[ws] = None
        ws.on_close(lambda _: self._sockets.pop(ws, None))
        if (key := key_in(ws.url)) is not None:
            self._take(key)
        elif self._replaced:
            self._use(ws)

    def expired(self, key: Any, ws: Any) -> None:
        """Replace an expired key, unless that is done already."""
        if self.value is not None and key not in (None, self.value):
            return
        address = _address(ws.url)
        kept = self._kept or (address and _Kept(address, ws.requester))
        if kept:
            kept.requester.spawn(self._replace(kept))

    async def _keep(self, kept: _Kept) -> None:
        """Extend the key for as long as it is this one's turn."""
        while self._kept == kept and not kept.requester.closed:
            try:
                await self._extend(kept)
            except Exception as error:  # noqa: BLE001  (whatever it is, only another try helps)
                logger.warning("a listenKey was not extended (%s); another try follows", _told(error))
                await kept.requester.clock.sleep(_AGAIN)
            else:
                await kept.requester.clock.sleep(_EXTEND)

    async def _extend(self, kept: _Kept) -> None:
        url = kept.url
        if url.name == "userDataStream":
            url = url.with_query(listenKey=self.value or "")
        answer = await kept.requester.request_json("PUT", str(url))
        code = answer.get("code") if isinstance(answer, dict) else None
        if code == _GONE:
            logger.warning("a listenKey is gone, a new one is made")
            await self._replace(kept)
        elif code is not None:
            raise InitializeError(str(kept.url), answer)

    async def _replace(self, kept: _Kept) -> None:
        """Make a new key, with as many tries as it takes, and have every socket use it."""
        while not kept.requester.closed:
            try:
                key = await _made(kept.url, kept.requester)
            except Exception as error:  # noqa: BLE001  (whatever it is, only another try helps)
                logger.warning("there is no new listenKey (%s); another try follows", _told(error))
                await kept.requester.clock.sleep(_AGAIN)
            else:
                self._replaced = True
                self._take(key)
                for ws in list(self._sockets):
                    self._use(ws)
                return

    def _take(self, key: str) -> None:
        if key != self.value:
            self.value = key
            self._set()

    def _use(self, ws: Any) -> None:
        """Have a socket use the key: by a subscription, or by a new connection where the URL holds another one."""
        key = key_in(ws.url)
        if key is None:
            if _takes_keys(ws.url):
                ws.send_json_soon({"method": "SUBSCRIBE", "params": [self.value], "id": 1})
        elif key != self.value:
            ws.requester.spawn(hang_up(ws))  # the app comes back with the new key, see `readdress`


async def readdress(url: URL, requester: Requester) -> URL:
    """Return `url` with the listenKey that is valid now in place of the one it has; one without stays as it is.

    Asking for a key returns the one that is alive, and extends it. Without an API key nobody can ask, and the URL is
    used as it is.

    Raises:
        InitializeError: Binance gives no key.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Start-User-Data-Stream
    """
    key, address = key_in(url), _address(url)
    if key is None or address is None:
        return url
    try:
        fresh = await _made(address, requester)
    except InitializeError as error:
        if isinstance(error.data, dict) and error.data.get("code") == _NO_API_KEY:
            return url
        raise
    return URL(str(url).replace(key, fresh))


def key_in(url: URL) -> str | None:
    """Return the listenKey in a URL: a segment of the path, ``?listenKey=``, or one of ``?streams=``."""
    streams = [*streams_in(url), *url.query.getall("listenKey", [])]
    return next((each for each in streams if each and "@" not in each and not each.startswith("!")), None)


def _takes_keys(url: URL) -> bool:
    """Tell whether user data may come on a socket whose URL names no stream."""
    return "streams" not in url.query and ("private" in url.parts or (url.host or "").find("dstream") >= 0)


def _address(url: URL) -> URL | None:
    """Return where the keys of a socket come from, ``None`` where there are none: on spot they have ended."""
    rest = rest_of(url)
    return None if rest is None or rest.endswith("/api/v3") else URL(f"{rest}/listenKey")


async def _made(url: URL, requester: Requester) -> str:
    return _key_of(url, await requester.request_json("POST", str(url)))


def _key_of(url: URL, data: Any) -> str:
    key = data.get("listenKey") if isinstance(data, dict) else None
    if not key or not isinstance(key, str):
        raise InitializeError(str(url.with_query(None)), data)
    return key


def _told(error: Exception) -> str:
    """Return what may be said of an error: what Binance answered, or its kind."""
    return f"{error.data!r:.200}" if isinstance(error, InitializeError) else type(error).__name__
