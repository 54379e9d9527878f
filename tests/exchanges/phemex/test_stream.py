"""What a Phemex socket sends by itself: login, heartbeat; how fast it may send, and what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.phemex import EXCHANGE
from topgun.exchanges.phemex.stream import forget, heartbeat, limit, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "login.json")
KEY = Credential("key", b"the-secret")
STREAMS = [
    "wss://ws.phemex.com",
    "wss://vapi.phemex.com/ws",
    "wss://phemex.com/ws",
    "wss://testnet-api.phemex.com/ws",
    "wss://testnet.phemex.com/ws",
]
[ACK] = load(HERE / "frames" / "login_ack.json")[0]["messages"]
[NACK] = load(HERE / "frames" / "login_nack.json")[0]["messages"]


def link(url: str = STREAMS[0], credential: Credential | None = KEY, clock: float = 1_700_000_000.9) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["api"][0])
@pytest.mark.parametrize("url", STREAMS)
async def test_login(vector: dict[str, Any], url: str) -> None:
    """The login carries key, signature and expiry in s, on every host; success lets it pass."""
    key, secret = vector["api"]
    fake = link(url, Credential(key, secret.encode()), vector["clock"])
    task = await begin(fake)
    params = ["API", key, vector["sign"], vector["expiry"]]
    assert fake.texts == [json.dumps({"method": "user.auth", "params": params, "id": 123})]
    assert fake.feed(ACK)
    await task


@pytest.mark.parametrize("answer", [NACK, {"error": {"code": 6001, "message": "invalid argument"}, "id": 123}])
async def test_login_refused(answer: dict[str, Any]) -> None:
    """An error is a refusal that holds Phemex's answer, and nothing of the secret."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == answer
    for secret in ("the-secret", fake.sent[0]["params"][2]):
        assert secret not in str(caught.value)


async def test_nothing_else_is_taken_for_the_answer() -> None:
    """A pong, an ack of a subscription, even with the same id, and channels are left to the handlers; silence waits."""
    fake = link()
    task = await begin(fake)
    others: list[Any] = [
        {"error": None, "id": 123, "result": "pong"},
        {"error": None, "id": 1_000_000_123, "result": "pong"},
        {"error": None, "id": 1, "result": {"status": "success"}},
        {"error": {"code": 6001, "message": "invalid argument"}, "id": None, "result": None},
        {"error": None, "id": 123, "result": None},
        {"tick": {"symbol": ".BTC"}},
        None,
        [1],
    ]
    for message in others:
        assert not fake.feed(message), message
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    assert fake.feed(ACK)
    await task


async def test_login_needs_a_credential() -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


# -- heartbeat and limit -------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """A ping goes out at once and every 10 s, with an id that is not that of the login, until the socket is closed."""
    fake = link()
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    [ping] = [json.loads(text) for text in fake.texts]
    assert (ping["method"], ping["params"]) == ("server.ping", [])
    login_task = await begin(fake)
    assert ping["id"] != fake.sent[1]["id"]
    assert not fake.feed({"error": None, "id": ping["id"], "result": "pong"})
    login_task.cancel()
    await fake.clock.advance(9.9)
    assert len(fake.texts) == 2
    await fake.clock.advance(0.1)
    assert fake.texts[2] == fake.texts[0]
    fake.closed = True
    await fake.clock.advance(10)
    assert task.done()
    assert len(fake.texts) == 3


async def test_heartbeat_of_a_closed_socket() -> None:
    """A socket that is closed already gets no ping."""
    fake = link()
    fake.closed = True
    await heartbeat(fake)
    assert fake.texts == []


async def test_limit_of_a_connection() -> None:
    """18 messages leave in a second; another connection has its own 18."""
    fake, other = link(), link()
    times: list[float] = []

    async def send() -> None:
        times.append(fake.clock.monotonic())

    begun = fake.clock.monotonic()
    sending = [asyncio.create_task(limit(fake, send)) for _ in range(20)]
    for _ in range(40):
        await asyncio.sleep(0)
    assert len(times) == 18
    await limit(other, send)
    await fake.clock.advance(1.0)
    await asyncio.gather(*sending)
    assert [time - begun for time in times[18:]] == pytest.approx([0.0, 1.0, 1.0])


# -- forget --------------------------------------------------------------------------------------------------------


def ask(method: str, *params: Any) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": list(params)}


BOOK = ask("orderbook_p.subscribe", "BTCUSDT", True)


@pytest.mark.parametrize(
    ("subscription", "unsubscription", "left"),
    [
        (BOOK, ask("orderbook_p.unsubscribe"), False),
        (BOOK, {"method": "orderbook_p.unsubscribe"}, False),
        (BOOK, ask("orderbook_p.unsubscribe", "BTCUSDT"), False),
        (BOOK, ask("orderbook_p.unsubscribe", "ETHUSDT"), True),
        (BOOK, ask("orderbook.unsubscribe"), True),
        (BOOK, ask("orderbook_p.subscribe"), True),
        (ask("aop_p.subscribe"), ask("aop_p.unsubscribe"), False),
        ({"method": "aop_p.subscribe"}, ask("aop_p.unsubscribe"), False),
        (ask("server.ping"), ask("server.unsubscribe"), True),
        ("text", ask("orderbook_p.unsubscribe"), True),
        (BOOK, None, True),
    ],
    ids=repr,
)
def test_forget(subscription: Any, unsubscription: Any, left: bool) -> None:
    """An unsubscribe cancels its own channel: all symbols, or the one it names. Anything else stays the same object."""
    result = forget(subscription, unsubscription)
    assert result is (subscription if left else None)


def test_record() -> None:
    """Every host of sockets has the same four parts, ``ws.phemex.com`` its heartbeat too."""
    for name in ("ws.phemex.com", "vapi.phemex.com", "phemex.com", "testnet-api.phemex.com", "testnet.phemex.com"):
        host = EXCHANGE.hosts[name]
        assert (host.login, host.heartbeat, host.limit, host.forget) == (login, heartbeat, limit, forget)
        assert host.step_ns == 0
