"""What a Bitget socket sends by itself: login, heartbeat; how fast it may send (limit), and forget."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchange import Host
from topgun.exchanges.bitget import EXCHANGE
from topgun.exchanges.bitget.stream import forget, heartbeat, limit, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "login.json")
CONTROL = {case["name"]: case for case in load(HERE / "frames" / "control.json")}
PRIVATE = "wss://ws.bitget.com/v2/ws/private"
KEY = Credential("bgkey", b"bgsecret", "bgpass")
ACK = {"event": "login", "code": 0}


def link(url: str = PRIVATE, credential: Credential | None = KEY, clock: float = 1_700_000_000.123) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["timestamp"])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("v2/ws/private", "api_key"),
        ("mix/v1/stream", "api_key"),
        ("spot/v1/stream", "api_key"),
        ("v3/ws/private", "apiKey"),
    ],
)
async def test_login_message(vector: dict[str, Any], path: str, name: str) -> None:
    """The login carries key, passphrase, seconds and signature; V3 spells the key otherwise."""
    key, secret, passphrase = vector["api"]
    fake = link(f"wss://ws.bitget.com/{path}", Credential(key, secret.encode(), passphrase), vector["clock"])
    task = await begin(fake)
    values = {name: key, "passphrase": passphrase, "timestamp": vector["timestamp"], "sign": vector["sign"]}
    assert fake.texts == [json.dumps({"op": "login", "args": [values]})]
    assert fake.feed(ACK)
    await task


@pytest.mark.parametrize(("clock", "seconds"), [(1.4, "1"), (1.6, "2"), (2.5, "2"), (3.5, "4")])
async def test_login_time_is_rounded(clock: float, seconds: str) -> None:
    """The time is that of the nearest whole second."""
    fake = link(clock=clock)
    task = await begin(fake)
    assert fake.sent[0]["args"][0]["timestamp"] == seconds
    task.cancel()


@pytest.mark.parametrize(
    "answer", [*CONTROL["login ack"]["messages"], {"event": "login", "code": "0"}, {"event": "login"}]
)
async def test_login_accepted(answer: dict[str, Any]) -> None:
    """Yes is the event ``login`` with the code 0, as number or text."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    await task


NO = [*CONTROL["login nack"]["messages"], *CONTROL["invalid sign"]["messages"], {"event": "login", "code": 30005}]


