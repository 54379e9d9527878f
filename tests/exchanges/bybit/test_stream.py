"""What a Bybit socket sends by itself: login, heartbeat, stamps on orders, and what an unsubscribe cancels."""

from __future__ import annotations

import asyncio
import copy
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import LoginRefused
from topgun.exchanges.bybit import EXCHANGE
from topgun.exchanges.bybit.stream import forget, heartbeat, login, sign_message
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "ws.json")
RSA = load(HERE / "vectors" / "rsa.json")
PRIVATE, TRADE = "wss://stream.bybit.com/v5/private", "wss://stream.bybit.com/v5/trade"
PING = '{"op":"ping"}'
KEY = Credential("XXXXXXXXXX", b"YYYYYYYYYY")
STAMP = "1711001595207"
ORDER = {"reqId": "1", "op": "order.create", "args": [{"symbol": "ETHUSDT"}]}


def link(url: str = PRIVATE, credential: Credential | None = KEY, clock: float = 1_711_001_595.207) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


async def begin(fake: Any) -> asyncio.Task[None]:
    """Start a login and let it ask its question."""
    task = asyncio.create_task(login(fake))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


# -- the sample set ------------------------------------------------------------------------------------------------


def expected_frames(vector: dict[str, Any]) -> list[str]:
    """Return the frames of a vector, with what topgun does otherwise on a trade socket.

    The login carries no stamp, which no page asks for; orders are stamped on every host and in every header.
    """
    frames = list(vector["sent_text_frames"])
    if URL(vector["url"]).path == "/v5/trade":
        auth, order = json.loads(frames[1]), json.loads(frames[2])
        auth.pop("header", None)
        order.setdefault("header", {}).setdefault("X-BAPI-TIMESTAMP", STAMP)
        frames[1:] = [json.dumps(auth), json.dumps(order)]
    return frames


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["url"][6:])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A connection sends its ping, its login and the message of the user as the vector says, byte for byte."""
    url = URL(vector["url"])
    host = EXCHANGE.hosts[url.host or ""]
    assert isinstance(host.api, str)
    key, secret = vector["apis"][host.api]
    fake = link(vector["url"], Credential(key, secret.encode()), vector["clock"])
    if "auth" in vector:
        fake.credential = None
    assert (host.login, host.heartbeat, host.sign_message) == (login, heartbeat, sign_message)
    beating = asyncio.create_task(heartbeat(fake))
    await asyncio.sleep(0)
    task = await begin(fake)
    answer = json.loads(vector["server_auth_reply"] or "null")
    if answer is None:
        await task
    else:
        assert fake.feed(answer)
        refused = answer.get("success") is False or answer.get("retCode", 0) != 0
        with pytest.raises(LoginRefused) if refused else nullcontext():
            await task
    message = vector["send_json"]
    if fake.credential is not None:  # the core asks for a stamp only then
        message = sign_message(message, fake)
    await fake.send_json(message)
    assert fake.texts == expected_frames(vector)
    beating.cancel()


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "key", "secret", "expires", "expected"),
    [
        (
            2_085_848_896.0,
            "77SQfUG7X33JhYZ3Jswpx5To",
            "PrYiNnCnP76YzpTLvRtV9O1RBa5ecOXqrOTyXuTADCEXYoEX",
            2_085_848_901_000,
            "a8bcd91ad5f8efdaefaf4ca6f38e551d739d6b42c2b54c85667fb181ecbc29a4",
        ),
        (RSA["login"]["ms"] / 1000, "XXXXXXXXXX", RSA["secrets"]["PKCS#8"], 1_662_350_405_000, RSA["login"]["sign"]),
    ],
    ids=["HMAC", "RSA"],
)
async def test_login_message(clock: float, key: str, secret: str, expires: int, expected: str) -> None:
    """The login carries key, the end of its validity in ms as a number, and the signature of that."""
    fake = link(PRIVATE, Credential(key, secret.encode()), clock)
    task = await begin(fake)
    assert fake.sent == [{"op": "auth", "args": [key, expires, expected]}]
    task.cancel()


YES = [{"op": "auth", "success": True}, {"op": "auth", "retCode": 0}, {"op": "auth", "success": True, "retCode": 1}]
NO = [
    {"op": "auth", "success": False, "ret_msg": "Params Error"},
    {"op": "auth", "success": False, "retCode": 0},
    {"op": "auth", "success": 1},
    {"op": "auth", "retCode": 10004, "retMsg": "invalid sign"},
    {"op": "auth", "retCode": 20001, "retMsg": "repeat auth"},
    {"op": "auth", "retCode": "0"},
    {"op": "auth"},
]


@pytest.mark.parametrize("answer", YES, ids=repr)
async def test_login_accepted(answer: dict[str, Any]) -> None:
    """Yes is ``"success": true``, or where there is no such member ``"retCode": 0``."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    await task


