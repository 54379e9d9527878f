"""Login to the private stream of Coincheck, and what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.coincheck import EXCHANGE
from topgun.exchanges.coincheck.stream import forget, login
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "login.json")
DIALOGUES = {case["name"]: case for case in load(HERE / "frames" / "login.json")}
SECRET = "API_SECRET"
BOTH = ["order-events", "execution-events"]


def link(clock: float = 1_756_746_080.103, url: str = "wss://stream.coincheck.com") -> FakeLink:
    return FakeLink(url, Credential("KEYcoincheck00001", SECRET.encode()), FakeClock(clock))


async def begin(fake: FakeLink) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))  # type: ignore[arg-type]  # a stand-in
    for _ in range(3):
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["nonce"])
@pytest.mark.parametrize("path", ["", "/", "/private"])
async def test_login_message(vector: dict[str, Any], path: str) -> None:
    """The login carries key, time in ms as text, and a signature over one URL, whatever URL is connected to."""
    fake = link(vector["clock"], f"wss://stream.coincheck.com{path}")
    task = await begin(fake)
    assert fake.sent == [
        {
            "type": "login",
            "access_key": "KEYcoincheck00001",
            "access_nonce": vector["nonce"],
            "access_signature": vector["signature"],
        }
    ]
    assert fake.feed({"success": True, "available_channels": BOTH})
    await task


async def test_login_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """The login of the sample set ends at its ack, and says nothing."""
    case = DIALOGUES["login ok"]
    fake = link()
    task = await begin(fake)
    assert fake.sent == case["sent"]
    assert [fake.feed(message) for message in case["messages"]] == [True]
    await task
    assert not caplog.records


async def test_login_refused() -> None:
    """A refusal raises LoginRefused with Coincheck's error and without anything secret."""
    case = DIALOGUES["login refused"]
    fake = link()
    task = await begin(fake)
    assert fake.feed(case["messages"][0])
    with pytest.raises(LoginRefused, match="invalid authentication") as caught:
        await task
    for secret in (SECRET, VECTORS[0]["signature"]):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("answer", [{"success": False}, {"success": None}, {"success": 1}, {"success": "true"}])
async def test_login_answer_other_than_true(answer: dict[str, Any]) -> None:
    """Only ``"success": true`` is a yes."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused):
        await task


async def test_other_traffic_before_the_ack_is_not_claimed() -> None:
    """Frames that arrive before the ack are left to the handlers."""
    fake = link()
    task = await begin(fake)
    for message in ({"channel": "order-events"}, ["success"], "success", None, 1):
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed({"success": True})
    await task


@pytest.mark.parametrize(
    ("available", "said"),
    [(["order-events"], "execution-events"), ([], "order-events, execution-events"), (None, ""), (BOTH, "")],
)
async def test_login_with_a_key_of_few_permissions(available: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A channel that the key may not subscribe to is named once: no event would ever come."""
    fake = link()
    task = await begin(fake)
    assert fake.feed({"success": True, "available_channels": available})
    await task
    lines = [f"the key has no permission for {said}"] if said else []
    assert [record.getMessage() for record in caplog.records] == lines


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
    fake = FakeLink("wss://stream.coincheck.com")
    await login(fake)  # type: ignore[arg-type]  # a stand-in
    assert fake.sent == []


def public(kind: str, channel: str) -> dict[str, Any]:
    return {"type": kind, "channel": channel}


def private(kind: str, *channels: str) -> dict[str, Any]:
    return {"type": kind, "channels": list(channels)}


def test_forget() -> None:
    """An unsubscribe takes away the channels that it names, and leaves its arguments as they are."""
    assert forget(public("subscribe", "btc_jpy-trades"), public("unsubscribe", "btc_jpy-trades")) is None
    both, one = private("subscribe", "a", "b"), private("unsubscribe", "b", "c")
    assert forget(both, one) == private("subscribe", "a")
    assert (both, one) == (private("subscribe", "a", "b"), private("unsubscribe", "b", "c"))
    assert forget(both, private("unsubscribe", "b", "a")) is None


@pytest.mark.parametrize("subscription", [public("subscribe", "a"), private("subscribe", "a")], ids=str)
@pytest.mark.parametrize(
    "unsubscription",
    [public("unsubscribe", "b"), private("unsubscribe", "b"), public("subscribe", "a"), private("subscribe", "a"), 1],
    ids=str,
)
def test_forget_nothing(subscription: Any, unsubscription: Any) -> None:
    """What concerns something else leaves the subscription as it is: the same object."""
    assert forget(subscription, unsubscription) is subscription


@pytest.mark.parametrize("message", ["text", {"type": "login", "channel": "a"}, None])
def test_forget_keeps_what_is_no_subscription(message: Any) -> None:
    """A remembered message that subscribes to nothing stays."""
    assert forget(message, public("unsubscribe", "a")) is message


def test_record() -> None:
    """Nothing is sent to keep a socket alive, no message is signed, and no limit is published."""
    for host in EXCHANGE.hosts.values():
        assert (host.heartbeat, host.limit, host.sign_message, host.encode) == (None, None, None, None)
