"""`ClientWebSocketResponse`: sending under limit and signature, queued messages, requests for snapshots."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import until
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.ws import ClientWebSocketResponse, State, WebSocketApp

if TYPE_CHECKING:
    from topgun.exchange import Link

    from .server import Bench

KEY = Credential("k", b"s")


async def opened(net: Bench, **kwargs: Any) -> tuple[WebSocketApp, ClientWebSocketResponse]:
    app = net.app(**kwargs)
    await app.ready()
    assert app.current_ws is not None
    return app, app.current_ws


async def all_arrived(app: WebSocketApp, net: Bench) -> None:
    """Wait until whatever was sent so far is at the server."""
    assert app.current_ws is not None
    await app.current_ws.ping(b"all")
    await until(lambda: b"all" in net.server.peer.pings)


async def test_members(net: Bench) -> None:
    """The members that users know are there and tell of this connection."""
    app, ws = await opened(net, compress=15, protocols=("a",))
    assert str(ws.url) == net.server.url
    assert (ws.closed, ws.close_code, ws.exception(), ws.protocol) == (False, None, None, None)
    assert ws.compress == 15
    assert ws.get_extra_info("peername") == ("127.0.0.1", net.server.port)
    assert ws.get_extra_info("nothing", 5) == 5
    assert ws.clock is net.clock
    assert ws.requester is net.requester
    assert ws.subscribed
    assert repr(ws) == f"<ClientWebSocketResponse ws://127.0.0.1:{net.server.port}/ws open>"
    await app.close()
    assert "closed" in repr(ws)
    assert await ws.close() is False


async def test_sends(net: Bench) -> None:
    """Each kind of frame arrives as it was sent; compress= and dumps= are aiohttp's."""
    _, ws = await opened(net, compress=15)
    await ws.send_str("text", compress=9)
    await ws.send_bytes(b"bytes")
    await ws.send_json({"é": [1, 2]})
    await ws.send_json({"a": 1}, compress=9, dumps=lambda data: json.dumps(data, separators=(",", ":")))
    await ws.send_json(data="x")
    await ws.ping(b"pi")
    await ws.pong(b"po")
    peer = net.server.peer
    await until(lambda: peer.pongs)
    assert peer.received == ["text", b"bytes", '{"\\u00e9": [1, 2]}', '{"a":1}', '"x"']
    assert (peer.pings, peer.pongs) == ([b"pi"], [b"po"])


def sign(msg: Any, link: Link) -> Any:
    assert link.credential is not None
    return {**msg, "signed by": link.credential.key}


async def test_d19_messages_are_signed_as_a_copy(net: Bench) -> None:
    """D19: the message is signed as a copy; auth=None and falsy data are not signed."""
    net.host(api="mine", sign_message=sign)
    net.credentials["mine"] = KEY
    _, ws = await opened(net, send_json={"first": 1})
    message = {"a": 1}
    await ws.send_json(message)
    await ws.send_json(message)
    await ws.send_json(message, auth=None)
    await ws.send_json({})
    await ws.send_json([])
    assert message == {"a": 1}
    await until(lambda: len(net.server.peer.received) == 6)
    assert net.server.peer.decoded == [
        {"first": 1, "signed by": "k"},
        {"a": 1, "signed by": "k"},
        {"a": 1, "signed by": "k"},
        {"a": 1},
        {},
        [],
    ]


async def test_nothing_to_sign_with(net: Bench) -> None:
    """Without credential, or on a connection opened with auth=None, messages are not signed."""
    net.host(api="mine", sign_message=sign)
    await (await opened(net))[1].send_json({"a": 1})
    await until(lambda: net.server.peer.decoded == [{"a": 1}])
    net.credentials["mine"] = KEY
    await (await opened(net, auth=None))[1].send_json({"a": 1})
    await until(lambda: net.server.peer.decoded == [{"a": 1}])
    assert len(net.server.peers) == 2


async def test_error_of_the_message_signer(net: Bench) -> None:
    """A message signer that fails is a SigningError that names kind and place, and nothing of the error's own text."""
    net.host(api="mine", sign_message=sign)
    net.credentials["mine"] = KEY
    _, ws = await opened(net)
    with pytest.raises(SigningError, match=r"TypeError at test_response\.py:\d+; the message was not sent") as caught:
        await ws.send_json(["not a dict"])
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
    assert "list" not in str(caught.value)
    await ws.send_str("next")
    await until(lambda: net.server.peer.received == ["next"])


