"""How bitFlyer wants an HTTP request signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``ACCESS-`` headers; the signature covers time, method, path with query, and body.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key and the secret of the account.
        now: The time to sign with; the header carries it in ms.

    https://lightning.bitflyer.com/docs#authentication
    """
    text = f"{now.ms}{draft.method}{draft.url.raw_path_qs}".encode() + draft.json()
    draft.headers["ACCESS-KEY"] = key.key
    draft.headers["ACCESS-TIMESTAMP"] = str(now.ms)
    draft.headers["ACCESS-SIGN"] = hmac_hex(key.secret, text)
