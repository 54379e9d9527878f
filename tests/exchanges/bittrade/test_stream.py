"""What a BitTrade socket does by itself: login, heartbeat, pongs, gzip, the send limit, what an unsub cancels."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.bittrade.stream import answer, decode, forget, heartbeat, limit, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTOR = load(HERE / "vectors" / "ws.json")
FILES = sorted((HERE / "frames").glob("*.json"))
PACKED = [(path, case) for path in FILES for case in load(path) if "frames_gzip_base64" in case]
KEY = Credential(VECTOR["key"], VECTOR["secret"].encode())
HOST = "wss://api-cloud.bittrade.co.jp"
PUBLIC, PRIVATE, RETAIL = f"{HOST}/ws", f"{HOST}/ws/v2", f"{HOST}/retail/ws"
NOW = 1_567_361_776.0
[ACK] = load(HERE / "frames" / "private_login.json")[0]["messages"]
[NACK] = load(HERE / "frames" / "private_login_nack.json")[0]["messages"]


def link(url: str = PRIVATE, credential: Credential | None = KEY, clock: float = NOW) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- login ---------------------------------------------------------------------------------------------------------


async def test_login_message() -> None:
    """The login is that of the vector, byte for byte, and a later one is signed for its own second."""
    fake = link(VECTOR["url"], clock=datetime.fromisoformat(VECTOR["time"]).timestamp())
    for _ in range(2):
        task = await begin(fake)
        assert fake.feed(ACK)
        await task
        await fake.clock.advance(60)
    first, second = (message["params"] for message in fake.sent)
    assert fake.texts[0] == VECTOR["login"]
    assert second["timestamp"] == "2019-09-01T18:17:16"
    assert second["signature"] != first["signature"]


@pytest.mark.parametrize(
    "ack", [NACK, {**ACK, "code": 2001}, {**ACK, "code": "200"}, {"action": "req", "ch": "auth"}], ids=repr
)
async def test_login_refused(ack: dict[str, Any]) -> None:
    """Any other code than 200 is a refusal with BitTrade's answer, and nothing of the secret or the signature."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(ack)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == ack
    for secret in (VECTOR["secret"], fake.sent[0]["params"]["signature"]):
        assert secret not in str(caught.value)


async def test_login_silent() -> None:
    """An unanswered login goes on waiting without sending again; the caller times it. Other frames are not claimed."""
    fake = link()
    task = await begin(fake)
    for message in (
        {"action": "ping", "data": {"ts": 1}},
        {"action": "sub", "code": 200, "ch": "auth"},
        {"action": "req", "code": 200, "ch": "accounts.update"},
        {"ping": 1},
        [ACK],
        "auth",
        None,
    ):
        assert not fake.feed(message)
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    task.cancel()


@pytest.mark.parametrize("url", [PUBLIC, RETAIL, f"{HOST}/ws/v1", f"{HOST}/"])
async def test_login_only_on_the_private_socket(url: str) -> None:
    """With a key, a socket to another path sends no login and waits for none."""
    fake = link(url)
    await login(fake)
    assert fake.sent == []


async def test_login_needs_a_credential() -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


# -- heartbeat and pongs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "every"), [("/ws", 5.0), ("/retail/ws", 10.0)])
async def test_heartbeat(path: str, every: float) -> None:
    """The text of the vector goes out at once, then by the clock, until the socket closes in a sleep."""
    fake = link(f"{HOST}{path}")
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.texts == [VECTOR["texts"][path]]
    await fake.clock.advance(every - 0.1)
    assert len(fake.texts) == 1
    await fake.clock.advance(0.1)
    later = round(every * 1000) if path == "/ws" else round(every)
    values = [[value for value in message.values() if value > 100][-1] for message in map(json.loads, fake.texts)]
    assert values[1] - values[0] == later
    await fake.clock.advance(every * 10)
    assert len(fake.texts) == 12
    fake.closed = True
    await fake.clock.advance(every)
    assert task.done()
    assert len(fake.texts) == 12
    assert set(fake.clock.sleeps) == {every}


async def test_heartbeat_of_the_private_socket() -> None:
    """The account's socket is kept alive by its pongs alone."""
    fake = link()
    await heartbeat(fake)
    assert fake.texts == []


@pytest.mark.parametrize("each", VECTOR["answers"], ids=repr)
def test_answer(each: dict[str, Any]) -> None:
    """A ping gets the pong of its form, with the server's own value."""
    assert answer(each["message"], link()) == each["text"]


