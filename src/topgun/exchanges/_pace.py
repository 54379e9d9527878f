"""`Pace`: a send limit that is kept by the local clock; nothing here belongs to one exchange."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..exchange import Link

__all__ = ["Pace"]


class Pace:
    """At most so many messages in any so many seconds: the `limit` of a `topgun.exchange.Host`.

    Args:
        times: How many messages.
        seconds: In which time, in s, from the end of one send to the beginning of another.
        shared: All sockets of the program (of one event loop) share the limit, where the exchange counts by IP
            address. Otherwise each connection has its own.
    """

    def __init__(self, times: int, seconds: float, *, shared: bool = False) -> None:
        self._times = times
        self._seconds = seconds
        self._shared = shared
        self._lanes: WeakKeyDictionary[Any, tuple[asyncio.Lock, deque[float]]] = WeakKeyDictionary()

    async def __call__(self, link: Link, send: Callable[[], Awaitable[None]]) -> None:
        """Call `send` as soon as the limit allows; those who wait go in the order they came."""
        lane = self._lanes.setdefault(
            asyncio.get_running_loop() if self._shared else link, (asyncio.Lock(), deque(maxlen=self._times))
        )
        lock, sent = lane
        async with lock:
            while len(sent) == self._times and (left := sent[0] + self._seconds - link.clock.monotonic()) > 0:
                await link.clock.sleep(left)
            try:
                await send()
            finally:
                sent.append(link.clock.monotonic())
