"""REST signing of bitbank: what arrives at a server for each vector, and the hosts that are signed."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.bitbank import EXCHANGE
from topgun.exchanges.bitbank.rest import sign
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
SAMPLE = load(HERE / "vectors" / "rest.json")
VECTORS = SAMPLE["requests"]
TIME = "1721121776490"
KEY = Credential("KEYbitbank0000001", b"hoge")
NOW = Instant(1_721_121_776_490_999_999)  # the part below a millisecond is cut off


def access(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.upper().startswith("ACCESS-")}


@pytest.mark.parametrize("session_header", [False, True], ids=["per call", "of the session"])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any], session_header: bool) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    sent, url = vector["sent"], URL(vector["url"])
    window = {"ACCESS-TIME-WINDOW": vector["window"]} if "window" in vector else {}
    arguments = {name: vector[name] for name in ("params", "data") if name in vector}
    async with (
        Wire() as wire,
        topgun.Client(
            SAMPLE["apis"],
            exchanges=(EXCHANGE,),
            connector=names(),
            clock=FakeClock(SAMPLE["clock"]),
            allow_plaintext=True,
            headers=window if session_header else {},
        ) as client,
    ):
        place = url.with_scheme("http").with_port(wire.port)
        headers = {} if session_header else window
        await client.fetch(vector["method"], place, headers=headers, **arguments)
        await client.fetch(vector["method"], place, headers=headers, auth=None, **arguments)
    signed, unsigned = wire.arrived
    assert signed.target == sent.get("target", url.raw_path_qs)
    assert signed.body == sent["body"].encode()
    assert access(signed.headers) == {
        **window,
        "ACCESS-KEY": "KEYbitbank0000001",
        "ACCESS-REQUEST-TIME": TIME,
        "ACCESS-SIGNATURE": sent["signature"],
    }
    assert not sent["body"] or signed.headers["Content-Type"] == "application/json"
    assert access(unsigned.headers) == window


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """The signature of each vector is the one that the official page describes."""
    sent = vector["sent"]
    target = sent.get("target", URL(vector["url"]).raw_path_qs)
    text = TIME + vector.get("window", "") + (target if vector["method"] == "GET" else sent["body"])
    assert hmac.new(b"hoge", text.encode(), hashlib.sha256).hexdigest() == sent["signature"]


def signed(method: str, url: str, data: Any = None, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test", **headers}), data)
    sign(draft, KEY, NOW)
    return draft


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_do_not_sign_the_path(method: str) -> None:
    """Neither path nor query of a request that is no GET is signed, whatever it is."""
    drafts = [signed(method, f"https://api.bitbank.cc/v1/{path}", {"a": 1}) for path in ("user/a", "user/b?c=d")]
    expected = hmac.new(b"hoge", f'{TIME}{{"a": 1}}'.encode(), hashlib.sha256).hexdigest()
    assert [draft.headers["ACCESS-SIGNATURE"] for draft in drafts] == [expected] * 2


def test_the_window_is_never_added() -> None:
    """Without a window the header is not there; one in any case of letters is signed and stays as it is."""
    assert "ACCESS-TIME-WINDOW" not in signed("GET", "https://api.bitbank.cc/v1/user/assets").headers
    draft = signed("GET", "https://api.bitbank.cc/v1/user/assets", **{"access-time-window": "1000"})
    assert draft.headers["ACCESS-SIGNATURE"] == VECTORS[0]["sent"]["signature"]
    assert "access-time-window" in list(draft.headers)


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers."""
    draft = signed("POST", "https://api.bitbank.cc/v1/user/spot/order", {"a": 1})
    once = list(draft.headers.items())
    sign(draft, KEY, Instant(NOW.ns + 10**9))
    sign(draft, KEY, NOW)
    assert list(draft.headers.items()) == once


def test_record() -> None:
    """One host is signed; public HTTP and PubNub are none of topgun's business."""
    assert set(EXCHANGE.hosts) == {"api.bitbank.cc", "stream.bitbank.cc"}
    assert EXCHANGE.hosts["api.bitbank.cc"].sign is sign
    assert EXCHANGE.hosts["api.bitbank.cc"].step_ns == 0
    assert EXCHANGE.hosts["stream.bitbank.cc"].api is None
    assert (EXCHANGE.apis, tuple(EXCHANGE.credential)) == ((), ("key", "secret"))
