"""Time and chance."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topgun.clock import Instant, RisingInstants, SystemClock, within
from topgun.testing.clock import FakeClock


def test_instant_spellings() -> None:
    """An instant is given in whole seconds, whole ms, and as a date, all rounded down."""
    instant = Instant(1_700_000_000_123_456_789)
    assert (instant.seconds, instant.ms) == (1_700_000_000, 1_700_000_000_123)
    assert instant.utc() == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_instant_utc_is_exact(ns: int) -> None:
    """The date is the instant to the microsecond, without rounding errors of floats."""
    assert Instant(ns).utc() == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)


async def test_system_clock() -> None:
    """The system clock reads this computer."""
    clock = SystemClock()
    before = time.time_ns()
    assert before <= clock.now().ns <= time.time_ns()
    start = clock.monotonic()
    await clock.sleep(0.002)
    assert clock.monotonic() - start >= 0.001
    nonces = {clock.nonce(16) for _ in range(50)}
    assert len(nonces) == 50
    assert all(len(nonce) == 32 and set(nonce) <= set("0123456789abcdef") for nonce in nonces)
    numbers = [clock.uniform(5.0) for _ in range(50)]
    assert all(0.0 <= number <= 5.0 for number in numbers)
    assert len(set(numbers)) > 1


def test_rising_instants_without_step_are_plain_time() -> None:
    """With step 0 the time is the clock's, as often as one asks."""
    clock = FakeClock(start=10.0)
    rising = RisingInstants(clock)
    assert [rising.now("a", 0).ms for _ in range(3)] == [10_000] * 3


def test_rising_instants_rise_within_one_moment() -> None:
    """Asked again in the same moment, each instant is one step later, for each key on its own."""
    rising = RisingInstants(FakeClock(start=10.0))
    assert [rising.now("a", 1_000_000).ms for _ in range(3)] == [10_000, 10_001, 10_002]
    assert rising.now("b", 1_000_000).ms == 10_000
    assert [rising.now("s", 1_000_000_000).seconds for _ in range(3)] == [10, 11, 12]


def test_rising_instants_of_one_key_at_several_steps() -> None:
    """A key that is used with several grains still gets rising times, none of them far from the clock."""
    rising = RisingInstants(FakeClock(start=10.0))
    seen = [rising.now("a", step).ns for step in (1, 1_000_000, 1, 1_000_000_000, 1_000_000, 1)]
    assert seen == sorted(set(seen))
    assert seen[-1] < 12 * 1_000_000_000


@given(
    st.lists(st.integers(-3_000_000_000, 3_000_000_000), max_size=30),
    st.sampled_from([1, 1_000, 1_000_000, 1_000_000_000]),
)
def test_rising_instants_always_rise(skews: list[int], step: int) -> None:
    """Whatever the clock does, the venue reads strictly rising numbers that are never behind the clock."""
    clock = FakeClock(start=1_000_000.0)
    rising = RisingInstants(clock)
    last = -1
    for skew in skews:
        clock.skew(skew / 1_000_000_000)
        instant = rising.now("key", step)
        assert instant.ns // step > last
        assert instant.ns >= clock.now().ns
        last = instant.ns // step


async def test_within_returns_the_result() -> None:
    """Work that is done in time gives its result, and the alarm is gone."""
    clock = FakeClock()

    async def work() -> int:
        return 7

    assert await within(clock, 5.0, work()) == 7
    assert clock.sleeping == 0


async def test_within_passes_the_error() -> None:
    """Work that fails raises its own error."""

    async def work() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await within(FakeClock(), 5.0, work())


async def test_within_ends_late_work() -> None:
    """Work that is late is cancelled and waited for, then TimeoutError is raised."""
    clock = FakeClock()
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    task = asyncio.create_task(within(clock, 5.0, work()))
    await clock.asleep()
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(TimeoutError):
        await task
    assert ended == ["work"]


async def test_within_cancelled_from_outside() -> None:
    """Who cancels the wait cancels the work."""
    clock = FakeClock()
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    task = asyncio.create_task(within(clock, 5.0, work()))
    await clock.asleep()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work"]
    assert clock.sleeping == 0
