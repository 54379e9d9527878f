"""`Reader`: the only one who reads from a connection; it takes each frame to whom it concerns."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from inspect import isawaitable
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import aiohttp
from aiohttp import WSMsgType

from ..errors import ConfigError
from .claims import Claims
from .texts import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from ..clock import Clock
    from ..exchange import Decode
    from ..typedefs import JsonLoads, WsBytesHandler, WsJsonHandler, WsStrHandler
    from .response import ClientWebSocketResponse

__all__ = ["Handlers", "Reader"]

logger = logging.getLogger("topgun.ws")

FRAMES_A_TURN = 64
SECONDS_A_TURN = 0.005
SHOWN = 200  # characters of a frame that is not JSON

_TEXT, _BINARY, _PING, _PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG
_UNDECODED = object()
_BARE_WORDS = frozenset({"ping", "pong", b"ping", b"pong"})

Step: TypeAlias = "tuple[Callable[[Any, ClientWebSocketResponse], object], bool]"


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

    def introduce(self, ws: ClientWebSocketResponse) -> None:
        """Tell the owners of the handlers of a new connection: a socket may be lost before its first message."""
        for handler in chain(*self):
            onconnect = getattr(getattr(handler, "__self__", None), "_onconnect", None)
            if onconnect is not None:
                try:
                    onconnect(ws)
                except Exception:
                    logger.exception("%r: the owner of a handler could not take note of it", ws)

    def steps(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """Return whom a text frame is given to, and whom a binary one: each with whether it wants it decoded."""
        json = [(handler, True) for handler in self.json]
        text, binary = ([(handler, False) for handler in each] for each in (self.text, self.binary))
        return (*text, *json), (*binary, *json)


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
        mask: Takes secrets out of a text that is to be logged.
        decode: What a frame is put through before `loads`; see `topgun.exchange.Host`.
        answer: What to send back for a decoded frame; the same.

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
        mask: Callable[[str], str],
        decode: Decode | None = None,
        answer: Callable[[Any], str | None] | None = None,
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
        self._decode = decode
        self._load = loads if decode is None else self._decode_and_load
        self._answer = answer
        self._handlers = handlers
        self._autoping = autoping
        self._mask = mask

    async def run(self) -> str:
        """Read until the connection ends, and return how it ended."""
        receive, monotonic, dispatch, answer = self._raw.receive, self._clock.monotonic, self._dispatch, self._answer
        text, binary = self._handlers.steps()
        now = turn = monotonic()
        frames = 0
        while not self.stopped:
            msg = await receive()
            kind = msg.type
            if kind is _TEXT or kind is _BINARY:
                message = _UNDECODED
                if answer is not None:
                    message = self._decoded(msg.data)
                    if (reply := self._reply(message, answer)) is not None:
                        await self._send(self._raw.send_str, reply)
                # A call, not a coroutine: no handler that is a plain function makes the loop switch.
                waiting = dispatch(msg.data, iter(text if kind is _TEXT else binary), message)
                if waiting is not None:
                    await waiting
                self.heard = now = monotonic()
            elif kind is _PING:
                if self._autoping:
                    await self._send(self._raw.pong, msg.data)
            elif kind is _PONG:
                self.pongs.take(msg.data)
            else:
                return _ending(msg)
            self.mute = False
            frames += 1
            if frames == FRAMES_A_TURN or now - turn >= SECONDS_A_TURN:
                await asyncio.sleep(0)
                now = turn = monotonic()
                frames = 0
        return "stopped"

    def _dispatch(
        self, data: Any, steps: Iterator[Step], message: Any = _UNDECODED, *, again: bool = False
    ) -> Awaitable[None] | None:
        """Call one handler after the other; return what to await where one of them is a coroutine function."""
        if self.claims.open and not again:
            message = self._decoded(data) if message is _UNDECODED else message
            if message is not _UNDECODED and self.claims.take(message):
                return None
        for handler, decoded in steps:
            if decoded and message is _UNDECODED:
                try:
                    message = self._load(data)
                except Exception as error:  # noqa: BLE001  (any decoder's error, RecursionError included)
                    self._undecodable(data, error)
                    return None
            try:
                result = handler(message if decoded else data, self._ws)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (logged, with its traceback)
                self._failed(handler, error)
            else:
                if result is not None and isawaitable(result):
                    return self._wait_for(result, handler, data, steps, message)
        return None

    async def _wait_for(
        self, result: Awaitable[object], handler: object, data: Any, steps: Iterator[Step], message: Any
    ) -> None:
        """Await what a handler returned, then go on; meanwhile nobody reads, so the peer must not be called silent."""
        self.handling = True
        try:
            await result
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (logged, with its traceback)
            self._failed(handler, error)
        finally:
            self.handling = False
        waiting = self._dispatch(data, steps, message, again=True)
        if waiting is not None:
            await waiting

    def _failed(self, handler: object, error: BaseException) -> None:
        """Log the error of a handler, unless it is the end of the reader itself."""
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        name = getattr(handler, "__qualname__", None) or repr(handler)
        logger.error("%s: handler %s failed", self._place, name, exc_info=error)

    def _decode_and_load(self, data: str | bytes) -> Any:
        """Return the message of a frame that is not JSON as it comes."""
        assert self._decode is not None  # noqa: S101  (see __init__)
        plain = self._decode(data)
        return self._loads(plain) if isinstance(plain, str | bytes) else plain

    def _decoded(self, data: str | bytes) -> Any:
        """Return the message of a frame; if it is none, nobody claims it, and whoever wants JSON will say so."""
        with suppress(Exception):
            return self._load(data)
        return _UNDECODED

    def _reply(self, message: Any, answer: Callable[[Any], str | None]) -> str | None:
        """Return what the venue wants to hear on a message, ``None`` = nothing."""
        if message is not _UNDECODED:
            try:
                return answer(message)
            except Exception:
                logger.exception("%s: a frame could not be answered", self._place)
        return None

    async def _send(self, send: Callable[[Any], Awaitable[None]], data: Any) -> None:
        with suppress(ConnectionError, aiohttp.ClientError):  # the reader is about to learn of it
            await send(data)

    def _undecodable(self, data: str | bytes, error: Exception) -> None:
        plain: Any = data
        if self._decode is not None:
            with suppress(Exception):
                plain = self._decode(data)
        if plain not in _BARE_WORDS:
            shown = self._mask(f"{data[: 5 * SHOWN]!r}")[:SHOWN]
            logger.warning("%s: not JSON (%s): %s", self._place, type(error).__name__, shown)


def _ending(msg: aiohttp.WSMessage) -> str:
    if msg.type == WSMsgType.CLOSE:
        return f"closed by the peer with code {msg.data} {str(msg.extra or '')[:100]!r}"
    if msg.type == WSMsgType.ERROR:
        return describe(msg.data)
    return "closed by this program" if msg.type == WSMsgType.CLOSING else "lost without a close frame"
