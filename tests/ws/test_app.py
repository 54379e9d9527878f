"""The life of a `WebSocketApp`: first connection, reconnects, waits, login, subscriptions, close."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from tests.support import until
from topgun.auth import Auth
from topgun.credentials import Credential
from topgun.errors import ClientClosed, ConfigError, HandshakeRefused, LoginRefused, LoginTimeout, SigningError
from topgun.ws import State, WebSocketApp

from .server import Bench, Peer, Server, running

if TYPE_CHECKING:
    from topgun.exchange import Draft, Link

KEY = Credential("key-of-a-test", b"secret-of-a-test", "pass-of-a-test")


async def waiting(app: WebSocketApp) -> None:
    """Wait until `app` waits for its next attempt."""
    await until(lambda: app.state is State.WAITING)


# --- the first connection ---


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


async def test_refusal_after_the_first_connection_is_not_final(net: Bench) -> None:
    """Once it has been open, the app comes back even after a 401."""
    net.server.refuse = lambda number: web.Response(status=401) if number == 2 else None
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await waiting(app)
    assert len(net.server.handshakes) == 2
    await net.clock.advance(60.0)
    await app.ready()
    assert len(net.server.handshakes) == 3


async def test_bad_url_after_the_first_connection_is_not_final(net: Bench) -> None:
    """A bad URL set later is a failed attempt; a good one set after it is connected to."""
    app = net.app()
    await app.ready()
    app.url = "no url"
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await until(lambda: len(net.clock.sleeps) == 2)
    app.url = net.server.url
    await net.clock.advance(60.0)
    await app.ready()
    assert len(net.server.peers) == 2


async def test_url_takes_effect_at_the_next_connection(net: Bench) -> None:
    """Setting url leaves the connection alone; the next one goes to the new place, under the new host record."""
    seen: list[str] = []

    async def heartbeat(link: Link) -> None:
        seen.append(link.url.host or "")

    net.registry["localhost"] = net.registry.get("localhost") or _host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    app.url = net.server.url.replace("127.0.0.1", "localhost").replace("/ws", "/new")
    assert app.url.endswith("/new?token=hidden")
    assert app.current_ws is not None
    assert app.current_ws.url.path == "/ws"
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    assert net.server.handshakes[-1].path == "/new"
    assert seen == ["localhost"]


def _host(**kwargs: Any) -> Any:
    from topgun.exchange import Host

    return Host(**kwargs)


# --- waits between connections ---


async def test_d10_clean_close_at_once_is_not_stormed(net: Bench) -> None:
    """D10: a server that accepts and closes cleanly at once is visited no more often than the back-off allows."""

    async def close(peer: Peer) -> None:
        await peer.push({"welcome": True})
        await peer.ws.close()

    net.server.script = close
    app = net.app()
    for number in range(1, 21):
        await until(lambda number=number: len(net.clock.sleeps) == number)  # type: ignore[misc]  # bound early
        assert len(net.server.handshakes) == number
        await net.clock.advance(net.clock.sleeps[-1])
    # jitter 0.5 of U(0, 5); then 1.92 * 1.618**n, never above 60: computed by hand with a pocket calculator
    expected = [2.5, 3.10656, 5.02641, 8.13274, 13.15877, 21.29089, 34.44865, 55.73793, *[60.0] * 12]
    assert net.clock.sleeps[:20] == pytest.approx(expected, rel=1e-4)
    assert app.state is not State.CLOSED


async def test_d10_small_backoff_is_not_cut_to_whole_seconds(net: Bench) -> None:
    """D10: waits below a second are kept."""
    net.server.refuse = lambda number: web.Response(status=500)
    net.app(backoff=(0.1, 0.5, 1.5, 0.0))
    for number in range(1, 7):
        await until(lambda number=number: len(net.clock.sleeps) >= number)  # type: ignore[misc]  # bound early
        await net.clock.advance(net.clock.sleeps[number - 1])
    assert net.clock.sleeps[:6] == pytest.approx([0.0, 0.15, 0.225, 0.3375, 0.5, 0.5])


async def test_one_immediate_retry_after_a_healthy_connection(net: Bench) -> None:
    """After a connection that lived and received data the first retry is immediate, the second is not."""
    net.server.refuse = lambda number: web.Response(status=500) if number == 3 else None
    got: list[Any] = []
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.clock.advance(1.92)
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    net.server.peer.abort()
    await net.peers(2)  # without the clock having moved
    assert net.clock.sleeps == [0.0]
    await app.ready()
    net.server.peer.abort()  # this one lived no time
    await until(lambda: len(net.clock.sleeps) == 2)
    await net.clock.advance(2.5)
    await until(lambda: len(net.clock.sleeps) == 3)
    assert net.clock.sleeps == pytest.approx([0.0, 2.5, 1.92 * 1.618])


async def test_mute_connection_is_not_healthy(net: Bench) -> None:
    """A connection that lived long but never received a frame counts as a failure."""
    app = net.app()
    await app.ready()
    await net.clock.advance(100.0)
    net.server.peer.abort()
    await waiting(app)
    assert net.clock.sleeps == [2.5]


async def test_pong_makes_a_quiet_connection_healthy(net: Bench) -> None:
    """A quiet connection that answers pings is healthy."""
    app = net.app()
    await app.ready()
    await app.heartbeat()
    await net.clock.advance(100.0)
    net.clock.sleeps.clear()
    net.server.peer.abort()
    await net.peers(2)
    assert net.clock.sleeps == [0.0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("1", 2.5),
        ("86400", 300.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),  # the fake clock starts at 22:13:20
        ("soon", 2.5),
    ],
)
async def test_retry_after_is_honoured(net: Bench, header: str, expected: float) -> None:
    """The wait after a refused handshake is at least what Retry-After asks for, at most 300 s."""
    net.server.refuse = lambda number: web.Response(status=429, headers={"Retry-After": header})
    app = net.app()
    await waiting(app)
    assert net.clock.sleeps == [expected]


# --- order of one connection ---


async def test_messages_go_out_in_order_on_every_connection(net: Bench) -> None:
    """Texts, then bytes, then JSON messages are sent after each handshake."""
    app = net.app(send_json=[{"a": 1}, {"b": 2}], send_bytes=b"raw", send_str=["one", "two"])
    await app.ready()
    expected = ["one", "two", b"raw", '{"a": 1}', '{"b": 2}']
    await until(lambda: len(net.server.peer.received) == 5)
    assert net.server.peer.received == expected
    net.server.peer.abort()
    await waiting(app)
    assert app.current_ws is None
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: len(net.server.peer.received) == 5)
    assert net.server.peer.received == expected
    assert len(net.server.peers) == 2


async def test_arguments_reach_the_handshake(net: Bench) -> None:
    """What is not the app's own goes to the handshake; the size limit is off and the close is bounded by default."""
    app = net.app(heartbeat=7.0, headers={"X-Test": "yes"}, auth=None)
    await app
    assert net.server.handshakes[0].headers["X-Test"] == "yes"
    sent = net.connects[0]
    assert (sent["heartbeat"], sent["auth"], sent["autoping"], sent["max_msg_size"]) == (7.0, None, False, 0)
    assert sent["timeout"].ws_close == 2.0


