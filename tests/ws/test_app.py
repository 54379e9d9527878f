"""The `WebSocketApp` as its user sees it: first connection, subscriptions, heartbeat()."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from tests.support import until
from topgun.errors import (
    ClientClosed,
    ConfigError,
    HandshakeRefused,
    SigningError,
)
from topgun.ws import State, WebSocketApp

from .server import KEY, Bench, Peer, waiting

if TYPE_CHECKING:
    from topgun.exchange import Link


async def test_await_returns_the_app_with_a_connection(net: Bench) -> None:
    """``await app`` returns the app itself once the handshake is done, and at once after that."""
    app = net.app()
    assert app.state is State.IDLE
    assert app.current_ws is None
    assert await app is app
    assert await app is app
    assert app.current_ws is not None
    assert not app.current_ws.closed
    await app.ready()
    assert app.state is State.OPEN
    assert "127.0.0.1" in repr(app)
    assert "hidden" not in repr(app)


async def test_foreign_session_is_refused() -> None:
    """A session that no client has wired is refused with the way out."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigError, match=r"client\.ws_connect"):
            WebSocketApp(session, "ws://127.0.0.1/")


@pytest.mark.parametrize("backoff", [(1.0, 2.0, 3.0), (1.0, -2.0, 3.0, 4.0), "abcd", None])
async def test_bad_backoff_is_refused(net: Bench, backoff: Any) -> None:
    """A backoff that is not four numbers from 0 up is refused by name."""
    with pytest.raises(ConfigError, match="backoff"):
        net.app(backoff=backoff)


async def test_bad_handler_is_refused(net: Bench) -> None:
    """A handler that cannot be called is refused by name."""
    with pytest.raises(ConfigError, match="hdlr_"):
        net.app(hdlr_json=["not callable"])


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_first_handshake_refused_for_good_is_raised(net: Bench, status: int) -> None:
    """A first handshake refused with 401, 403, 404 or 410 ends the app; every way of waiting says so."""
    net.server.refuse = lambda number: web.Response(status=status)
    app = net.app()
    with pytest.raises(HandshakeRefused) as caught:
        await app
    assert caught.value.status == status
    assert "hidden" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    for again in (app.ready, app.wait, app.heartbeat):
        with pytest.raises(HandshakeRefused):
            await again()
    assert app.state is State.CLOSED
    assert net.wiring.apps == []


@pytest.mark.parametrize("url", ["ws://", "http//127.0.0.1/x?token=hidden", "ws://127.0.0.1:port/?token=hidden"])
async def test_first_url_that_cannot_be_connected_to_is_raised(net: Bench, url: str) -> None:
    """A first URL that is none raises ConfigError, without its query."""
    app = net.app(url=url)
    with pytest.raises(ConfigError, match="url") as caught:
        await app
    assert "hidden" not in str(caught.value)
    assert "hidden" not in repr(app)


@pytest.mark.parametrize("error", [SigningError("plaintext"), TypeError("no such argument")])
async def test_first_attempt_that_cannot_work_is_raised(net: Bench, error: Exception) -> None:
    """A first attempt that fails for a reason on this side raises that reason."""

    async def connect(*_: Any, **__: Any) -> aiohttp.ClientWebSocketResponse:
        raise error

    net.wiring.connect = connect
    with pytest.raises(type(error), match=str(error)):
        await net.app()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_first_handshake_refused_for_now_is_tried_again(net: Bench, status: int) -> None:
    """A first handshake refused with another status is tried again after a wait, and ``await app`` goes on waiting."""
    net.server.refuse = lambda number: web.Response(status=status) if number == 1 else None
    app = net.app()
    up = asyncio.ensure_future(app.ready())
    await waiting(app)
    assert not up.done()
    await net.clock.advance(5.0)
    await up
    assert len(net.server.handshakes) == 2


async def test_nobody_listens(net: Bench) -> None:
    """A refused TCP connection is tried again."""
    app = net.app(url="ws://127.0.0.1:1/")
    await waiting(app)
    await net.clock.advance(2.5)
    await until(lambda: len(net.connects) == 2)


async def test_subscribe_is_sent_and_remembered(net: Bench) -> None:
    """subscribe() sends now, and again after a reconnect behind the initial messages; the caller's dict is copied."""
    app = net.app(send_json={"first": 1})
    await app.ready()
    message = {"args": ["a"]}
    await app.subscribe(message)
    await app.subscribe("text")
    await app.subscribe(b"bytes")
    message["args"].append("b")
    expected = ['{"first": 1}', '{"args": ["a"]}', "text", b"bytes"]
    await until(lambda: net.server.peer.received == expected)
    net.server.peer.abort()
    await waiting(app)
    await app.subscribe({"later": 1})
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: net.server.peer.received == [*expected, '{"later": 1}'])


