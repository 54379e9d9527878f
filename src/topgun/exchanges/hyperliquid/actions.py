"""What Hyperliquid wants signed of an action: three schemes, none of which changes what the caller passed.

- An *L1 action* (orders, cancels, leverage, ...) is packed with MessagePack and hashed; a phantom agent signs the hash.
- A *user-signed action* (transfers, approvals, ...) is typed data by itself; it has a ``hyperliquidChain``.
- A *multi-sig action* is hashed like the first, and the hash is signed like the second.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/signing
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...errors import SigningError
from .typed import Fields, address, digest, keccak, sign_digest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AGENT",
    "CHAIN_ID",
    "_PREFIX",
    "action_hash",
    "chain_number",
    "fields_of",
    "inferred",
    "primary_type",
    "signed",
]

AGENT: Fields = (("source", "string"), ("connectionId", "bytes32"))
CHAIN_ID = "0x66eee"  # that of the wallets' test network, in which no money is; any other one is fine as well
_PREFIX = "HyperliquidTransaction:"

_MULTI_SIG: Fields = (("hyperliquidChain", "string"), ("multiSigActionHash", "bytes32"), ("nonce", "uint64"))
_SIGNERS = (("payloadMultiSigUser", "address"), ("outerSigner", "address"))
_USER_SIGNED: Mapping[str, str] = {
    "usdSend": "destination string, amount string, time uint64",
    "spotSend": "destination string, token string, amount string, time uint64",
    "withdraw3": "destination string, amount string, time uint64",
    "usdClassTransfer": "amount string, toPerp bool, nonce uint64",
    "sendAsset": "destination string, sourceDex string, destinationDex string, token string, amount string, "
    "fromSubAccount string, nonce uint64",
    "approveAgent": "agentAddress address, agentName string, nonce uint64",
    "approveBuilderFee": "maxFeeRate string, builder address, nonce uint64",
    "tokenDelegate": "validator address, wei uint64, isUndelegate bool, nonce uint64",
    "userDexAbstraction": "user address, enabled bool, nonce uint64",
    "userSetAbstraction": "user address, abstraction string, nonce uint64",
    "convertToMultiSigUser": "signers string, nonce uint64",
}


def signed(body: Mapping[str, Any], private_key: str, now: int, *, mainnet: bool) -> dict[str, Any]:
    """Return the body of a request to ``/exchange``, with ``nonce`` and ``signature``; `body` is not changed.

    A nonce that is there stays. Without one, a user-signed action lends its ``nonce`` or ``time``, which must be the
    same. A body that holds a signature stays as it is.

    Args:
        body: ``action``; ``vaultAddress`` and ``expiresAfter`` (ms) if wanted.
        private_key: Hex.
        now: The time in ms, the nonce where there is none; different for each request of the key.
        mainnet: Or else testnet.

    Raises:
        SigningError: There is no action, or it cannot be signed.
    """
    if body.get("signature") is not None:
        return dict(body)
    action = body.get("action")
    if not isinstance(action, Mapping):
        raise SigningError("the body needs an action (a dict); give auth=None to send it unsigned")
    nonce, known = body.get("nonce"), _is_user_signed(action)
    if nonce is None:
        nonce = next((action[name] for name in ("nonce", "time") if known and type(action.get(name)) is int), now)
    try:
        if action.get("type") == "multiSig":
            action, what = _multi_sig(action, nonce, body, mainnet=mainnet)
        elif known:
            action, what = _user_signed(action, nonce, mainnet=mainnet)
        else:
            hashed = action_hash(action, nonce, body.get("vaultAddress"), body.get("expiresAfter"))
            agent = {"source": "a" if mainnet else "b", "connectionId": hashed}
            what = digest("Exchange", 1337, "Agent", AGENT, agent)
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise SigningError(f"the action cannot be signed: {error}") from None
    return {**body, "action": action, "nonce": nonce, "signature": sign_digest(private_key, what)}


def action_hash(action: Any, nonce: int, vault_address: str | None = None, expires_after: int | None = None) -> bytes:
    """Return the ``connectionId`` of an L1 action; the order of its keys counts.

    Args:
        action: Anything that MessagePack can hold.
        nonce: In ms.
        vault_address: Of the vault or sub-account to act for.
        expires_after: In ms.

    Raises:
        SigningError: `vault_address` is not an address.
    """
    data: bytes = _packer()(action) + nonce.to_bytes(8, "big")
    data += b"\x00" if vault_address is None else b"\x01" + address(vault_address)
    if expires_after is not None:
        data += b"\x00" + expires_after.to_bytes(8, "big")
    return keccak(data)


def fields_of(action: Mapping[str, Any]) -> Fields:
    """Return the fields of a user-signed action that are signed: the official ones, else what its values look like.

    Those of one signer of a multi-sig action follow ``hyperliquidChain`` where it names them.

    Raises:
        TypeError: Of an unknown action a value is neither text, number, bool nor bytes.
    """
    listed = _listed(str(action.get("type")))
    if not listed:
        return inferred(action)
    return (listed[0], *_SIGNERS, *listed[1:]) if "payloadMultiSigUser" in action else listed


def inferred(action: Mapping[str, Any]) -> Fields:
    """Return the fields of an action by the types of its values, in its own order.

    Raises:
        TypeError: A value is neither text, number, bool nor bytes.
    """
    return tuple((name, _kind(value)) for name, value in action.items() if name not in ("type", "signatureChainId"))


def primary_type(action: Mapping[str, Any]) -> str:
    """Return the name of the structure that an action is: ``withdraw3`` is ``HyperliquidTransaction:Withdraw``.

    Raises:
        ValueError: It has no type.
    """
    name = "".join(letter for letter in str(action.get("type") or "") if not letter.isdigit())
    if not name:
        raise ValueError(f"Primary type not found: {action}")
    return f"{_PREFIX}{name[0].upper()}{name[1:]}"


def chain_number(action: Mapping[str, Any]) -> int:
    """Return the number of the chain that a user-signed action names."""
    return int(action.get("signatureChainId", CHAIN_ID), 16)


def _is_user_signed(action: Mapping[str, Any]) -> bool:
    return "hyperliquidChain" in action or bool(_listed(str(action.get("type"))))


def _user_signed(action: Mapping[str, Any], nonce: int, *, mainnet: bool) -> tuple[dict[str, Any], bytes]:
    """Return a whole copy of a user-signed action, and what is to be signed of it."""
    whole = dict(action)
    whole.setdefault("hyperliquidChain", _chain(mainnet=mainnet))
    listed = _listed(str(whole.get("type")))
    if listed:
        whole.setdefault(listed[-1][0], nonce)  # time or nonce
    whole.setdefault("signatureChainId", CHAIN_ID)
    return whole, _transaction(primary_type(whole), fields_of(whole), whole)


def _multi_sig(
    action: Mapping[str, Any], nonce: int, body: Mapping[str, Any], *, mainnet: bool
) -> tuple[dict[str, Any], bytes]:
    """Return a whole copy of a multi-sig action, and what its outer signer signs."""
    whole = {"type": "multiSig", "signatureChainId": CHAIN_ID, **action}
    inside = {name: value for name, value in whole.items() if name != "type"}
    message = {
        "hyperliquidChain": _chain(mainnet=mainnet),
        "multiSigActionHash": action_hash(inside, nonce, body.get("vaultAddress"), body.get("expiresAfter")),
        "nonce": nonce,
        "signatureChainId": whole["signatureChainId"],
    }
    return whole, _transaction(f"{_PREFIX}SendMultiSig", _MULTI_SIG, message)


def _transaction(primary: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    return digest("HyperliquidSignTransaction", chain_number(message), primary, fields, message)


def _chain(*, mainnet: bool) -> str:
    return "Mainnet" if mainnet else "Testnet"


@lru_cache(maxsize=64)
def _listed(name: str) -> Fields:
    if name not in _USER_SIGNED:
        return ()
    pairs = (field.split(" ") for field in _USER_SIGNED[name].split(", "))
    return (("hyperliquidChain", "string"), *((field, kind) for field, kind in pairs))


def _kind(value: object) -> str:
    for kind, name in ((bool, "bool"), (int, "uint64"), (str, "string"), (bytes, "bytes32")):
        if isinstance(value, kind):
            return name
    raise TypeError(f"Unsupported type: {type(value)}")


@lru_cache(maxsize=1)
def _packer() -> Callable[[Any], bytes]:
    from msgpack import packb  # noqa: PLC0415  (loaded by the first signature)

    return packb  # type: ignore[no-any-return]
