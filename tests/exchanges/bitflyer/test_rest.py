"""REST signing of bitFlyer, against the vectors of the protocol sample set."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.bitflyer import EXCHANGE
from topgun.exchanges.bitflyer.rest import sign

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
KEY = Credential("KEYbitflyer000001", b"SECbitflyer000001")
NOW = Instant(1_721_121_776_490_999_999)  # the part below a millisecond is cut off
ORDER = "https://api.bitflyer.com/v1/me/sendchildorder"


def signed(method: str, url: str, data: Any = None, now: Instant = NOW) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test"}), data)
    sign(draft, KEY, now)
    return draft


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """A request gets the body and the three headers of its vector, and nothing else changes."""
    draft = signed(vector["method"], vector["url"], vector["data"])
    expected = {
        "User-Agent": "test",
        "ACCESS-KEY": vector["key"],
        "ACCESS-TIMESTAMP": str(vector["ms"]),
        "ACCESS-SIGN": vector["sign"],
    }
    if vector["body"]:
        expected["Content-Type"] = "application/json"
    assert dict(draft.headers) == expected
    assert (draft.body or b"") == vector["body"].encode()
    assert str(draft.url) == vector["url"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """The signature of each vector is the HMAC-SHA256 of the text written beside it."""
    digest = hmac.new(vector["secret"].encode(), vector["text"].encode(), hashlib.sha256)
    assert digest.hexdigest() == vector["sign"]
    assert vector["text"].startswith(f"{vector['ms']}{vector['method']}/v1/")
    assert vector["text"].endswith(vector["body"])


@pytest.mark.parametrize("data", ['{"size":0.1}', b'{"size":0.1}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    text = f"1721121776490POST/v1/me/sendchildorder{data if isinstance(data, str) else data.decode()}"
    draft = signed("POST", ORDER, data)
    assert draft.body == b'{"size":0.1}'
    assert draft.headers["ACCESS-SIGN"] == hmac.new(KEY.secret, text.encode(), hashlib.sha256).hexdigest()


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    later = Instant(NOW.ns + 5_000_000_000)
    draft = signed("POST", ORDER, {"size": 0.1})
    sign(draft, KEY, later)
    assert list(draft.headers.items()) == list(signed("POST", ORDER, {"size": 0.1}, later).headers.items())


def test_record() -> None:
    """Only api.bitflyer.com signs requests; the old host name is unknown, and the stream's upgrade goes unsigned."""
    assert {name: host.sign for name, host in EXCHANGE.hosts.items()} == {
        "api.bitflyer.com": sign,
        "ws.lightstream.bitflyer.com": None,
    }
    assert {host.api for host in EXCHANGE.hosts.values()} == {"bitflyer"}
    assert tuple(EXCHANGE.credential) == ("key", "secret")
