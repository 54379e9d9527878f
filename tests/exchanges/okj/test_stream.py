"""What an OKJ socket sends by itself: login, heartbeat; how V3 frames are read; what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.okj import EXCHANGE
from topgun.exchanges.okj.stream import decode, forget, heartbeat, login_v3, login_v5
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "login.json")
V3, V5 = "wss://connect.okcoin.jp:443/ws/v3", "wss://ws.okj.com:443/ws/v5/private"
KEY = Credential("okj-key", b"okj-secret", "okj-pass")
YES_V3, YES_V5 = ({"event": "login", "success": True}, {"event": "login", "code": "0", "msg": "", "connId": "a4d3ae55"})
COMPRESSED = [(path.stem, case) for path in sorted(HERE.glob("frames/v3_*.json")) for case in load(path)]


def link(url: str = V5, credential: Credential | None = KEY, clock: float = 1_705_307_400.123) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start the login of the link's host and let it ask its question."""
    login = EXCHANGE.hosts[fake.url.host].login
    assert login is not None
    task = asyncio.create_task(login(fake))  # type: ignore[arg-type]  # logins are coroutine functions
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['url'][6:]} {vector['clock']}")
async def test_login_message(vector: dict[str, Any]) -> None:
    """The login of each generation is the vector, byte for byte."""
    fake = link(vector["url"], clock=vector["clock"])
    task = await begin(fake)
    assert fake.texts == [vector["sent"]]
    task.cancel()


@pytest.mark.parametrize(("url", "answer"), [(V3, YES_V3), (V5, YES_V5)])
async def test_login_accepted(url: str, answer: dict[str, Any]) -> None:
    """The answers of the sample set end the login."""
    sample = load(HERE / "frames" / f"{'v3' if url == V3 else 'v5'}_login.json")
    assert sample == [{**sample[0], "url": url, "messages": [answer]}]
    fake = link(url)
    task = await begin(fake)
    assert fake.feed(answer)
    await task


NO = [
    *[(V3, message) for message in load(HERE / "frames" / "v3_login_nack.json")[0]["messages"]],
    *[(V5, message) for message in load(HERE / "frames" / "v5_login_nack.json")[0]["messages"]],
    (V3, {"event": "login", "success": False}),
    (V3, {"event": "login"}),
    (V5, {"event": "login", "code": "60009"}),
    (V5, {"event": "login", "code": 0}),
    (V5, {"event": "error", "code": "0"}),
]


@pytest.mark.parametrize(("url", "answer"), NO, ids=repr)
async def test_login_refused(url: str, answer: dict[str, Any]) -> None:
    """Anything else is a refusal that holds OKJ's answer, and nothing of the secrets or the signature."""
    fake = link(url)
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == answer
    signed = json.dumps(fake.sent[0]["args"])
    for secret in ("okj-secret", "okj-pass", signed[-50:-5]):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("url", [V3, V5])
async def test_login_silent(url: str) -> None:
    """An unanswered login goes on waiting without sending again: the caller times it and makes a new connection."""
    fake = link(url)
    task = await begin(fake)
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    task.cancel()


async def test_other_traffic_before_the_ack_is_not_claimed() -> None:
    """Frames that arrive before the ack are left to the handlers, whatever they are."""
    fake = link()
    task = await begin(fake)
    for message in ({"event": "subscribe"}, {"arg": {}, "data": []}, [1], "pong", None, {}):
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed(YES_V5)
    await task


@pytest.mark.parametrize("login", [login_v3, login_v5])
async def test_login_needs_a_credential(login: Any) -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


@pytest.mark.parametrize("path", ["public", "private", "business"])
async def test_every_v5_path_is_logged_in(path: str) -> None:
    """The public one too: some of its channels want it."""
    fake = link(f"wss://ws.okj.com:443/ws/v5/{path}")
    task = await begin(fake)
    assert [message["op"] for message in fake.sent] == ["login"]
    task.cancel()


