"""What a store sees of its socket where there is none: every message and every wait is in the hands of a test."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..clock import Instant
from .venue import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Sequence

    from .link import Link

__all__ = ["DryClock", "DrySocket", "Moment", "Question", "World"]


class World(Protocol):
    """Who plays the sockets: knows the time, and runs what the store starts."""

    now: int
    requests: int

    def go_on(self, work: Coroutine[Any, Any, Any], given: Any = None) -> None:
        """Run a coroutine of the store until it waits again, or ends."""
        ...


class Moment:
    """What a coroutine of the store waits for: time, or an answer."""

    work: Coroutine[Any, Any, Any]

    def __await__(self) -> Generator[Moment, Any, Any]:
        return (yield self)

    def outcome(self) -> Any:
        """Return what the coroutine gets."""


class Question(Moment):
    """An HTTP request on its way."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reply: Reply | None = None

    def outcome(self) -> Any:
        """Return the answer, as it would be decoded."""
        if self.reply is None or self.reply.data is None:
            return ConnectionError("no answer")
        return json.loads(json.dumps(self.reply.data))


class DryClock:
    """The clock of the store: it stands still until the test lets it go on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> Instant:
        """Read the clock."""
        return Instant(self._world.now)

    def monotonic(self) -> float:
        """Read the clock, in s."""
        return self._world.now / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait until time passes."""
        await Moment()


class DrySocket:
    """What the store sees of its socket."""

    subscribed = True

    def __init__(self, world: World, url: URL, link: Link) -> None:
        self.url = url
        self.clock = DryClock(world)
        self.requester = self
        self.closed = False
        self.up: deque[str] = deque()
        self.link = link
        self._world = world
        self._asking: dict[Hashable, Callable[[], bool]] = {}
        self._on_close: list[Callable[[Any], object]] = []

    def send_json_soon(self, data: Any) -> None:
        """Queue a message to the venue."""
        self.up.append(data if isinstance(data, str) else json.dumps(data))

    def on_close(self, callback: Callable[[Any], object]) -> None:
        """Call `callback` once the socket is lost."""
        self._on_close.append(callback)

    def request_snapshot(self, key: Hashable, messages: Sequence[Any], done: Callable[[], bool]) -> None:
        """Queue `messages`, and again whenever time has passed, until `done`."""
        if key not in self._asking or self._asking[key]():
            self._asking[key] = done
            self.spawn(self._ask(messages, done))

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        """Ask the venue over HTTP."""
        target = URL(url).update_query(kwargs.get("params") or {})
        headers: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        body = json.dumps(kwargs["data"]).encode() if "data" in kwargs else b""
        return await Question(Request(method, target, target.raw_path_qs, headers, body))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine of the store."""
        self._world.go_on(work)

    def lose(self) -> None:
        """Be lost."""
        self.closed = True
        self.link.open = False
        for callback in self._on_close:
            callback(self)

    async def _ask(self, messages: Sequence[Any | Callable[[], Awaitable[None]]], done: Callable[[], bool]) -> None:
        while not self.closed and not done():
            self._world.requests += 1
            for message in messages:
                if callable(message):
                    with suppress(Exception):  # a real socket logs it, and asks again
                        await message()
                else:
                    self.send_json_soon(message)
            await self.clock.sleep(1.0)
        self._asking = {key: asked for key, asked in self._asking.items() if asked is not done}
