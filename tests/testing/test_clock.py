"""The clock that moves when the test says so."""

from __future__ import annotations

import asyncio

import pytest

from topgun.testing.clock import FakeClock


async def test_time_stands_until_moved() -> None:
    """Both readings stand still, and move together by what `advance` says."""
    clock = FakeClock(start=1_000.5)
    assert (clock.now().ns, clock.monotonic()) == (1_000_500_000_000, 0.0)
    await clock.advance(1.25)
    assert (clock.now().ns, clock.monotonic()) == (1_001_750_000_000, 1.25)


async def test_skew_moves_the_wall_clock_alone() -> None:
    """Setting the wall clock wakes nobody and leaves the monotonic clock."""
    clock = FakeClock(start=1_000.0)
    task = asyncio.create_task(clock.sleep(5.0))
    await clock.asleep()
    clock.skew(-600.0)
    assert (clock.now().seconds, clock.monotonic(), clock.sleeping) == (400, 0.0, 1)
    await clock.advance(5.0)
    await task


async def test_sleepers_wake_in_order() -> None:
    """Each sleeper wakes at its own moment, the earlier asked first among equals, and may sleep again."""
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(*args)) for args in (("a", 3.0), ("b", 1.0, 1.0), ("c", 3.0))]
    await clock.asleep(3)
    await clock.advance(10.0)
    assert woken == [("b", 1.0), ("b", 2.0), ("a", 3.0), ("c", 3.0)]
    assert clock.monotonic() == 10.0
    assert clock.sleeps == [3.0, 1.0, 3.0, 1.0]
    await asyncio.gather(*tasks)


async def test_sleep_not_reached_goes_on() -> None:
    """A sleeper whose moment was not reached sleeps on."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(2.0))
    await clock.asleep()
    await clock.advance(1.9)
    assert not task.done()
    await clock.advance(0.1)
    assert task.done()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_sleep_of_nothing_yields_once(seconds: float) -> None:
    """A sleep of nothing returns at once, after others had a turn."""
    clock = FakeClock()
    order: list[str] = []
    task = asyncio.create_task(asyncio.sleep(0, order.append("other")))
    await clock.sleep(seconds)
    order.append("slept")
    await task
    assert order == ["other", "slept"]
    assert clock.sleeps == [seconds]


async def test_cancelled_sleepers_are_forgotten() -> None:
    """A cancelled sleep does not count and does not hold time back."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(1.0))
    await clock.asleep()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleeping == 0
    await clock.advance(2.0)
    assert clock.monotonic() == 2.0


async def test_asleep_waits_for_the_sleepers() -> None:
    """`asleep` returns once so many tasks sleep."""
    clock = FakeClock()

    async def late() -> None:
        await asyncio.sleep(0.005)
        await clock.sleep(1.0)

    task = asyncio.create_task(late())
    await clock.asleep(1)
    assert clock.sleeping == 1
    await clock.advance(1.0)
    await task


def test_chance_is_fixed() -> None:
    """Nonces and jitter are what the test chose, and otherwise rising and in the middle."""
    clock = FakeClock(nonces=("abc", "def"), jitter=0.25)
    assert [clock.nonce(2) for _ in range(4)] == ["abc", "def", "0001", "0002"]
    assert clock.uniform(8.0) == 2.0
    assert FakeClock().uniform(8.0) == 4.0
