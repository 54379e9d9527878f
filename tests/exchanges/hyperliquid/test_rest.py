"""Signatures of Hyperliquid: every published vector, both curves, what cannot be signed, nonces, and the record."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.exchange import Draft
from topgun.exchanges.hyperliquid import EXCHANGE, typed
from topgun.exchanges.hyperliquid.actions import AGENT, action_hash, fields_of, primary_type, signed
from topgun.exchanges.hyperliquid.rest import encode, is_mainnet, sign
from topgun.exchanges.hyperliquid.stream import LIMIT, decode, forget, heartbeat, sign_message
from topgun.testing import FakeClock, FakeExchange
from topgun.testing.venues.hyperliquid.gate import Wallet, encode_typed_data, recovered

VECTORS = Path(__file__).parent / "vectors"
L1, USER, REST = (load(VECTORS / f"{name}.json") for name in ("l1", "user_signed", "rest"))
[MULTI] = load(VECTORS / "multi_sig.json")
VALUES = load(VECTORS / "intermediate.json")
KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
NOW = Instant(1_713_825_891_591_999_999)  # the part below a millisecond is cut off
NONCE = 1713825891591
API = "https://api.hyperliquid.xyz"
ORDER: dict[str, Any] = L1[0]["action"]


def draft_of(url: str, data: Any = None, method: str = "POST") -> Draft:
    draft = Draft(method, URL(url), CIMultiDict(), data)
    sign(draft, Credential(KEY), NOW)
    return draft


@pytest.fixture(params=["coincurve", "eth-keys"])
def curve(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the curve of one of the two packages sign."""
    if request.param == "coincurve":
        pytest.importorskip("coincurve", reason="it is in the test group; topgun itself does without")
    else:
        monkeypatch.setitem(sys.modules, "coincurve", None)
        monkeypatch.setenv("ECC_BACKEND_CLASS", "eth_keys.backends.NativeECCBackend")
    monkeypatch.setattr(typed, "_signer", typed._signer.__wrapped__)
    return str(request.param)


# --- vectors ---


@pytest.mark.parametrize("vector", L1, ids=lambda vector: vector["name"])
def test_l1_actions(vector: dict[str, Any], curve: str) -> None:
    """The signatures of orders and the like, with vault and expiry, are those that were published."""
    body = {name: vector[name] for name in ("action", "nonce", "vaultAddress", "expiresAfter")}
    assert signed(body, KEY, 1, mainnet=vector["mainnet"]) == {**body, "signature": vector["signature"]}


@pytest.mark.parametrize("vector", USER, ids=lambda vector: vector["name"])
def test_user_signed_actions(vector: dict[str, Any], curve: str) -> None:
    """The signatures of transfers and approvals are those that were published; the nonce is that of the action."""
    action = vector["action"]
    body = signed({"action": action}, KEY, 1, mainnet=True)
    assert body == {
        "action": {"signatureChainId": "0x66eee", **action},
        "nonce": action.get("time", action.get("nonce")),
        "signature": vector["signature"],
    }


def test_multi_sig(curve: str) -> None:
    """The outer signature covers the inner ones; the nonce is that which all have signed."""
    action = {"type": "multiSig", "signatureChainId": "0x66eee", "signatures": [MULTI["inner"]]}
    body = {"action": {**action, "payload": MULTI["payload"]}, "nonce": MULTI["nonce"]}
    before = copy.deepcopy(body)
    assert signed(body, KEY, 1, mainnet=True) == {**before, "signature": MULTI["outer"]}
    del body["action"]["signatureChainId"]
    told = signed(body, KEY, 1, mainnet=True)
    assert (list(told["action"]), told["signature"]) == (list(before["action"]), MULTI["outer"])
    inside = {name: value for name, value in before["action"].items() if name != "type"}
    assert f"0x{action_hash(inside, NONCE).hex()}" == MULTI["hash"]


@pytest.mark.parametrize("vector", REST, ids=lambda vector: vector["name"])
def test_requests(vector: dict[str, Any]) -> None:
    """A whole request is, byte for byte, what the vector says; what the caller passed stays as it was."""
    data = copy.deepcopy(vector["data"])
    draft = draft_of(vector["url"], data)
    assert draft.body == vector["body"].encode()
    assert draft.headers["Content-Type"] == "application/json"
    assert data == vector["data"]