@pytest.mark.parametrize("answer", NO, ids=repr)
async def test_login_refused(answer: dict[str, Any]) -> None:
    """Anything else is a refusal that holds Bitget's answer, and nothing of the secrets."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == answer
    for secret in ("bgsecret", "bgpass", fake.sent[0]["args"][0]["sign"]):
        assert secret not in str(caught.value)


async def test_login_silent() -> None:
    """An unanswered login goes on waiting without sending again: the caller times it and makes a new connection."""
    fake = link()
    task = await begin(fake)
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    task.cancel()


async def test_other_traffic_before_the_ack_is_not_claimed() -> None:
    """Frames that arrive before the ack are left to the handlers, refused subscriptions too."""
    fake = link()
    task = await begin(fake)
    others: list[Any] = [
        *CONTROL["subscribe ack"]["messages"],
        *CONTROL["subscribe error"]["messages"],
        {"action": "snapshot", "arg": {}, "data": []},
        "pong",
        None,
        [1],
    ]
    for message in others:
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed(ACK)
    await task


@pytest.mark.parametrize(
    ("path", "logs_in"),
    [
        ("v2/ws/private", True),
        ("v3/ws/private", True),
        ("mix/v1/stream", True),
        ("spot/v1/stream", True),
        ("v2/ws/publicity", True),
        ("v2/ws/public", False),
        ("v3/ws/public", False),
    ],
)
async def test_login_by_path(path: str, logs_in: bool) -> None:
    """There is a login unless a segment of the path is ``public``."""
    for host in ("ws", "wspap"):
        fake = link(f"wss://{host}.bitget.com/{path}")
        task = await begin(fake)
        assert len(fake.sent) == logs_in
        assert task.done() != logs_in
        task.cancel()


async def test_login_needs_a_credential() -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


# -- heartbeat -----------------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """A ``ping`` goes out at once and every 25 s; once the socket is closed it ends in the middle of its sleep."""
    ping, seconds = CONTROL["heartbeat"]["send_text"], CONTROL["heartbeat"]["interval_s"]
    fake = link()
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.texts == [ping]
    await fake.clock.advance(seconds - 0.1)
    assert fake.texts == [ping]
    await fake.clock.advance(0.1)
    assert fake.texts == [ping] * 2
    fake.closed = True
    assert not task.done()
    await fake.clock.advance(seconds)
    assert task.done()
    assert fake.texts == [ping] * 2


async def test_heartbeat_of_a_closed_socket() -> None:
    """A socket that is closed already gets no ping."""
    fake = link()
    fake.closed = True
    await heartbeat(fake)
    assert fake.texts == []


# -- limit ---------------------------------------------------------------------------------------------------------


async def test_limit_of_a_connection() -> None:
    """In no second more than ten messages leave, ping and login included; another connection has its own ten."""
    fake, other = link(), link()
    other.clock = fake.clock
    times: list[float] = []

    async def send() -> None:
        times.append(fake.clock.monotonic())

    beating, task = asyncio.create_task(heartbeat(fake)), await begin(fake)
    assert len(fake.texts) == 2
    times += [fake.clock.monotonic()] * 2  # they went past the limit
    sending = [asyncio.create_task(limit(fake, send)) for _ in range(40)]
    for _ in range(60):
        await asyncio.sleep(0)
        await fake.clock.advance(0.1)
    assert all(each.done() for each in sending)
    assert len(times) == 42
    assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[10:], strict=False))
    assert times[-1] - times[0] < 6.0
    before = fake.clock.monotonic()
    await limit(other, send)
    assert times[-1] == before
    beating.cancel()
    task.cancel()
    assert EXCHANGE.hosts["ws.bitget.com"].limit is limit


# -- forget --------------------------------------------------------------------------------------------------------

BOOKS = {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"}
TRADES = {**BOOKS, "channel": "trade"}


def subscribe(*channels: dict[str, str]) -> dict[str, Any]:
    return {"op": "subscribe", "args": list(channels)}


def unsubscribe(*channels: dict[str, str]) -> dict[str, Any]:
    return {"op": "unsubscribe", "args": list(channels)}


def test_forget() -> None:
    """What was unsubscribed is taken out of the remembered message; an emptied message is forgotten."""
    message = subscribe(BOOKS, TRADES)
    assert forget(message, unsubscribe({**BOOKS}, {**BOOKS, "instId": "ETHUSDT"})) == subscribe(TRADES)
    assert forget(message, unsubscribe(TRADES, BOOKS)) is None
    assert message == subscribe(BOOKS, TRADES)


@pytest.mark.parametrize(
    "unsubscription",
    [
        unsubscribe({**BOOKS, "instType": "USDT-FUTURES"}),
        unsubscribe(),
        subscribe(BOOKS),
        {"op": "unsubscribe"},
        "x",
        None,
    ],
    ids=repr,
)
def test_forget_nothing(unsubscription: Any) -> None:
    """Anything but an unsubscribe of one of its channels leaves the subscription as it is: the same object."""
    subscription = subscribe(BOOKS)
    assert forget(subscription, unsubscription) is subscription


@pytest.mark.parametrize("message", ["text", CONTROL["order over WebSocket V2"]["send"], unsubscribe(BOOKS)], ids=repr)
def test_forget_keeps_what_is_no_subscription(message: Any) -> None:
    """A remembered message that subscribes to nothing of it stays."""
    assert forget(message, unsubscribe(BOOKS)) is message


# -- record --------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """Both streams have the same four parts, each the key of its environment."""
    parts: dict[str, Any] = {"login": login, "heartbeat": heartbeat, "limit": limit, "forget": forget}
    assert EXCHANGE.hosts["ws.bitget.com"] == Host(api="bitget", **parts)
    assert EXCHANGE.hosts["wspap.bitget.com"] == Host(api="bitget_demo", **parts)
