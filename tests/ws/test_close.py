"""Closing: in every state, by whomever, nothing is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support import until
from topgun.client import Client
from topgun.errors import ClientClosed
from topgun.exchange import Exchange, Host
from topgun.ws import State, WebSocketApp

from .server import Bench, Server, hang, running, waiting

if TYPE_CHECKING:
    from topgun.exchange import Link


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
    async with asyncio.timeout(1.9):  # by default the peer would have 2 s
        await app.close()


async def test_closing_twice_at_once(net: Bench) -> None:
    """A second close() while the first is under way waits for the same end, and cuts nothing of it short."""
    go = asyncio.Event()
    log: list[str] = []

    async def heartbeat(link: Link) -> None:
        try:
            await hang()
        finally:
            log.append("cleaning up")
            await go.wait()
            log.append("clean")

    net.host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    assert app.current_ws is not None
    app.current_ws.on_close(lambda ws: log.append("told"))
    closing = [asyncio.ensure_future(app.close())]
    await until(lambda: log)
    closing.append(asyncio.ensure_future(app.close()))
    while not app._task.cancelling():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(each.done() for each in closing)
    go.set()
    await asyncio.gather(*closing)
    assert log == ["cleaning up", "clean", "told"]
    await until(lambda: net.server.peer.closed_with == 1000)


async def test_closing_while_a_connection_ends(net: Bench) -> None:
    """close() while a lost connection is being cleaned up lets that come to its end: stores are told, nothing leaks."""
    go = asyncio.Event()
    log: list[str] = []

    async def heartbeat(link: Link) -> None:
        try:
            await hang()
        finally:
            log.append("cleaning up")
            await go.wait()

    net.host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    assert app._connection is not None
    assert app.current_ws is not None
    app.current_ws.on_close(lambda ws: log.append("told"))
    app._connection.drop("a reason")
    beat = asyncio.ensure_future(app.heartbeat())  # waits for the end of this connection
    await until(lambda: log)
    closing = asyncio.ensure_future(app.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing
    assert log == ["cleaning up", "told"]
    with pytest.raises(ClientClosed):
        await beat
    await until(lambda: net.server.peer.closed_with == 1000)


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


async def test_handler_that_goes_on_after_closing_can_be_ended(net: Bench) -> None:
    """A handler that closes its app and then goes on belongs to the client as long as it does."""
    log: list[str] = []

    async def handler(msg: Any, ws: Any) -> None:
        await app.close()
        await app.close()
        log.append("closed")
        try:
            await hang()
        finally:
            log.append("ended")

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push(1)
    await app.wait()
    await until(lambda: log)
    assert running() == {"topgun.ws reading"}
    assert net.wiring.apps == [app]
    await asyncio.gather(app.close(), app.close())
    assert log == ["closed", "ended"]
    assert not running()
    await until(lambda: net.wiring.apps == [])
    await app.close()


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


# --- the whole client ---


async def long_heartbeat(link: Link) -> None:
    """Sleep by the real clock, as the heartbeats of venues do."""
    while True:
        await link.clock.sleep(1_000.0)
        await link.ping()


async def in_handler(app: WebSocketApp, server: Server) -> None:
    await app.ready()
    await server.peer.push(1)
    await until(lambda: app._connection is not None and app._connection._reader.handling)


async def in_snapshot_request(app: WebSocketApp, server: Server) -> None:
    await app.ready()
    assert app.current_ws is not None
    app.current_ws.request_snapshot("book", ["please"], lambda: False)
    await until(lambda: "please" in server.peer.received)


async def in_queue(app: WebSocketApp, server: Server) -> None:
    await app.ready()
    assert app.current_ws is not None
    app.current_ws.send_json_soon({"a": 1})


async def in_closed(app: WebSocketApp, server: Server) -> None:
    await app.ready()
    await app.close()


async def in_closing(app: WebSocketApp, server: Server) -> asyncio.Future[None]:
    await app.ready()
    closing = asyncio.ensure_future(app.close())
    await asyncio.sleep(0)
    return closing


STATES = [in_idle, in_connecting, in_login, in_subscribing, in_open, in_waiting]
DOING = [in_handler, in_snapshot_request, in_queue, in_closing, in_closed]


@pytest.mark.parametrize("reach", [*STATES, *DOING])
async def test_d28_leaving_the_client_leaves_no_task(reach: Any) -> None:
    """D12, D28: after ``async with Client`` no task is alive, whatever its sockets were doing (on the real clock)."""
    host = Host(
        heartbeat=long_heartbeat,
        login=hang if reach is in_login else None,
        limit=hang if reach in (in_subscribing, in_queue) else None,
    )
    exchange = Exchange(name="mine", docs="https://docs.example", hosts={"127.0.0.1": host})
    before = asyncio.all_tasks()
    async with Server().running() as server:
        if reach is in_connecting:
            server.holding = asyncio.Event()
        async with Client({}, exchanges=[exchange]) as bot:
            app = bot.ws_connect(
                server.url,
                send_json={"a": 1} if reach is in_subscribing else None,
                hdlr_json=hang,
                silence=500.0,
                backoff=(100.0, 100.0, 1.0, 100.0),
            )
            waits = [asyncio.ensure_future(work) for work in (app.wait(), app.heartbeat(), app.ready())]
            await reach(app, server)
        assert not running()
        assert bot.apps == ()
        assert app.state is State.CLOSED
        await asyncio.gather(*waits, return_exceptions=True)
        if server.holding is not None:
            server.holding.set()
    await until(lambda: asyncio.all_tasks() == before)