def test_every_step() -> None:
    """The values on the way to the first signature are the published ones."""

    def hexed(value: bytes) -> str:
        return f"0x{value.hex()}"

    assert hexed(typed._type_hash("EIP712Domain", typed._DOMAIN)) == VALUES["domain_type"]
    assert hexed(typed._domain("Exchange", 1337)) == VALUES["l1_domain"]
    assert hexed(typed._domain("HyperliquidSignTransaction", 421614)) == VALUES["user_domain"]
    assert hexed(typed._type_hash("Agent", AGENT)) == VALUES["agent_type"]
    connection = action_hash(ORDER, 0)
    assert hexed(connection) == VALUES["connection_id"]
    agent = {"source": "a", "connectionId": connection}
    assert hexed(typed._hashed("Agent", AGENT, agent)) == VALUES["agent"]
    assert hexed(typed.digest("Exchange", 1337, "Agent", AGENT, agent)) == VALUES["digest"]
    from topgun.exchanges.hyperliquid.actions import _packer

    assert [_packer()(action).hex() for action, _ in VALUES["packed"]] == [packed for _, packed in VALUES["packed"]]
    assert hexed(action_hash(VALUES["packed"][1][0], 1677777606040)) == VALUES["order_connection_id"]


def test_typed_data_agrees_with_eth_account() -> None:
    """Every type of field is hashed as eth-account hashes it."""
    fields = (("a", "string"), ("b", "address"), ("c", "bool"), ("d", "uint64"), ("e", "bytes32"))
    message = {"a": "ä", "b": "0x00000000000000000000000000000000000000Ab", "c": True, "d": 2**64 - 1, "e": bytes(32)}
    domain = {"name": "x", "version": "1", "chainId": 5, "verifyingContract": "0x" + 40 * "0"}
    listed = [{"name": name, "type": kind} for name, kind in fields]
    made = Wallet.sign_message(encode_typed_data(domain, {"T": listed}, message), KEY)
    ours = typed.sign_digest(KEY, typed.digest("x", 5, "T", fields, message))
    assert ours == {"r": hex(made.r), "s": hex(made.s), "v": made.v}


@pytest.mark.parametrize("key", [KEY, KEY.removeprefix("0x")])
def test_forms_of_a_key(key: str) -> None:
    """A key is hex, with or without 0x."""
    assert signed({"action": ORDER, "nonce": 0}, key, 1, mainnet=True)["signature"] == L1[0]["signature"]


@pytest.mark.parametrize("key", ["", "0x", "0x12", "secret words", f"{KEY}00", f"0x{0:064x}", "0x" + 64 * "f"])
def test_what_is_no_key(key: str) -> None:
    """A key that is none is said to be so, without being shown."""
    with pytest.raises(SigningError, match="64 hex digits") as caught:
        signed({"action": ORDER}, key, 1, mainnet=True)
    assert len(key) < 10 or key not in str(caught.value)


# --- what is filled in, and what stays ---


def test_nothing_of_the_caller_is_changed() -> None:
    """Body, action and their insides stay as they are, and a second request has another nonce and signature."""
    body = {"action": {"type": "usdSend", "destination": ADDRESS, "amount": "1"}}
    before = copy.deepcopy(body)
    told = [signed(body, KEY, now, mainnet=False) for now in (5, 6)]
    assert body == before
    assert [each["nonce"] for each in told] == [each["action"]["time"] for each in told] == [5, 6]
    assert told[0]["signature"] != told[1]["signature"]
    assert told[0]["action"]["hyperliquidChain"] == "Testnet"
    assert recovered(json.dumps(told[0]), mainnet=False) == ADDRESS


@pytest.mark.parametrize("name", ["vaultAddress", "expiresAfter"])
def test_null_is_as_if_it_were_not_there(name: str) -> None:
    """``null`` is hashed like a field that is not there."""
    body = {"action": ORDER, "nonce": 0, name: None}
    assert signed(body, KEY, 1, mainnet=True)["signature"] == L1[0]["signature"]


def test_a_nonce_that_is_null() -> None:
    """It is filled in."""
    assert signed({"action": ORDER, "nonce": None}, KEY, 7, mainnet=True)["nonce"] == 7


def test_the_nonce_of_other_actions_is_not_taken() -> None:
    """What an L1 action calls ``time`` is something else, and a bool is no nonce."""
    assert signed({"action": {"type": "scheduleCancel", "time": 99}}, KEY, 7, mainnet=True)["nonce"] == 7
    action = {"type": "other", "hyperliquidChain": "Mainnet", "time": True}
    assert signed({"action": action}, KEY, 7, mainnet=True)["nonce"] == 7


