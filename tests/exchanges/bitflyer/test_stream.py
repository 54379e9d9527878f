"""Login to the bitFlyer stream, and what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.bitflyer import EXCHANGE
from topgun.exchanges.bitflyer.stream import forget, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "login.json")
DIALOGUES = {case["name"]: case for case in load(HERE / "frames" / "login.json")}
NONCE = "0123456789abcdef0123456789abcdef"
SECRET = "SECbitflyer000001"


def link(clock: float = 1_721_121_776.490, credential: Credential | None = None) -> FakeLink:
    key = credential or Credential("KEYbitflyer000001", SECRET.encode())
    return FakeLink("wss://ws.lightstream.bitflyer.com/json-rpc", key, FakeClock(clock, nonces=(NONCE,)))


async def begin(fake: FakeLink) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))  # type: ignore[arg-type]  # a stand-in
    for _ in range(3):
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_login_message(vector: dict[str, Any]) -> None:
    """The login carries key, time in ms as a number, nonce and the signature of both."""
    fake = link(vector["clock"])
    task = await begin(fake)
    assert fake.sent == [
        {
            "method": "auth",
            "params": {
                "api_key": vector["key"],
                "timestamp": vector["timestamp"],
                "nonce": vector["nonce"],
                "signature": vector["signature"],
            },
            "id": "auth",
        }
    ]
    assert fake.feed({"jsonrpc": "2.0", "id": "auth", "result": True})
    await task


async def test_login_accepted() -> None:
    """The login of the sample set ends at its ack."""
    case = DIALOGUES["login ok"]
    fake = link()
    task = await begin(fake)
    assert fake.sent == case["sent"]
    assert [fake.feed(message) for message in case["messages"]] == [True]
    await task


async def test_login_refused() -> None:
    """A refusal raises LoginRefused with bitFlyer's error and without anything secret."""
    case = DIALOGUES["login refused"]
    fake = link()
    task = await begin(fake)
    assert fake.feed(case["messages"][0])
    with pytest.raises(LoginRefused, match="Invalid signature") as caught:
        await task
    assert caught.value.reply == case["messages"][0]["error"]
    for secret in (SECRET, VECTORS[0]["signature"], NONCE):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("answer", [{"id": "auth"}, {"id": "auth", "result": False}, {"id": "auth", "result": 1}])
async def test_login_answer_other_than_true(answer: dict[str, Any]) -> None:
    """Only ``"result": true`` is a yes."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused):
        await task


async def test_other_traffic_before_the_ack_is_not_claimed() -> None:
    """Frames that arrive before the ack are left to the handlers, whatever they are."""
    case = DIALOGUES["other traffic before the ack is skipped"]
    fake = link()
    task = await begin(fake)
    for message in (*case["messages"][:-1], [1], "text", None, {"id": 1, "result": True}):
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed(case["messages"][-1])
    await task


async def test_login_silent() -> None:
    """An unanswered login goes on waiting without sending again: the caller times it and makes a new connection."""
    fake = link()
    task = await begin(fake)
    assert isinstance(fake.clock, FakeClock)
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_login_needs_a_credential() -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = FakeLink("wss://ws.lightstream.bitflyer.com/json-rpc")
    await login(fake)  # type: ignore[arg-type]  # a stand-in
    assert fake.sent == []


async def test_login_nonces_differ() -> None:
    """Each login draws a nonce of its own, 32 hex characters long."""
    clock = FakeClock()
    nonces = []
    for _ in range(2):
        fake = FakeLink("wss://ws.lightstream.bitflyer.com/json-rpc", Credential("KEY", b"SEC"), clock)
        task = await begin(fake)
        nonces.append(fake.sent[0]["params"]["nonce"])
        task.cancel()
    assert nonces[0] != nonces[1]
    assert {len(nonce) for nonce in nonces} == {32}


def request(method: str, channel: str) -> dict[str, Any]:
    return {"method": method, "params": {"channel": channel}, "id": 7}


def test_forget_the_same_channel() -> None:
    """An unsubscribe of the same channel cancels the remembered subscription."""
    assert forget(request("subscribe", "a"), {"method": "unsubscribe", "params": {"channel": "a"}}) is None


@pytest.mark.parametrize(
    "unsubscription",
    [
        request("unsubscribe", "b"),
        request("subscribe", "a"),
        [],
        {"method": "unsubscribe"},
        {"method": "unsubscribe", "params": None},
        "unsubscribe",
        None,
    ],
    ids=repr,
)
def test_forget_nothing(unsubscription: Any) -> None:
    """Anything but an unsubscribe of that channel leaves the subscription as it is: the same object."""
    subscription = request("subscribe", "a")
    assert forget(subscription, unsubscription) is subscription


@pytest.mark.parametrize("message", ["text", {"method": "auth"}, {"method": "getInfo", "params": {"channel": "a"}}])
def test_forget_keeps_what_is_no_subscription(message: Any) -> None:
    """A remembered message that subscribes to nothing stays."""
    assert forget(message, request("unsubscribe", "a")) is message


def test_forget_in_batches() -> None:
    """Batches are reduced request by request; an emptied batch is forgotten."""
    batch = [request("subscribe", "a"), request("subscribe", "b")]
    assert forget(batch, request("unsubscribe", "a")) == [request("subscribe", "b")]
    assert forget(batch, [request("unsubscribe", "b"), request("unsubscribe", "a")]) is None
    assert forget(batch, request("unsubscribe", "c")) is batch
    assert forget(request("subscribe", "a"), [request("unsubscribe", "a")]) is None
    assert batch == [request("subscribe", "a"), request("subscribe", "b")]


def test_record() -> None:
    """The stream logs in and forgets; it has no heartbeat of its own, no send limit and signs no message."""
    stream = EXCHANGE.hosts["ws.lightstream.bitflyer.com"]
    assert (stream.login, stream.forget) == (login, forget)
    assert (stream.heartbeat, stream.limit, stream.sign_message, stream.encode) == (None, None, None, None)
