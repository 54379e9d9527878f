"""Signatures by hand: every vector, what helps to make them, and that eth-account agrees with what clients send."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import topgun
from tests.support import load
from topgun.errors import SigningError
from topgun.exchanges.hyperliquid.actions import signed
from topgun.helpers import hyperliquid as helper
from topgun.helpers.hyperliquid import (
    construct_l1_action,
    construct_user_signed_action,
    generate_message_types,
    get_timestamp_ms,
    sign_multi_sig_payload,
    sign_typed_data,
)

VECTORS = Path(__file__).parents[1] / "exchanges" / "hyperliquid" / "vectors"
L1, USER = load(VECTORS / "l1.json"), load(VECTORS / "user_signed.json")
[MULTI] = load(VECTORS / "multi_sig.json")
KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
NAMES = (
    "EIP712Domain MessageData MessageType MessageTypes PhantomAgentMessage Signature construct_l1_action "
    "construct_user_signed_action generate_message_types get_timestamp_ms sign_typed_data"
).split()


def test_names() -> None:
    """All names that users know are there, as attribute of `topgun`, too."""
    assert set(NAMES) <= set(helper.__all__)
    assert all(hasattr(topgun.helpers.hyperliquid, name) for name in helper.__all__)
    arguments = {name: list(inspect.signature(getattr(helper, name)).parameters) for name in NAMES[6:]}
    assert arguments == {
        "construct_l1_action": ["action", "nonce", "is_mainnet", "vault_address", "expires_after"],
        "construct_user_signed_action": ["action", "message_types"],
        "generate_message_types": ["message_data"],
        "get_timestamp_ms": [],
        "sign_typed_data": ["private_key", "domain_data", "message_types", "message_data"],
    }


def test_importing_it_loads_nothing() -> None:
    """What signs is loaded by the first signature."""
    code = "import sys, topgun; topgun.helpers.hyperliquid; sys.exit(bool({'eth_account', 'msgpack'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_limit_of_recursion_stays() -> None:
    """JSON that is nested too deep stays an error, also once eth-account is loaded: it would end the process."""
    code = f"""
import json, sys
from topgun.helpers.hyperliquid import construct_l1_action, sign_typed_data
sign_typed_data({KEY!r}, *construct_l1_action({{}}, 0, True))
import topgun.testing.venues.hyperliquid
try:
    json.loads("[" * 100_000)
except RecursionError:
    sys.exit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def test_timestamp() -> None:
    """It is the time in ms."""
    assert 0 <= time.time() * 1000 - get_timestamp_ms() < 5_000


@pytest.mark.parametrize("vector", L1, ids=lambda vector: vector["name"])
def test_l1_actions(vector: dict[str, Any]) -> None:
    """Every published signature of an L1 action."""
    given = [vector[name] for name in ("action", "nonce", "mainnet", "vaultAddress", "expiresAfter")]
    domain, types, message = construct_l1_action(*given)
    assert list(domain.items()) == [
        ("name", "Exchange"),
        ("version", "1"),
        ("chainId", 1337),
        ("verifyingContract", "0x" + 40 * "0"),
    ]
    assert types == {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}
    assert message["source"] == ("a" if vector["mainnet"] else "b")
    assert sign_typed_data(KEY, domain, types, message) == vector["signature"]


def test_a_vault_that_is_none() -> None:
    """It is said to be so."""
    with pytest.raises(SigningError, match="not an address"):
        construct_l1_action({}, 0, True, "0x719884eb866cb12b2287399b15f7db5e7d775ea")


@pytest.mark.parametrize("vector", USER, ids=lambda vector: vector["name"])
def test_user_signed_actions(vector: dict[str, Any]) -> None:
    """Every published signature of a user-signed action; the action is copied."""
    before = dict(vector["action"])
    domain, types, message = construct_user_signed_action(vector["action"])
    assert vector["action"] == before
    assert message == {"signatureChainId": "0x66eee", **before}
    assert domain["name"] == "HyperliquidSignTransaction"
    assert domain["chainId"] == int(message["signatureChainId"], 16)
    assert sign_typed_data(KEY, domain, types, message) == vector["signature"]


