"""EIP-712 as far as Hyperliquid needs it, and the curve that signs the digest.

What is the same for every order (the hash of a domain, of a type, of a word) is computed once. The packages are loaded
by the first signature: a program that signs nothing does not wait for them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import SigningError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Sign: TypeAlias = "Callable[[bytes], tuple[int, int, int]]"  # digest -> r, s, 0 or 1

__all__ = ["Fields", "address", "digest", "keccak", "sign_digest"]

Fields: TypeAlias = tuple[tuple[str, str], ...]  # name and type of each

_DOMAIN: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_NOBODY = "0x" + 40 * "0"


def digest(name: str, chain_id: int, primary: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    """Return what is signed for a flat structure.

    Args:
        name: Of the domain; its version is "1", its contract 0.
        chain_id: Of the domain.
        primary: The name of the structure.
        fields: Its fields, in order.
        message: Their values; what is no field is not looked at.

    Raises:
        SigningError: A field is missing, or its value does not fit.

    https://eips.ethereum.org/EIPS/eip-712
    """
    return keccak(b"\x19\x01" + _domain(name, chain_id) + _hashed(primary, fields, message))


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 of `data`."""
    return _hash_function()(data)


def address(value: Any) -> bytes:
    """Return the 20 bytes of an address, zeros at its beginning included.

    Raises:
        SigningError: It is none.
    """
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError):
        raw = b""
    if len(raw) != 20:
        raise SigningError(f"not an address: {value!r:.60}")
    return raw


def sign_digest(private_key: str, what: bytes) -> dict[str, str | int]:
    """Return the signature of a digest: ``r`` and ``s`` as hex without zeros at the beginning, ``v`` 27 or 28.

    It is made by coincurve where that is installed, else by eth-keys, the curve of eth-account. Both take their nonce
    from the digest and the key (RFC 6979), so both give the same signature.

    Raises:
        SigningError: The key is none.
    """
    r, s, v = _signer(private_key)(what)
    return {"r": hex(r), "s": hex(s), "v": 27 + v}


@lru_cache(maxsize=1)
def _hash_function() -> Callable[[bytes], bytes]:
    from eth_hash.auto import keccak as hashed  # noqa: PLC0415  (see above)

    return hashed


@lru_cache(maxsize=64)
def _domain(name: str, chain_id: int) -> bytes:
    values = {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": _NOBODY}
    return _hashed("EIP712Domain", _DOMAIN, values)


def _hashed(primary: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    words = [_type_hash(primary, fields)]
    for name, kind in fields:
        if name not in message:
            raise SigningError(f"{primary} needs {name}")
        try:
            words.append(_WORDS[kind](message[name]))
        except (AttributeError, OverflowError, TypeError, ValueError):
            raise SigningError(f"{primary}: {name} is no {kind}: {message[name]!r:.60}") from None
    return keccak(b"".join(words))


@lru_cache(maxsize=256)
def _type_hash(primary: str, fields: Fields) -> bytes:
    return keccak(f"{primary}({','.join(f'{kind} {name}' for name, kind in fields)})".encode())


@lru_cache(maxsize=64)
def _text(value: str) -> bytes:
    return keccak(value.encode())


def _uint64(value: Any) -> bytes:
    if isinstance(value, bool):
        raise TypeError
    return _number(value, 8)


def _number(value: int, size: int = 32) -> bytes:
    return bytes(32 - size) + value.to_bytes(size, "big")


def _bool(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise TypeError
    return value.to_bytes(32, "big")


def _bytes32(value: Any) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        raise TypeError
    return value


_WORDS: Mapping[str, Callable[[Any], bytes]] = {
    "string": _text,
    "address": lambda value: bytes(12) + address(value),
    "bool": _bool,
    "uint64": _uint64,
    "uint256": _number,
    "bytes32": _bytes32,
}


@lru_cache(maxsize=64)
def _signer(private_key: str) -> Sign:
    secret = _secret(private_key)
    try:
        from coincurve import PrivateKey  # noqa: PLC0415  (an extra: twenty to a hundred times as fast)
    except ImportError:
        from eth_keys.datatypes import PrivateKey as SlowKey  # noqa: PLC0415  (see above)

        slow = SlowKey(secret)
        return lambda what: _turned(slow.sign_msg_hash(what).vrs)
    fast = PrivateKey(secret)

    def sign(what: bytes) -> tuple[int, int, int]:
        raw: bytes = fast.sign_recoverable(what, hasher=None)
        return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64]

    return sign


def _secret(private_key: str) -> bytes:
    try:
        secret = bytes.fromhex(private_key.removeprefix("0x"))
    except ValueError:  # its text quotes the key
        secret = b""
    if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _ORDER:
        raise SigningError("the private key must be 64 hex digits, with or without 0x")
    return secret


_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of the points of secp256k1


def _turned(vrs: tuple[int, int, int]) -> tuple[int, int, int]:
    v, r, s = vrs
    return r, s, v
