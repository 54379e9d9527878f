"""Closing: in every state, by whomever, nothing is left."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.support import until
from topgun.ws import State, WebSocketApp

from .server import Bench, Server, hang, running, waiting


async def in_idle(app: WebSocketApp, server: Server) -> None:
    assert app.state is State.IDLE


async def in_connecting(app: WebSocketApp, server: Server) -> None:
    await until(lambda: server.handshakes)
    assert app.state is State.CONNECTING


async def in_login(app: WebSocketApp, server: Server) -> None:
    await until(lambda: app.state is State.LOGIN)


async def in_subscribing(app: WebSocketApp, server: Server) -> None:
    await until(lambda: app.state is State.SUBSCRIBING)


async def in_open(app: WebSocketApp, server: Server) -> None:
    await app.ready()


async def in_waiting(app: WebSocketApp, server: Server) -> None:
    await app.ready()
    server.peer.abort()
    await waiting(app)


@pytest.mark.parametrize("reach", [in_idle, in_connecting, in_login, in_subscribing, in_open, in_waiting])
async def test_d12_close_in_every_state_leaves_no_task(net: Bench, reach: Any) -> None:
    """D12, D28: whatever the app is doing, close() ends every task of it, and wait() returns."""
    net.host(
        heartbeat=hang,
        login=hang if reach is in_login else None,
        limit=hang if reach is in_subscribing else None,
    )
    if reach is in_connecting:
        net.server.holding = asyncio.Event()
    before = asyncio.all_tasks()
    app = net.app(silence=60.0, send_json={"a": 1} if reach is in_subscribing else None)
    wait = asyncio.ensure_future(app.wait())
    await reach(app, net.server)
    await app.close()
    assert app.state is State.CLOSED
    assert app.current_ws is None
    assert await wait is None
    assert not running()
    await app.close()  # a second time does nothing
    assert await app.wait() is None
    if net.server.holding is not None:
        net.server.holding.set()
    await until(lambda: asyncio.all_tasks() == before)  # the server's own tasks end as well
    assert net.wiring.apps == []


async def test_close_says_goodbye(net: Bench) -> None:
    """close() sends a close frame to the peer."""
    app = net.app()
    await app.ready()
    await app.close()
    await until(lambda: net.server.peer.closed_with == 1000)


async def test_close_is_not_held_up_by_a_half_open_peer(net: Bench) -> None:
    """A peer that neither reads nor answers does not hold up close()."""
    net.server.reading = False
    app = net.app(timeout=aiohttp.ClientWSTimeout(ws_close=0.05))
    await app.ready()
    async with asyncio.timeout(1.0):
        await app.close()


async def test_handler_may_close_its_own_app(net: Bench) -> None:
    """A coroutine handler that closes the app gets to its end, and gets no further frame."""
    done: list[Any] = []

    async def handler(msg: Any, ws: Any) -> None:
        await app.close()
        await asyncio.sleep(0.01)
        done.append(msg)

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push({"n": 1}, {"n": 2})
    await app.wait()
    await until(lambda: done)
    await until(lambda: not running())
    assert done == [{"n": 1}]


async def test_handler_may_close_everything(net: Bench) -> None:
    """A handler that closes the app through another task (as client.close() does) does not lock up."""

    async def handler(msg: Any, ws: Any) -> None:
        await asyncio.gather(app.close())

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push({"n": 1})
    async with asyncio.timeout(5.0):
        await app.wait()


async def test_cancelled_from_outside(net: Bench) -> None:
    """A loop that cancels every task (as asyncio.run does at its end) closes the app as well."""
    app = net.app()
    await app.ready()
    for task in asyncio.all_tasks():
        if task.get_name() == "topgun.ws app":
            task.cancel()
    assert await app.wait() is None
    assert app.state is State.CLOSED
    assert not running()
