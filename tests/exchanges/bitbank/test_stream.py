"""Socket.IO as bitbank speaks it: frames, both handshakes, both heartbeats; no login and no limit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import topgun
from tests.support import FakeLink, load
from topgun.errors import LoginTimeout
from topgun.exchanges.bitbank import EXCHANGE
from topgun.exchanges.bitbank.stream import answer, decode, greet, heartbeat
from topgun.testing import FakeExchange
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
OLDER, NEWER, FRAMES = load(HERE / "frames" / "handshake.json")
TICKER = load(HERE / "frames" / "ticker.json")[0]["messages"][2]


def link(case: dict[str, Any]) -> Any:
    return FakeLink(case["url"])


# -- frames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ('42["join-room","a"]', ["join-room", "a"]),
        (b'42["message",{"a":1}]', ["message", {"a": 1}]),
        ('0{"sid":"x"}', ["open", {"sid": "x"}]),
        ('40{"sid":"x"}', ["connect", {"sid": "x"}]),
        ("40", ["connect", None]),
        ("41", ["disconnect", None]),
        ('44{"message":"no"}', ["refused", {"message": "no"}]),
        ("1", ["close", None]),
        ("2", ["ping", None]),
        ("3", ["pong", None]),
    ],
)
def test_decode(frame: Any, message: Any) -> None:
    """An event is what it holds; a control frame is its name and its payload."""
    assert decode(frame) == message


@pytest.mark.parametrize(
    "frame", ["", "x", "6", "4", "42", "42{}", "421[]", "43[]", "42[1", '0{"a"', "2probe", "4[]", b"\xff"], ids=repr
)
def test_not_a_frame(frame: Any) -> None:
    """Anything else is a ValueError, so that it is logged where JSON is wanted."""
    with pytest.raises(ValueError):
        decode(frame)


def test_a_frame_is_decoded_once() -> None:
    """The connection and the tables get the same object, so a frame is parsed once however many look at it."""
    assert decode(TICKER) is decode(TICKER)


# -- both versions -------------------------------------------------------------------------------------------------


async def test_older_version() -> None:
    """The client pings at once and every 15 s; nothing is waited for, and nothing is answered."""
    fake, clock = link(OLDER), FakeClock()
    fake.clock = clock
    assert greet(fake) is None
    assert [answer(decode(frame), fake) for frame in OLDER["messages"]] == [None] * 3
    task = asyncio.create_task(heartbeat(fake))
    await clock.advance(OLDER["heartbeat"]["every_s"] * 2 + 0.1)
    assert fake.sent == [OLDER["heartbeat"]["send"]] * 3
    fake.closed = True
    await clock.advance(60)
    assert task.done()
    assert fake.sent == OLDER["sent"] * 3


async def test_newer_version() -> None:
    """The namespace is asked for, rooms wait for its answer, each ping gets a pong; no ping is sent."""
    fake = link(NEWER)
    greeting: Any = greet(fake)
    await asyncio.wait_for(heartbeat(fake), 1)
    steps = iter(NEWER["exchange"])
    for step in steps:
        if "recv" in step:
            reply = answer(decode(step["recv"]), fake)
            if step["recv"].startswith("40"):
                assert reply is None
                assert greeting.done()
                await greeting
            else:
                assert {"send": reply} == next(steps)
                assert greeting.done() is (step["recv"] == "2")
        else:
            assert step["send"].startswith("42")  # the user's
    assert fake.sent == []


async def test_what_needs_no_answer() -> None:
    """Events, pongs and whatever is not from Socket.IO at all are not answered."""
    fake = link(NEWER)
    assert [answer(message, fake) for message in (decode(TICKER), ["pong", None], ["x"], [], None, 1)] == [None] * 6
    assert answer(["connect", {}], fake) is None  # nobody waits any more
    waiting: Any = greet(fake)
    waiting.cancel()
    assert answer(["connect", {}], fake) is None


@pytest.mark.parametrize("eio", ["3", "4"])
@pytest.mark.parametrize("auth", [topgun.Auth, None], ids=["default", "auth=None"])
async def test_on_the_wire(eio: str, auth: Any) -> None:
    """Rooms are joined in either version, handlers get every text frame, the documented frames are sent."""
    case = OLDER if eio == "3" else NEWER
    async with FakeExchange("bitbank") as fake, topgun.Client(fake.apis) as client:
        texts: list[str] = []
        events: list[Any] = []
        app = await client.ws_connect(
            case["url"],
            send_str='42["join-room","ticker_btc_jpy"]',
            hdlr_str=lambda text, ws: texts.append(text),
            hdlr_json=lambda event, ws: events.append(event),
            auth=auth,
        )
        await app.ready()
        await fake.until(lambda: len(texts) >= (4 if eio == "3" else 3))
        join = '42["join-room","ticker_btc_jpy"]'
        assert sorted(fake.frames_received) == sorted([join, "2"] if eio == "3" else ["40", join])
        assert [text[:2] for text in texts if text != "3"] == ["0{", "40", "42"]
        assert events == [decode(text) for text in texts]
        assert fake.requests[-1].status == 101


async def test_rooms_wait_for_the_namespace(caplog: pytest.LogCaptureFixture) -> None:
    """A server that does not open the namespace gets no room to join; the connection is made anew."""
    async with FakeExchange("bitbank") as fake, topgun.Client(fake.apis) as client:
        venue: Any = fake._venues[0]
        venue.stream.hear = lambda link, frame: None
        app = await client.ws_connect(NEWER["url"], send_str='42["join-room","ticker_btc_jpy"]', login_timeout=0.05)
        with pytest.raises(LoginTimeout):
            await app.ready()
        assert set(fake.frames_received) == {"40"}
    assert "login not answered" in caplog.text


async def test_pings_of_the_server_are_answered() -> None:
    """With version 4 the server cuts off who does not answer; this client stays."""
    clock = FakeClock()
    async with FakeExchange("bitbank", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        app = await client.ws_connect(NEWER["url"], send_str='42["join-room","ticker_btc_jpy"]', heartbeat=None)
        await app.ready()
        for number in range(1, 4):
            await clock.advance(26)
            fake.tick()
            await fake.until(lambda number=number: fake.frames_received.count("3") == number)
        assert len(fake.links()) == len(fake.connections) == 1


def test_record() -> None:
    """The stream has neither login nor limit nor signature."""
    host = EXCHANGE.hosts["stream.bitbank.cc"]
    assert (host.greet, host.decode, host.answer, host.heartbeat) == (greet, decode, answer, heartbeat)
    assert (host.login, host.limit, host.sign_message, host.forget, host.sign) == (None,) * 5