async def test_unsubscribe_with_forget(net: Bench) -> None:
    """With the venue's forget, what was unsubscribed is not sent again, initial messages included."""

    def forget(subscription: Any, unsubscription: Any) -> Any:
        left = [arg for arg in subscription["args"] if arg not in unsubscription["args"]]
        return {**subscription, "args": left} if left else None

    net.host(forget=forget)
    app = net.app(send_json={"op": "sub", "args": ["a", "b"]}, send_str="hello")
    await app.ready()
    await app.subscribe({"op": "sub", "args": ["c"]})
    await app.unsubscribe({"op": "unsub", "args": ["b", "c"]})
    await until(lambda: len(net.server.peer.received) == 4)
    assert net.server.peer.received[-1] == '{"op": "unsub", "args": ["b", "c"]}'
    net.server.peer.abort()
    await waiting(app)
    await app.unsubscribe({"op": "unsub", "args": ["x"]})
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: len(net.server.peer.received) == 2)
    assert net.server.peer.received == ["hello", '{"op": "sub", "args": ["a"]}']


async def test_unsubscribe_while_the_messages_are_sent(net: Bench) -> None:
    """What is unsubscribed from while the subscriptions are still being sent is cancelled after them, not lost."""
    gate = asyncio.Event()

    async def limit(link: Link, send: Any) -> None:
        await send()
        await gate.wait()

    net.host(
        limit=limit, forget=lambda subscription, msg: None if subscription["topic"] == msg["topic"] else subscription
    )
    app = net.app(send_json=[{"op": "sub", "topic": "a"}, {"op": "sub", "topic": "b"}])
    peer = await net.peers(1)
    await until(lambda: peer.received)
    cancelling = asyncio.ensure_future(app.unsubscribe({"op": "unsub", "topic": "b"}))
    await asyncio.sleep(0)
    gate.set()
    await cancelling
    await until(lambda: len(peer.received) == 3)
    assert [(msg["op"], msg["topic"]) for msg in peer.decoded] == [("sub", "a"), ("sub", "b"), ("unsub", "b")]


async def test_unsubscribe_without_forget_is_replayed(net: Bench) -> None:
    """Without a forget the unsubscribe message itself is sent again after the subscriptions."""
    app = net.app()
    await app.ready()
    await app.subscribe({"sub": 1})
    await app.unsubscribe({"unsub": 1})
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: net.server.peer.decoded == [{"sub": 1}, {"unsub": 1}])


async def test_subscribe_refuses_what_is_not_json(net: Bench) -> None:
    """A message that cannot be sent raises at once and is not remembered, open or not."""
    app = net.app()
    for _ in range(2):
        with pytest.raises(TypeError):
            await app.subscribe({"x": object()})
        await app.ready()

    def sign(msg: Any, link: Link) -> Any:
        raise SigningError("no list")

    net.host(api="mine", sign_message=sign)
    net.credentials["mine"] = KEY
    app = net.app()
    await app.ready()
    with pytest.raises(SigningError):
        await app.subscribe(["a"])
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()  # the message would have failed here


async def test_subscribe_on_a_socket_just_lost(net: Bench) -> None:
    """subscribe() whose send fails with the connection is no error: the next connection sends it."""

    async def limit(link: Link, send: Any) -> None:
        if len(net.server.peers) == 1:
            raise ConnectionResetError
        await send()

    net.host(limit=limit)
    app = net.app()
    await app.ready()
    await app.subscribe({"sub": 1})
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: net.server.peer.decoded == [{"sub": 1}])


async def test_heartbeat_returns_on_a_pong(net: Bench) -> None:
    """heartbeat() sends a ping of four bytes and returns once its pong is there; several may run."""
    app = net.app()
    await asyncio.gather(app.heartbeat(), app.heartbeat(1.0))
    assert [len(payload) for payload in net.server.peer.pings] == [4, 4]
    assert len(set(net.server.peer.pings)) == 2


async def test_heartbeat_drops_a_dead_connection(net: Bench) -> None:
    """A ping that is not answered in time drops the connection; heartbeat() goes on with the next one."""

    async def deafen(peer: Peer) -> None:
        peer.deaf = len(net.server.peers) == 1

    net.server.script = deafen
    app = net.app()
    await app
    beat = asyncio.ensure_future(app.heartbeat(4.0))
    await until(lambda: net.server.peers[0].pings)
    await net.clock.advance(4.0)
    await waiting(app)
    assert not beat.done()
    await net.clock.advance(5.0)
    await beat
    assert len(net.server.peers) == 2


async def test_heartbeat_on_a_socket_that_is_lost(net: Bench) -> None:
    """heartbeat() whose connection is lost while it waits goes on with the next one."""

    async def deafen(peer: Peer) -> None:
        peer.deaf = len(net.server.peers) == 1

    net.server.script = deafen
    app = net.app()
    await app
    beat = asyncio.ensure_future(app.heartbeat())
    await until(lambda: net.server.peers[0].pings)
    net.server.peers[0].abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await beat


async def test_d13_closed_app_says_so(net: Bench) -> None:
    """D13: ``await app``, ready(), heartbeat() and subscribe() raise on a closed app, also while they wait."""
    app = net.app(url="ws://127.0.0.1:1/")
    waiters = [asyncio.ensure_future(work) for work in (app.heartbeat(), app.ready(), app._up())]
    await waiting(app)
    await app.close()
    for result in await asyncio.gather(*waiters, return_exceptions=True):
        assert isinstance(result, ClientClosed)
    with pytest.raises(ClientClosed):
        await app
    for work in (app.ready(), app.heartbeat(), app.subscribe({}), app.unsubscribe({})):
        with pytest.raises(ClientClosed):
            await work