@pytest.mark.parametrize("answer", NO, ids=repr)
async def test_login_refused(answer: dict[str, Any]) -> None:
    """Anything else is a refusal that holds Bybit's answer, and nothing of the secret or the signature."""
    fake = link()
    task = await begin(fake)
    assert fake.feed(answer)
    with pytest.raises(LoginRefused) as caught:
        await task
    assert caught.value.reply == answer
    for secret in ("YYYYYYYYYY", fake.sent[0]["args"][2]):
        assert secret not in str(caught.value)


async def test_login_silent() -> None:
    """An unanswered login goes on waiting without sending again: the caller times it and makes a new connection."""
    fake = link()
    task = await begin(fake)
    await fake.clock.advance(3_600)
    assert not task.done()
    assert len(fake.sent) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_other_traffic_before_the_ack_is_not_claimed() -> None:
    """Frames that arrive before the ack are left to the handlers, whatever they are."""
    fake = link()
    task = await begin(fake)
    for message in ({"op": "pong"}, {"topic": "order", "data": []}, [1], "text", None, {"success": True}):
        assert not fake.feed(message)
    assert not task.done()
    assert fake.feed({"op": "auth", "success": True})
    await task


@pytest.mark.parametrize(
    ("path", "logs_in"),
    [
        ("private", True),
        ("trade", True),
        ("private?max_active_time=1m", True),
        ("public/spot", False),
        ("public/misc/status", False),
        ("publicity", True),
    ],
)
async def test_login_by_path(path: str, logs_in: bool) -> None:
    """There is a login unless a segment of the path is ``public``."""
    fake = link(f"wss://stream.bybit.com/v5/{path}")
    task = await begin(fake)
    assert len(fake.sent) == logs_in
    assert task.done() != logs_in
    task.cancel()


async def test_login_needs_a_credential() -> None:
    """Without a credential nothing is sent and nothing is waited for."""
    fake = link(credential=None)
    await login(fake)
    assert fake.sent == []


async def test_login_afresh_on_each_connection() -> None:
    """A later connection logs in with a later end of validity and another signature."""
    fake = link()
    for seconds in (0, 60):
        await fake.clock.advance(seconds)
        task = await begin(fake)
        assert fake.feed({"op": "auth", "success": True})
        await task
    first, second = (message["args"] for message in fake.sent)
    assert second[1] - first[1] == 60_000
    assert first[2] != second[2]


# -- heartbeat -----------------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """A ping goes out at once and every 20 s; once the socket is closed it ends in the middle of its sleep."""
    fake = link()
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.texts == [PING]
    await fake.clock.advance(19.9)
    assert fake.texts == [PING]
    await fake.clock.advance(0.1)
    assert fake.texts == [PING] * 2
    await fake.clock.advance(600)
    assert fake.texts == [PING] * 32
    fake.closed = True
    assert not task.done()
    await fake.clock.advance(20)
    assert task.done()
    assert fake.texts == [PING] * 32
    assert set(fake.clock.sleeps) == {20.0}


async def test_heartbeat_of_a_closed_socket() -> None:
    """A socket that is closed already gets no ping."""
    fake = link()
    fake.closed = True
    await heartbeat(fake)
    assert fake.texts == []


# -- stamps --------------------------------------------------------------------------------------------------------


