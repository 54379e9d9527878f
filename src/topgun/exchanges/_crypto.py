"""HMAC as exchanges ask for it; nothing here belongs to one exchange."""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["hmac_hex"]


def hmac_hex(secret: bytes, text: bytes) -> str:
    """Return HMAC-SHA256 of `text` as lower-case hex."""
    return hmac.digest(secret, text, hashlib.sha256).hex()