def test_an_unknown_user_signed_action() -> None:
    """Its fields are taken as they look, in the order of the caller."""
    action = {
        "type": "dummy3",
        "hyperliquidChain": "Testnet",
        "toPerp": False,
        "nonce": 5,
        "text": "x",
        "signatureChainId": "0x1",
    }
    assert fields_of({**action, "raw": bytes(32)}) == (
        ("hyperliquidChain", "string"),
        ("toPerp", "bool"),
        ("nonce", "uint64"),
        ("text", "string"),
        ("raw", "bytes32"),
    )
    assert primary_type(action) == "HyperliquidTransaction:Dummy"
    told = signed({"action": action}, KEY, 9, mainnet=False)
    assert (told["action"], told["nonce"]) == (action, 5)


def test_the_order_of_known_fields_is_the_official_one() -> None:
    """In whatever order the caller writes them."""
    action = dict(reversed(USER[0]["action"].items()))
    assert signed({"action": action}, KEY, 1, mainnet=True)["signature"] == USER[0]["signature"]


def test_addresses_in_upper_case() -> None:
    """The letters of an address are signed as bytes where its type is address, and for a vault."""
    action = {**USER[7]["action"], "agentAddress": "0x5E9EE1089755C3435139848E47E6635505D5A13A"}
    assert signed({"action": action}, KEY, 1, mainnet=True)["signature"] == USER[7]["signature"]
    vector = L1[5]
    body = {"action": vector["action"], "nonce": 0, "vaultAddress": vector["vaultAddress"].upper().replace("0X", "0x")}
    assert signed(body, KEY, 1, mainnet=True)["signature"] == vector["signature"]


# --- what cannot be signed ---

