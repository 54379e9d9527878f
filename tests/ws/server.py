"""A real WebSocket server on 127.0.0.1 that does what a test says, and a `Wiring` made by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import WSMsgType, web

from tests.support import FakeRequester, until
from topgun.clock import RisingInstants
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchange import Host
from topgun.testing.clock import FakeClock
from topgun.ws import State, WebSocketApp, Wiring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from topgun.exchange import Link


KEY = Credential("key-of-a-test", b"secret-of-a-test", "pass-of-a-test")


@dataclass(eq=False)
class Peer:
    """The server's end of one connection."""

    request: web.Request
    ws: web.WebSocketResponse
    received: list[Any] = field(default_factory=list)  # TEXT as str, BINARY as bytes
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    closed_with: int | None = None
    deaf: bool = False  # True: pings are not answered

    @property
    def decoded(self) -> list[Any]:
        """The JSON of the text frames."""
        return [json.loads(text) for text in self.received if isinstance(text, str)]

    def abort(self) -> None:
        """Drop the TCP connection at once."""
        assert self.request.transport is not None
        self.request.transport.abort()

    async def push(self, *messages: Any) -> None:
        """Send each message: bytes as BINARY, str as TEXT, anything else as JSON."""
        for message in messages:
            if isinstance(message, bytes):
                await self.ws.send_bytes(message)
            else:
                await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))


class Server:
    """Accepts every handshake unless `refuse` says otherwise, then runs `script` and reads until the end."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.handshakes: list[web.Request] = []
        self.refuse: Callable[[int], web.Response | None] = lambda number: None
        self.script: Callable[[Peer], Awaitable[None]] | None = None  # before reading
        self.react: Callable[[Peer, Any], Awaitable[None]] | None = None  # to each text frame
        self.reading = True
        self._stopping = asyncio.Event()
        self.holding: asyncio.Event | None = None  # handshakes wait for it

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            self._stopping.set()
            for peer in self.peers:
                if peer.request.transport is not None:
                    peer.request.transport.abort()
            await runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens; the query stands for a secret."""
        return f"ws://127.0.0.1:{self.port}/ws?token=hidden"

    @property
    def peer(self) -> Peer:
        """The newest connection."""
        return self.peers[-1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append(request)
        if self.holding is not None:
            await self.holding.wait()
        refusal = self.refuse(len(self.handshakes))
        if refusal is not None:
            return refusal
        ws = web.WebSocketResponse(autoping=False, max_msg_size=0, timeout=0.1)
        await ws.prepare(request)
        peer = Peer(request, ws)
        self.peers.append(peer)
        if self.script is not None:
            await self.script(peer)
        if not self.reading:
            await self._stopping.wait()
        async for msg in ws:
            if msg.type is WSMsgType.PING:
                peer.pings.append(bytes(msg.data))
                if not peer.deaf:
                    await ws.pong(msg.data)
            elif msg.type is WSMsgType.PONG:
                peer.pongs.append(bytes(msg.data))
            else:
                peer.received.append(msg.data)
                if self.react is not None:
                    await self.react(peer, msg.data)
        peer.closed_with = ws.close_code
        return ws


class Bench:
    """A server, a session and the wiring between them; host 127.0.0.1 is `host`."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.clock = FakeClock()
        self.requester = FakeRequester()
        self.registry: dict[str, Host] = {}
        self.credentials: dict[str, Credential] = {}
        self.connects: list[dict[str, Any]] = []
        self.wiring = Wiring(
            session=session,
            registry=self.registry,
            credentials=self.credentials,
            clock=self.clock,
            instants=RisingInstants(self.clock),
            json_loads=json.loads,
            connect=self._connect,
            requester=self.requester,
        )

    async def _connect(self, url: Any, *, auth: Any, **kwargs: Any) -> aiohttp.ClientWebSocketResponse:
        self.connects.append({"url": url, "auth": auth, **kwargs})
        return await self.session.ws_connect(url, **kwargs)

    def app(self, **kwargs: Any) -> WebSocketApp:
        """Open a socket to the server."""
        kwargs.setdefault("heartbeat", None)
        return WebSocketApp(self.session, kwargs.pop("url", self.server.url), **kwargs)

    def host(self, **kwargs: Any) -> None:
        """Say what the client does for 127.0.0.1."""
        self.registry["127.0.0.1"] = Host(**kwargs)

    async def peers(self, number: int) -> Peer:
        """Wait for connection `number` and return the server's end of it."""
        await until(lambda: len(self.server.peers) >= number)
        return self.server.peers[number - 1]


async def waiting(app: WebSocketApp) -> None:
    """Wait until `app` waits for its next attempt."""
    await until(lambda: app.state is State.WAITING)


async def accept(link: Link) -> None:
    """Log in by a question and its answer."""
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("op") == "auth")
    await link.send_json({"op": "auth", "key": link.credential.key if link.credential else None})
    answer = await reply
    if not answer["ok"]:
        raise LoginRefused(answer)


async def hang(*_: Any) -> None:
    """Never return."""
    await asyncio.Event().wait()


def running() -> set[str]:
    """The names of the tasks of sockets that are running."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("topgun.ws")}


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A running `Bench`; at the end every socket is closed and no task is left."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server().running())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Bench(server, session)
        try:
            yield made
        finally:
            for app in list(made.wiring.apps):
                await app.close()
            assert not running()
    await until(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})