def test_answer_echoes_whatever_it_is() -> None:
    """The value is echoed as it is, not read; nothing else is answered."""
    assert answer({"ping": "x1", "more": 1}, link()) == '{"pong": "x1"}'
    for message in (
        {"pong": 1},
        {"action": "pong", "data": {"ts": 1}},
        {"action": "ping"},
        {"action": 4},
        [],
        "ping",
        1,
    ):
        assert answer(message, link()) is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_answer_in_the_sample_set(path: Path) -> None:
    """Of the messages of the sample set just the pings are answered."""
    for case in load(path):
        for message in case["messages"]:
            ping = message.get("ping") or (message.get("action") == "ping" and message["data"]["ts"])
            text = answer(copy.deepcopy(message), link())
            assert (text is not None) == bool(ping)
            assert not ping or str(ping) in str(text)


# -- gzip ----------------------------------------------------------------------------------------------------------


def test_there_are_packed_frames() -> None:
    """The sample set has frames as they come over the wire."""
    assert {path.stem for path, _ in PACKED} == {"public_control", "kline", "mbp"}


@pytest.mark.parametrize(("path", "case"), PACKED, ids=lambda value: getattr(value, "stem", ""))
def test_decode(path: Path, case: dict[str, Any]) -> None:
    """A packed frame of the sample set is its message."""
    frames = [base64.b64decode(text) for text in case["frames_gzip_base64"]]
    assert all(frame.startswith(b"\x1f\x8b") for frame in frames)
    assert [json.loads(decode(frame)) for frame in frames] == case["messages"]


@pytest.mark.parametrize("frame", ['{"action": "ping"}', b'{"ping": 1}', b"", "", "\x1f\x8b"], ids=repr)
def test_decode_leaves_alone(frame: Any) -> None:
    """What does not begin like gzip is left as it is."""
    assert decode(frame) is frame


PING = gzip.compress(b'{"ping": 1790134139501}', mtime=0)


@pytest.mark.parametrize(
    "frame", [PING[:-1], PING[:12], b"\x1f\x8b", PING[:-8] + b"\0" * 8], ids=["cut", "half", "head", "sum"]
)
def test_decode_damaged(frame: bytes) -> None:
    """A frame that is cut, or does not fit its checksum, is no message."""
    with pytest.raises(ValueError, match="not gzip"):
        decode(frame)


# -- the send limit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "times"), [(PUBLIC, 10), (PRIVATE, 50)])
async def test_limit(url: str, times: int) -> None:
    """So many messages go out at once, the next ones as soon as a second has passed; each socket has its own limit."""
    fake, other, sent = link(url), link(url), list[float]()

    async def send(to: Any) -> None:
        sent.append(to.clock.monotonic())

    async def burst() -> None:
        for _ in range(times * 2 + 1):
            await limit(fake, lambda: send(fake))

    start = fake.clock.monotonic()
    task = asyncio.create_task(burst())
    await fake.clock.asleep()
    assert len(sent) == times
    await limit(other, lambda: send(other))
    await fake.clock.advance(0.99)
    assert len(sent) == times + 1
    await fake.clock.advance(0.01)
    assert len(sent) == 2 * times + 1
    await fake.clock.advance(1.0)
    assert task.done()
    assert sent[-1] - start == pytest.approx(2.0)


async def test_limit_of_other_sockets() -> None:
    """The dealer's socket has none."""
    fake, sent = link(RETAIL), []

    async def send() -> None:
        sent.append(1)

    for _ in range(200):
        await limit(fake, send)
    assert (len(sent), fake.clock.sleeps) == (200, [])


# -- forget --------------------------------------------------------------------------------------------------------

TOPIC, CHANNEL = "market.btcjpy.mbp.150", "orders#btcjpy"


@pytest.mark.parametrize(
    ("subscription", "unsubscription"),
    [
        ({"sub": TOPIC, "id": "1"}, {"unsub": TOPIC, "id": "2"}),
        ({"req": TOPIC, "id": "1"}, {"unsub": TOPIC}),
        ({"action": "sub", "ch": CHANNEL}, {"action": "unsub", "ch": CHANNEL}),
    ],
)
def test_forget(subscription: Any, unsubscription: Any) -> None:
    """A subscription, and the request for the snapshot of its topic, is not remembered after its unsub."""
    assert forget(subscription, unsubscription) is None


@pytest.mark.parametrize(
    "subscription", [{"sub": TOPIC}, {"req": TOPIC}, {"action": "sub", "ch": CHANNEL}, TOPIC, None]
)
@pytest.mark.parametrize(
    "unsubscription",
    [
        {"unsub": "market.btcjpy.mbp.20"},
        {"unsub": None},
        {"action": "unsub", "ch": "orders#ethjpy"},
        {"action": "unsub"},
        {"sub": TOPIC},
        {"action": "sub", "ch": CHANNEL},
        "unsub",
        None,
    ],
)
def test_forget_nothing(subscription: Any, unsubscription: Any) -> None:
    """Anything else leaves the subscription as it is: the same object."""
    assert forget(subscription, unsubscription) is subscription