# -- heartbeat -----------------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """A ping goes out at once and every 15 s; once the socket is closed it ends in the middle of its sleep."""
    fake = link()
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.texts == ["ping"]
    await fake.clock.advance(14.9)
    assert fake.texts == ["ping"]
    await fake.clock.advance(0.1)
    assert fake.texts == ["ping"] * 2
    fake.closed = True
    assert not task.done()
    await fake.clock.advance(15)
    assert task.done()
    assert fake.texts == ["ping"] * 2
    assert set(fake.clock.sleeps) == {15.0}


async def test_heartbeat_of_a_closed_socket() -> None:
    """A socket that is closed already gets no ping."""
    fake = link()
    fake.closed = True
    await heartbeat(fake)
    assert fake.texts == []


# -- decode --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "case"), COMPRESSED, ids=[name for name, _ in COMPRESSED])
def test_decode(name: str, case: dict[str, Any]) -> None:
    """The bytes on the wire of each V3 sample are its message; ``pong`` is no JSON and comes out as it is."""
    frames = [base64.b64decode(text) for text in case["frames_raw_deflate_base64"]]
    assert len(frames) == len(case["messages"]) > 0
    for frame, message in zip(frames, case["messages"], strict=True):
        plain = decode(frame)
        assert plain == b"pong" if message == "pong" else json.loads(plain) == message


def test_decode_of_a_text() -> None:
    """A text frame is left alone."""
    assert decode('{"event":"login"}') == '{"event":"login"}'


@pytest.mark.parametrize("frame", [b"", b"\xff\xff", b'{"event":"login"}', zlib.compress(b"{}")])
def test_decode_of_junk(frame: bytes) -> None:
    """What is not raw deflate is an error, and so is a frame that has lost its end."""
    whole = base64.b64decode(COMPRESSED[0][1]["frames_raw_deflate_base64"][0])
    for broken in (frame, whole[:-3]):
        with pytest.raises(zlib.error):
            decode(broken)


# -- forget --------------------------------------------------------------------------------------------------------

BOOKS, TRADES = ({"channel": channel, "instId": "BTC-JPY"} for channel in ("books", "trades"))


def subscribe(*channels: Any) -> dict[str, Any]:
    return {"op": "subscribe", "args": list(channels), "id": "7"}


def unsubscribe(*channels: Any) -> dict[str, Any]:
    return {"op": "unsubscribe", "args": list(channels)}


@pytest.mark.parametrize("channels", [(BOOKS, TRADES), ("spot/depth:BTC-JPY", "spot/trade:BTC-JPY")], ids=repr)
def test_forget(channels: Any) -> None:
    """What was unsubscribed is taken out of the remembered message; an emptied message is forgotten."""
    first, second = channels
    message = subscribe(first, second)
    assert forget(message, unsubscribe(second, "spot/other:X")) == subscribe(first)
    assert forget(message, unsubscribe(second, first)) is None
    assert message == subscribe(first, second)


@pytest.mark.parametrize(
    "unsubscription",
    [
        unsubscribe({"channel": "books", "instId": "ETH-JPY"}),
        unsubscribe(),
        subscribe(BOOKS),
        {"op": "unsubscribe"},
        {"op": "unsubscribe", "args": "books"},
        "unsubscribe",
        None,
    ],
    ids=repr,
)
def test_forget_nothing(unsubscription: Any) -> None:
    """Anything but an unsubscribe of one of its channels leaves the subscription as it is: the same object."""
    subscription = subscribe(BOOKS)
    assert forget(subscription, unsubscription) is subscription
    assert forget("text", unsubscribe(BOOKS)) == "text"


# -- record --------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """V3 frames are decoded, V5 frames are texts; each generation has its login; nothing limits what is sent."""
    for name in ("connect.okj.com", "connect.okcoin.jp", "ws.okj.com"):
        host, three = EXCHANGE.hosts[name], name.startswith("connect")
        assert (host.login, host.decode) == ((login_v3, decode) if three else (login_v5, None))
        assert (host.heartbeat, host.forget) == (heartbeat, forget)
        assert (host.sign, host.limit, host.sign_message, host.greet, host.answer) == (None,) * 5
    assert URL(V3).host in EXCHANGE.hosts