async def accept(link: Link) -> None:
    """Log in by a question and its answer."""
    reply = link.expect(lambda msg: isinstance(msg, dict) and msg.get("op") == "auth")
    await link.send_json({"op": "auth", "key": link.credential.key if link.credential else None})
    answer = await reply
    if not answer["ok"]:
        raise LoginRefused(answer)


async def test_d14_ready_waits_for_login_and_subscription(net: Bench) -> None:
    """D14: ``await app`` returns after the handshake; ready() after the login and the subscriptions."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    app = net.app(send_json={"subscribe": 1})
    await app
    await until(lambda: app.state is State.LOGIN)
    ready = asyncio.ensure_future(app.ready())
    peer = await net.peers(1)
    await until(lambda: peer.received)
    assert peer.decoded == [{"op": "auth", "key": "key-of-a-test"}]
    assert not ready.done()
    await peer.push({"op": "auth", "ok": True})
    await ready
    assert app.login_error is None
    await until(lambda: len(peer.received) == 2)
    assert peer.decoded[1] == {"subscribe": 1}


async def test_login_is_called_without_credential_too(net: Bench) -> None:
    """The login function decides what to do without a credential; with auth=None it is not called."""
    seen: list[Any] = []

    async def login(link: Link) -> None:
        seen.append(link.credential)

    net.host(api="mine", login=login)
    await net.app().ready()
    net.credentials["mine"] = KEY
    await net.app().ready()
    await net.app(auth=None).ready()
    assert seen == [None, KEY]


async def test_api_name_may_depend_on_the_handshake(net: Bench) -> None:
    """A function as api= names the credential from the upgrade request, session headers included."""
    drafts: list[Draft] = []

    def api(draft: Draft) -> str:
        drafts.append(draft)
        return "demo" if draft.headers.get("X-Simulated") == "1" else "real"

    seen: list[Any] = []

    async def login(link: Link) -> None:
        seen.append(link.credential)

    net.host(api=api, login=login)
    net.credentials["demo"] = KEY
    await net.app(headers={"x-simulated": "1"}).ready()
    await net.app().ready()
    assert seen == [KEY, None]
    assert (drafts[0].method, drafts[0].upgrade, drafts[0].url.path) == ("GET", True, "/ws")


async def test_d15_refused_login_is_told_and_the_socket_goes_on(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """D15: a refused login is logged and raised by ready(), secrets masked; public subscriptions are sent."""

    async def react(peer: Peer, text: str) -> None:
        if "auth" in text:
            await peer.push(
                {"op": "auth", "ok": False, "sign": "0xfeed", "apiKey": "abc", "text": "bad key-of-a-test", "n": [1]}
            )

    net.server.react = react
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    app = net.app(send_json={"subscribe": 1})
    with pytest.raises(LoginRefused) as caught:
        await app.ready()
    with pytest.raises(LoginRefused):
        await app.ready()
    assert app.state is State.OPEN
    assert app.login_error is not None
    assert caught.value.reply == {
        "op": "auth",
        "ok": False,
        "sign": "***",
        "apiKey": "***",
        "text": "bad ***",
        "n": [1],
    }
    await until(lambda: len(net.server.peer.received) == 2)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    await net.clock.advance(100.0)
    net.server.peer.abort()
    await waiting(app)
    assert net.clock.sleeps[-1] == 2.5  # a connection without its login is not a healthy one
    assert "login refused" in errors[0].getMessage()
    for hidden in ("0xfeed", "key-of-a-test", "token=hidden"):
        assert hidden not in caplog.text


async def test_d16_silent_login_times_out_and_is_tried_again(net: Bench) -> None:
    """D16: a login that is not answered raises LoginTimeout in ready() and counts as a lost connection."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    app = net.app(login_timeout=3.0, send_json={"subscribe": 1})
    ready = asyncio.ensure_future(app.ready())
    peer = await net.peers(1)
    await until(lambda: peer.received)
    await peer.push({"welcome": 1})  # neither this nor the long life makes it a healthy connection
    await net.clock.advance(2.9)
    assert not ready.done()
    await net.clock.advance(0.1)
    with pytest.raises(LoginTimeout, match="3 s"):
        await ready
    await waiting(app)
    assert isinstance(app.login_error, LoginTimeout)
    assert net.clock.sleeps[-1] == 2.5
    assert len(peer.received) == 1

    async def react(peer: Peer, text: str) -> None:
        if "auth" in text:
            await peer.push({"op": "auth", "ok": True})

    net.server.react = react
    await net.clock.advance(2.5)
    await app.ready()
    assert app.login_error is None


