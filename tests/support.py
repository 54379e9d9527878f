"""Stand-ins and helpers that several test files share."""

from __future__ import annotations

import asyncio
import copy
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from yarl import URL

from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Sequence
    from pathlib import Path

    from topgun.clock import Clock, Instant
    from topgun.credentials import Credential
    from topgun.testing import LiveMarket


def load(path: Path) -> Any:
    """Return the JSON of a fixture."""
    return json.loads(path.read_text(encoding="utf-8"))


class FakeLink:
    """A `topgun.exchange.Link` without socket: records what is sent, answers claims from `feed`."""

    def __init__(self, url: str, credential: Credential | None = None, clock: Clock | None = None) -> None:
        self.url = URL(url)
        self.credential = credential
        self.clock = clock or FakeClock()
        self.requester = FakeRequester(self.clock)
        self.closed = False
        self.sent: list[Any] = []
        self.texts: list[str] = []
        self.dropped: list[str] = []
        self._claims: list[tuple[Callable[[Any], bool], asyncio.Future[Any]]] = []
        self.fetched: dict[str, Any] = {}

    def instant(self) -> Instant:
        return self.clock.now()

    async def send_str(self, text: str) -> None:
        self.texts.append(text)
        self.sent.append(text)

    async def send_json(self, data: Any) -> None:
        self.texts.append(json.dumps(data))
        self.sent.append(json.loads(json.dumps(data)))

    async def ping(self) -> None:
        self.sent.append("<ping>")

    async def pong(self) -> None:
        self.sent.append("<pong>")

    def expect(self, match: Callable[[Any], bool], /) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._claims.append((match, future))
        return future

    async def fetch(self, url: str) -> Any:
        return self.fetched[url]

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)
        self.closed = True

    def feed(self, msg: Any) -> bool:
        """Offer a decoded frame to the claims; True when one took it."""
        for claim in self._claims:
            if not claim[1].done() and claim[0](msg):
                self._claims.remove(claim)
                claim[1].set_result(msg)
                return True
        return False


class FakeSocket:
    """What a store sees of a WebSocket (`ClientWebSocketResponse`): records what the store asks for."""

    def __init__(self, url: str = "wss://example.test/ws") -> None:
        self.url = URL(url)
        self.closed = False
        self.sent: list[Any] = []
        self.snapshot_requests: list[tuple[Hashable, list[Any], Callable[[], bool]]] = []
        self.requester = FakeRequester()
        self.clock = self.requester.clock
        self._on_close: list[Callable[[Any], object]] = []

    def send_json_soon(self, data: Any) -> None:
        self.sent.append(data)

    def request_snapshot(self, key: Hashable, messages: Sequence[Any], done: Callable[[], bool]) -> None:
        self.snapshot_requests.append((key, list(messages), done))

    def on_close(self, callback: Callable[[Any], object]) -> None:
        self._on_close.append(callback)

    async def close(self) -> bool:
        """Be closed by this program."""
        was_open = not self.closed
        if was_open:
            self.lose()
        return was_open

    def lose(self) -> None:
        """Be lost, as a real socket would."""
        self.closed = True
        for callback in self._on_close:
            callback(self)


class FakeRequester:
    """A `topgun.exchange.Requester` that answers from `answers` by URL and collects spawned work."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.closed = False
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.spawned: list[Coroutine[Any, Any, None]] = []

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        return self.answers[url]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.spawned.append(work)

    def __del__(self) -> None:
        for work in self.spawned:
            work.close()


class FakeResponse:
    """An HTTP response for ``initialize()``: a URL, a status and JSON."""

    def __init__(self, method: str, url: str, data: Any, status: int = 200) -> None:
        self.method = method
        self.url = URL(url)
        self.status = status
        self._data = data

    async def json(self, **_: Any) -> Any:
        return json.loads(json.dumps(self._data))

    async def text(self, **_: Any) -> str:
        return json.dumps(self._data)


async def respond(method: str, url: str, data: Any, status: int = 200) -> FakeResponse:
    """Return an awaitable response, as ``client.get(...)`` would."""
    return FakeResponse(method, url, data, status)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until `condition()` is true; fail loudly after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


async def until_moved(market: LiveMarket, condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Let a market move until `condition()` is true: the first move may come before the exchange knows who listens."""
    async with asyncio.timeout(seconds):
        while not condition():
            market.tick()
            with suppress(TimeoutError):
                await until(condition, 0.5)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside `value`, its own first."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def damaged(message: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """Return a copy of `message` with `junk` at `place`; without that member for ``...``."""
    if not place:
        return None if junk is ... else junk
    result = copy.deepcopy(message)
    parent = result
    for key in place[:-1]:
        parent = parent[key]
    if junk is ...:
        del parent[place[-1]]
    else:
        parent[place[-1]] = copy.deepcopy(junk)
    return result
