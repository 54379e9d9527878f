"""REST signing of Bitget: what arrives at a server for each vector, demo trading, and the hosts that are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.auth import Auth
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft, Host
from topgun.exchanges.bitget import EXCHANGE
from topgun.exchanges.bitget.rest import api, sign
from topgun.testing.clock import FakeClock

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
KEY = Credential("bgkey", b"bgsecret", "bgpass")
NOW = Instant(1_700_000_000_123_999_999)  # the part below a millisecond is cut off
ORDER = "https://api.bitget.com/api/v2/spot/trade/place-order"


def by_the_formula(secret: str, text: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['sent']['target']}")
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    sent = vector["sent"]
    async with (
        Wire() as wire,
        topgun.Client(
            {"bitget": vector["api"]},
            exchanges=(EXCHANGE,),
            connector=names(),
            clock=FakeClock(vector["clock"]),
            allow_plaintext=True,
        ) as client,
    ):
        place = URL(vector["url"]).with_scheme("http").with_port(wire.port)
        arguments = {name: vector[name] for name in ("params", "data") if name in vector}
        await client.fetch(vector["method"], place, auth=vector.get("auth", Auth), **arguments)
    arrived = wire.last
    assert arrived.target == sent["target"]
    assert arrived.body == sent["body"].encode()
    access = {name: value for name, value in arrived.headers.items() if name.upper().startswith("ACCESS")}
    key, secret, passphrase = vector["api"]
    assert access == (
        {
            "ACCESS-KEY": key,
            "ACCESS-SIGN": sent["sign"],
            "ACCESS-TIMESTAMP": vector["timestamp"],
            "ACCESS-PASSPHRASE": passphrase,
        }
        if sent["sign"]
        else {}
    )
    if sent["sign"]:
        text = f"{vector['timestamp']}{vector['method']}{sent['target']}{sent['body']}"
        assert by_the_formula(secret, text) == sent["sign"]
        assert arrived.headers["Content-Type"] == "application/json"


def signed(method: str, url: str, data: Any = None, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test", **headers}), data)
    sign(draft, KEY, NOW)
    return draft


@pytest.mark.parametrize("data", ['{"size":"0.1"}', b'{"size":"0.1"}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed("POST", ORDER, data)
    assert draft.body == b'{"size":"0.1"}'
    text = '1700000000123POST/api/v2/spot/trade/place-order{"size":"0.1"}'
    assert draft.headers["ACCESS-SIGN"] == by_the_formula("bgsecret", text)


def test_other_headers_stay() -> None:
    """``locale`` and ``paptrading`` go along unsigned; the headers of the signature are added, each once."""
    draft = signed("GET", "https://api.bitget.com/api/v2/public/time", locale="en-US", paptrading="1")
    sign(draft, KEY, NOW)
    assert dict(draft.headers) == {
        "User-Agent": "test",
        "locale": "en-US",
        "paptrading": "1",
        "Content-Type": "application/json",
        "ACCESS-KEY": "bgkey",
        "ACCESS-SIGN": by_the_formula("bgsecret", "1700000000123GET/api/v2/public/time"),
        "ACCESS-TIMESTAMP": "1700000000123",
        "ACCESS-PASSPHRASE": "bgpass",
    }
    assert draft.body is None


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    draft = signed("POST", ORDER, {"size": "0.1"})
    sign(draft, KEY, Instant(NOW.ns - 5_000_000_000))
    sign(draft, KEY, NOW)
    assert list(draft.headers.items()) == list(signed("POST", ORDER, {"size": "0.1"}).headers.items())


# -- demo trading --------------------------------------------------------------------------------------------------

REAL, DEMO = Credential("real"), Credential("demo")


@pytest.mark.parametrize(
    ("headers", "apis", "expected"),
    [
        ({}, {"bitget": REAL, "bitget_demo": DEMO}, REAL),
        ({"paptrading": "0"}, {"bitget": REAL, "bitget_demo": DEMO}, REAL),
        ({"paptrading": "1"}, {"bitget": REAL, "bitget_demo": DEMO}, DEMO),
        ({"PAPTRADING": "1"}, {"bitget_demo": DEMO}, DEMO),
        ({"paptrading": "1"}, {"bitget": REAL}, REAL),
        ({}, {"bitget_demo": DEMO}, None),
        ({"paptrading": "1"}, {}, None),
    ],
)
def test_key_of_demo_trading(headers: dict[str, str], apis: dict[str, Credential], expected: Credential | None) -> None:
    """With the header of demo trading the demo key signs, or where there is none the key under ``bitget``."""
    draft = Draft("GET", URL(ORDER), CIMultiDict(headers))
    host = EXCHANGE.hosts["api.bitget.com"]
    assert host.credential(draft, {}, apis) is expected
    assert host.credential(Draft("GET", URL(ORDER), CIMultiDict()), headers, apis) is expected  # of the session


async def test_entries_of_apis(caplog: pytest.LogCaptureFixture) -> None:
    """An entry without a passphrase is a warning and signs nothing."""
    caplog.set_level(logging.WARNING)
    async with (
        Wire() as wire,
        topgun.Client(
            {"bitget": ["bgkey", "bgsecret"]}, exchanges=(EXCHANGE,), connector=names(), allow_plaintext=True
        ) as client,
    ):
        await client.get(URL(ORDER).with_scheme("http").with_port(wire.port))
    assert "ACCESS-KEY" not in wire.last.headers
    assert len([record for record in caplog.records if "bitget" in record.getMessage()]) == 1
    assert "bgsecret" not in caplog.text


# -- hosts ---------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """One host of HTTP is signed; the upgrades of the streams go unsigned."""
    hosts = EXCHANGE.hosts
    assert hosts.keys() == {"api.bitget.com", "ws.bitget.com", "wspap.bitget.com"}
    assert hosts["api.bitget.com"] == Host(api=api, sign=sign)
    assert tuple(EXCHANGE.apis) == ("bitget", "bitget_demo")
    assert tuple(EXCHANGE.credential) == ("key", "secret", "passphrase")
