"""`WebSocketQueue` as a handler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from topgun.errors import ConfigError
from topgun.ws import WebSocketQueue


async def test_messages_come_out_in_order() -> None:
    """onmessage() puts, ``async for`` takes, in order; ws may be left out."""
    queue = WebSocketQueue()
    queue.onmessage({"n": 1}, None)
    queue.onmessage({"n": 2})
    got: list[Any] = []
    async for msg in queue:
        got.append(msg)
        if len(got) == 2:
            break
    assert got == [{"n": 1}, {"n": 2}]
    assert isinstance(queue, asyncio.Queue)


async def test_full_queue_raises_by_default() -> None:
    """With a maxsize an overflow raises QueueFull in the handler."""
    queue = WebSocketQueue(1)
    queue.onmessage(1)
    with pytest.raises(asyncio.QueueFull):
        queue.onmessage(2)
    assert queue.get_nowait() == 1


async def test_d07_drop_oldest() -> None:
    """D07: with drop_oldest the newest messages stay, losses are counted and join() still ends."""
    queue = WebSocketQueue(2, overflow="drop_oldest")
    for number in range(5):
        queue.onmessage(number)
    assert queue.dropped == 3
    assert [queue.get_nowait(), queue.get_nowait()] == [3, 4]
    queue.task_done()
    queue.task_done()
    async with asyncio.timeout(1.0):
        await queue.join()


async def test_d07_drop_newest() -> None:
    """D07: with drop_newest the oldest messages stay."""
    queue = WebSocketQueue(2, overflow="drop_newest")
    for number in range(5):
        queue.onmessage(number)
    assert queue.dropped == 3
    assert [queue.get_nowait(), queue.get_nowait()] == [0, 1]


def test_unknown_overflow() -> None:
    """Another word for overflow is refused."""
    with pytest.raises(ConfigError, match="overflow"):
        WebSocketQueue(1, overflow="drop")  # type: ignore[arg-type]  # what the check is for