async def test_refusal_of_the_message_signer_is_the_callers(net: Bench) -> None:
    """A SigningError of the message signer itself reaches the caller as it is."""

    def refuse(msg: Any, link: Link) -> Any:
        raise SigningError("only dicts")

    net.host(api="mine", sign_message=refuse)
    net.credentials["mine"] = KEY
    _, ws = await opened(net)
    with pytest.raises(SigningError, match=r"^only dicts$"):
        await ws.send_json(["not a dict"])


async def test_d35_limit_keeps_the_order_without_asking_the_venue(net: Bench) -> None:
    """Everything sent goes through the local limit, in order, signed when it is sent; no HTTP is needed."""
    moments: list[int] = []

    async def limit(link: Link, send: Any) -> None:
        await link.clock.sleep(1.0)
        await send()

    def stamp(msg: Any, link: Link) -> Any:
        moments.append(link.clock.now().ms)
        return msg

    net.host(api="mine", limit=limit, sign_message=stamp)
    net.credentials["mine"] = KEY
    app = net.app(send_str=["a", "b"])
    await app
    ws = app.current_ws
    assert ws is not None
    assert not ws.subscribed
    await net.clock.advance(2.0)
    await app.ready()
    assert ws.subscribed
    start = net.clock.now().ms
    sends = asyncio.gather(ws.send_str("c"), ws.send_json({"d": 1}), ws.send_bytes(b"e"), ws.send_json({"f": 1}))
    await net.clock.advance(1.0)
    await until(lambda: len(net.server.peer.received) == 3)
    assert not sends.done()
    await net.clock.advance(3.0)
    await sends
    await until(lambda: len(net.server.peer.received) == 6)
    assert net.server.peer.received == ["a", "b", "c", '{"d": 1}', b"e", '{"f": 1}']
    assert moments == [start + 2_000, start + 4_000]


# --- send_json_soon ---