async def test_d16b_login_reply_is_matched_by_content(net: Bench) -> None:
    """D16b: another answer that arrives first is not taken for the login's, and reaches the handlers."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    got: list[Any] = []
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    peer = await net.peers(1)
    await until(lambda: peer.received)
    await peer.push({"op": "pong", "ok": True}, [1], {"op": "auth", "ok": True})
    await app.ready()
    assert got == [{"op": "pong", "ok": True}, [1]]


async def test_d16c_frames_during_login_reach_the_handlers(net: Bench) -> None:
    """D16c: a welcome sent before the answer reaches every handler in order; the answer reaches none."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    texts: list[str] = []
    got: list[Any] = []
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg), hdlr_str=lambda msg, ws: texts.append(msg))
    peer = await net.peers(1)
    await peer.push({"welcome": 1}, "ping")
    await until(lambda: peer.received)
    await peer.push({"op": "auth", "ok": True}, {"after": 1})
    await app.ready()
    await until(lambda: len(got) == 2)
    assert got == [{"welcome": 1}, {"after": 1}]
    assert texts == ['{"welcome": 1}', "ping", '{"after": 1}']


async def test_d11_ping_during_login_is_answered(net: Bench) -> None:
    """D11: protocol pings and pongs during the login neither starve nor end it."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    app = net.app()
    peer = await net.peers(1)
    await until(lambda: peer.received)
    await peer.ws.ping(b"are you there")
    await peer.ws.pong(b"unasked")
    await until(lambda: peer.pongs == [b"are you there"])
    assert app.state is State.LOGIN
    await peer.push({"op": "auth", "ok": True})
    await app.ready()
    assert len(net.server.peers) == 1


async def test_autoping_off(net: Bench) -> None:
    """With autoping=False pings are not answered."""
    got: list[Any] = []
    app = net.app(autoping=False, hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.server.peer.ws.ping(b"x")
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    assert net.server.peer.pongs == []


async def test_login_that_fails_otherwise_is_tried_again(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the login function is logged, told to ready() and drops the connection."""

    async def login(link: Link) -> None:
        raise KeyError("field")

    net.host(login=login)
    app = net.app()
    with pytest.raises(KeyError):
        await app.ready()
    await waiting(app)
    assert "opening failed: KeyError: 'field' (test_app.py:" in caplog.text


