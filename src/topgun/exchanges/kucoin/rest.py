"""How KuCoin wants an HTTP request signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_base64

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]

_VERSION = "2"  # of keys: those of version 3, which are made today, are signed in the same way


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the ``KC-API-`` headers; the signature covers time, method, path, query and body.

    The query is signed decoded, as the page below says, but for ``+ & = ;`` inside a value, which stay encoded.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed. The header ``KC-API-KEY-VERSION``
            stays if the caller has set it.
        key: The key, the secret and the passphrase of the account.
        now: The time to sign with; the header carries it in ms.

    https://www.kucoin.com/docs-new/authentication
    """
    body = draft.json()
    if not body and draft.method != "GET":
        draft.headers.setdefault("Content-Type", "application/octet-stream")
    text = f"{now.ms}{draft.method}{draft.url.path_qs}".encode() + body
    draft.headers.setdefault("KC-API-KEY-VERSION", _VERSION)
    draft.headers["KC-API-KEY"] = key.key
    draft.headers["KC-API-SIGN"] = hmac_base64(key.secret, text)
    draft.headers["KC-API-TIMESTAMP"] = str(now.ms)
    draft.headers["KC-API-PASSPHRASE"] = hmac_base64(key.secret, key.passphrase.encode())