def test_types_of_ones_own() -> None:
    """They are taken as they are; the chain is added at the end."""
    types = {"HyperliquidTransaction:X": [{"name": "a", "type": "string"}]}
    domain, given, message = construct_user_signed_action({"type": "y", "a": "b"}, types)  # type: ignore[arg-type]
    assert given is types
    assert (domain["chainId"], list(message)) == (421614, ["type", "a", "signatureChainId"])


def test_generated_types() -> None:
    """Types are those of the values, in their order; the name loses its digits."""
    data = {
        "type": "dummy3",
        "toPerp": False,
        "nonce": 1687816341423,
        "hyperliquidChain": "Testnet",
        "multiSigActionHash": bytes(32),
        "signatureChainId": "0x66eee",
    }
    assert generate_message_types(data) == {
        "HyperliquidTransaction:Dummy": [
            {"name": "toPerp", "type": "bool"},
            {"name": "nonce", "type": "uint64"},
            {"name": "hyperliquidChain", "type": "string"},
            {"name": "multiSigActionHash", "type": "bytes32"},
        ]
    }
    address = {"type": "approveAgent", "agentAddress": "0x1"}  # from nothing but values, an address is a text
    assert generate_message_types(address)["HyperliquidTransaction:ApproveAgent"][0]["type"] == "string"


def test_what_has_no_type() -> None:
    """Neither an action without a name nor a value that no field can hold."""
    with pytest.raises(ValueError, match=r"Primary type not found: \{'a': 1\}"):
        generate_message_types({"a": 1})
    with pytest.raises(TypeError, match="Unsupported type: <class 'float'>"):
        generate_message_types({"type": "x", "a": 1.5})


def test_multi_sig_of_an_order() -> None:
    """What one signer adds is the published signature."""
    assert sign_multi_sig_payload(KEY, MULTI["payload"], MULTI["nonce"], True) == MULTI["inner"]
    vault = sign_multi_sig_payload(KEY, MULTI["payload"], MULTI["nonce"], True, vault_address="0x" + 40 * "1")
    assert vault != MULTI["inner"]


def test_multi_sig_of_a_transfer() -> None:
    """The fields of the signers come right after the chain, and both are addresses."""
    action = USER[0]["action"]
    payload = {**MULTI["payload"], "action": action}
    fields = ["hyperliquidChain", "payloadMultiSigUser", "outerSigner", "destination", "amount", "time"]
    kinds = ["string", "address", "address", "string", "string", "uint64"]
    types = [{"name": name, "type": kind} for name, kind in zip(fields, kinds, strict=True)]
    message = {
        **action,
        "payloadMultiSigUser": payload["multiSigUser"],
        "outerSigner": payload["outerSigner"],
    }
    domain = {
        "name": "HyperliquidSignTransaction",
        "version": "1",
        "chainId": 421614,
        "verifyingContract": "0x" + 40 * "0",
    }
    expected = sign_typed_data(KEY, domain, {"HyperliquidTransaction:UsdSend": types}, message)
    assert sign_multi_sig_payload(KEY, payload, MULTI["nonce"], True) == expected
    assert expected != USER[0]["signature"]


@pytest.mark.parametrize("kind", [vector["action"]["type"] for vector in USER] + ["convertToMultiSigUser"])
def test_clients_sign_the_same(kind: str) -> None:
    """The client's own way of hashing and that of eth-account agree, in whatever order an action is written."""
    actions = {vector["action"]["type"]: vector["action"] for vector in USER}
    extra = {"type": "convertToMultiSigUser", "hyperliquidChain": "Mainnet", "signers": "null", "nonce": 5}
    action = dict(reversed(actions.get(kind, extra).items()))
    ours = signed({"action": action}, KEY, 1, mainnet=True)["signature"]
    assert sign_typed_data(KEY, *construct_user_signed_action(action)) == ours
