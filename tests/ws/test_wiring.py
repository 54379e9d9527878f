"""`Wiring`: how a socket finds what its client lends."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from topgun.errors import ConfigError
from topgun.ws.wiring import Wiring, wiring_of

if TYPE_CHECKING:
    from .server import Bench


async def test_found_by_session(net: Bench) -> None:
    """The wiring of a session is found by the session and no other."""
    assert wiring_of(net.session) is net.wiring
    async with aiohttp.ClientSession() as other:
        with pytest.raises(ConfigError):
            wiring_of(other)


async def test_looking_up_keeps_nothing_alive(net: Bench) -> None:
    """A wiring that its client has let go is gone."""

    class Session:
        """Stands for a session."""

    session = Session()
    wiring: Wiring | None = replace(net.wiring, session=session)  # type: ignore[arg-type]  # only its identity counts
    seen = weakref.ref(session)
    del session, wiring
    gc.collect()
    assert seen() is None
