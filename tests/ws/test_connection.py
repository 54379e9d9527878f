"""One connection: how it ends, the tasks that serve it, what exchange code sees of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support import until
from topgun.auth import Auth
from topgun.ws import ClientWebSocketResponse, State

from .server import KEY, Bench, Peer, hang, running

if TYPE_CHECKING:
    from topgun.exchange import Link


async def lost(app: Any) -> None:
    await until(lambda: app.state is State.WAITING)


# --- ends ---


async def test_close_ends_a_handler_that_waits(net: Bench) -> None:
    """close() cancels a coroutine handler that is still waiting."""
    log: list[str] = []

    async def handler(msg: Any, ws: Any) -> None:
        log.append("begin")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("end")

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push(1)
    await until(lambda: log)
    await app.close()
    assert log == ["begin", "end"]


@pytest.mark.parametrize("what", ["reading", "heartbeat", "watching", "opening"])
async def test_task_cancelled_from_outside(net: Bench, caplog: pytest.LogCaptureFixture, what: str) -> None:
    """A connection that somebody took a task from is a lost one, not one that is deaf or never ready."""
    net.host(heartbeat=hang, login=hang if what == "opening" else None)
    app = net.app(silence=60.0)
    await (app if what == "opening" else app.ready())
    await until(lambda: f"topgun.ws {what}" in running())
    for task in asyncio.all_tasks():
        if task.get_name() == f"topgun.ws {what}":
            task.cancel()
    await lost(app)
    assert f"{what} was cancelled" in caplog.text


async def test_login_that_awaits_something_cancelled(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A login that ends in a CancelledError of its own is a lost connection; ready() goes on waiting."""

    async def login(link: Link) -> None:
        if len(net.server.peers) == 1:
            never = asyncio.get_running_loop().create_future()
            never.cancel()
            await never

    net.host(login=login)
    app = net.app()
    ready = asyncio.ensure_future(app.ready())
    await lost(app)
    assert "opening was cancelled" in caplog.text
    await net.clock.advance(5.0)
    await ready


