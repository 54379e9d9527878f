"""Sockets of MEXC: login, heartbeats, protobuf, compressed frames, listenKeys that live."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, FakeRequester, load, until
from topgun.credentials import Credential
from topgun.errors import ConfigError, LoginRefused
from topgun.exchanges.mexc import frames as protobuf
from topgun.exchanges.mexc.frames import decode, greet
from topgun.exchanges.mexc.stream import (
    LISTEN_KEY,
    forget_contract,
    forget_spot,
    heartbeat_contract,
    heartbeat_spot,
    login,
    plain,
    readdress,
)
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
LOGIN = load(HERE / "vectors" / "login.json")
CONTRACT, SPOT = "wss://contract.mexc.com/edge", "wss://wbs-api.mexc.com/ws"
KEY = Credential(LOGIN["key"], LOGIN["secret"].encode())


def pushes() -> list[Any]:
    """Return every binary frame of the samples with the message that it is."""
    found = []
    for path in sorted((HERE / "frames").glob("spot_*.json")):
        for case in load(path):
            found += zip(case.get("frames_protobuf_base64", []), case.get("messages", []), strict=False)
            steps = [step for step in case.get("steps", []) if "ws" in step]
            found += [(step["frame_protobuf_base64"], step["ws"]) for step in steps]
    return found


# -- login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "refused"), [("contract_login", False), ("contract_login_nack", True), (None, True)])
async def test_login(file: str | None, refused: bool) -> None:
    """The login is stamped in ms and waits for the answer, whichever it is."""
    link = FakeLink(CONTRACT, KEY, FakeClock(LOGIN["clock"]))
    answer = (
        {"channel": "rs.login", "data": "no"}
        if file is None
        else load(HERE / "responses" / f"{file}.json")[0]["messages"][0]
    )
    task = asyncio.create_task(login(link))
    await until(lambda: link.sent)
    assert link.sent == [LOGIN["sent"]]
    assert not link.feed({"channel": "pong", "data": 1})
    assert not link.feed("pong")
    assert not task.done()
    assert link.feed(answer)
    if refused:
        with pytest.raises(LoginRefused) as caught:
            await task
        assert caught.value.reply == answer
    else:
        await task


async def test_no_login_without_a_key() -> None:
    """Nothing is sent."""
    link = FakeLink(CONTRACT)
    await login(link)
    assert link.sent == []


# -- heartbeat -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beat", "text", "pause"),
    [(heartbeat_contract, '{"method":"ping"}', 10.0), (heartbeat_spot, '{"method":"PING"}', 15.0)],
)
async def test_heartbeats(beat: Any, text: str, pause: float) -> None:
    """One ping at once, then one after every pause, until the connection ends."""
    clock = FakeClock()
    link = FakeLink(SPOT, clock=clock)
    task = asyncio.create_task(beat(link))
    await until(lambda: link.texts == [text])
    await clock.advance(pause)
    assert link.texts == [text, text]
    link.closed = True
    await clock.advance(pause)
    await task
    assert link.texts == [text, text]


# -- protobuf ------------------------------------------------------------------------------------------------------


def test_pushes() -> None:
    """Every frame of the samples is the message beside it."""
    found = pushes()
    assert len(found) == 20
    for frame, message in found:
        decoded = decode(base64.b64decode(frame))
        assert decoded == message
        assert json.dumps(decoded)  # nothing of protobuf is left


def test_text_frames() -> None:
    """Answers are JSON as it stands."""
    assert decode('{"id":0}') == '{"id":0}'


def test_fields_that_are_not_there() -> None:
    """Optional ones are left out, others have their default; a field that nobody knows is skipped."""
    assert decode(b"") == {"channel": ""}
    assert decode(b"\x1a\x01X") == {"channel": "", "symbol": "X"}
    assert decode(b"\xfa\xff\x01\x01X") == {"channel": ""}
    body = decode(b"\xd2\x13\x00")["publicAggreDeals"]
    assert body == {"deals": [], "eventType": ""}
    order = decode(b"\x82\x13\x06\x62\x00\xd2\x01\x01C")["privateOrders"]
    assert (order["lastDealQuantity"], order["currencyId"], order["status"]) == ("", "C", 0)
    assert not {"market", "state", "triggerPrice"} & order.keys()


def test_numbers_of_bodies() -> None:
    """Every body of the definitions, also those that have been superseded, is told by its number."""
    for number, name in enumerate(
        """publicDeals publicIncreaseDepths publicLimitDepths privateOrders publicBookTicker privateDeals privateAccount
        publicSpotKline publicMiniTicker publicMiniTickers publicBookTickerBatch publicIncreaseDepthsBatch
        publicAggreDepths publicAggreDeals publicAggreBookTicker""".split(),
        301,
    ):
        tag = number << 3 | 2
        assert decode(bytes([tag & 0x7F | 0x80, tag >> 7, 0])).keys() == {"channel", name}


@pytest.mark.parametrize("junk", [b"\x0a\xff", b'{"channel": "spot@', b"\x0a\x01\xff", b"\xff" * 20])
def test_frames_that_are_none(junk: bytes) -> None:
    """They raise what the reader of the socket logs."""
    with pytest.raises(ValueError, match="not a push of MEXC"):
        decode(junk)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without protobuf the error names the extra; text is read all the same."""
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    protobuf.reader.cache_clear()
    for call in (lambda: decode(b""), lambda: greet(FakeLink(SPOT))):
        with pytest.raises(ConfigError, match=r"pip install 'topgun\[mexc\]'"):
            call()
    assert decode("{}") == "{}"
    monkeypatch.undo()
    greet(FakeLink(SPOT))


