"""How OKJ wants an HTTP request signed; V3 and V5 agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_base64

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the four ``OK-ACCESS-`` headers; the signature covers time, method, path with query, and body.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key, the secret and the passphrase of the account.
        now: The time to sign with; the header carries it in UTC, in ms.

    https://dev.okcoin.jp/en/#summary-yan-zheng
    """
    body = draft.json()
    time = f"{now.utc().replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    text = f"{time}{draft.method}{draft.url.raw_path_qs}".encode() + body
    draft.headers["OK-ACCESS-KEY"] = key.key
    draft.headers["OK-ACCESS-SIGN"] = hmac_base64(key.secret, text)
    draft.headers["OK-ACCESS-TIMESTAMP"] = time
    draft.headers["OK-ACCESS-PASSPHRASE"] = key.passphrase
    draft.headers.setdefault("Content-Type", "application/json")
