"""From the handshake to OPEN: login, the messages of every connection, who is told what."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support import until
from topgun.auth import Auth
from topgun.errors import LoginError, LoginRefused, LoginTimeout, SigningError
from topgun.ws import State

from .server import KEY, Bench, Peer, accept, waiting

if TYPE_CHECKING:
    from topgun.exchange import Draft, Link


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


async def test_login_that_fails_otherwise_is_tried_again(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the login function is logged, told to ready() as LoginError and drops the connection."""

    async def login(link: Link) -> None:
        raise KeyError("field")

    net.host(login=login)
    app = net.app()
    with pytest.raises(LoginError, match=r"login failed: KeyError: 'field' \(test_opening\.py:\d+\)") as caught:
        await app.ready()
    assert caught.value.__context__ is None
    assert app.login_error is caught.value
    await waiting(app)
    assert "login failed: KeyError: 'field' (test_opening.py:" in caplog.text


async def test_login_whose_question_fails_is_tried_again(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A login that cannot ask what it must (a token by HTTP, say) is a lost connection; ready() goes on waiting."""
    failures = iter([aiohttp.ClientConnectionError("no token"), ConnectionResetError("gone")])

    async def login(link: Link) -> None:
        for failure in failures:
            raise failure

    net.host(login=login)
    app = net.app()
    ready = asyncio.ensure_future(app.ready())
    await waiting(app)
    assert "opening failed: ClientConnectionError: no token" in caplog.text
    await net.clock.advance(2.5)
    await until(lambda: "opening failed: ConnectionResetError: gone" in caplog.text)
    await waiting(app)
    assert not ready.done()
    await net.clock.advance(5.0)
    await ready
    assert app.login_error is None


async def test_login_that_cannot_be_signed_is_told(net: Bench) -> None:
    """A key that the login cannot sign with is a failed login, told in the signer's own words."""

    async def login(link: Link) -> None:
        raise SigningError("the secret is not an RSA key")

    net.host(login=login)
    app = net.app()
    with pytest.raises(LoginError, match="login failed: SigningError: the secret is not an RSA key"):
        await app.ready()
    assert isinstance(app.login_error, LoginError)
    await waiting(app)


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


async def test_auth_default_is_the_marker(net: Bench) -> None:
    """auth= is handed to the handshake as given."""
    await net.app()
    assert net.connects[0]["auth"] is Auth
    assert json.dumps(str(net.connects[0]["url"])).count("hidden") == 1


# --- venues that speak first ---


async def test_greeting_comes_before_login_and_messages(net: Bench) -> None:
    """Nothing is sent before the venue has said what `greet` waits for, however early; with auth=None, too."""

    async def hello(peer: Peer) -> None:
        await peer.push({"type": "other"}, {"type": "welcome"})

    async def login(link: Link) -> None:
        order.append("login")

    order: list[Any] = []
    net.server.script = hello
    net.host(greet=lambda link: link.expect(lambda msg: msg["type"] == "welcome"), login=login)
    for kwargs in ({}, {"auth": None}):
        got: list[Any] = []
        app = net.app(send_str="subscribe", hdlr_json=lambda msg, ws, got=got: got.append(msg), **kwargs)
        await app.ready()
        assert got == [{"type": "other"}]
        await until(lambda: net.server.peer.received == ["subscribe"])
    assert order == ["login"]


async def test_greeting_that_does_not_come(net: Bench) -> None:
    """A venue that does not say its welcome in time is as good as one that does not answer the login."""
    net.host(greet=lambda link: link.expect(lambda msg: True))
    app = net.app(send_str="subscribe", login_timeout=3.0)
    await until(lambda: app.state is State.LOGIN)
    ready = asyncio.ensure_future(app.ready())
    await net.clock.asleep()
    await net.clock.advance(3.0)
    with pytest.raises(LoginTimeout):
        await ready
    assert net.server.peer.received == []


async def test_greet_may_see_nothing_to_wait_for(net: Bench) -> None:
    """Where `greet` returns None the socket is opened at once."""
    net.host(greet=lambda link: None)
    app = net.app(send_str="subscribe")
    await app.ready()
    await until(lambda: net.server.peer.received == ["subscribe"])


async def test_login_waits_for_its_turn(net: Bench) -> None:
    """Where timestamps are nonces, a login is stamped and sent while no request of the key is on its way."""

    async def login(link: Link) -> None:
        reply = link.expect(lambda msg: True)
        await link.send_json({"nonce": link.instant().ms})
        await reply

    net.host(api="mine", login=login, step_ns=1_000_000)
    net.credentials["mine"] = KEY
    before, after = (net.wiring.instants.turn(KEY.key, 1_000_000) for _ in range(2))
    await before.take()
    app = net.app()
    await until(lambda: app.state is State.LOGIN)
    await net.clock.asleep()
    assert net.server.peer.received == []
    earlier = net.wiring.instants.now(KEY.key, 1_000_000).ms
    before.give()
    await after.take()  # given as soon as the login is sent, not when it is answered
    await until(lambda: net.server.peer.received)
    assert net.server.peer.decoded[0]["nonce"] > earlier
    await net.server.peer.push({"ok": True})
    await app.ready()
    after.give()
