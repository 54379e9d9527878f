"""The seam under every client."""

from __future__ import annotations

import aiohttp

from topgun.client import Client
from topgun.seam import active_connector, use_connector

from .wire import Wire, names


async def test_clients_take_their_connector_from_the_seam() -> None:
    """A client made while a factory is in use goes through its connector, unless it is given one."""
    made: list[aiohttp.BaseConnector] = []

    def factory() -> aiohttp.BaseConnector:
        made.append(names())
        return made[-1]

    async with Wire() as wire:
        with use_connector(factory):
            async with Client({}) as bot:
                await bot.get(wire.url("/", "any.example"))
                assert bot._session.connector is made[0]
            own = aiohttp.TCPConnector()
            async with Client({}, connector=own) as bot:
                assert bot._session.connector is own
            async with Client({}, connector=None) as bot:
                assert bot._session.connector is made[1]
        assert all(connector.closed for connector in made)
        async with Client({}) as bot:
            assert bot._session.connector not in made
        assert len(wire.arrived) == 1
        assert len(made) == 2


async def test_seams_nest_and_end_in_any_order() -> None:
    """The innermost factory wins; each ends by itself."""
    assert active_connector() is None
    outer, inner = names(), names()
    one, two = use_connector(lambda: outer), use_connector(lambda: inner)
    one.__enter__()
    assert active_connector() is outer
    two.__enter__()
    assert active_connector() is inner
    one.__exit__(None, None, None)
    assert active_connector() is inner
    two.__exit__(None, None, None)
    assert active_connector() is None
    await outer.close()
    await inner.close()
