"""`WebSocketApp`: connect, log in, subscribe, serve, wait, and again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
from yarl import URL

from ..auth import Auth
from ..clock import within
from ..errors import ClientClosed, TopgunError
from ..waiters import Waiters
from .backoff import FACTOR, INITIAL, MAXIMUM, MINIMUM, checked, delays
from .dialer import Dialer
from .handshake import asked_to_wait, final
from .messages import Message, Messages
from .opening import Opening, State
from .reader import Handlers
from .texts import describe, line_of, place
from .wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..errors import LoginError
    from ..typedefs import WsBytesHandler, WsJsonHandler, WsStrHandler
    from .connection import Connection
    from .response import ClientWebSocketResponse

__all__ = ["State", "WebSocketApp"]

logger = logging.getLogger("topgun.ws")

_PATIENCE = 30.0  # s for what an exchange asks for before a connection; without an answer the attempt has failed


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
        self._backoff = checked(backoff)
        self._waits = partial(delays, *self._backoff, uniform=self._clock.uniform)
        self._silence = silence
        self.handlers = Handlers.of(hdlr_str, hdlr_bytes, hdlr_json)
        self._dialer = Dialer(self._wiring, self.handlers, auth, autoping, {**kwargs, "heartbeat": heartbeat})
        self.current_ws: ClientWebSocketResponse | None = None
        self.state = State.IDLE
        self._messages = Messages(send_str, send_bytes, send_json)
        self._opening = Opening(self._messages, self._clock, login_timeout, self._enter)
        self._connection: Connection | None = None
        self._failure: Exception | None = None
        self._opened = Waiters()
        self._last_handler: asyncio.Task[Any] | None = None
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

    @property
    def login_error(self) -> LoginError | None:
        """Why the last login failed, ``None`` if it did not."""
        return self._opening.login_error

    def __await__(self) -> Generator[Any, None, WebSocketApp]:
        """Wait until a connection is up (not yet logged in) and return the app.

        Raises:
            HandshakeRefused: The very first handshake was refused for good (HTTP 401, 403, 404, 410).
            ConfigError: The very first URL is not one that can be connected to.
            SigningError: The very first connection must not, or cannot, be signed or logged in.
            ClientClosed: The app, or its client, is closed.
        """
        yield from self._up().__await__()
        return self

    async def ready(self) -> None:
        """Wait until a connection is logged in and all its messages are sent.

        Raises:
            LoginRefused: The exchange refused the login. The messages were sent all the same.
            LoginError: The login was not answered (`LoginTimeout`), or failed; the app is about to try again.
            Exception: What ``await app`` raises, or what a message to be sent is wrong with.
        """
        if self.state is not State.OPEN or self._connection is None:
            self._check()
            await self._opening.ready.wait()
        if self.login_error is not None:
            raise self.login_error.with_traceback(None)

    async def wait(self) -> None:
        """Wait until the app is closed.

        Raises:
            Exception: The very first handshake failed for good: the same error that ``await app`` raises.
        """
        await asyncio.wait({self._task})
        if self._failure is not None:
            raise self._failure.with_traceback(None)

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
        """Close the connection and stop; every task of the app has ended when this returns.

        Called by a handler of this very socket it returns at once, and the handler may go on to its end.
        """
        current = asyncio.current_task()
        if self._connection is not None and self._connection.spare(current):
            self._last_handler = current
        for task in (self._task, self._last_handler):
            if (
                task is not None and task is not current and not task.cancelling()
            ):  # a second time would disturb its end
                task.cancel()
        if self._last_handler is None or self._last_handler is not current:
            await asyncio.wait({self._task, self._last_handler or self._task})

    async def subscribe(self, msg: Any) -> None:
        """Send `msg` now if the app is open, and on every further connection.

        Args:
            msg: ``str`` and ``bytes`` are sent as they are, anything else as JSON. Remembered as a copy.

        Raises:
            ClientClosed: The app, or its client, is closed.
            TypeError: `msg` cannot be sent as JSON.
        """
        message = Message.of(msg)
        async with self._messages.lock:
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
        async with self._messages.lock:
            self._check()
            self._messages.forget(message, self._dialer.host(self._url).forget)
            await self._send_now(message)

    async def _run(self) -> None:
        waits, first, tried = self._waits(), True, False
        while True:
            self._enter(State.CONNECTING)
            where, least = place(self._url), 0.0
            try:
                if tried:
                    await self._readdress()
                tried = True
                connection = await self._dialer.dial(self._url)
            except Exception as error:  # noqa: BLE001  (whatever it is: once connected, the app always comes back)
                self._failure = final(error, where) if first or isinstance(error, ClientClosed) else None
                reason, least = describe(error), asked_to_wait(error, self._clock.now())
                if self._failure is not None:
                    logger.error("%s: not connected: %s", where, reason)  # noqa: TRY400  (its traceback holds the URL)
                    return
            else:
                first = False
                reason = await self._serve(connection)
                if connection.healthy(self._backoff[0]):
                    waits = chain((0.0,), self._waits())
            self._enter(State.WAITING)
            wait = max(next(waits), least)
            logger.warning("%s: %s; the next attempt is in %.2f s", where, reason, wait)
            await self._clock.sleep(wait)

    async def _readdress(self) -> None:
        """Take the URL for the next connection from the exchange, unless somebody sets another one meanwhile."""
        url = self._url
        readdress = self._dialer.host(url).readdress
        if readdress is not None:
            fresh = str(await within(self._clock, _PATIENCE, readdress(URL(url), self._wiring.requester)))
            self._url = fresh if self._url == url else self._url

    async def _serve(self, connection: Connection) -> str:
        self._connection, self.current_ws = connection, connection.ws
        connection.on_close(self._lost)
        self._opened.release()
        self.handlers.introduce(connection.ws)
        return await connection.run(self._opening.run(connection), self._silence)

    def _enter(self, state: State) -> None:
        self.state = state

    def _lost(self, _: ClientWebSocketResponse) -> None:
        self._connection = self.current_ws = None

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._enter(State.CLOSED)
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = f"the app stopped: {describe(error)} ({line_of(error)})"
            logger.critical("%s: %s", place(self._url), reason)
            self._failure = TopgunError(f"{place(self._url)}: {reason}")
        if self._last_handler is None or self._last_handler.done():
            self._wiring.apps.remove(self)
        else:  # the client must know of the app as long as there is something to end
            self._last_handler.add_done_callback(lambda _: self._wiring.apps.remove(self))
        for waiters in (self._opened, self._opening.ready):
            waiters.release(self._failure or ClientClosed(f"{self!r} is closed"))

    async def _up(self) -> Connection:
        while (connection := self._connection) is None:
            self._check()
            await self._opened.wait()
        return connection

    def _check(self) -> None:
        if self._task.done():
            raise self._failure.with_traceback(None) if self._failure else ClientClosed(f"{self!r} is closed")

    async def _send_now(self, message: Message) -> None:
        if self.state is State.OPEN and self.current_ws is not None:
            with suppress(ConnectionError, aiohttp.ClientError):  # lost: the next connection sends it
                await message.send(self.current_ws, message.data)
