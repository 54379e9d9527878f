"""HMAC and private keys as exchanges ask for them; nothing here belongs to one exchange."""

from __future__ import annotations

import hmac
from base64 import b64encode

from ..errors import SigningError

__all__ = ["hmac_base64", "hmac_hex", "pem_base64"]


def hmac_hex(secret: bytes, text: bytes, digest: str = "sha256") -> str:
    """Return the HMAC of `text` as lower-case hex."""
    return hmac.digest(secret, text, digest).hex()


def hmac_base64(secret: bytes, text: bytes, digest: str = "sha256") -> str:
    """Return the HMAC of `text` as base64, with padding."""
    return b64encode(hmac.digest(secret, text, digest)).decode()


def pem_base64(pem: bytes, text: bytes, *, edwards: bool = False) -> str:
    """Return the signature of `text` by one's own private key, as base64.

    Args:
        pem: An RSA key, for RSASSA-PKCS1-v1_5 with SHA-256.
        text: What to sign.
        edwards: An Ed25519 key will do as well.

    Raises:
        SigningError: The key cannot be used.
    """
    kind = "Ed25519 or RSA" if edwards else "RSA"
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  (few have such a key)
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa  # noqa: PLC0415
    except ImportError:
        raise SigningError(f"an {kind} key needs the package cryptography: pip install 'topgun[rsa]'") from None
    try:  # unchecked: to prove the user's own key anew for every request would take 50 ms
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError):
        key = None
    if edwards and isinstance(key, ed25519.Ed25519PrivateKey):
        return b64encode(key.sign(text)).decode()
    if isinstance(key, rsa.RSAPrivateKey):
        return b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    raise SigningError(f"the secret begins like a PEM file, but is not an {kind} private key without a password")
