"""Who signed a request to the fake Hyperliquid, by eth-account and msgpack alone, and whether its nonce is good."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgpack
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from . import Hyperliquid
    from .account import Account

__all__ = ["Gate", "Refused", "Wallet", "encode_typed_data", "recovered"]

# One of its dependencies raises the limit of recursion to where JSON that is nested too deep ends the process.
_limit = sys.getrecursionlimit()
Wallet = import_module("eth_account").Account
encode_typed_data = import_module("eth_account.messages").encode_typed_data
sys.setrecursionlimit(_limit)

DAY = 86_400_000  # ms
REMEMBERED = 100  # the highest nonces of a signer
NOBODY = "0x0000000000000000000000000000000000000000"
TYPES = {
    "usdSend": "UsdSend(string destination,string amount,uint64 time)",
    "spotSend": "SpotSend(string destination,string token,string amount,uint64 time)",
    "withdraw3": "Withdraw(string destination,string amount,uint64 time)",
    "usdClassTransfer": "UsdClassTransfer(string amount,bool toPerp,uint64 nonce)",
    "sendAsset": "SendAsset(string destination,string sourceDex,string destinationDex,string token,string amount,"
    "string fromSubAccount,uint64 nonce)",
    "approveAgent": "ApproveAgent(address agentAddress,string agentName,uint64 nonce)",
    "approveBuilderFee": "ApproveBuilderFee(string maxFeeRate,address builder,uint64 nonce)",
    "tokenDelegate": "TokenDelegate(address validator,uint64 wei,bool isUndelegate,uint64 nonce)",
    "userDexAbstraction": "UserDexAbstraction(address user,bool enabled,uint64 nonce)",
    "userSetAbstraction": "UserSetAbstraction(address user,string abstraction,uint64 nonce)",
    "convertToMultiSigUser": "ConvertToMultiSigUser(string signers,uint64 nonce)",
    "multiSig": "SendMultiSig(bytes32 multiSigActionHash,uint64 nonce)",
}
UNREADABLE = "Failed to deserialize the JSON body into the target type"


class Refused(Exception):
    """A request is not executed."""

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.status = status
        self.told: Any = {"status": "err", "response": text} if status == 200 else text


class Gate:
    """Lets in who signed with a known key and a fresh nonce.

    Attributes:
        nonces: Those that were used, by signer.
        agents: The accounts for which other keys may sign.
    """

    def __init__(self, venue: Hyperliquid) -> None:
        self._venue = venue
        self.nonces: defaultdict[str, list[int]] = defaultdict(list)
        self.agents: dict[str, Account] = {}

    def account(self, body: Any, host: str | None) -> Account:
        """Return whose request it is.

        Raises:
            Refused: It cannot be read, or nobody is known who could have signed it.
        """
        return self._known(self._signer(body, host), host)

    def use(self, body: Any, host: str | None) -> Account:
        """Return whose request it is, and use its nonce up.

        Raises:
            Refused: Nobody is known who could have signed it, or it is too early, too late, or not the first time.

        https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/nonces-and-api-wallets
        """
        signer, now, nonce = self._signer(body, host), self._venue.now().ms, body["nonce"]
        account = self._known(signer, host)
        used = self.nonces[signer]
        if not now - 2 * DAY < nonce < now + DAY:
            raise Refused(f"Invalid nonce: {nonce} is out of range")
        if nonce in used or (len(used) >= REMEMBERED and nonce < sorted(used)[-REMEMBERED]):
            raise Refused(f"Invalid nonce: duplicate nonce {nonce}")
        used.append(nonce)
        if body.get("expiresAfter") is not None and body["expiresAfter"] < now:
            raise Refused("Action expired")
        if body.get("vaultAddress") is not None:
            raise Refused(f"Vault not registered: {body['vaultAddress']}")
        return account

    def _signer(self, body: Any, host: str | None) -> str:
        signer = recovered(json.dumps(body), mainnet=self._venue.environment(host) == "hyperliquid")
        if signer is None:
            raise Refused(UNREADABLE, 422)
        return signer

    def _known(self, signer: str, host: str | None) -> Account:
        account = self.agents.get(signer) or self._venue.account_of(signer)
        if account.name != self._venue.environment(host):
            raise Refused(f"User or API Wallet {signer} does not exist.")
        return account


@lru_cache(maxsize=64)
def recovered(text: str, *, mainnet: bool) -> str | None:
    """Return the address, in lower case, whose key signed a request; ``None`` if it is none.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/signing
    """
    try:
        body = json.loads(text)
        action, signature = body["action"], body["signature"]
        vrs = signature["v"], int(signature["r"], 16), int(signature["s"], 16)
        hashed = (int(body["nonce"]), body.get("vaultAddress"), body.get("expiresAfter"))
        if action["type"] == "multiSig":
            inside = {name: value for name, value in action.items() if name != "type"}
            values = {"multiSigActionHash": connection(inside, *hashed), "nonce": body["nonce"]}
            chain = {"hyperliquidChain": "Mainnet" if mainnet else "Testnet"}
            signable = _transaction("multiSig", {**action, **values, **chain})
        elif action["type"] in TYPES:
            signable = _transaction(action["type"], action)
        else:
            signable = _agent(connection(_as_read(action), *hashed), mainnet=mainnet)
        return str(Wallet.recover_message(signable, vrs=vrs)).lower()
    except Exception:  # noqa: BLE001  (whatever is wrong with it: nobody signed that)
        return None


def connection(action: Any, nonce: int, vault: str | None, expires: int | None) -> bytes:
    """Return the hash of an L1 action."""
    parts = [msgpack.packb(action), nonce.to_bytes(8, "big")]
    parts.append(b"\x00" if vault is None else b"\x01" + int(vault, 16).to_bytes(20, "big"))
    parts.append(b"" if expires is None else b"\x00" + expires.to_bytes(8, "big"))
    return bytes(keccak(b"".join(parts)))


def _as_read(action: Any) -> Any:
    """Return an action with its numbers as the exchange writes them: who sent ``1.0`` has signed something else."""
    if isinstance(action, list):
        return [_as_read(each) for each in action]
    if not isinstance(action, dict):
        return action
    plain = {"p", "s"} & action.keys() if "t" in action else set()
    return {
        name: value.rstrip("0").rstrip(".") if name in plain and "." in value else _as_read(value)
        for name, value in action.items()
    }


def _agent(connection_id: bytes, *, mainnet: bool) -> Any:
    domain = {"name": "Exchange", "version": "1", "chainId": 1337, "verifyingContract": NOBODY}
    types = {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}
    return encode_typed_data(domain, types, {"source": "a" if mainnet else "b", "connectionId": connection_id})


def _transaction(kind: str, message: dict[str, Any]) -> Any:
    chain = {"chainId": int(message["signatureChainId"], 16)}
    domain = {"name": "HyperliquidSignTransaction", "version": "1", **chain, "verifyingContract": NOBODY}
    name, _, fields = TYPES[kind].rstrip(")").partition("(")
    types = [{"type": "string", "name": "hyperliquidChain"}]
    types += [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    return encode_typed_data(domain, {f"HyperliquidTransaction:{name}": types}, message)
