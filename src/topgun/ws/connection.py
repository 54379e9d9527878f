"""`Connection`: one open WebSocket with its only reader; what an exchange's code sees of it as its `Link`."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from ..clock import within
from ..errors import SigningError
from ..waiters import finished
from .reader import Reader
from .response import ClientWebSocketResponse
from .texts import describe, line_of, masked, place, secrets_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from yarl import URL

    from ..clock import Instant
    from ..credentials import Credential
    from ..exchange import Host
    from .reader import Handlers
    from .wiring import Wiring

__all__ = ["Connection"]

logger = logging.getLogger("topgun.ws")

CLOSING = 3.0  # s by the computer's clock: no peer, however dead, holds up a close for longer


class Connection:
    """One open WebSocket, from the handshake to its end. Implements `topgun.exchange.Link`.

    Every task that serves it ends with it: reader, heartbeat, login, watch, sender, snapshot requests.

    Args:
        raw: The open socket; nobody else reads from it.
        url: Where it is connected to.
        host: What the exchange does on this host.
        credential: The key to log in and to sign with, or ``None``.
        wiring: What the client lends.
        handlers: Who gets the frames.
        autoping: Whether protocol pings are answered.

    Attributes:
        ws: What the handlers see of this connection.
        settled: True once the connection is logged in and subscribed.
        turn: Held by a login from its timestamp until it is sent.
    """

    def __init__(
        self,
        raw: aiohttp.ClientWebSocketResponse,
        url: URL,
        wiring: Wiring,
        handlers: Handlers,
        *,
        host: Host,
        credential: Credential | None = None,
        autoping: bool = True,
    ) -> None:
        self.raw = raw
        self.url = url
        self.place = place(url)
        self.host = host
        self.credential = credential
        self.clock = wiring.clock
        self.requester = wiring.requester
        self.settled = False
        self.turn = wiring.instants.turn(credential.key if credential else "", host.step_ns)
        self._instants = wiring.instants
        self._secrets = secrets_of(url, credential)
        self._born = wiring.clock.monotonic()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._callbacks: list[Callable[[ClientWebSocketResponse], object]] = []
        self._on_settled: list[Callable[[ClientWebSocketResponse], object]] = []
        self.ws = ClientWebSocketResponse(self)
        self._reader = Reader(
            raw,
            self.ws,
            self.place,
            clock=wiring.clock,
            loads=wiring.json_loads,
            handlers=handlers,
            autoping=autoping,
            decode=host.decode,
            answer=self._answer if host.answer is not None else None,
            mask=self.masked,
        )

    # --- what exchange code may do: topgun.exchange.Link ---

    @property
    def closed(self) -> bool:
        """True as soon as nothing can be sent any more."""
        return self._over.done() or self.raw.closed

    def instant(self) -> Instant:
        """Return the time to sign with; it strictly rises for the key where the host takes times as nonces."""
        return self._instants.now(self.credential.key if self.credential else "", self.host.step_ns)

    async def send_str(self, text: str) -> None:
        """Send a text frame at once, past the send limit."""
        await self.raw.send_str(text)
        self.turn.give()

    async def send_json(self, data: Any) -> None:
        """Send `data` as JSON at once, past the send limit and unsigned."""
        await self.send_str(json.dumps(data))

    async def ping(self, message: bytes = b"") -> None:
        """Send a protocol ping."""
        await self.raw.ping(message)

    async def pong(self, message: bytes = b"") -> None:
        """Send a protocol pong."""
        await self.raw.pong(message)

    def expect(self, match: Callable[[Any], bool], /) -> Awaitable[Any]:
        """Claim the next decoded frame that `match` accepts; it will not reach the handlers.

        The result raises ConnectionError when the socket ends first.
        """
        return self._reader.claims.expect(match)

    async def fetch(self, url: str) -> Any:
        """GET `url` unsigned and return the decoded JSON."""
        return await self.requester.request_json("GET", url, auth=None)

    # --- life ---

    async def run(self, opening: Coroutine[Any, Any, None], silence: float | None = None) -> str:
        """Serve the socket until it ends, and return why it ended.

        Args:
            opening: Logs in and subscribes, beside the reader.
            silence: The connection is dropped when no data arrives for so long, in s; ``None`` = never.
        """
        self.spawn(opening, "opening", vital=True)  # first: it claims what the venue says first
        self.spawn(self._read(), "reading", vital=True)
        if self.host.heartbeat is not None:
            self.spawn(self._beat(self.host.heartbeat), "heartbeat", vital=True)
        if silence is not None:
            self.spawn(self._watch(silence), "watching", vital=True)
        try:
            return str(self.masked(await self._over))
        finally:
            await finished(self._end(), "topgun.ws ending")

    def spawn(self, work: Coroutine[Any, Any, None], what: str, *, vital: bool = False) -> asyncio.Task[None]:
        """Run `work` as a task that ends with the connection; an error in it is logged and drops the connection.

        Args:
            work: What to run.
            what: Its name in the log.
            vital: The connection is also dropped when somebody cancels the task: it is of no use without it.
        """
        task = asyncio.create_task(self._supervise(work, what), name=f"topgun.ws {what}")
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._done(task, what, vital))
        task.add_done_callback(lambda _: work.close())  # in case it was cancelled before it began
        return task

    def spare(self, task: asyncio.Task[Any] | None) -> bool:
        """Let `task` outlive the connection, as it is the one that is closing it; return whether it is ours."""
        if task is None or task not in self._tasks:
            return False
        self._tasks.discard(task)
        return True

    def healthy(self, minimum: float) -> bool:
        """Return whether it was subscribed, received a frame and has lived for `minimum` seconds."""
        return self.settled and not self._reader.mute and self.clock.monotonic() - self._born >= minimum

    def drop(self, reason: str) -> None:
        """End the connection because of `reason`, unless it has ended already."""
        if not self._over.done():
            self._over.set_result(reason)

    def on_close(self, callback: Callable[[ClientWebSocketResponse], object]) -> None:
        """Call `callback` with `ws` once the connection is over (at once if it is)."""
        if self._ended.is_set():
            callback(self.ws)
        else:
            self._callbacks.append(callback)

    def on_settled(self, callback: Callable[[ClientWebSocketResponse], object]) -> None:
        """Call `callback` with `ws` once the connection is logged in and subscribed (at once if it is)."""
        if self.settled:
            callback(self.ws)
        else:
            self._on_settled.append(callback)

    def settle(self) -> None:
        """Know that the connection is logged in and subscribed; called by the app."""
        self.settled = True
        self._call(self._on_settled, "on_subscribed")

    def _call(self, callbacks: list[Callable[[ClientWebSocketResponse], object]], what: str) -> None:
        for callback in callbacks:
            try:
                callback(self.ws)
            except Exception:
                logger.exception("%s: %s callback failed", self.place, what)

    def masked(self, value: Any) -> Any:
        """Return a copy of what an exchange said, without the secrets of this connection."""
        return masked(value, self._secrets)

    def tell(self, error: BaseException) -> str:
        """Return what a log line may say of `error`: its kind, its text without secrets, where it comes from.

        No traceback: errors of code that signs may quote what it signs with.
        """
        return f"{self.masked(describe(error))} ({line_of(error)})"

    def signed(self, message: Any) -> Any:
        """Return `message` as the venue wants it: a signed copy where it wants one and there is a key.

        Raises:
            SigningError: The message signer refused it, or failed.
        """
        sign = self.host.sign_message
        if sign is None or self.credential is None:
            return message
        try:
            return sign(message, self)
        except SigningError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it may quote a secret)
            failure = f"{type(error).__name__} at {line_of(error)}"
        # raised out here, so that not even __context__ leads to the signer's own error
        raise SigningError(f"the message signer for {self.place} failed with {failure}; the message was not sent")

    async def ended(self) -> None:
        """Wait until every task of the connection has ended."""
        await self._ended.wait()

    async def answers(self, timeout: float) -> bool:
        """Send a protocol ping; return whether its pong came within `timeout` seconds by the clock."""
        payload = bytes.fromhex(self.clock.nonce(4))
        pong = self._reader.pongs.expect(lambda seen: seen == payload)
        try:
            await self.raw.ping(payload)
            await within(self.clock, timeout, pong)
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def _supervise(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Do `work`; its error goes no further, not even into the repr of the task: it may quote a secret."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told without its secrets)
            if not self._over.done():
                logger.error("%s: %s failed: %s", self.place, what, self.tell(error))  # noqa: TRY400  (see `tell`)
                self.drop(f"{what} failed")

    def _done(self, task: asyncio.Task[None], what: str, vital: bool) -> None:
        self._tasks.discard(task)
        if vital and task.cancelled():
            self.drop(f"{what} was cancelled")

    async def _end(self) -> None:
        self._reader.stopped = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reader.claims.end()
        self._reader.pongs.end()
        self._ended.set()
        self._call(self._callbacks, "on_close")
        with suppress(TimeoutError, OSError, aiohttp.ClientError):
            async with asyncio.timeout(CLOSING):
                await self.raw.close()

    def _answer(self, message: Any) -> str | None:
        return self.host.answer(message, self) if self.host.answer is not None else None

    async def _read(self) -> None:
        self.drop(await self._reader.run())

    async def _beat(self, heartbeat: Callable[[Any], Awaitable[None]]) -> None:
        await heartbeat(self)

    async def _watch(self, silence: float) -> None:
        while (left := self._reader.heard + silence - self.clock.monotonic()) > 0 or self._reader.handling:
            await self.clock.sleep(left if left > 0 else silence)
        self.drop(f"no data for {silence:g} s")
