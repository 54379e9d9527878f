"""The fixture every socket test starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .server import Bench, bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def net() -> AsyncIterator[Bench]:
    """A server on 127.0.0.1 and a wiring to it; at the end no task of a socket is left."""
    async with bench() as made:
        yield made
