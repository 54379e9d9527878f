"""`Waiters`: waiting with an outcome; work that is finished come what may."""

from __future__ import annotations

import asyncio

import pytest

from topgun.waiters import Waiters, finished


async def test_release_and_error() -> None:
    """release() lets all go on or raises in all; one that was cancelled does not matter, later ones wait anew."""
    waiters = Waiters()
    tasks = [asyncio.ensure_future(waiters.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    waiters.release()
    assert await tasks[1] is None
    assert await tasks[2] is None
    later = asyncio.ensure_future(waiters.wait())
    await asyncio.sleep(0)
    assert not later.done()
    waiters.release(KeyError("x"))
    waiters.release()  # the outcome stays
    with pytest.raises(KeyError):
        await later
    assert tasks[0].cancelled()


async def test_finished_is_not_cut_short() -> None:
    """Work that must be finished is, however often its caller is cancelled; the cancellation comes after it."""
    go = asyncio.Event()
    log: list[str] = []

    async def work() -> None:
        await go.wait()
        log.append("done")

    task = asyncio.create_task(finished(work(), "cleaning up"))
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    assert "cleaning up" in {each.get_name() for each in asyncio.all_tasks()}
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["done"]


async def test_finished_passes_the_error() -> None:
    """Work that fails raises its own error, and work that succeeds raises nothing."""

    async def work(error: Exception | None) -> None:
        if error is not None:
            raise error

    await finished(work(None), "good")
    with pytest.raises(LookupError, match="mine"):
        await finished(work(LookupError("mine")), "bad")