def test_protobuf_comes_with_the_first_frame() -> None:
    """Importing the exchanges, and making a client, do without it."""
    code = "import sys, topgun.exchanges.mexc, topgun; topgun.MEXCDataStore(); sys.exit('google' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- compressed frames of contracts --------------------------------------------------------------------------------


def test_compressed_frames() -> None:
    """Binary frames that begin like gzip are unpacked, others stay as they are."""
    assert plain(gzip.compress(b"[1]")) == b"[1]"
    assert (plain("[1]"), plain(b"[1]")) == ("[1]", b"[1]")
    whole = gzip.compress(b"[1]" * 50)
    for junk in (whole[:-9], whole[:5], b"\x1f\x8bxyz", whole[:12] + b"\xff" * 9 + whole[21:]):
        with pytest.raises(ValueError, match="cannot be unpacked"):
            plain(junk)


# -- what an unsubscribe cancels -----------------------------------------------------------------------------------

DEPTH = {"method": "sub.depth", "param": {"symbol": "BTC_USDT"}}
KLINE = {"method": "sub.kline", "param": {"symbol": "BTC_USDT", "interval": "Min1"}}
DEALS = {"method": "SUBSCRIPTION", "params": ["a", "b"]}


@pytest.mark.parametrize(
    ("subscription", "message", "left"),
    [
        (DEPTH, {"method": "unsub.depth", "param": {"symbol": "BTC_USDT"}}, None),
        (DEPTH, {"method": "unsub.depth", "param": {"symbol": "ETH_USDT"}}, DEPTH),
        (DEPTH, {"method": "unsub.depth.full", "param": {"symbol": "BTC_USDT"}}, DEPTH),
        (KLINE, {"method": "unsub.kline", "param": {"symbol": "BTC_USDT", "interval": "Min5"}}, KLINE),
        (KLINE, {"method": "unsub.kline", "param": {"symbol": "BTC_USDT"}}, None),
        ({"method": "sub.tickers", "param": {}}, {"method": "unsub.tickers"}, None),
        (DEPTH, {"method": "ping"}, DEPTH),
        (DEPTH, "junk", DEPTH),
    ],
)
def test_forget_contract(subscription: Any, message: Any, left: Any) -> None:
    """One subscription per frame, told apart by symbol, interval and limit."""
    assert forget_contract(subscription, message) == left


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ({"method": "UNSUBSCRIPTION", "params": ["a"]}, {**DEALS, "params": ["b"]}),
        ({"method": "UNSUBSCRIPTION", "params": ["b", "a"]}, None),
        ({"method": "UNSUBSCRIPTION", "params": ["c"]}, DEALS),
        ({"method": "PING"}, DEALS),
    ],
)
def test_forget_spot(message: Any, left: Any) -> None:
    """What is left of the list of channels."""
    assert forget_spot(DEALS, message) == left


# -- where to connect to -------------------------------------------------------------------------------------------


class Requester(FakeRequester):
    """Answers by method."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.told = answers

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        return self.told[method]


ERROR = {"code": 730707, "msg": "no"}


@pytest.mark.parametrize(
    ("url", "answers", "asked", "fresh", "warned"),
    [
        (SPOT, {}, [], SPOT, 0),
        (f"{SPOT}?listenKey=a", {"PUT": {"listenKey": "a"}}, ["PUT"], f"{SPOT}?listenKey=a", 0),
        (f"{SPOT}?listenKey=a", {"PUT": ERROR, "POST": {"listenKey": "b"}}, ["PUT", "POST"], f"{SPOT}?listenKey=b", 0),
        (f"{SPOT}?listenKey=a", {"PUT": None, "POST": ERROR}, ["PUT", "POST"], f"{SPOT}?listenKey=a", 1),
    ],
)  # fmt: skip
async def test_readdress(
    url: str, answers: Any, asked: list[str], fresh: str, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that lives is extended and stays, one that is gone is replaced; no text tells a key."""
    requester = Requester(**answers)
    assert str(await readdress(URL(url), requester)) == fresh
    assert [(method, place) for method, place, _ in requester.asked] == [(method, LISTEN_KEY) for method in asked]
    assert [kwargs for method, _, kwargs in requester.asked if method == "PUT"] == [
        {"params": {"listenKey": "a"}} for method in asked if method == "PUT"
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * warned
    assert "listenKey=a" not in caplog.text
