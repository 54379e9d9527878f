"""What an OKX socket does by itself: login, heartbeat, leaving before an upgrade, what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.okx import EXCHANGE
from topgun.exchanges.okx.stream import answer, forget, heartbeat, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "ws.json")
CONTROL = load(HERE / "frames" / "control.json")
PRIVATE = "wss://ws.okx.com:8443/ws/v5/private"
KEY = Credential("okxkey", b"okxsecret", "okxpass")


def link(url: str = PRIVATE, credential: Credential | None = KEY, clock: float = 1_700_000_000.123) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


def control(kind: str) -> Any:
    [case] = [case for case in CONTROL if case["kind"] == kind]
    return case


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A connection sends its ping, then the login of the vector, with the key of its host."""
    host = EXCHANGE.hosts[URL(vector["url"]).host or ""]
    assert isinstance(host.api, str)
    key, secret, passphrase = vector["apis"][host.api]
    fake = link(vector["url"], Credential(key, secret.encode(), passphrase), vector["clock"])
    beating = asyncio.create_task(heartbeat(fake))
    await asyncio.sleep(0)
    task = await begin(fake)
    assert fake.sent == ["ping", vector["sent"]]
    assert fake.feed(control("login_ack")["messages"][0])
    await task
    beating.cancel()


@pytest.mark.parametrize("path", ["public", "private", "business", "private?brokerId=9999"])
async def test_every_path_logs_in(path: str) -> None:
    """Some public channels want a login too, so there is one whatever the path."""
    fake = link(f"wss://ws.okx.com:8443/ws/v5/{path}")
    task = await begin(fake)
    assert [message["op"] for message in fake.sent] == ["login"]
    task.cancel()


async def test_login_needs_a_credential() -> None:
    """Without a credential, or with ``auth=None``, nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


@pytest.mark.parametrize(
    "refusal",
    [
        control("login_nack")["messages"][0],
        {"event": "error", "code": "60007", "msg": "Invalid sign"},
        {"event": "error", "code": "60032", "msg": "API key doesn't exist"},
    ],
    ids=lambda refusal: refusal["code"],
)
async def test_login_refused(refusal: dict[str, Any]) -> None:
    """An error is a refusal that holds OKX's answer, and nothing of secret, passphrase or signature."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(refusal)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == refusal
    for secret in ("okxsecret", "okxpass", fake.sent[0]["args"][0]["sign"]):
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
    """Frames that arrive before the ack are left to the handlers, whatever they are."""
    fake = link()
    task = await begin(fake)
    data = {"arg": {"channel": "tickers"}, "data": []}
    for message in ({"event": "channel-conn-count"}, {"event": "notice"}, data, [1], "text", None):
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed({"event": "login", "code": "0", "msg": ""})
    await task


async def test_login_afresh_on_each_connection() -> None:
    """A later connection logs in with a later time and another signature."""
    fake = link()
    for seconds in (0, 60):
        await fake.clock.advance(seconds)
        task = await begin(fake)
        assert fake.feed({"event": "login", "code": "0"})
        await task
    first, second = (message["args"][0] for message in fake.sent)
    assert int(second["timestamp"]) - int(first["timestamp"]) == 60
    assert first["sign"] != second["sign"]


# -- heartbeat -----------------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """A ping goes out at once and every 15 s; once the socket is closed it ends in the middle of its sleep."""
    case = control("heartbeat")
    fake = link()
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.texts == [case["send_text"]]
    await fake.clock.advance(case["interval_s"] - 0.1)
    assert len(fake.texts) == 1
    await fake.clock.advance(0.1)
    assert len(fake.texts) == 2
    await fake.clock.advance(150)
    assert fake.texts == ["ping"] * 12
    fake.closed = True
    assert not task.done()
    await fake.clock.advance(15)
    assert task.done()
    assert fake.texts == ["ping"] * 12


# -- leaving before an upgrade -------------------------------------------------------------------------------------


def test_leaves_before_an_upgrade() -> None:
    """Notice 64008 ends the connection, so that the app is back before OKX would have cut it."""
    fake = link()
    answer(control("notice")["messages"][0], fake)
    [reason] = fake.dropped
    assert "64008" in reason
    assert "upgrade" in reason
    assert fake.sent == []


@pytest.mark.parametrize(
    "message",
    [
        {"event": "notice", "code": "64009", "msg": "x"},
        {"event": "notice"},
        {"event": "error", "code": "64008"},
        {"code": "64008"},
        {"arg": {"channel": "trades"}, "data": []},
        ["notice", "64008"],
        "64008",
        None,
    ],
    ids=repr,
)
def test_stays_otherwise(message: Any) -> None:
    """Nothing else ends a connection."""
    fake = link()
    answer(message, fake)
    assert fake.dropped == fake.sent == []


# -- forget --------------------------------------------------------------------------------------------------------


def channel(name: str, inst: str = "BTC-USDT") -> dict[str, str]:
    return {"channel": name, "instId": inst}


def subscribe(*channels: Any, op: str = "subscribe") -> dict[str, Any]:
    return {"id": "1", "op": op, "args": list(channels)}


def test_forget() -> None:
    """What was unsubscribed is taken out of the remembered message; an emptied message is forgotten."""
    message = subscribe(channel("books"), channel("trades"), channel("books", "ETH-USDT"))
    gone = subscribe(channel("books"), channel("tickers"), op="unsubscribe")
    assert forget(message, gone) == subscribe(channel("trades"), channel("books", "ETH-USDT"))
    assert forget(subscribe(channel("books")), gone) is None
    assert len(message["args"]) == 3


@pytest.mark.parametrize(
    "unsubscription",
    [
        subscribe(channel("books", "ETH-USDT"), op="unsubscribe"),
        subscribe(op="unsubscribe"),
        subscribe(channel("books")),
        {"op": "unsubscribe"},
        {"op": "unsubscribe", "args": "books"},
        "unsubscribe",
        None,
    ],
    ids=repr,
)
def test_forget_nothing(unsubscription: Any) -> None:
    """Anything but an unsubscribe of one of its channels leaves the subscription as it is: the same object."""
    subscription = subscribe(channel("books"))
    assert forget(subscription, unsubscription) is subscription


def test_forget_keeps_what_is_no_subscription() -> None:
    """A remembered message that subscribes to nothing of it stays."""
    for message in ("text", {"op": "login", "args": []}, subscribe(), {"op": "subscribe"}):
        assert forget(message, subscribe(channel("books"), op="unsubscribe")) is message


# -- record --------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """Every stream has the same parts and the key of its environment; none has a send limit or signs messages."""
    streams = {name: host for name, host in EXCHANGE.hosts.items() if host.sign is None}
    assert {name: host.api for name, host in streams.items()} == {
        "ws.okx.com": "okx",
        "wsaws.okx.com": "okx",
        "wseea.okx.com": "okx",
        "wsus.okx.com": "okx",
        "wspap.okx.com": "okx_demo",
        "wseeapap.okx.com": "okx_demo",
        "wsuspap.okx.com": "okx_demo",
    }
    for host in streams.values():
        assert (host.login, host.heartbeat, host.answer, host.forget) == (login, heartbeat, answer, forget)
        assert (host.limit, host.sign_message, host.encode, host.step_ns) == (None, None, None, 0)
