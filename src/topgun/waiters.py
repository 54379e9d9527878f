"""`Waiters`: tasks that wait for the next time something happens, and may be told that it never will."""

from __future__ import annotations

import asyncio

__all__ = ["Waiters"]


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
