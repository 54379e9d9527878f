"""`Waiters`: tasks that wait for the next time something happens, and may be told that it never will. `finished`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Waiters", "finished"]


class Waiters:
    """Tasks waiting for one thing, first come, first served; unlike an ``asyncio.Event`` it can hand them an error."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}  # a set that keeps the order

    async def wait(self) -> None:
        """Wait for the next `release`; raise the error that it brings."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            del self._waiting[waiter]

    def release(self, error: Exception | None = None) -> None:
        """Let everyone who waits go on, or raise `error` in each."""
        for waiter in self._waiting:
            if not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)


async def finished(work: Coroutine[Any, Any, None], name: str) -> None:
    """Do `work` to its end, as a task called `name`; who is cancelled meanwhile learns of it after that.

    Raises:
        asyncio.CancelledError: The caller was cancelled; `work` is done all the same.
    """
    task = asyncio.create_task(work, name=name)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
