"""`Client`: HTTP requests that are signed for the exchange they go to, and the sockets of the same account."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Self

from .auth import Auth
from .clock import RisingInstants, SystemClock
from .credentials import load_credentials
from .errors import ClientClosed
from .exchange import Registry, questions, requesters
from .request import FetchResult, NotJSONContent, PendingRequest, decode, join
from .sending import Sender, open_session

if TYPE_CHECKING:
    import os
    from collections.abc import Coroutine, Iterable
    from types import TracebackType

    import aiohttp
    from yarl import URL

    from .clock import Clock
    from .exchange import Exchange
    from .typedefs import (
        APICredentialsDict,
        JsonLoads,
        RequestContextManager,
        WsBytesHandler,
        WsJsonHandler,
        WsStrHandler,
    )
    from .ws import WebSocketApp

__all__ = ["Client", "FetchResult", "NotJSONContent"]

logger = logging.getLogger("topgun.client")

_CLOCK = SystemClock()
# Shared by the clients of this process: two of them may use the same key.
_INSTANTS = RisingInstants(_CLOCK)


class Client:
    """Sends requests and opens sockets; signs both wherever the host is known and a credential is there.

    Make it inside a running event loop, best as ``async with topgun.Client(...) as client:``.

    Args:
        apis: ``{"name": [key, secret]}``, or the path of a JSON file of that form, or ``None`` for ``./apis.json`` or
            else the file that the environment variable ``TOPGUN_APIS`` names.
        base_url: Put before every ``url`` that has no scheme (not before those of `ws_connect`).
        exchanges: The venues to know; ``None`` = all of topgun's. Add your own with ``(*topgun.EXCHANGES, MINE)``.
        clock: Where timestamps, waits and random numbers come from.
        json_loads: Decodes frames and responses.
        allow_plaintext: Sign over ``http://`` and ``ws://`` too, and not only to this computer.
        **kwargs: For ``aiohttp.ClientSession``. By default no limit of connections (a signed request must not grow
            old in a queue) and ``timeout=aiohttp.ClientTimeout(total=30, sock_connect=10)`` (s).

    Raises:
        ConfigError: `apis` or `exchanges` cannot work.
        RuntimeError: There is no running event loop.
    """

    def __init__(
        self,
        apis: APICredentialsDict | str | bytes | os.PathLike[str] | os.PathLike[bytes] | None = None,
        base_url: str | URL = "",
        *,
        exchanges: Iterable[Exchange] | None = None,
        clock: Clock = _CLOCK,
        json_loads: JsonLoads = json.loads,
        allow_plaintext: bool = False,
        **kwargs: Any,
    ) -> None:
        from .ws import Wiring  # noqa: PLC0415  (see the package: what is not used is not loaded)

        asyncio.get_running_loop()
        self._base_url = str(base_url)
        self._registry = _registry() if exchanges is None else Registry(exchanges)
        self._credentials = load_credentials(apis, self._registry.shapes)
        self._instants = _INSTANTS if clock is _CLOCK else RisingInstants(clock)
        self._json_loads = json_loads
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._session = open_session(kwargs)
        self._sender = Sender(
            self._session, self._registry, self._credentials, self._instants, allow_plaintext=allow_plaintext
        )
        self._wiring = Wiring(
            session=self._session,
            registry=self._registry,
            credentials=self._credentials,
            clock=clock,
            instants=self._instants,
            json_loads=json_loads,
            connect=self._connect,
            requester=self,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """True once the client is closed."""
        return self._session.closed

    @property
    def clock(self) -> Clock:
        """The clock that this client signs, waits and reconnects by."""
        return self._wiring.clock

    @property
    def apps(self) -> tuple[WebSocketApp, ...]:
        """The sockets that were opened with `ws_connect` and are not closed."""
        return tuple(self._wiring.apps)

    async def close(self) -> None:
        """Close the sockets, end the tasks, close the session; a second call does nothing."""
        self._closing = True
        try:
            await asyncio.gather(*(app.close() for app in self.apps))
        finally:  # also when a handler of one of the sockets closes the client, and is cancelled by that
            tasks = [task for task in self._tasks if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._session.close()

    def request(
        self, method: str, url: str | URL, *, params: Any = None, data: Any = None, **kwargs: Any
    ) -> RequestContextManager:
        """Send a request, signed if the host is known and a credential for it is there.

        Args:
            method: Any HTTP method.
            url: With a scheme, or else what follows ``base_url``.
            params: Added to the query of `url`: a mapping, pairs, or ``"a=1&b=2"``.
            data: The body. To an exchange it goes in the form that it wants (JSON or form); ``str`` and ``bytes``
                go, and are signed, as they are.
            **kwargs: ``auth=None`` to not sign, an ``aiohttp.BasicAuth``; ``json=`` for a JSON body; and what
                ``aiohttp.ClientSession.request`` takes: ``headers``, ``timeout``, ``allow_redirects``, ...

        Returns:
            Await it for the ``aiohttp.ClientResponse``, or open it with ``async with``. No status is an error.

        Raises:
            ClientClosed: The client is closed.
            ConfigError: `url` or the body is not clear.
            SigningError: The request must not, or cannot, be signed; it was not sent.
            aiohttp.ClientError: There is no response.
            TimeoutError: There is no response in time.
        """
        return PendingRequest(self._send(method, url, params=params, data=data, **kwargs))

    def get(self, url: str | URL, *, params: Any = None, **kwargs: Any) -> RequestContextManager:
        """Send a GET; see `request`."""
        return self.request("GET", url, params=params, **kwargs)

    def post(self, url: str | URL, *, data: Any = None, **kwargs: Any) -> RequestContextManager:
        """Send a POST; see `request`."""
        return self.request("POST", url, data=data, **kwargs)

    def put(self, url: str | URL, *, data: Any = None, **kwargs: Any) -> RequestContextManager:
        """Send a PUT; see `request`."""
        return self.request("PUT", url, data=data, **kwargs)

    def delete(self, url: str | URL, *, data: Any = None, **kwargs: Any) -> RequestContextManager:
        """Send a DELETE; see `request`."""
        return self.request("DELETE", url, data=data, **kwargs)

    async def fetch(
        self, method: str, url: str | URL, *, params: Any = None, data: Any = None, **kwargs: Any
    ) -> FetchResult:
        """Send a request as `request` does, read the response and decode it as JSON, whatever its type says."""
        async with self.request(method, url, params=params, data=data, **kwargs) as response:
            try:
                text = await response.text()
            except UnicodeDecodeError as error:
                text = await response.text(errors="replace")
                failure = json.JSONDecodeError(f"Body is not {error.encoding} text", text, 0)
                return FetchResult(response, text, NotJSONContent(failure))
            return FetchResult(response, text, decode(text, self._json_loads))

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        """Send a request as `request` does and return the decoded JSON; for stores and logins."""
        async with self.request(method, url, **kwargs) as response:
            return self._json_loads(await response.text())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of this client: logged if it fails, cancelled when the client closes."""
        if self._closing:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def ws_connect(
        self,
        url: str | URL,
        *,
        send_str: str | list[str] | None = None,
        send_bytes: bytes | list[bytes] | None = None,
        send_json: Any = None,
        hdlr_str: WsStrHandler | list[WsStrHandler] | None = None,
        hdlr_bytes: WsBytesHandler | list[WsBytesHandler] | None = None,
        hdlr_json: WsJsonHandler | list[WsJsonHandler] | None = None,
        backoff: tuple[float, float, float, float] = (1.92, 60.0, 1.618, 5.0),
        autoping: bool = True,
        heartbeat: float | None = 10.0,
        auth: Any = Auth,
        login_timeout: float = 10.0,
        silence: float | None = None,
        **kwargs: Any,
    ) -> WebSocketApp:
        """Open a WebSocket and keep it open: log in, subscribe, serve, and again after every loss.

        Args:
            url: The full URL.
            send_str: Sent after each login; one text or a list of texts.
            send_bytes: The same for bytes.
            send_json: The same for messages (a list is a list of messages).
            hdlr_str: Called with ``(text, ws)`` for each text frame; one or a list, functions or coroutine functions.
            hdlr_bytes: The same for binary frames.
            hdlr_json: The same for every frame that is JSON, decoded once.
            backoff: Waits between connections: smallest, largest (s), factor, largest first wait (s).
            autoping: Answer pings.
            heartbeat: Send a ping after so many seconds of silence, ``None`` = never.
            auth: ``None`` to neither sign nor log in.
            login_timeout: How long the exchange may take to answer the login (s).
            silence: Take the connection for lost after so many seconds without a message, ``None`` = never.
            **kwargs: For ``aiohttp.ClientSession.ws_connect``.

        Returns:
            The app, at once; await it for the first connection, ``await app.ready()`` for login and subscriptions.

        Raises:
            ClientClosed: The client is closed.
        """
        from .ws import WebSocketApp  # noqa: PLC0415  (loaded by the constructor)

        if self._closing:
            raise ClientClosed("the client is closed: make a new one")
        return WebSocketApp(
            self._session,
            str(url),
            send_str=send_str,
            send_bytes=send_bytes,
            send_json=send_json,
            hdlr_str=hdlr_str,
            hdlr_bytes=hdlr_bytes,
            hdlr_json=hdlr_json,
            backoff=backoff,
            autoping=autoping,
            heartbeat=heartbeat,
            auth=auth,
            login_timeout=login_timeout,
            silence=silence,
            **kwargs,
        )

    async def _send(self, method: str, url: str | URL, **kwargs: Any) -> aiohttp.ClientResponse:
        if self.closed:
            raise ClientClosed("the client is closed: make a new one")
        response = await self._sender.request(method, join(self._base_url, url), **kwargs)
        requesters[response] = self
        asked = kwargs.get("json") if kwargs.get("data") is None else kwargs["data"]
        if asked is not None:
            questions[response] = asked.copy() if isinstance(asked, dict) else asked  # the caller may use it again
        return response

    async def _connect(self, url: URL, **kwargs: Any) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket for a `WebSocketApp`."""
        if self._closing or self.closed:
            raise ClientClosed("the client is closed: make a new one")
        return await self._sender.connect(url, **kwargs)

    def _end(self, task: asyncio.Task[None]) -> None:
        from .ws.texts import describe, line_of  # noqa: PLC0415  (loaded by the constructor)

        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task of the client failed: %s (%s)", describe(error), line_of(error))


def _registry() -> Registry:
    from .exchanges import REGISTRY  # noqa: PLC0415  (see the package: what is not used is not loaded)

    return REGISTRY
