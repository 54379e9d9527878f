"""A pytest plugin with fixtures for bots: ``pytest_plugins = ["topgun.testing.plugin"]``; needs pytest-asyncio.

Example::

    async def test_my_bot(fake_exchange):
        fake = await fake_exchange()
        fake.drop(lasting=True)
        ...
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_asyncio

from .clock import FakeClock
from .server import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["FakeExchanges", "fake_clock", "fake_exchange"]


class FakeExchanges(Protocol):
    """What the fixture `fake_exchange` is: call it with the arguments of `FakeExchange` and await the fake."""

    async def __call__(self, *names: str, **options: Any) -> FakeExchange:
        """Return an open fake exchange; it is closed when the test ends."""
        ...


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that moves when the test says so."""
    return FakeClock()


@pytest_asyncio.fixture
async def fake_exchange() -> AsyncIterator[FakeExchanges]:
    """Return a function that opens fake exchanges; they are closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def opened(*names: str, **options: Any) -> FakeExchange:
            return await stack.enter_async_context(FakeExchange(*names, **options))

        yield opened