SEND = USER[0]["action"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "needs an action"),
        ({"action": None}, "needs an action"),
        ({"action": {"type": "x", "when": object()}}, "cannot be signed"),
        ({"action": ORDER, "nonce": "5"}, "cannot be signed"),
        ({"action": ORDER, "nonce": -1}, "cannot be signed"),
        ({"action": ORDER, "expiresAfter": 1.5}, "cannot be signed"),
        ({"action": ORDER, "vaultAddress": "0x12"}, "not an address: '0x12'"),
        ({"action": ORDER, "vaultAddress": 12}, "not an address: 12"),
        ({"action": ORDER, "vaultAddress": "0xgg"}, "not an address"),
        ({"action": {"type": "usdSend", "amount": "1"}}, "UsdSend needs destination"),
        ({"action": {**SEND, "amount": 1}}, "amount is no string: 1"),
        ({"action": {**SEND, "time": "1"}, "nonce": 5}, "time is no uint64: '1'"),
        ({"action": {**SEND, "time": True}, "nonce": 5}, "time is no uint64: True"),
        ({"action": {**SEND, "time": 2**64}}, "time is no uint64"),
        ({"action": {**SEND, "signatureChainId": "mainnet"}}, "cannot be signed"),
        ({"action": {**SEND, "signatureChainId": 1}}, "cannot be signed"),
        ({"action": {**USER[3]["action"], "toPerp": 1}}, "toPerp is no bool: 1"),
        ({"action": {**USER[7]["action"], "agentAddress": "me"}}, "not an address: 'me'"),
        ({"action": {"hyperliquidChain": "Mainnet"}}, "Primary type not found"),
        ({"action": {"type": "x", "hyperliquidChain": "Mainnet", "a": 1.5}}, "Unsupported type: <class 'float'>"),
        ({"action": {"type": "x", "hyperliquidChain": "Mainnet", "a": b"short"}}, "a is no bytes32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_signed(body: dict[str, Any], reason: str) -> None:
    """A body that the exchange could not verify is not sent, and the error says what is wrong."""
    with pytest.raises(SigningError, match=reason):
        signed(body, KEY, 7, mainnet=True)


@pytest.mark.parametrize("data", [None, {}, "x", b"[]", [1], {"type": "blockDetails"}], ids=repr)
def test_bodies_without_an_action(data: Any) -> None:
    """Whatever goes to a path that wants a signature needs an action."""
    with pytest.raises(SigningError, match="auth=None"):
        draft_of(f"{API}/exchange", data)


@pytest.mark.parametrize("kind", [str, bytes, bytearray])
def test_encoded_bodies(kind: type) -> None:
    """What is passed as text, or as ``json=``, is signed as well; with a signature it stays as it is, byte for byte."""
    text = json.dumps({"action": ORDER, "nonce": NONCE})
    given: Any = text if kind is str else kind(text.encode())
    vector = REST[0]
    assert json.loads(draft_of(vector["url"], given).body or b"") == json.loads(vector["body"])
    whole = '{"action":{},"signature":{},  "nonce":1}'
    assert draft_of(f"{API}/exchange", whole).body == whole.encode()


@pytest.mark.parametrize("path", ["/info", "/ws"])
def test_paths_that_are_not_signed(path: str) -> None:
    """Questions go as JSON; without data nothing is added."""
    assert draft_of(f"{API}{path}", {"type": "meta"}).body == b'{"type": "meta"}'
    assert draft_of(f"{API}{path}", None, "GET").body is None
    draft = Draft("POST", URL(f"{API}{path}"), CIMultiDict(), {"type": "meta"})
    encode(draft)
    assert draft.body == b'{"type": "meta"}'


def test_networks() -> None:
    """The network is read off the host."""
    assert [is_mainnet(host) for host in ("api.hyperliquid.xyz", "api.hyperliquid-testnet.xyz", None)] == [
        True,
        False,
        True,
    ]


# --- over the wire ---


async def test_without_a_key_everything_goes_as_json() -> None:
    """Nested dicts are no forms, signed or not."""
    async with FakeExchange("hyperliquid") as fake, topgun.Client({}, exchanges=(EXCHANGE,)) as client:
        reply = await client.fetch("POST", f"{API}/info", data={"type": "meta"})
        assert [each["name"] for each in reply.data["universe"]] == ["BTC", "ETH"]
        reply = await client.fetch("POST", f"{API}/exchange", data={"action": ORDER})
        assert (reply.response.status, fake.requests[-1].body) == (422, json.dumps({"action": ORDER}).encode())


@pytest.mark.parametrize(
    ("api", "host"), [("hyperliquid", "api.hyperliquid.xyz"), ("hyperliquid_testnet", "api.hyperliquid-testnet.xyz")]
)
@pytest.mark.parametrize("form", ["data", "json"])
async def test_both_networks(api: str, host: str, form: str) -> None:
    """Each host has its key and its kind of agent."""
    async with FakeExchange("hyperliquid") as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        order = {**ORDER, "orders": [{**ORDER["orders"][0], "p": "2000", "s": "0.01"}]}
        reply = await client.fetch("POST", f"https://{host}/exchange", **{form: {"action": order}})
        assert reply.data["status"] == "ok"
        assert fake.requests[-1].verified
        assert [each.owner for each in fake.market("ETH").orders()] == [api]


async def test_nonces_of_one_millisecond() -> None:
    """Requests of one and the same millisecond have nonces of their own; the first is the time itself."""
    clock = FakeClock(NONCE / 1000)
    async with (
        FakeExchange("hyperliquid", clock=clock) as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,), clock=clock) as client,
    ):
        action = {"type": "noop"}
        replies = await asyncio.gather(
            *(client.fetch("POST", f"{API}/exchange", data={"action": action}) for _ in range(5))
        )
        assert [reply.data["status"] for reply in replies] == ["ok"] * 5
        nonces = [json.loads(request.body)["nonce"] for request in fake.requests]
        assert nonces == [NONCE + number for number in range(5)]


def test_record() -> None:
    """Both hosts are alike; a nonce is a millisecond, and a credential is one private key."""
    assert {name: host.api for name, host in EXCHANGE.hosts.items()} == {
        "api.hyperliquid.xyz": "hyperliquid",
        "api.hyperliquid-testnet.xyz": "hyperliquid_testnet",
    }
    for host in EXCHANGE.hosts.values():
        assert (host.sign, host.encode, host.sign_message, host.step_ns) == (sign, encode, sign_message, 1_000_000)
        assert (host.heartbeat, host.decode, host.limit, host.forget) == (heartbeat, decode, LIMIT, forget)
        assert (host.login, host.greet, host.answer, host.readdress) == (None, None, None, None)
    assert tuple(EXCHANGE.credential) == ("private_key",)


def test_what_signs_is_loaded_by_the_first_signature() -> None:
    """Neither the exchanges nor the helpers load a curve, a hash or a packer."""
    packages = ("eth_account", "eth_keys", "eth_utils", "eth_hash", "msgpack", "coincurve")
    code = f"""
import sys
import topgun.exchanges.hyperliquid, topgun.helpers.hyperliquid
from topgun.exchanges.hyperliquid.actions import signed
assert not [name for name in {packages} if name in sys.modules]
signed({{"action": {{}}}}, {KEY!r}, 1, mainnet=True)
assert "msgpack" in sys.modules and "eth_account" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
