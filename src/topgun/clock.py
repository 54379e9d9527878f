"""Time and chance, behind one small door: nothing else in topgun reads a clock or draws a random number.

Signers get an `Instant` as an argument; sockets get a `Clock`. In tests a `topgun.testing.FakeClock` takes the
place of `SystemClock`, and a back-off of a minute passes at once.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["Clock", "Instant", "RisingInstants", "SystemClock", "Turn", "within"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of the wall clock, in the spellings exchanges ask for.

    Args:
        ns: Nanoseconds since 1970-01-01T00:00:00Z.
    """

    ns: int

    @property
    def seconds(self) -> int:
        """Whole seconds since the epoch, rounded down."""
        return self.ns // 1_000_000_000

    @property
    def ms(self) -> int:
        """Whole milliseconds since the epoch, rounded down."""
        return self.ns // 1_000_000

    def utc(self) -> datetime:
        """Return the same moment as an aware datetime in UTC (microseconds)."""
        return datetime.fromtimestamp(self.seconds, UTC).replace(microsecond=self.ns // 1_000 % 1_000_000)


class Clock(Protocol):
    """What sockets and the client know of time."""

    def now(self) -> Instant:
        """Read the wall clock."""
        ...

    def monotonic(self) -> float:
        """Read a clock that never goes back, in seconds; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    def nonce(self, nbytes: int) -> str:
        """Return `nbytes` random bytes as lower-case hex."""
        ...

    def uniform(self, high: float) -> float:
        """Return a random number between 0 and `high`: the jitter of a back-off."""
        ...


class SystemClock:
    """The clock of this computer."""

    def now(self) -> Instant:
        """Read the wall clock."""
        return Instant(time.time_ns())

    monotonic = staticmethod(time.monotonic)  # not a method that calls it: it is read after every frame

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)

    def nonce(self, nbytes: int) -> str:
        """Return `nbytes` random bytes as lower-case hex, fit for cryptography."""
        return secrets.token_hex(nbytes)

    def uniform(self, high: float) -> float:
        """Return a random number between 0 and `high`."""
        return random.uniform(0.0, high)  # noqa: S311  (jitter, not cryptography)


class Turn:
    """The right to be the next who sends with a key: what has the lower nonce must leave first.

    Args:
        lock: What those who share the key wait for; ``None`` = there is nothing to wait for.
    """

    def __init__(self, lock: asyncio.Lock | None) -> None:
        self._lock = lock
        self._taken = False

    async def take(self) -> None:
        """Wait until it is one's turn. Call this before the instant is read."""
        if self._lock is not None:
            await self._lock.acquire()
            self._taken = True

    def give(self) -> None:
        """Let the next one go, if it was one's turn."""
        if self._lock is not None and self._taken:
            self._taken = False
            self._lock.release()


class RisingInstants:
    """Instants that strictly rise for each key, for venues that take the timestamp as a nonce.

    However many tasks ask within one millisecond, each gets an instant of its own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, int] = {}
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()

    def turn(self, key: str, step_ns: int) -> Turn:
        """Return a turn for one send with `key`; it never waits where times are plain (`step_ns` = 0)."""
        if not step_ns:
            return Turn(None)
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})  # a lock belongs to one event loop
        return Turn(locks.setdefault(key, asyncio.Lock()))

    def now(self, key: str, step_ns: int) -> Instant:
        """Return the time, moved on so that it lies at least one whole step after the last one given to `key`.

        Args:
            key: Whose nonces these are (an API key).
            step_ns: The grain the venue reads, in nanoseconds (1_000_000 for a nonce in ms); 0 = plain time.
        """
        now = self._clock.now()
        if not step_ns:
            return now
        tick = max(now.ns // step_ns, self._last.get(key, -step_ns) // step_ns + 1)
        self._last[key] = tick * step_ns
        return Instant(max(now.ns, tick * step_ns))


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Await `work`, at most `seconds` long by `clock`.

    Raises:
        TimeoutError: `work` was not done in time; it has been cancelled.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        for each in (task, alarm):
            each.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)
