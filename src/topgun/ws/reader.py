"""`Reader`: the only one who reads from a connection; it takes each frame to whom it concerns."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
from aiohttp import WSMsgType

from ..errors import ConfigError
from .claims import Claims
from .texts import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ..clock import Clock
    from ..typedefs import JsonLoads, WsBytesHandler, WsJsonHandler, WsStrHandler
    from .response import ClientWebSocketResponse

__all__ = ["Handlers", "Reader"]

logger = logging.getLogger("topgun.ws")

FRAMES_A_TURN = 64
SECONDS_A_TURN = 0.005

_TEXT, _BINARY, _PING, _PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG
_UNDECODED = object()
_BARE_WORDS = frozenset({"ping", "pong", b"ping", b"pong"})


class Handlers(NamedTuple):
    """The callables that get the frames of a socket, each in this order."""

    text: Sequence[WsStrHandler] = ()
    binary: Sequence[WsBytesHandler] = ()
    json: Sequence[WsJsonHandler] = ()

    @classmethod
    def of(cls, text: Any, binary: Any, json: Any) -> Handlers:
        """Return the handlers; each argument is ``None``, one callable or a list of them.

        Raises:
            ConfigError: One of them cannot be called.
        """
        return cls(*(_listed(name, given) for name, given in (("str", text), ("bytes", binary), ("json", json))))


def _listed(name: str, given: Any) -> tuple[Any, ...]:
    handlers = tuple(given) if isinstance(given, list | tuple) else () if given is None else (given,)
    for handler in handlers:
        if not callable(handler):
            raise ConfigError(f"hdlr_{name} must be callable as (message, ws): {type(handler).__name__} is not")
    return handlers


class Reader:
    """Reads the frames of one connection.

    Args:
        raw: The open socket.
        ws: What handlers get as their second argument.
        place: Where the connection leads to, for texts.
        clock: The client's clock.
        loads: Decodes JSON.
        handlers: Who gets the frames.
        autoping: Whether protocol pings are answered.

    Attributes:
        claims: Decoded frames that somebody asked for.
        pongs: Payloads of pongs that somebody waits for.
        mute: True until the first frame has arrived.
        heard: When the last TEXT or BINARY frame was dealt with, by the monotonic clock.
        handling: True while a coroutine handler is awaited.
        stopped: Set True to make the reader return after the frame in hand.
    """

    def __init__(
        self,
        raw: aiohttp.ClientWebSocketResponse,
        ws: ClientWebSocketResponse,
        place: str,
        *,
        clock: Clock,
        loads: JsonLoads,
        handlers: Handlers,
        autoping: bool,
    ) -> None:
        self.claims = Claims(place)
        self.pongs = Claims(place)
        self.mute = True
        self.heard = clock.monotonic()
        self.handling = False
        self.stopped = False
        self._raw = raw
        self._ws = ws
        self._place = place
        self._clock = clock
        self._loads = loads
        self._handlers = handlers
        self._autoping = autoping

    async def run(self) -> str:
        """Read until the connection ends, and return how it ended."""
        receive, monotonic, handlers = self._raw.receive, self._clock.monotonic, self._handlers
        turn, frames = monotonic(), 0
        while not self.stopped:
            msg = await receive()
            kind = msg.type
            if kind == _TEXT:
                await self._frame(msg.data, handlers.text)
                self.heard = monotonic()
            elif kind == _BINARY:
                await self._frame(msg.data, handlers.binary)
                self.heard = monotonic()
            elif kind == _PING:
                await self._answer(msg.data)
            elif kind == _PONG:
                self.pongs.take(msg.data)
            else:
                return _ending(msg)
            self.mute = False
            frames += 1
            if frames == FRAMES_A_TURN or self.heard - turn >= SECONDS_A_TURN:
                await asyncio.sleep(0)
                turn, frames = monotonic(), 0
        return "stopped"

    async def _frame(self, data: Any, handlers: Sequence[Callable[..., object]]) -> None:
        message = _UNDECODED
        if self.claims.open:
            with suppress(Exception):  # if it is not JSON, it is not claimed either; see below
                message = self._loads(data)
            if message is not _UNDECODED and self.claims.take(message):
                return
        if handlers:
            await self._call(handlers, data)
        if handlers := self._handlers.json:
            if message is _UNDECODED:
                try:
                    message = self._loads(data)
                except Exception as error:  # noqa: BLE001  (any decoder's error, RecursionError included)
                    self._undecodable(data, error)
                    return
            await self._call(handlers, message)

    async def _call(self, handlers: Sequence[Callable[..., object]], message: Any) -> None:
        ws = self._ws
        for handler in handlers:
            try:
                result = handler(message, ws)
                if result is not None and isawaitable(result):
                    await self._wait_for(result)
            except (Exception, asyncio.CancelledError):
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                name = getattr(handler, "__qualname__", None) or repr(handler)
                logger.exception("%s: handler %s failed", self._place, name)

    async def _wait_for(self, work: Awaitable[object]) -> None:
        """Await what a handler returned; meanwhile the socket is not read, so it must not be called silent."""
        self.handling = True
        try:
            await work
        finally:
            self.handling = False

    async def _answer(self, payload: bytes) -> None:
        if self._autoping:
            with suppress(ConnectionError, aiohttp.ClientError):  # the reader is about to learn of it
                await self._raw.pong(payload)

    def _undecodable(self, data: str | bytes, error: Exception) -> None:
        if data not in _BARE_WORDS:
            logger.warning("%s: not JSON (%s): %.200r", self._place, type(error).__name__, data[:200])


def _ending(msg: aiohttp.WSMessage) -> str:
    if msg.type == WSMsgType.CLOSE:
        return f"closed by the peer with code {msg.data} {str(msg.extra or '')[:100]!r}"
    if msg.type == WSMsgType.ERROR:
        return describe(msg.data)
    return "closed by this program" if msg.type == WSMsgType.CLOSING else "lost without a close frame"
