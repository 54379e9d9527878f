"""The reader: dispatch of frames, handlers, what is not JSON, turns for other tasks."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import WSMsgType

from tests.support import until
from topgun.testing.clock import FakeClock
from topgun.ws import State
from topgun.ws.reader import FRAMES_A_TURN, Handlers, Reader

if TYPE_CHECKING:
    import pytest

    from topgun.exchange import Link

    from .server import Bench, Peer


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_d34_dispatch_table(net: Bench) -> None:
    """D34: text goes to text handlers, then decoded to json handlers; binary likewise; strictly in order."""
    calls: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda msg, ws: calls.append((name, msg))

    app = net.app(
        hdlr_str=[note("s1"), note("s2")], hdlr_bytes=(note("b1"), note("b2")), hdlr_json=[note("j1"), note("j2")]
    )
    await app.ready()
    await net.server.peer.push('{"n": 1}', b'{"n": 2}', "3", b"pong", "ping", "")
    await until(lambda: len(calls) == 18)
    assert calls == [
        ("s1", '{"n": 1}'),
        ("s2", '{"n": 1}'),
        ("j1", {"n": 1}),
        ("j2", {"n": 1}),
        ("b1", b'{"n": 2}'),
        ("b2", b'{"n": 2}'),
        ("j1", {"n": 2}),
        ("j2", {"n": 2}),
        ("s1", "3"),
        ("s2", "3"),
        ("j1", 3),
        ("j2", 3),
        ("b1", b"pong"),
        ("b2", b"pong"),
        ("s1", "ping"),
        ("s2", "ping"),
        ("s1", ""),
        ("s2", ""),
    ]
    assert calls[2][1] is calls[3][1]  # decoded once, shared


async def test_json_is_decoded_once_and_only_if_wanted(net: Bench) -> None:
    """The decoder runs once a frame, and not at all without a json handler."""
    decoded: list[Any] = []
    net.wiring.json_loads = decoded.append
    texts: list[str] = []
    app = net.app(hdlr_str=lambda msg, ws: texts.append(msg))
    await app.ready()
    await net.server.peer.push("1", "x")
    await until(lambda: texts == ["1", "x"])
    assert decoded == []
    got: list[Any] = []
    app = net.app(hdlr_json=[lambda msg, ws: got.append(msg), lambda msg, ws: got.append(msg)])
    await app.ready()
    await net.server.peer.push("1")
    await until(lambda: got == [None, None])
    assert decoded == ["1"]


async def test_d18_what_is_not_json_is_one_short_warning(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """D18: text, binary or damaged UTF-8 that is not JSON is one warning with at most 200 characters of it."""
    got: list[Any] = []
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.server.peer.push("x" * 5_000, b"\xff\xfe\xfd", "[" * 100_000, "ping", b"pong", {"last": 1})
    await until(lambda: got)
    assert got == [{"last": 1}]
    said = warnings(caplog)
    assert len(said) == 3
    assert "JSONDecodeError" in said[0]
    assert "UnicodeDecodeError" in said[1]
    assert "RecursionError" in said[2]
    for text in said:
        assert text.startswith(f"ws://127.0.0.1:{net.server.port}/ws: not JSON")
        assert len(text.split("): ", 1)[1]) <= 200
    assert app.state is State.OPEN


async def test_no_warning_without_a_json_handler(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Without a json handler nothing is expected to be JSON, not even while a claim is open."""
    texts: list[str] = []
    claims: list[Any] = []

    async def heartbeat(link: Link) -> None:
        claims.append(link.expect(lambda msg: msg == 5))
        await claims[0]

    net.host(heartbeat=heartbeat)
    app = net.app(hdlr_str=lambda msg, ws: texts.append(msg))
    await app.ready()
    await until(lambda: claims)
    await net.server.peer.push("no json", "4", "5", "6")
    await until(lambda: texts[-1:] == ["6"])
    assert texts == ["no json", "4", "6"]
    assert await claims[0] == 5
    assert warnings(caplog) == []


