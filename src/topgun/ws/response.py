"""`ClientWebSocketResponse`: what handlers and stores see of one open WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..auth import Auth
from ..clock import within
from .backoff import FACTOR, MAXIMUM, MINIMUM, growing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from yarl import URL

    from ..clock import Clock
    from ..exchange import Requester
    from .connection import Connection

__all__ = ["ClientWebSocketResponse"]

logger = logging.getLogger("topgun.ws")

_PATIENCE = 30.0  # s for one snapshot by HTTP: as long as it is under way, no other one is asked for


class ClientWebSocketResponse:
    """One open WebSocket, as the second argument of every handler and as ``app.current_ws``.

    What is sent keeps the limit of the venue and is signed where the venue wants signed messages. It stands for one
    connection: after a reconnect the handlers get another one.

    Attributes:
        url: Where it is connected to.
        clock: The client's clock.
        requester: The client, for stores that must send HTTP requests.
    """

    def __init__(self, connection: Connection) -> None:
        self.url: URL = connection.url
        self.clock: Clock = connection.clock
        self.requester: Requester = connection.requester
        self._connection = connection
        self._raw = connection.raw
        self._lock = asyncio.Lock()
        self._fetching = asyncio.Lock()
        self._soon: deque[Any] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._asking: dict[Hashable, tuple[asyncio.Task[None], Callable[[], bool]]] = {}
        self._asked: dict[Hashable, float] = {}  # when it was asked last, by the monotonic clock

    def __repr__(self) -> str:
        return f"<ClientWebSocketResponse {self._connection.place} {'closed' if self.closed else 'open'}>"

    @property
    def closed(self) -> bool:
        """True as soon as nothing can be sent any more."""
        return self._connection.closed

    @property
    def subscribed(self) -> bool:
        """True once the login succeeded and every remembered message was sent."""
        return self._connection.settled

    @property
    def close_code(self) -> int | None:
        """The code of the close frame, 1006 without one, ``None`` while open."""
        return self._raw.close_code

    @property
    def protocol(self) -> str | None:
        """The subprotocol agreed on."""
        return self._raw.protocol

    @property
    def compress(self) -> int:
        """The window bits of the compression agreed on, 0 for none."""
        return self._raw.compress

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows by `name` (``"peername"``, ``"socket"``...)."""
        return self._raw.get_extra_info(name, default)

    def exception(self) -> BaseException | None:
        """Return the error that ended the connection, if one did."""
        return self._raw.exception()

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send a text frame, at the moment the venue's send limit allows.

        Args:
            data: The text.
            compress: Window bits to compress this frame with; ``None`` = as agreed in the handshake.

        Raises:
            ConnectionError: The connection has ended.
        """
        await self._send(lambda: self._raw.send_str(data, compress))

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send a binary frame; see `send_str`."""
        await self._send(lambda: self._raw.send_bytes(data, compress))

    async def send_json(
        self,
        data: Any,
        compress: int | None = None,
        *,
        dumps: Callable[[Any], str] = json.dumps,
        auth: type[Auth] | None = Auth,
    ) -> None:
        """Send `data` as JSON, signed where the venue wants signed messages.

        Args:
            data: The message; it is not changed. Falsy data is never signed.
            compress: As for `send_str`.
            dumps: Encodes the message.
            auth: ``None`` = not signed.

        Raises:
            ConnectionError: The connection has ended.
            SigningError: The message cannot be signed; it was not sent.
            TypeError: It is not JSON.
        """
        signed = auth is Auth and data

        async def send() -> None:  # signs when it is sent: the limit may have kept it waiting
            await self._raw.send_str(dumps(self._connection.signed(data) if signed else data), compress)

        await self._send(send)

    async def ping(self, message: bytes = b"") -> None:
        """Send a protocol ping."""
        await self._raw.ping(message)

    async def pong(self, message: bytes = b"") -> None:
        """Send a protocol pong."""
        await self._raw.pong(message)

    async def close(self, *, code: int = 1000, message: bytes = b"") -> bool:
        """Close this connection; the app makes another one. Return False if it was closed already."""
        return await self._raw.close(code=code, message=message)

    def send_json_soon(self, data: Any) -> None:
        """Queue `data` to be sent as by `send_json`, in order; for handlers that are plain functions.

        A failure is logged. What is still queued when the connection ends is not sent.
        """
        if self.closed:
            logger.warning("%s: not sent, the connection has ended", self._connection.place)
            return
        self._soon.append(deepcopy(data))
        if self._sender is None or self._sender.done():
            self._sender = self._connection.spawn(self._send_queued(), "sending")

    def on_close(self, callback: Callable[[ClientWebSocketResponse], object]) -> None:
        """Call `callback` with this object once the connection is over (at once if it is)."""
        self._connection.on_close(callback)

    def on_subscribed(self, callback: Callable[[ClientWebSocketResponse], object]) -> None:
        """Call `callback` with this object once the login succeeded and every message was sent (at once if so)."""
        self._connection.on_settled(callback)

    def request_snapshot(self, key: Hashable, messages: Sequence[Any], done: Callable[[], bool]) -> None:
        """Send `messages` now and, with growing waits (1.92 s to 60 s), again until ``done()``.

        Args:
            key: While a request with this key is under way, further ones are ignored; one that follows on another
                waits until 1.92 s have passed since.
            messages: ``str`` and ``bytes`` are sent as they are, anything else as JSON. A callable is called and
                awaited, one at a time for all keys and for 30 s at most: for snapshots that come by HTTP.
            done: Tells whether the snapshot has arrived.
        """
        earlier = self._asking.get(key)
        if self.closed or (earlier and not earlier[0].done() and not earlier[1]()):
            return
        if earlier:
            earlier[0].cancel()  # it got its snapshot but sleeps; the new need begins anew
        asking = self._connection.spawn(self._ask(key, messages, done), "asking for a snapshot")
        self._asking[key] = asking, done

    async def _send(self, send: Callable[[], Awaitable[None]]) -> None:
        limit = self._connection.host.limit
        if limit is None:
            await send()
        else:
            async with self._lock:  # fair: first come, first sent
                await limit(self._connection, send)

    async def _send_any(self, message: Any) -> None:
        if callable(message):
            async with self._fetching:
                await within(self.clock, _PATIENCE, message())
        elif isinstance(message, str):
            await self.send_str(message)
        elif isinstance(message, bytes):
            await self.send_bytes(message)
        else:
            await self.send_json(message)

    async def _send_logged(self, message: Any) -> None:
        try:
            await self._send_any(message)
        except Exception as error:  # noqa: BLE001  (whatever it is: one message is lost, the others are sent)
            what = "snapshot not fetched" if callable(message) else "message not sent"
            logger.error("%s: %s: %s", self._connection.place, what, self._connection.tell(error))  # noqa: TRY400

    async def _send_queued(self) -> None:
        while self._soon:
            await self._send_logged(self._soon.popleft())

    async def _ask(self, key: Hashable, messages: Sequence[Any], done: Callable[[], bool]) -> None:
        waits = growing(MINIMUM, MAXIMUM, FACTOR)
        try:
            if (left := self._asked.get(key, -MINIMUM) + MINIMUM - self.clock.monotonic()) > 0:
                await self.clock.sleep(left)
            while True:
                self._asked[key] = self.clock.monotonic()
                for message in messages:
                    await self._send_logged(message)
                await self.clock.sleep(next(waits))
                if done():
                    return
        except Exception:
            logger.exception("%s: a snapshot is not asked for any more", self._connection.place)
