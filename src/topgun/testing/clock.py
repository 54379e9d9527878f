"""`FakeClock`: time that moves when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from ..clock import Instant

__all__ = ["FakeClock"]

_SETTLE = 50  # turns of the event loop given to woken tasks before time moves on


class FakeClock:
    """A clock for tests: give it to ``Client(clock=...)`` and move it with `advance`.

    Args:
        start: The wall clock at the beginning, in seconds since the epoch.
        nonces: What `nonce` returns, in order; afterwards (and by default) a rising number in hex.
        jitter: Where `uniform` lands, from 0.0 to 1.0 of its range.

    Attributes:
        sleeps: Every duration that was slept, in the order asked for.
    """

    def __init__(self, start: float = 1_700_000_000.0, *, nonces: tuple[str, ...] = (), jitter: float = 0.5) -> None:
        self._ns = round(start * 1_000) * 1_000_000
        self._passed = 0.0
        self._nonces = list(nonces)
        self._serial = count(1)
        self._order = count()
        self._jitter = jitter
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.sleeps: list[float] = []

    def now(self) -> Instant:
        """Read the fake wall clock."""
        return Instant(self._ns + round(self._passed * 1_000_000) * 1_000)

    def monotonic(self) -> float:
        """Read the fake monotonic clock, in seconds."""
        return self._passed

    def nonce(self, nbytes: int) -> str:
        """Return the next given nonce, or a rising number as `nbytes` bytes of hex."""
        return self._nonces.pop(0) if self._nonces else f"{next(self._serial):0{2 * nbytes}x}"

    def uniform(self, high: float) -> float:
        """Return ``jitter * high``."""
        return self._jitter * high

    def skew(self, seconds: float) -> None:
        """Set the wall clock forward (or back) without any sleeper noticing."""
        self._ns += round(seconds * 1_000_000_000)

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by `seconds`."""
        self.sleeps.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), wake))
        await wake

    @property
    def sleeping(self) -> int:
        """How many tasks are asleep."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def asleep(self, number: int = 1) -> None:
        """Wait (in real time) until at least `number` tasks are asleep."""
        while self.sleeping < number:
            await asyncio.sleep(0.001)

    async def advance(self, seconds: float) -> None:
        """Move time on by `seconds`, waking each sleeper at its moment and letting it run before the next."""
        end = self._passed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, wake = heapq.heappop(self._sleepers)
            if wake.done():  # cancelled meanwhile
                continue
            self._passed = max(self._passed, moment)
            wake.set_result(None)
            await self._settle()
        self._passed = end
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(_SETTLE):
            await asyncio.sleep(0)
