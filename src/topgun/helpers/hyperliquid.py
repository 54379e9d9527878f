"""Signatures of Hyperliquid by hand: for programs that send them on a way of their own, and for multi-sig accounts.

Requests of a `topgun.Client` and messages of its sockets are signed without any of this. ::

    typed = construct_l1_action(action, nonce, is_mainnet=True)
    body = {"action": action, "nonce": nonce, "signature": sign_typed_data(private_key, *typed)}

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/signing
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

from ..exchanges.hyperliquid.actions import (
    AGENT,
    CHAIN_ID,
    action_hash,
    chain_number,
    fields_of,
    inferred,
    primary_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from ..exchanges.hyperliquid.typed import Fields

__all__ = [
    "EIP712Domain",
    "MessageData",
    "MessageType",
    "MessageTypes",
    "PhantomAgentMessage",
    "Signature",
    "construct_l1_action",
    "construct_user_signed_action",
    "generate_message_types",
    "get_timestamp_ms",
    "sign_multi_sig_payload",
    "sign_typed_data",
]

_NOBODY = "0x0000000000000000000000000000000000000000"


class EIP712Domain(TypedDict):
    """What a signature is for."""

    name: str
    version: str
    chainId: int
    verifyingContract: str


class MessageType(TypedDict):
    """One field of a structure."""

    name: str
    type: str


MessageTypes = dict[str, list[MessageType]]
MessageData = dict[str, Any]


class PhantomAgentMessage(TypedDict):
    """What is signed of an L1 action: the network (``a`` is mainnet), and the hash of the action."""

    source: str
    connectionId: bytes


class Signature(TypedDict):
    """A signature, as ``/exchange`` wants it."""

    r: str
    s: str
    v: int


def get_timestamp_ms() -> int:
    """Return the time in ms, good for a nonce unless two are made within one millisecond."""
    return time.time_ns() // 1_000_000


def construct_l1_action(
    action: Any,
    nonce: int,
    is_mainnet: bool,
    vault_address: str | None = None,
    expires_after: int | None = None,
) -> tuple[EIP712Domain, MessageTypes, PhantomAgentMessage]:
    """Return domain, types and message of an L1 action, for `sign_typed_data`.

    Args:
        action: The action; the order of its keys counts.
        nonce: In ms.
        is_mainnet: Or else testnet.
        vault_address: Of the vault or sub-account to act for.
        expires_after: In ms.

    Raises:
        SigningError: `vault_address` is not an address.
    """
    hashed = action_hash(action, nonce, vault_address, expires_after)
    message: PhantomAgentMessage = {"source": "a" if is_mainnet else "b", "connectionId": hashed}
    return _domain("Exchange", 1337), {"Agent": _listed(AGENT)}, message


def construct_user_signed_action(
    action: Mapping[str, Any], message_types: MessageTypes | None = None
) -> tuple[EIP712Domain, MessageTypes, MessageData]:
    """Return domain, types and message of a user-signed action, for `sign_typed_data`; the message is the whole action.

    Args:
        action: The action; it is not changed.
        message_types: Its structure; ``None`` = the official one, or for an unknown action what its values look like.

    Raises:
        TypeError: Of an unknown action a value is neither text, number, bool nor bytes.
        ValueError: The action has no type.
    """
    whole = {**action, "signatureChainId": action.get("signatureChainId", CHAIN_ID)}
    types = {primary_type(whole): _listed(fields_of(whole))} if message_types is None else message_types
    return _domain("HyperliquidSignTransaction", chain_number(whole)), types, whole


def generate_message_types(message_data: Mapping[str, Any]) -> MessageTypes:
    """Return the structure of an action by the types of its values, in its own order.

    Raises:
        TypeError: A value is neither text, number, bool nor bytes.
        ValueError: The action has no type.
    """
    return {primary_type(message_data): _listed(inferred(message_data))}


def sign_typed_data(
    private_key: str,
    domain_data: Mapping[str, Any],
    message_types: Mapping[str, Any],
    message_data: Mapping[str, Any],
) -> Signature:
    """Return the signature of EIP-712 typed data, by eth-account.

    Args:
        private_key: Hex.
        domain_data: The domain.
        message_types: The fields of each structure.
        message_data: The values.

    https://eips.ethereum.org/EIPS/eip-712
    """
    account, messages = _eth_account()
    signable = messages.encode_typed_data(dict(domain_data), dict(message_types), dict(message_data))
    made = account.Account.sign_message(signable, private_key)
    return {"r": hex(made.r), "s": hex(made.s), "v": made.v}


def sign_multi_sig_payload(
    private_key: str,
    payload: Mapping[str, Any],
    nonce: int,
    is_mainnet: bool,
    *,
    vault_address: str | None = None,
    expires_after: int | None = None,
) -> Signature:
    """Return what one signer puts into ``signatures`` of a multi-sig action; topgun signs the whole when it is sent.

    Args:
        private_key: Of the signer.
        payload: ``multiSigUser``, ``outerSigner`` (both in lower case) and ``action``, as in the multi-sig action.
        nonce: That of the request; all signers sign the same.
        is_mainnet: Or else testnet.
        vault_address: As in the request.
        expires_after: As in the request.
    """
    user, outer, action = payload["multiSigUser"], payload["outerSigner"], payload["action"]
    if "hyperliquidChain" in action:
        named = {**action, "payloadMultiSigUser": user, "outerSigner": outer}
        return sign_typed_data(private_key, *construct_user_signed_action(named))
    typed = construct_l1_action([user, outer, action], nonce, is_mainnet, vault_address, expires_after)
    return sign_typed_data(private_key, *typed)


def _eth_account() -> tuple[ModuleType, ModuleType]:
    """Load eth-account, which takes a second.

    One of its dependencies raises the limit of recursion, for the whole process, to where a message that is nested too
    deep ends it: so the limit is put back.
    """
    limit = sys.getrecursionlimit()
    try:
        return import_module("eth_account"), import_module("eth_account.messages")
    finally:
        sys.setrecursionlimit(limit)


def _domain(name: str, chain: int) -> EIP712Domain:
    return {"name": name, "version": "1", "chainId": chain, "verifyingContract": _NOBODY}


def _listed(fields: Fields) -> list[MessageType]:
    return [{"name": name, "type": kind} for name, kind in fields]