async def test_send_json_soon_from_a_plain_handler(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A plain handler can answer; the answers go out in order, copied, and one that fails is logged."""

    def handler(msg: Any, ws: ClientWebSocketResponse) -> None:
        answer = {"answer": msg}
        ws.send_json_soon(answer)
        answer.clear()
        if msg == 2:
            ws.send_json_soon({"x": object()})

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push(1, 2, 3)
    await until(lambda: len(net.server.peer.received) == 3)
    assert net.server.peer.decoded == [{"answer": 1}, {"answer": 2}, {"answer": 3}]
    assert "message not sent: TypeError" in caplog.text
    assert app.state is State.OPEN
    ws = app.current_ws
    assert ws is not None
    await net.server.peer.push(4)
    await until(lambda: len(net.server.peer.received) == 4)
    await app.close()
    ws.send_json_soon({"late": 1})
    assert "not sent, the connection has ended" in caplog.text


async def test_queued_messages_end_with_the_connection(net: Bench) -> None:
    """What still waits for the limit when the connection ends is not sent on the next one."""

    async def limit(link: Link, send: Any) -> None:
        await link.clock.sleep(1_000.0)
        await send()

    net.host(limit=limit)
    app, ws = await opened(net)
    ws.send_json_soon({"a": 1})
    ws.send_json_soon({"b": 1})
    net.server.peer.abort()
    await until(lambda: app.state is State.WAITING)
    await net.clock.advance(3_000.0)
    await app.ready()
    await net.clock.advance(3_000.0)
    await all_arrived(app, net)
    assert [peer.received for peer in net.server.peers] == [[], []]


# --- request_snapshot ---


async def test_request_snapshot_asks_until_it_is_there(net: Bench) -> None:
    """The messages are sent at once, then after 1.92 s and growing waits, until done(); one request per key."""
    state = {"done": False}
    app, ws = await opened(net)
    peer = net.server.peer
    ws.request_snapshot("book", ["text", b"bytes", {"unsub": 1}], lambda: state["done"])
    ws.request_snapshot("book", ["ignored"], lambda: False)
    ws.request_snapshot("other", ["other"], lambda: True)
    await until(lambda: len(peer.received) == 4)
    assert sorted(map(str, peer.received)) == sorted(map(str, ["text", b"bytes", '{"unsub": 1}', "other"]))
    await net.clock.advance(1.92)
    await until(lambda: len(peer.received) == 7)
    assert net.clock.sleeps == pytest.approx([1.92, 1.92, 1.92 * 1.618])  # of "book", of "other", of "book" again
    await net.clock.advance(3.11)
    await until(lambda: len(peer.received) == 10)
    state["done"] = True
    await net.clock.advance(60.0)
    await all_arrived(app, net)
    assert len(peer.received) == 10
    assert "topgun.ws asking for a snapshot" not in {task.get_name() for task in asyncio.all_tasks()}
    ws.request_snapshot("book", ["again"], lambda: True)
    await until(lambda: peer.received[-1] == "again")


async def test_new_need_for_a_snapshot(net: Bench) -> None:
    """A request whose predecessor got its snapshot goes out 1.92 s after it, however long that one would sleep."""
    state = {"done": False}
    _, ws = await opened(net)
    peer = net.server.peer
    ws.request_snapshot("book", ["one"], lambda: state["done"])
    await until(lambda: len(peer.received) == 1)
    await net.clock.advance(1.92)
    await until(lambda: len(peer.received) == 2)  # the next time would be after 3.1 s
    await net.clock.advance(1.0)
    state["done"] = True
    ws.request_snapshot("book", ["two"], lambda: False)
    await until(lambda: len(net.clock.sleeps) == 3)
    await net.clock.advance(0.91)
    assert peer.received == ["one", "one"]
    await net.clock.advance(0.01)
    await until(lambda: peer.received == ["one", "one", "two"])
    state["done"] = False
    await net.clock.advance(1.92)
    await until(lambda: peer.received == ["one", "one", "two", "two"])


async def test_request_snapshot_by_http(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A callable is awaited, again until it is there, and never two at a time on one connection."""
    app = net.app()
    await app.ready()
    ws = app.current_ws
    assert ws is not None
    asked: list[str] = []
    gate = asyncio.Event()

    async def slow() -> None:
        asked.append("slow")
        await gate.wait()

    async def broken() -> None:
        asked.append("broken")
        if asked.count("broken") == 1:
            raise LookupError("no such book")

    ws.request_snapshot("one", [slow], lambda: True)
    ws.request_snapshot("two", [broken], lambda: asked.count("broken") == 2)
    await until(lambda: asked)
    await asyncio.sleep(0)
    assert asked == ["slow"]
    gate.set()
    await until(lambda: net.clock.sleeps.count(1.92) == 2)
    assert asked == ["slow", "broken"]
    assert "no such book" in caplog.text
    await net.clock.advance(1.92)
    await until(lambda: len(asked) == 3)
    assert asked == ["slow", "broken", "broken"]


async def test_request_snapshot_by_http_that_is_not_answered(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It keeps the others waiting for 30 s and no longer; then it is asked for again, as one that has failed."""
    app = net.app()
    await app.ready()
    ws = app.current_ws
    assert ws is not None
    asked: list[str] = []

    async def silent() -> None:
        asked.append("silent")
        if len(asked) == 1:
            await asyncio.get_running_loop().create_future()  # no answer, ever

    async def other() -> None:
        asked.append("other")

    ws.request_snapshot("one", [silent], lambda: asked.count("silent") == 2)
    ws.request_snapshot("two", [other], lambda: True)
    await until(lambda: asked)
    await net.clock.advance(29.0)
    assert asked == ["silent"]
    await net.clock.advance(1.0)
    await until(lambda: asked == ["silent", "other"])
    assert "snapshot not fetched: TimeoutError" in caplog.text
    await until(lambda: net.clock.sleeps.count(1.92) == 2)
    await net.clock.advance(1.92)
    await until(lambda: asked == ["silent", "other", "silent"])


async def test_request_snapshot_ends_with_the_connection(net: Bench) -> None:
    """After a loss nothing is asked for any more, neither for old requests nor for new ones on the old socket."""
    app, ws = await opened(net)
    ws.request_snapshot("book", ["one"], lambda: False)
    await until(lambda: net.server.peer.received == ["one"])
    net.server.peer.abort()
    await until(lambda: app.state is State.WAITING)
    ws.request_snapshot("book", ["two"], lambda: False)
    await net.clock.advance(100.0)
    await app.ready()
    await all_arrived(app, net)
    assert net.server.peer.received == []


async def test_snapshot_predicate_that_fails_is_logged(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A done() that raises is logged and ends its request; the connection goes on."""
    app, ws = await opened(net)
    ws.request_snapshot("book", ["one"], lambda: bool(1 / 0))
    await until(lambda: net.server.peer.received)
    await net.clock.advance(1.92)
    await until(lambda: "a snapshot is not asked for any more" in caplog.text)
    assert "ZeroDivisionError" in caplog.text
    await net.clock.advance(60.0)
    await all_arrived(app, net)
    assert net.server.peer.received == ["one"]
    assert app.state is State.OPEN