async def test_abrupt_loss_is_never_called_clean(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The end of the stream without a close frame is named as such."""
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await lost(app)
    assert "lost without a close frame" in caplog.text


async def test_close_frame_names_its_code(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A close frame of the peer is a loss that the log explains."""
    app = net.app()
    await app.ready()
    ws = app.current_ws
    assert ws is not None
    await net.server.peer.ws.close(code=1012, message=b"restart")
    await lost(app)
    assert "closed by the peer with code 1012 'restart'" in caplog.text
    assert ws.close_code == 1012
    assert ws.closed


async def test_d31_words_of_the_peer_are_masked(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """D31: what the peer says in a close frame, or not in JSON, is logged without the key and the URL's token."""
    net.host(api="mine")
    net.credentials["mine"] = KEY
    app = net.app(hdlr_json=lambda msg, ws: None)
    await app.ready()
    await net.server.peer.push(f"bad key {KEY.key}" + " " * 180 + KEY.passphrase)
    await net.server.peer.ws.close(code=4001, message=f"no {KEY.secret.decode()}, token hidden".encode())
    await lost(app)
    assert "bad key ***" in caplog.text
    assert "no ***, token ***" in caplog.text
    for hidden in (KEY.key, KEY.secret.decode(), KEY.passphrase[:9], "hidden"):
        assert hidden not in caplog.text


async def test_oversized_message_is_a_loss(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A frame above the user's max_msg_size ends the connection with a reason and a wait; there is no default."""
    got: list[Any] = []
    app = net.app(hdlr_str=lambda msg, ws: got.append(len(msg)))
    await app.ready()
    await net.server.peer.push("x" * 5_000_000)
    await until(lambda: got == [5_000_000])
    app = net.app(max_msg_size=1_000)
    await app.ready()
    await net.server.peer.push("x" * 1_001)
    await lost(app)
    assert "WebSocketError" in caplog.text
    assert net.clock.sleeps == [2.5]


async def test_close_by_the_user_is_followed_by_a_new_connection(net: Bench) -> None:
    """ws.close() ends this connection; the app makes another one."""
    app = net.app()
    await app.ready()
    assert app.current_ws is not None
    assert await app.current_ws.close(code=4000, message=b"bye") is True
    await until(lambda: net.server.peers[0].closed_with == 4000)
    await lost(app)
    await net.clock.advance(5.0)
    await app.ready()


async def test_aiohttp_heartbeat_finds_a_dead_peer(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """heartbeat= sends protocol pings; a peer that does not answer is lost."""

    async def deafen(peer: Peer) -> None:
        peer.deaf = True

    net.server.script = deafen
    app = net.app(heartbeat=0.05)
    await app.ready()
    await lost(app)
    assert "ServerTimeoutError" in caplog.text


async def test_receive_timeout_of_the_user(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A receive timeout given through aiohttp's own argument is a loss."""
    app = net.app(timeout=aiohttp.ClientWSTimeout(ws_receive=0.01))
    await app.ready()
    await lost(app)
    assert "reading failed: TimeoutError" in caplog.text


async def test_d29_dead_heartbeat_is_seen(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """D29: an exchange heartbeat that fails is logged and drops the connection at once."""

    async def heartbeat(link: Link) -> None:
        await link.clock.sleep(5.0)
        raise RuntimeError("cannot beat")

    net.host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    await net.clock.advance(5.0)
    await lost(app)
    assert "heartbeat failed: RuntimeError: cannot beat" in caplog.text
    await until(lambda: net.server.peer.closed_with is not None)


async def test_d29_dead_transport_is_seen_by_the_sender(net: Bench) -> None:
    """D29: after an abort ws.closed is True and a send raises ConnectionError."""
    app = net.app()
    await app.ready()
    ws = app.current_ws
    assert ws is not None
    net.server.peer.abort()
    await lost(app)
    assert ws.closed
    with pytest.raises(ConnectionError):
        await ws.send_json({"a": 1})


async def test_d28_heartbeats_do_not_pile_up(net: Bench) -> None:
    """D28: however often the socket is lost, one heartbeat task is alive."""

    async def heartbeat(link: Link) -> None:
        while True:
            await link.clock.sleep(1_000.0)

    net.host(heartbeat=heartbeat)
    app = net.app()
    for _ in range(5):
        await app.ready()
        net.server.peer.abort()
        await lost(app)
        assert running() == {"topgun.ws app"}
        await net.clock.advance(60.0)
    await app.ready()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert names.count("topgun.ws heartbeat") == 1


async def test_heartbeat_that_ends_is_no_loss(net: Bench) -> None:
    """An exchange heartbeat that returns leaves the connection alone; it starts before the login ends."""
    log: list[str] = []

    async def heartbeat(link: Link) -> None:
        log.append("beat")

    async def login(link: Link) -> None:
        await until(lambda: log)
        log.append("login")

    net.host(heartbeat=heartbeat, login=login)
    app = net.app()
    await app.ready()
    assert log == ["beat", "login"]
    assert app.state is State.OPEN


async def test_error_of_a_task_that_is_being_ended(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong in a task because the connection ends is not told: the end has a reason already."""

    async def heartbeat(link: Link) -> None:
        try:
            await hang()
        finally:
            raise RuntimeError("too late")

    net.host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await lost(app)
    assert "lost without a close frame" in caplog.text
    assert "heartbeat" not in caplog.text


async def test_heartbeat_runs_without_login(net: Bench) -> None:
    """The heartbeat of the host runs with auth=None, too; the login does not."""
    log: list[str] = []

    async def heartbeat(link: Link) -> None:
        log.append(f"beat with {link.credential}")

    async def login(link: Link) -> None:
        log.append("login")

    net.host(api="mine", heartbeat=heartbeat, login=login)
    net.credentials["mine"] = KEY
    await net.app(auth=None).ready()
    await until(lambda: log)
    assert log == ["beat with None"]


# --- the link ---


async def test_link(net: Bench) -> None:
    """What exchange code sees: raw sends past limit and signature, pings, an unsigned fetch, the end of the socket."""
    links: list[Link] = []

    async def never(link: Link, send: Any) -> None:
        raise AssertionError("the link is not limited")

    async def login(link: Link) -> None:
        links.append(link)
        await link.send_str("raw")
        await link.send_json({"a": [1]})
        await link.ping()
        await link.pong()

    net.host(login=login, limit=never, sign_message=never)
    net.requester.answers["http://h/time"] = {"t": 1}
    app = net.app()
    await app.ready()
    peer, link = net.server.peer, links[0]
    await until(lambda: peer.pongs)
    assert peer.received == ["raw", '{"a": [1]}']
    assert (peer.pings, peer.pongs) == ([b""], [b""])
    assert await link.fetch("http://h/time") == {"t": 1}
    assert net.requester.asked == [("GET", "http://h/time", {"auth": None})]
    assert (str(link.url), link.credential, link.clock) == (net.server.url, None, net.clock)
    claim = link.expect(lambda msg: True)
    assert not link.closed
    peer.abort()
    await lost(app)
    assert link.closed
    with pytest.raises(ConnectionError):
        await claim
    with pytest.raises(ConnectionError):
        await link.expect(lambda msg: True)


async def test_times_to_sign_with_rise_where_they_are_nonces(net: Bench) -> None:
    """The times that a login or a message signer signs with are shared with the requests of the same key."""
    links: list[Link] = []

    async def login(link: Link) -> None:
        links.append(link)

    net.host(api="mine", login=login, step_ns=1_000_000)
    net.credentials["mine"] = KEY
    await net.app().ready()
    now = net.clock.now().ms
    assert [links[0].instant().ms for _ in range(3)] == [now, now + 1, now + 2]
    assert net.wiring.instants.now(KEY.key, 1_000_000).ms == now + 3
    net.host(login=login)
    await net.app(auth=Auth).ready()
    assert [links[1].instant().ms for _ in range(2)] == [now, now]


async def test_on_close(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """on_close callbacks run once, in order, after the last frame; one that fails does not keep the others away."""
    log: list[Any] = []

    def failing(ws: ClientWebSocketResponse) -> None:
        raise KeyError("x")

    app = net.app(hdlr_json=lambda msg, ws: log.append(msg))
    await app.ready()
    ws = app.current_ws
    assert ws is not None
    ws.on_close(failing)
    ws.on_close(lambda socket: log.append((socket, socket.closed, app.state)))
    await net.server.peer.push(1, 2)
    await net.server.peer.ws.close()
    await lost(app)
    assert log == [1, 2, (ws, True, State.OPEN)]
    assert "on_close callback failed" in caplog.text
    ws.on_close(lambda socket: log.append("late"))
    assert log[-1] == "late"
    await net.clock.advance(60.0)
    await app.ready()
    assert len(log) == 4


async def test_on_close_runs_when_the_app_is_closed(net: Bench) -> None:
    """Closing the app is the end of its connection, too."""
    log: list[Any] = []
    app = net.app()
    await app.ready()
    assert app.current_ws is not None
    app.current_ws.on_close(log.append)
    await app.close()
    assert len(log) == 1


async def test_autoping_off(net: Bench) -> None:
    """With autoping=False pings are not answered."""
    got: list[Any] = []
    app = net.app(autoping=False, hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.server.peer.ws.ping(b"x")
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    assert app.current_ws is not None
    await app.current_ws.send_str("whatever was sent before this has arrived")
    await until(lambda: net.server.peer.received)
    assert net.server.peer.pongs == []