async def test_socket_that_ends_during_login(net: Bench) -> None:
    """A socket lost during the login is made anew; ready() goes on waiting and no claim hangs."""
    net.host(api="mine", login=accept)
    net.credentials["mine"] = KEY
    app = net.app()
    ready = asyncio.ensure_future(app.ready())
    peer = await net.peers(1)
    await until(lambda: peer.received)
    peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    peer = await net.peers(2)
    await peer.push({"op": "auth", "ok": True})
    await ready


async def test_message_that_cannot_be_sent_is_told(net: Bench) -> None:
    """An initial message that is not JSON is told to ready() instead of an endless loop in silence."""
    app = net.app(send_json={"x": object()})
    with pytest.raises(TypeError, match="not JSON serializable"):
        await app.ready()
    await waiting(app)


async def test_socket_lost_while_subscribing(net: Bench) -> None:
    """A socket lost between two initial messages is made anew and gets all of them."""
    gate = asyncio.Event()

    async def limit(link: Link, send: Any) -> None:
        await send()
        await gate.wait()

    net.host(limit=limit)
    app = net.app(send_json=[{"a": 1}, {"b": 2}])
    peer = await net.peers(1)
    await until(lambda: peer.received)
    assert app.state is State.SUBSCRIBING
    peer.abort()
    await waiting(app)
    gate.set()
    await net.clock.advance(5.0)
    await app.ready()
    await until(lambda: net.server.peer.decoded == [{"a": 1}, {"b": 2}])


async def test_send_fails_while_subscribing(net: Bench) -> None:
    """A connection error in an initial message is a lost connection, not an error for ready()."""
    failures = iter([ConnectionResetError("gone")])

    async def limit(link: Link, send: Any) -> None:
        for failure in failures:
            raise failure
        await send()

    net.host(limit=limit)
    app = net.app(send_json={"a": 1})
    ready = asyncio.ensure_future(app.ready())
    await waiting(app)
    await net.clock.advance(5.0)
    await ready


async def test_silence_is_a_loss(net: Bench) -> None:
    """With silence= a connection without data is dropped and made anew; data postpones it, pings do not."""
    got: list[Any] = []
    app = net.app(silence=10.0, hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.clock.advance(6.0)
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    await net.clock.advance(9.0)
    await net.server.peer.ws.ping()
    await until(lambda: net.server.peer.pongs)
    assert app.state is State.OPEN
    await net.clock.advance(1.0)
    await net.peers(2)  # healthy: the retry is immediate
    await app.ready()


async def test_slow_handler_is_not_silence(net: Bench) -> None:
    """While a coroutine handler keeps the reader waiting the peer is not called silent."""
    gate = asyncio.Event()
    entered = asyncio.Event()

    async def slow(msg: Any, ws: Any) -> None:
        entered.set()
        await gate.wait()

    app = net.app(silence=10.0, hdlr_json=slow)
    await app.ready()
    await net.server.peer.push({"a": 1})
    await entered.wait()
    await net.clock.advance(55.0)
    assert app.state is State.OPEN
    gate.set()
    await net.clock.advance(4.0)
    assert app.state is State.OPEN
    await net.clock.advance(20.0)
    await net.peers(2)


# --- subscriptions ---


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


# --- heartbeat() ---


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


# --- close ---


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


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


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


async def test_bug_in_the_app_is_told(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """If the loop of the app itself breaks, it is logged and everyone who waits is told."""

    def uniform(high: float) -> float:
        raise ZeroDivisionError

    net.clock.uniform = uniform  # type: ignore[method-assign]  # a broken clock
    app = net.app(url="ws://127.0.0.1:1/")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        await app.ready()
    assert "the app stopped" in caplog.text


async def test_logs_do_not_show_the_query(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is logged of losses and refusals, the query of the URL is not in it."""
    net.server.refuse = lambda number: web.Response(status=503) if number % 2 else None
    app = net.app()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    assert "/ws" in caplog.text
    assert "HTTP 503" in caplog.text
    assert "hidden" not in caplog.text


async def test_auth_default_is_the_marker(net: Bench) -> None:
    """auth= is handed to the handshake as given."""
    await net.app()
    assert net.connects[0]["auth"] is Auth
    assert json.dumps(str(net.connects[0]["url"])).count("hidden") == 1
