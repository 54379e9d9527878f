"""`Waiters`: waiting with an outcome."""

from __future__ import annotations

import asyncio

import pytest

from topgun.waiters import Waiters


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
