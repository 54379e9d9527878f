"""HMAC as exchanges ask for it; nothing here belongs to one exchange."""

from __future__ import annotations

import hmac
from base64 import b64encode

__all__ = ["hmac_base64", "hmac_hex"]


def hmac_hex(secret: bytes, text: bytes, digest: str = "sha256") -> str:
    """Return the HMAC of `text` as lower-case hex."""
    return hmac.digest(secret, text, digest).hex()


def hmac_base64(secret: bytes, text: bytes, digest: str = "sha256") -> str:
    """Return the HMAC of `text` as base64, with padding."""
    return b64encode(hmac.digest(secret, text, digest)).decode()
