"""A Hyperliquid WebSocket: heartbeat, limit, decode (the greeting), sign_message, forget; on a wire and without."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest

import topgun
from tests.support import FakeLink, load, until
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.exchanges.hyperliquid import EXCHANGE
from topgun.exchanges.hyperliquid.stream import LIMIT, decode, forget, heartbeat, sign_message
from topgun.testing import FakeClock, FakeExchange
from topgun.testing.venues.hyperliquid.gate import recovered

HERE = Path(__file__).parent
[VECTOR] = load(HERE / "vectors" / "ws.json")
KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
URL = "wss://api.hyperliquid.xyz/ws"
NONCE = 1713825891591


def link(url: str = URL, key: str | None = KEY) -> FakeLink:
    return FakeLink(url, key if key is None else Credential(key), FakeClock(NONCE / 1000))


async def test_heartbeat() -> None:
    """A ping at once and every 30 s, until the connection ends in the middle of a wait."""
    fake = link()
    clock: Any = fake.clock
    beating = asyncio.create_task(heartbeat(fake))  # type: ignore[arg-type]  # a stand-in
    await until(lambda: fake.texts)
    assert fake.texts == ['{"method":"ping"}']
    await clock.advance(29.9)
    assert len(fake.texts) == 1
    await clock.advance(0.1)
    await until(lambda: len(fake.texts) == 2)
    fake.closed = True
    await clock.advance(30.0)
    await beating
    assert len(fake.texts) == 2


async def test_limit() -> None:
    """2,000 messages go at once, the next one a minute later, whichever socket it is sent on."""
    clock = FakeClock()
    one, other = FakeLink(URL, None, clock), FakeLink(URL, None, clock)
    sent: list[int] = []

    async def send() -> None:
        sent.append(1)

    async def flood() -> None:
        for number in range(2_001):
            await LIMIT(other if number % 2 else one, send)  # type: ignore[arg-type]  # a stand-in

    flooding = asyncio.create_task(flood())
    await until(lambda: len(sent) == 2_000)
    await clock.advance(59.0)
    assert len(sent) == 2_000
    await clock.advance(1.0)
    await flooding
    assert len(sent) == 2_001


@pytest.mark.parametrize("frame", ['{"channel":"pong"}', b"{}", "Websocket"])
def test_decode(frame: str | bytes) -> None:
    """Everything but the greeting is what it is."""
    assert decode(frame) is frame


async def test_the_greeting_is_not_heard(caplog: pytest.LogCaptureFixture) -> None:
    """The one text that is not JSON reaches no handler of JSON, and nobody complains of it."""
    heard: list[Any] = []
    texts: list[str] = []
    async with FakeExchange("hyperliquid"), topgun.Client({}, exchanges=(EXCHANGE,)) as client:
        app = await client.ws_connect(
            URL,
            hdlr_json=lambda msg, ws: heard.append(msg),
            hdlr_str=lambda text, ws: texts.append(text),
        )
        await app.ready()
        await until(lambda: heard)
    assert heard == [{"channel": "pong"}]
    assert texts[0] == "Websocket connection established."
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- orders by WebSocket ---


def test_sign_message() -> None:
    """A post with an action becomes, byte for byte, what the vector says; what the caller passed stays as it was."""
    message = copy.deepcopy(VECTOR["message"])
    assert json.dumps(sign_message(message, link())) == VECTOR["text"]
    assert message == VECTOR["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"method": "ping"},
        {"method": "subscribe", "subscription": {"type": "allMids"}},
        {"method": "post", "id": 1, "request": {"type": "info", "payload": {"type": "meta"}}},
        {"method": "post", "id": 1, "request": {"type": "action"}},
        {"method": "post", "id": 1, "request": {"type": "action", "payload": []}},
        {"method": "post", "id": 1, "request": []},
        {"method": "post"},
        [{"method": "post"}],
        "text",
    ],
    ids=repr,
)
def test_messages_that_are_not_signed(message: Any) -> None:
    """Everything else is sent as it is."""
    assert sign_message(message, link()) is message


def test_without_a_key() -> None:
    """Nothing is signed."""
    assert sign_message(VECTOR["message"], link(key=None)) is VECTOR["message"]


def test_what_is_there_stays() -> None:
    """A signature of one's own, and then the nonce as well; vault and expiry are signed along."""
    payload = {"action": {"type": "noop"}, "nonce": 5, "signature": {"r": "0x1", "s": "0x2", "v": 27}}
    message = {"method": "post", "id": 1, "request": {"type": "action", "payload": payload}}
    assert sign_message(message, link()) == message
    payload = {"action": {"type": "noop"}, "vaultAddress": "0x" + 39 * "0" + "5", "expiresAfter": NONCE + 5}
    told = sign_message({"method": "post", "id": 1, "request": {"type": "action", "payload": payload}}, link())
    body = told["request"]["payload"]
    assert recovered(json.dumps(body), mainnet=True) == "0x14791697260e4c9a71f18484c9f997b308e59325"
    assert (
        recovered(json.dumps({**body, "expiresAfter": NONCE}), mainnet=True)
        != "0x14791697260e4c9a71f18484c9f997b308e59325"
    )


def test_the_network_is_that_of_the_socket() -> None:
    """A signature for the testnet is none for the mainnet."""
    told = sign_message(VECTOR["message"], link("wss://api.hyperliquid-testnet.xyz/ws"))["request"]["payload"]
    address = "0x14791697260e4c9a71f18484c9f997b308e59325"
    assert [recovered(json.dumps(told), mainnet=each) == address for each in (True, False)] == [False, True]


def test_an_action_that_cannot_be_signed() -> None:
    """It is not sent."""
    message = {"method": "post", "id": 1, "request": {"type": "action", "payload": {}}}
    with pytest.raises(SigningError, match="needs an action"):
        sign_message(message, link())


# --- subscriptions ---

TRADES = {"method": "subscribe", "subscription": {"type": "trades", "coin": "BTC"}}


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ({**TRADES, "method": "unsubscribe"}, None),
        ({"method": "unsubscribe", "subscription": {"type": "trades", "coin": "ETH"}}, TRADES),
        ({"method": "unsubscribe", "subscription": {"coin": "BTC", "type": "trades"}}, None),
        ({"method": "unsubscribe"}, TRADES),
        (TRADES, TRADES),
        ("text", TRADES),
    ],
    ids=repr,
)
def test_forget(message: Any, left: Any) -> None:
    """An unsubscription takes back the very same subscription."""
    assert forget(TRADES, message) == left


def test_forget_of_something_else() -> None:
    """What is no subscription stays."""
    assert forget({"method": "ping"}, {**TRADES, "method": "unsubscribe"}) == {"method": "ping"}
