"""`FakeExchange`: exchanges on your own computer that answer on the real URLs, over TLS."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from yarl import URL

from ..clock import Instant, SystemClock
from ..errors import ConfigError
from ..seam import use_connector
from .link import Link
from .script import Script
from .venue import LiveMarket, Reply, Request, Venue
from .venues import DEFAULT, VENUES
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    import aiohttp

    from ..clock import Clock
    from .script import Fault

__all__ = ["FakeExchange", "SeenRequest"]

_POLL = 0.002  # s between two looks of `until`


@dataclass(slots=True)
class SeenRequest:
    """An HTTP request (a handshake too) that arrived.

    Attributes:
        verified: Its signature is right; a handshake counts as verified where the exchange does not sign it.
        status: What was answered; ``None`` while, or because, nothing was. A long poll has 200 as soon as it is
            accepted.
    """

    method: str
    host: str
    path: str
    verified: bool
    query: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    status: int | None = None


class FakeExchange(Script):
    """A server on this computer that plays exchanges: signatures are checked, orders are matched, books move.

    While it is open, every ``topgun.Client`` that is made without a ``connector=`` of its own talks to it, under the
    URLs of the real exchange, and to nothing else. The market stands still until `market(...).tick()`, or moves by
    itself with `pace`. Needs ``pip install 'topgun[testing]'``.

    Example::

        async with FakeExchange(pace=0.1) as fake:
            fake.at(4, fake.drop)              # after 4 s every socket is cut
            fake.at(8, fake.gap)               # after 8 s one update is left out
            async with topgun.Client(apis=fake.apis) as client:
                await my_bot(client)
            assert all(request.verified for request in fake.requests)

    Args:
        *names: The exchanges to play, see `topgun.testing.venues.VENUES`; without any, its default.
        clock: The time of the exchange; give a `FakeClock` to both sides for a test that never waits.
        seed: The same seed gives the same market.
        pace: Seconds between two moves of the market by itself.
        apis: Credentials to know instead of the fake's own, by API name.

    Attributes:
        apis: Credentials that it knows, for ``Client(apis=...)``.
        requests: Every `SeenRequest`, in order of arrival.
        connections: Every socket that was opened, open or not.

    Raises:
        ConfigError: An exchange has no fake.
        ModuleNotFoundError: ``trustme`` is not installed.
    """

    def __init__(
        self,
        *names: str,
        clock: Clock | None = None,
        seed: int = 1,
        pace: float | None = None,
        apis: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self.clock: Clock = clock or SystemClock()
        self.requests: list[SeenRequest] = []
        self.connections: list[Link] = []
        self._venues = [self._load(name)(self._now, self.links, seed, apis) for name in names or (DEFAULT,)]
        self._by_host = {host: venue for venue in self._venues for host in venue.hosts}
        self.apis: dict[str, list[str]] = {name: api for venue in self._venues for name, api in venue.apis.items()}
        self._wire = Wire(self._by_host, self._handle)
        self._pace = pace
        self._held: set[tuple[str, str, asyncio.Transport]] = set()  # long polls that wait: host, path and connection
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the server, and let clients find it."""
        await self._wire.start()
        self._stack.push_async_callback(self._wire.stop)
        self._stack.callback(self._abort)
        self._stack.push_async_callback(self._end_tasks)
        self._stack.enter_context(use_connector(self.connector))
        if self._pace is not None:
            self._spawn(self._drive(self._pace))

    async def stop(self) -> None:
        """Cut every connection and close; a second call does nothing.

        Raises:
            ExceptionGroup: Commands that were scheduled with `at` failed.
        """
        await self._stack.aclose()
        if failures := [each for each in self._failures if isinstance(each, Exception)]:
            self._failures = []
            raise ExceptionGroup("commands given to the fake exchange failed", failures)

    # --- what a test does with it ---

    def connector(self) -> aiohttp.TCPConnector:
        """Return a connector that leads to this fake and nowhere else, for ``aiohttp.ClientSession(connector=...)``."""
        return self._wire.connector()

    def market(self, name: str) -> LiveMarket:
        """Return a market to move and to look at.

        Raises:
            LookupError: There is no market of that name.
        """
        markets = {market.name: market for market in self.live_markets()}
        if name not in markets:
            raise LookupError(f"there is no market {name}; there are {', '.join(markets)}")
        return markets[name]

    def venue(self, name: str) -> Any:
        """Return the fake of one exchange, for what nobody but that exchange does.

        Raises:
            LookupError: It is not played here.
        """
        for venue in self._venues:
            if venue.name == name:
                return venue
        raise LookupError(f"{name!r} is not played; there are {', '.join(venue.name for venue in self._venues)}")

    def live_markets(self) -> list[LiveMarket]:
        """Return every market."""
        return [LiveMarket(venue, name) for venue in self._venues for name in venue.markets]

    def markets_with_orders(self) -> list[LiveMarket]:
        """Return the markets in which an order of an account rests."""
        return [market for market in self.live_markets() if market.orders()]

    def tick(self, times: int = 1) -> None:
        """Let the crowd act so many times on every market."""
        for _ in range(times):
            for venue in self._venues:
                venue.tick()

    def at(self, seconds: float, command: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Task[None]:
        """Give a command later.

        Args:
            seconds: From now, by the fake's clock.
            command: A command of this object or any other function, coroutine functions too.
            *args: For `command`.
            **kwargs: For `command`.

        Returns:
            Its task: cancel it to take the command back.
        """

        async def later() -> None:
            await self.clock.sleep(seconds)
            result = command(*args, **kwargs)
            if asyncio.iscoroutine(result):
                await result

        return self._spawn(later())

    async def until(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until `predicate()` is true.

        Args:
            predicate: Asked again and again.
            timeout: In seconds of real time.

        Raises:
            TimeoutError: It did not become true in time.
        """
        end = monotonic() + timeout
        while not predicate():
            if monotonic() > end:
                raise TimeoutError(f"not within {timeout:g} s; sockets: {self.connections}, requests: {self.requests}")
            await asyncio.sleep(_POLL)

    @property
    def frames_received(self) -> list[str | bytes]:
        """Every frame that clients sent, socket by socket."""
        return [frame for link in self.connections for frame in link.received]

    def links(self) -> list[Link]:
        """Return the open sockets."""
        return [link for link in self.connections if link.open]

    def drop(self, *, host: str = "", path: str = "", lasting: bool = False) -> Fault:
        """Cut the TCP connection under sockets and under long polls that wait, without a goodbye."""
        fault = super().drop(host=host, path=path, lasting=lasting)
        for where, what, transport in list(self._held):
            if fault.concerns(where, what):
                transport.abort()
        return fault

    def redirect(self, to: str, status: int = 302, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Answer the next HTTP request with a redirect; it is not executed. The fake answers on the new host too."""
        target = URL(to).host
        if target is not None and target not in self._wire.hosts:
            self._wire.play(target)
        return super().redirect(to, status, host=host, path=path, times=times)

    # --- inside ---

    def _load(self, name: str) -> type[Venue]:
        if name not in VENUES:
            raise ConfigError(f"there is no fake of {name!r}; there are {', '.join(VENUES)}")
        venue: type[Venue] = import_module(VENUES[name], __package__).VENUE
        return venue

    def _now(self) -> Instant:
        return Instant(self.clock.now().ns + round(self.skew * 1_000_000_000))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abort(self) -> None:
        for link in self.links():
            link.abort()

    async def _drive(self, pace: float) -> None:
        while True:
            await self.clock.sleep(pace)
            self.tick()

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        host = raw.host.partition(":")[0]
        url = URL(f"https://{host}{raw.raw_path}", encoded=True)
        request = Request(raw.method, url, raw.raw_path, raw.headers, await raw.read())
        venue = self._by_host.get(host)
        verified = venue is not None and venue.verified(request)
        seen = SeenRequest(raw.method, host, url.path, verified, request.query, request.body)
        self.requests.append(seen)
        upgrade = raw.headers.get("Upgrade", "").lower() == "websocket"
        fault = self.faults.take("handshake" if upgrade else "answer", host, url.path)
        if fault is not None:
            seen.status = fault.value["status"]
            headers, text = fault.value.get("headers"), fault.value.get("body")
            return web.Response(status=seen.status, headers=headers, text=text)
        if venue is None:
            seen.status = 404
            return web.Response(status=404)
        if upgrade and venue.admits(request):
            seen.status = 101
            link = Link(len(self.connections) + 1, url, raw, self.faults)
            self.connections.append(link)
            return await link.serve(venue.hear, venue.greet)
        return await self._answer(venue, request, raw, seen)

    async def _answer(
        self, venue: Venue, request: Request, raw: web.BaseRequest, seen: SeenRequest
    ) -> web.StreamResponse:
        reply = venue.answer(request)
        if not isinstance(reply, Reply):
            seen.status = 200
            reply = await self._hold(reply, raw, seen)
        if slow := self.faults.take("slow_reply", seen.host, seen.path):
            await self.clock.sleep(slow.value["seconds"])
        if self.faults.take("lose_reply", seen.host, seen.path) and raw.transport is not None:
            raw.transport.abort()
            return web.Response()
        seen.status = reply.status
        if reply.data is None:
            return web.Response(status=reply.status, headers=reply.headers)
        return web.json_response(reply.data, status=reply.status, headers=reply.headers)

    async def _hold(self, reply: Awaitable[Reply], raw: web.BaseRequest, seen: SeenRequest) -> Reply:
        """Wait for the answer to a long poll."""
        assert raw.transport is not None  # noqa: S101  (the connection that it has just come by)
        held = seen.host, seen.path, raw.transport
        self._held.add(held)
        try:
            return await reply
        finally:
            self._held.discard(held)