async def test_d17_handler_that_raises(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """D17: an error in a handler is logged with its name and place; everything else goes on."""
    got: list[Any] = []

    def broken(msg: Any, ws: Any) -> None:
        raise ZeroDivisionError

    async def broken_later(msg: Any, ws: Any) -> None:
        raise KeyError

    class Callable:
        """A handler without a name of its own."""

        def __call__(self, msg: Any, ws: Any) -> None:
            raise IndexError

        def __repr__(self) -> str:
            return "<a handler>"

    app = net.app(hdlr_json=[broken, broken_later, Callable(), lambda msg, ws: got.append(msg)], hdlr_str=broken)
    await app.ready()
    await net.server.peer.push({"n": 1}, {"n": 2})
    await until(lambda: len(got) == 2)
    assert got == [{"n": 1}, {"n": 2}]
    said = warnings(caplog)
    assert len(said) == 8
    names = [text.split(" handler ")[1].split(" failed")[0].split(".")[-1] for text in said[:4]]
    assert names == ["broken", "broken", "broken_later", "<a handler>"]
    assert said[0].startswith(f"ws://127.0.0.1:{net.server.port}/ws: handler ")
    assert "ZeroDivisionError" in caplog.text
    assert app.state is State.OPEN


async def test_d17_coroutine_handlers_are_awaited_in_order(net: Bench) -> None:
    """D17: a coroutine handler runs to its end before the next handler and the next frame."""
    log: list[Any] = []

    async def slow(msg: Any, ws: Any) -> None:
        log.append(("begin", msg))
        await asyncio.sleep(0.002)
        log.append(("end", msg))

    app = net.app(hdlr_json=[slow, lambda msg, ws: log.append(("plain", msg))])
    await app.ready()
    await net.server.peer.push(1, 2)
    await until(lambda: len(log) == 6)
    assert log == [("begin", 1), ("end", 1), ("plain", 1), ("begin", 2), ("end", 2), ("plain", 2)]


class Script:
    """Stands for an open socket: gives the frames it was made with, and counts how often it was asked."""

    def __init__(self, *texts: str) -> None:
        self.asked = 0
        self._frames = [aiohttp.WSMessage(WSMsgType.TEXT, text, None) for text in texts]

    async def receive(self) -> Any:
        self.asked += 1
        return self._frames.pop(0) if self._frames else aiohttp.WSMessage(WSMsgType.CLOSED, None, None)


def reader(raw: Any, handlers: Handlers) -> Reader:
    return Reader(
        raw,
        object(),  # type: ignore[arg-type]  # the handlers of these tests do not look at it
        "here",
        clock=FakeClock(),
        loads=json.loads,
        handlers=handlers,
        autoping=True,
        mask=str,
    )


async def test_d34_nothing_is_read_while_a_handler_waits() -> None:
    """D34: while a coroutine handler waits the next frame is not asked for, so the peer is slowed, not buffered."""
    gate = asyncio.Event()
    raw = Script("1", "2", "3")

    async def slow(msg: Any, ws: Any) -> None:
        await gate.wait()

    running = asyncio.ensure_future(reader(raw, Handlers.of(None, None, slow)).run())
    for _ in range(100):
        await asyncio.sleep(0)
    assert raw.asked == 1
    gate.set()
    assert await running == "lost without a close frame"
    assert raw.asked == 4


async def test_slow_handler_gets_every_frame_of_a_flood(net: Bench) -> None:
    """A peer that sends far more than every buffer holds, to a handler that waits, is heard to the end."""
    gate = asyncio.Event()
    got: list[int] = []

    async def slow(msg: Any, ws: Any) -> None:
        await gate.wait()
        got.append(msg["n"])

    async def flood(peer: Peer) -> None:
        for number in range(400):
            await peer.push({"n": number, "pad": "x" * 100_000})

    net.server.script = flood
    await net.app(hdlr_json=slow).ready()
    gate.set()
    await until(lambda: len(got) == 400)
    assert got == list(range(400))


async def test_frame_is_offered_to_claims_once() -> None:
    """A claim made by a handler waits for the next frame: the one in hand has been offered."""
    claims: list[Any] = []
    got: list[str] = []

    async def claim(msg: str, ws: Any) -> None:
        got.append(msg)
        if not claims:
            claims.append(each.claims.expect(lambda message: True))

    raw = Script("1", "2")
    each = reader(raw, Handlers.of([claim, claim], None, None))
    open_ = each.claims.expect(lambda message: False)
    await each.run()
    assert got == ["1", "1"]
    assert await claims[0] == 2
    assert not open_.over.done()


async def test_owner_of_a_handler_that_cannot_take_note(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A store that fails to take note of a connection is logged; the connection and the other stores are served."""
    seen: list[str] = []

    class Store:
        def __init__(self, name: str) -> None:
            self.name = name

        def onmessage(self, msg: Any, ws: Any) -> None:
            seen.append(f"{self.name} {msg}")

        def _onconnect(self, ws: Any) -> None:
            seen.append(f"{self.name} connected")
            if self.name == "bad":
                raise KeyError("x")

    app = net.app(hdlr_json=[Store("bad").onmessage, Store("good").onmessage])
    await app.ready()
    assert seen == ["bad connected", "good connected"]
    assert "could not take note of it" in caplog.text
    await net.server.peer.push(1)
    await until(lambda: seen[2:] == ["bad 1", "good 1"])
    assert app.state is State.OPEN


async def test_handler_cancelled_from_within(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that awaits something cancelled is a failed handler, not the end of the reader."""
    got: list[Any] = []

    async def handler(msg: Any, ws: Any) -> None:
        got.append(msg)
        never = asyncio.get_running_loop().create_future()
        never.cancel()
        await never

    app = net.app(hdlr_json=handler)
    await app.ready()
    await net.server.peer.push(1, 2)
    await until(lambda: got == [1, 2])
    assert len(warnings(caplog)) == 2


async def test_other_tasks_get_their_turn(net: Bench) -> None:
    """A burst of frames does not keep other tasks waiting for more than 64 frames."""
    turns: list[int] = []
    got: list[Any] = []

    async def flood(peer: Peer) -> None:
        await peer.push(*range(1_000))

    async def other() -> None:
        while len(got) < 1_000:
            turns.append(len(got))
            await asyncio.sleep(0)

    net.server.script = flood
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await asyncio.gather(app.ready(), other())
    assert got == list(range(1_000))
    assert max(after - before for before, after in pairwise(turns)) <= FRAMES_A_TURN


# --- frames that are no JSON as they come, and frames that want an answer ---


async def test_decode_comes_before_json(net: Bench) -> None:
    """A host's `decode` may return JSON or the message itself; handlers of text and bytes get the frame as it came."""
    seen: list[tuple[str, Any]] = []

    def decode(data: str | bytes) -> Any:
        return zlib.decompress(data) if isinstance(data, bytes) else {"text": data}

    net.host(decode=decode)
    app = net.app(
        hdlr_str=lambda msg, ws: seen.append(("str", msg)),
        hdlr_bytes=lambda msg, ws: seen.append(("bytes", msg)),
        hdlr_json=lambda msg, ws: seen.append(("json", msg)),
    )
    await app.ready()
    packed = zlib.compress(b'{"n": 1}')
    await net.server.peer.push("0{hello", packed)
    await until(lambda: len(seen) == 4)
    assert seen == [("str", "0{hello"), ("json", {"text": "0{hello"}), ("bytes", packed), ("json", {"n": 1})]


async def test_claims_get_what_decode_returns(net: Bench) -> None:
    """A login may wait for a compressed frame; it is decoded once."""
    decoded: list[bytes] = []

    def decode(data: str | bytes) -> Any:
        assert isinstance(data, bytes)
        decoded.append(data)
        return zlib.decompress(data)

    async def login(link: Link) -> None:
        await link.expect(lambda msg: "hello" in msg)

    async def greet(peer: Peer) -> None:
        await peer.push(zlib.compress(b"[1]"), zlib.compress(b'["hello"]'))

    got: list[Any] = []
    net.host(decode=decode, login=login)
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await until(lambda: net.server.peers and app.state is State.LOGIN)
    await greet(net.server.peer)
    await app.ready()
    assert got == [[1]]
    assert len(decoded) == 2


async def test_what_decode_cannot_read_is_told(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A frame that `decode` refuses is not JSON; a bare pong inside a compressed frame is nothing to tell."""
    got: list[Any] = []
    net.host(decode=lambda data: zlib.decompress(data) if isinstance(data, bytes) else data)
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.server.peer.push(zlib.compress(b"pong"), b"no zlib", zlib.compress(b"{"), zlib.compress(b"[]"))
    await until(lambda: got)
    told = warnings(caplog)
    assert ["not JSON (error)" in told[0], "not JSON (JSONDecodeError)" in told[1], len(told)] == [True, True, 2]


async def test_answer_is_sent_at_once(net: Bench) -> None:
    """What a host's `answer` returns is sent whether or not anybody reads the frame, which goes on to the handlers."""
    got: list[Any] = []
    net.host(answer=lambda msg, link: f"pong {msg['ping']} to {link.url.path}" if "ping" in msg else None)
    await net.app().ready()
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    for peer in net.server.peers:
        await peer.push({"ping": 1}, {"a": 1}, "no JSON", {"ping": 2})
        await until(lambda peer=peer: len(peer.received) == 2)  # type: ignore[misc]  # bound early
        assert peer.received == ["pong 1 to /ws", "pong 2 to /ws"]
    assert got == [{"ping": 1}, {"a": 1}, {"ping": 2}]


async def test_answered_frame_can_be_claimed(net: Bench) -> None:
    """A frame is decoded once for the answer, the claims and the handlers."""
    loads: list[Any] = []

    def count(data: str | bytes) -> Any:
        loads.append(data)
        return json.loads(data)

    async def login(link: Link) -> None:
        await link.expect(lambda msg: msg.get("ping") == 1)

    net.wiring.json_loads = count
    net.host(answer=lambda msg, link: "pong", login=login)
    app = net.app(hdlr_json=lambda msg, ws: None)
    await until(lambda: app.state is State.LOGIN)
    await net.server.peer.push({"ping": 0}, {"ping": 1})
    await app.ready()
    await until(lambda: len(net.server.peer.received) == 2)
    assert loads == ['{"ping": 0}', '{"ping": 1}']


async def test_answer_that_fails_takes_nothing_down(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An error in a host's `answer` is logged; the frame still reaches the handlers."""
    got: list[Any] = []
    net.host(answer=lambda msg, link: msg["ping"])
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    assert "a frame could not be answered" in caplog.text
    assert app.state is State.OPEN


async def test_answer_may_end_the_connection(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A host that is told of its end leaves by itself: `drop` says why, and the app comes back."""

    def answer(msg: Any, link: Link) -> None:
        if msg == "bye":
            link.drop("the venue says bye")

    got: list[Any] = []
    net.host(answer=answer)
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg), backoff=(0, 0, 1, 0))
    await app.ready()
    await net.server.peer.push('"bye"')
    await until(lambda: len(net.server.peers) == 2)
    assert got == ["bye"]
    assert "the venue says bye" in caplog.text