def test_sign_message_leaves_the_original() -> None:
    """The stamp is on a copy: a message that is sent again, or after a reconnect, gets the time of that moment."""
    fake, message = link(TRADE), {**ORDER, "header": {"X-BAPI-RECV-WINDOW": "8000", "Referer": "bot-001"}}
    before = copy.deepcopy(message)
    assert sign_message(message, fake)["header"] == {**before["header"], "X-BAPI-TIMESTAMP": STAMP}
    assert message == before
    fake.clock.skew(1)
    assert sign_message(message, fake)["header"]["X-BAPI-TIMESTAMP"] == "1711001596207"
    assert sign_message(ORDER, fake) == {**ORDER, "header": {"X-BAPI-TIMESTAMP": "1711001596207"}}
    assert "header" not in ORDER


@pytest.mark.parametrize(
    "message",
    [
        {**ORDER, "header": {"X-BAPI-TIMESTAMP": "1", "Referer": "bot-001"}},
        {**ORDER, "header": None},
        {**ORDER, "header": "text"},
        {"op": "auth", "args": []},
        {"op": "ping"},
        [ORDER],
        "text",
        1,
    ],
    ids=repr,
)
def test_sign_message_leaves_alone(message: Any) -> None:
    """A time that the user has set stays, and what is no order is sent as it is."""
    assert sign_message(message, link(TRADE)) is message


@pytest.mark.parametrize("path", ["private", "public/linear", "trades", "private?trade=1"])
def test_sign_message_elsewhere(path: str) -> None:
    """Only a socket with the segment ``trade`` in its path wants stamps."""
    assert sign_message(ORDER, link(f"wss://stream.bybit.com/v5/{path}")) is ORDER


# -- forget --------------------------------------------------------------------------------------------------------


def subscribe(*topics: str) -> dict[str, Any]:
    return {"op": "subscribe", "args": list(topics), "req_id": "7"}


def unsubscribe(*topics: str) -> dict[str, Any]:
    return {"op": "unsubscribe", "args": list(topics)}


def test_forget() -> None:
    """What was unsubscribed is taken out of the remembered message; an emptied message is forgotten."""
    message = subscribe("order", "wallet", "position")
    assert forget(message, unsubscribe("wallet", "greeks")) == subscribe("order", "position")
    assert forget(message, unsubscribe("position", "order", "wallet")) is None
    assert message == subscribe("order", "wallet", "position")


@pytest.mark.parametrize(
    "unsubscription",
    [
        unsubscribe("order.linear"),
        unsubscribe(),
        subscribe("order"),
        {"op": "unsubscribe"},
        {"op": "unsubscribe", "args": "order"},
        {"op": "unsubscribe", "args": None},
        "unsubscribe",
        None,
    ],
    ids=repr,
)
def test_forget_nothing(unsubscription: Any) -> None:
    """Anything but an unsubscribe of one of its topics leaves the subscription as it is: the same object."""
    subscription = subscribe("order")
    assert forget(subscription, unsubscription) is subscription


@pytest.mark.parametrize("message", ["text", ORDER, {"op": "subscribe"}, subscribe(), unsubscribe("order")], ids=repr)
def test_forget_keeps_what_is_no_subscription(message: Any) -> None:
    """A remembered message that subscribes to nothing of it stays."""
    assert forget(message, unsubscribe("order")) is message


# -- record --------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """Every stream has the same five parts and the key of its environment; none has a send limit."""
    streams = {name: host for name, host in EXCHANGE.hosts.items() if name.startswith("stream")}
    assert {name: host.api for name, host in streams.items()} == {
        "stream.bybit.com": "bybit",
        "stream.bytick.com": "bybit",
        "stream.bybit.tr": "bybit",
        "stream.bybit.kz": "bybit",
        "stream.bybit.id": "bybit",
        "stream.bybitgeorgia.ge": "bybit",
        "stream.manepa.jp": "bybit",
        "stream-demo.bybit.com": "bybit_demo",
        "stream-testnet.bybit.com": "bybit_testnet",
    }
    for host in streams.values():
        assert (host.login, host.heartbeat, host.sign_message, host.forget) == (login, heartbeat, sign_message, forget)
        assert (host.sign, host.limit, host.encode, host.step_ns) == (None, None, None, 0)
