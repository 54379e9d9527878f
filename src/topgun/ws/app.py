"""`WebSocketApp`: connect, log in, subscribe, serve, wait, and again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..auth import Auth
from ..clock import within
from ..errors import ClientClosed, LoginError, LoginRefused, LoginTimeout, TopgunError
from ..exchange import Draft, Host
from .backoff import FACTOR, INITIAL, MAXIMUM, MINIMUM, checked, delays
from .connection import Connection
from .handshake import asked_to_wait, final
from .messages import Message, Messages
from .reader import Handlers
from .texts import describe, masked, place
from ..waiters import Waiters
from .wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

    from ..credentials import Credential
    from ..typedefs import WsBytesHandler, WsJsonHandler, WsStrHandler
    from .response import ClientWebSocketResponse

__all__ = ["State", "WebSocketApp"]

logger = logging.getLogger("topgun.ws")


class State(Enum):
    """Where a `WebSocketApp` is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LOGIN = "login"
    SUBSCRIBING = "subscribing"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


class WebSocketApp:
    """A WebSocket that is there again after every loss; made by ``client.ws_connect``.

    Args:
        session: The session of a `Client`.
        url: Where to connect to.
        send_str: A text, or a list of texts, sent on every connection.
        send_bytes: The same for binary frames; sent after the texts.
        send_json: The same for JSON messages; sent last. A top-level JSON array must go through `send_str`.
        hdlr_str: A callable, or a list of callables, ``(text, ws)`` for text frames.
        hdlr_bytes: The same for binary frames.
        hdlr_json: The same for decoded frames. A coroutine function is awaited before the next frame is read.
        backoff: ``(minimum, maximum, factor, initial)`` of the waits between connections, in s.
        autoping: Whether protocol pings are answered.
        heartbeat: Seconds without data after which a protocol ping is sent; no pong = lost. ``None`` = never.
        auth: ``None`` = neither signed nor logged in.
        login_timeout: Seconds an exchange has to answer the login.
        silence: Seconds without a text or binary frame after which the connection is made anew; ``None`` = never.
        **kwargs: Passed to ``aiohttp.ClientSession.ws_connect``.

    Attributes:
        current_ws: The open connection, ``None`` between connections.
        state: Where the app is in its life.
        login_error: Why the last login failed, ``None`` if it did not.
        handlers: Who gets the frames.

    Raises:
        ConfigError: An argument cannot work.
    """

    _BACKOFF_MIN: ClassVar[float] = MINIMUM
    _BACKOFF_MAX: ClassVar[float] = MAXIMUM
    _BACKOFF_FACTOR: ClassVar[float] = FACTOR
    _BACKOFF_INITIAL: ClassVar[float] = INITIAL
    _DEFAULT_BACKOFF: ClassVar[tuple[float, float, float, float]] = (MINIMUM, MAXIMUM, FACTOR, INITIAL)

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str | URL,
        *,
        send_str: str | list[str] | None = None,
        send_bytes: bytes | list[bytes] | None = None,
        send_json: Any = None,
        hdlr_str: WsStrHandler | list[WsStrHandler] | None = None,
        hdlr_bytes: WsBytesHandler | list[WsBytesHandler] | None = None,
        hdlr_json: WsJsonHandler | list[WsJsonHandler] | None = None,
        backoff: tuple[float, float, float, float] = _DEFAULT_BACKOFF,
        autoping: bool = True,
        heartbeat: float | None = 10.0,
        auth: Any = Auth,
        login_timeout: float = 10.0,
        silence: float | None = None,
        **kwargs: Any,
    ) -> None:
        self._wiring = wiring_of(session)
        self._clock = self._wiring.clock
        self._url = str(url)
        self.handlers = Handlers.of(hdlr_str, hdlr_bytes, hdlr_json)
        self.current_ws: ClientWebSocketResponse | None = None
        self.state = State.IDLE
        self.login_error: LoginError | None = None
        self._messages = Messages(send_str, send_bytes, send_json)
        self._sending = asyncio.Lock()  # the remembered messages are sent in one piece, then changed
        self._backoff = checked(backoff)
        self._autoping = autoping
        self._auth = auth
        self._login_timeout = login_timeout
        self._silence = silence
        self._kwargs = {
            "heartbeat": heartbeat,
            "max_msg_size": 0,  # aiohttp's 4 MiB would end the connection on a large snapshot
            "timeout": aiohttp.ClientWSTimeout(ws_close=2.0),
            **kwargs,
        }
        self._connection: Connection | None = None
        self._failure: Exception | None = None
        self._opened = Waiters()
        self._ready = Waiters()
        self._wiring.apps.append(self)
        self._task = asyncio.create_task(self._run(), name="topgun.ws app")
        self._task.add_done_callback(self._finish)

    def __repr__(self) -> str:
        return f"<WebSocketApp {place(self._url)} {self.state.value}>"

    @property
    def url(self) -> str:
        """The target. Setting it takes effect at the next connection."""
        return self._url

    @url.setter
    def url(self, url: str | URL) -> None:
        self._url = str(url)

    def __await__(self) -> Generator[Any, None, WebSocketApp]:
        """Wait until a connection is up (not yet logged in) and return the app.

        Raises:
            HandshakeRefused: The very first handshake was refused for good (HTTP 401, 403, 404, 410).
            ConfigError: The very first URL is not one that can be connected to.
            SigningError: The very first upgrade must not be signed, or cannot be.
            ClientClosed: The app, or its client, is closed.
        """
        yield from self._up().__await__()
        return self

    async def ready(self) -> None:
        """Wait until a connection is logged in and all its messages are sent.

        Raises:
            LoginRefused: The exchange refused the login. The messages were sent all the same.
            LoginTimeout: The exchange did not answer the login; the app is about to try again.
            Exception: What ``await app`` raises, or what a message to be sent is wrong with.
        """
        if self.state is not State.OPEN or self._connection is None:
            self._check()
            await self._ready.wait()
        if self.login_error is not None:
            raise self.login_error

    async def wait(self) -> None:
        """Wait until the app is closed.

        Raises:
            Exception: The very first handshake failed for good: the same error that ``await app`` raises.
        """
        await asyncio.wait({self._task})
        if self._failure is not None:
            raise self._failure

    async def heartbeat(self, timeout: float = 10.0) -> None:
        """Return once a connection has answered a protocol ping; drop those that do not.

        Args:
            timeout: Seconds a pong may take.

        Raises:
            ClientClosed: The app, or its client, is closed.
        """
        while True:
            connection = await self._up()
            if await connection.answers(timeout):
                return
            connection.drop(f"no pong within {timeout:g} s")
            await connection.ended()

    async def close(self) -> None:
        """Close the connection and stop; every task of the app has ended when this returns."""
        self._task.cancel()
        if self._connection is not None and self._connection.spare(asyncio.current_task()):
            return  # a handler closes its own socket: it must not wait for itself
        await asyncio.wait({self._task})

    async def subscribe(self, msg: Any) -> None:
        """Send `msg` now if the app is open, and on every further connection.

        Args:
            msg: ``str`` and ``bytes`` are sent as they are, anything else as JSON. Remembered as a copy.

        Raises:
            ClientClosed: The app, or its client, is closed.
            TypeError: `msg` cannot be sent as JSON.
        """
        message = Message.of(msg)
        async with self._sending:
            self._check()
            self._messages.add(message)
            try:
                await self._send_now(message)
            except Exception:
                self._messages.remove(message)
                raise

    async def unsubscribe(self, msg: Any) -> None:
        """Send `msg` now if the app is open, and do not subscribe on further connections to what it cancels.

        Where the exchange's record cannot tell what it cancels, `msg` itself is sent again after the subscriptions.

        Args:
            msg: The venue's unsubscribe message; see `subscribe`.

        Raises:
            ClientClosed: The app, or its client, is closed.
            TypeError: `msg` cannot be sent as JSON.
        """
        message = Message.of(msg)
        async with self._sending:
            self._check()
            self._messages.forget(message, self._host(URL(self._url)).forget)
            await self._send_now(message)

    # --- life ---

    async def _run(self) -> None:
        waits = self._waits()
        first = True
        while True:
            self.state = State.CONNECTING
            least = 0.0
            where = place(self._url)
            try:
                connection = await self._connect()
            except Exception as error:  # noqa: BLE001  (whatever it is: once connected, the app always comes back)
                self._failure = final(error, where) if first else None
                reason, least = describe(error), asked_to_wait(error, self._clock.now())
                if self._failure is not None:
                    logger.error("%s: not connected: %s", where, reason)  # noqa: TRY400  (its traceback holds the URL)
                    return
            else:
                first = False
                reason = await self._serve(connection)
                if connection.healthy(self._backoff[0]):
                    waits = chain((0.0,), self._waits())
            self.state = State.WAITING
            wait = max(next(waits), least)
            logger.warning("%s: %s; the next attempt is in %.2f s", where, reason, wait)
            await self._clock.sleep(wait)

    async def _connect(self) -> Connection:
        url = URL(self._url)
        host = self._host(url)
        credential = self._credential(url, host)
        raw = await self._wiring.connect(url, auth=self._auth, autoping=False, **self._kwargs)
        return Connection(
            raw, url, self._wiring, self.handlers, host=host, credential=credential, autoping=self._autoping
        )

    async def _serve(self, connection: Connection) -> str:
        self._connection, self.current_ws = connection, connection.ws
        connection.on_close(self._lost)
        self._opened.release()
        self._introduce(connection.ws)
        return await connection.run(self._open(connection), self._silence)

    def _introduce(self, ws: ClientWebSocketResponse) -> None:
        """Tell the owners of the handlers of a new connection: a socket may be lost before its first message."""
        for handler in chain(*self.handlers):
            onconnect = getattr(getattr(handler, "__self__", None), "_onconnect", None)
            if onconnect is not None:
                onconnect(ws)

    def _lost(self, _: ClientWebSocketResponse) -> None:
        self._connection = self.current_ws = None

    async def _open(self, connection: Connection) -> None:
        try:
            if self._auth is Auth and connection.host.login is not None:
                self.state = State.LOGIN
                await self._login(connection, connection.host.login)
            async with self._sending:
                self.state = State.SUBSCRIBING
                for message in self._messages:
                    await message.send(connection.ws, message.data)
                connection.settled = self.login_error is None
                self.state = State.OPEN
        except LoginTimeout as error:
            self.login_error = error
            logger.error("%s: %s", connection.place, error)  # noqa: TRY400  (a traceback would say nothing more)
            connection.drop("login not answered")
            self._ready.release(error)
        except (ConnectionError, aiohttp.ClientError):
            raise  # the socket ended: the next one may do better
        except Exception as error:
            self._ready.release(error)
            raise
        else:
            self._ready.release()

    async def _login(self, connection: Connection, login: Callable[[Any], Awaitable[None]]) -> None:
        self.login_error = None
        try:
            await within(self._clock, self._login_timeout, login(connection))
        except TimeoutError:
            raise LoginTimeout(self._login_timeout) from None
        except LoginRefused as error:
            self.login_error = LoginRefused(masked(error.reply, connection.credential))
            logger.error("%s: %s", connection.place, self.login_error)  # noqa: TRY400  (unmasked in the traceback)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self.state = State.CLOSED
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("%s: the app stopped", place(self._url), exc_info=error)
            self._failure = TopgunError(f"{place(self._url)}: the app stopped: {describe(error)}")
        self._wiring.apps.remove(self)
        for waiters in (self._opened, self._ready):
            waiters.release(self._failure or ClientClosed(f"{self!r} is closed"))

    # --- parts ---

    def _waits(self) -> Iterator[float]:
        return delays(*self._backoff, uniform=self._clock.uniform)

    def _host(self, url: URL) -> Host:
        return self._wiring.registry.get(url.host or "") or Host()

    def _credential(self, url: URL, host: Host) -> Credential | None:
        name = host.api
        if self._auth is not Auth or name is None:
            return None
        if not isinstance(name, str):
            headers = CIMultiDict(self._wiring.session.headers)
            headers.update(self._kwargs.get("headers") or {})
            name = name(Draft("GET", url, headers, upgrade=True))
        return self._wiring.credentials.get(name)

    async def _up(self) -> Connection:
        while (connection := self._connection) is None:
            self._check()
            await self._opened.wait()
        return connection

    def _check(self) -> None:
        if self._task.done():
            raise self._failure or ClientClosed(f"{self!r} is closed")

    async def _send_now(self, message: Message) -> None:
        if self.state is State.OPEN and self.current_ws is not None:
            with suppress(ConnectionError, aiohttp.ClientError):  # lost: the next connection sends it
                await message.send(self.current_ws, message.data)
