"""How OKX wants an HTTP request signed, and which key a request is signed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_base64

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["environment", "sign"]


def environment(draft: Draft) -> str:
    """Name the entry of ``apis`` for a request: demo trading is on the same hosts, told apart by a header.

    https://www.okx.com/docs-v5/en/#overview-demo-trading-services
    """
    return "okx_demo" if draft.headers.get("x-simulated-trading") == "1" else "okx"


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the four ``OK-ACCESS-`` headers; the signature covers time, method, path with query, and body.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key, the secret and the passphrase of the account.
        now: The time to sign with; the header carries it in ISO 8601 with milliseconds. OKX takes it for 30 s.

    https://www.okx.com/docs-v5/en/#overview-rest-authentication-signature
    """
    time = f"{now.utc():%Y-%m-%dT%H:%M:%S}.{now.ms % 1000:03}Z"
    text = f"{time}{draft.method}{draft.url.raw_path_qs}".encode() + draft.json()
    draft.headers.setdefault("Content-Type", "application/json")
    draft.headers["OK-ACCESS-KEY"] = key.key
    draft.headers["OK-ACCESS-SIGN"] = hmac_base64(key.secret, text)
    draft.headers["OK-ACCESS-TIMESTAMP"] = time
    draft.headers["OK-ACCESS-PASSPHRASE"] = key.passphrase
