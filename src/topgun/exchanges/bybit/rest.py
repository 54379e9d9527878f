"""How Bybit wants an HTTP request signed, and the signature itself, which the login of a socket needs as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_hex, pem_base64

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign", "signature"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``X-BAPI-`` headers; the signature covers time, key, receive window, query and body.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed. The header ``X-BAPI-RECV-WINDOW``
            (ms) is signed if the caller has set it.
        key: The key and the secret of the account.
        now: The time to sign with; the header carries it in ms.

    Raises:
        SigningError: The secret is a PEM key that cannot be used.

    https://bybit-exchange.github.io/docs/v5/guide#authentication
    """
    window = draft.headers.get("X-BAPI-RECV-WINDOW", "")
    text = f"{now.ms}{key.key}{window}{draft.url.raw_query_string}".encode() + draft.json()
    draft.headers["X-BAPI-API-KEY"] = key.key
    draft.headers["X-BAPI-TIMESTAMP"] = str(now.ms)
    draft.headers["X-BAPI-SIGN"] = signature(key.secret, text)


def signature(secret: bytes, text: bytes) -> str:
    """Return the signature of `text`.

    Args:
        secret: The secret that Bybit made, for HMAC-SHA256 as hex; or one's own RSA key in PEM form, for
            RSASSA-PKCS1-v1_5 with SHA-256 as base64.
        text: What to sign.

    Raises:
        SigningError: The secret is a PEM key that cannot be used.

    https://bybit-exchange.github.io/docs/v5/guide#create-a-request
    """
    return pem_base64(secret, text) if secret.startswith(b"-----BEGIN") else hmac_hex(secret, text)
