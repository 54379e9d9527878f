"""How GMO Coin wants an HTTP request signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``API-`` headers; the signature covers time, method, path, and the body of a POST.

    The path begins at its second segment (``/v1/order``) and has no query. PUT and DELETE send a body that is not
    signed.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key and the secret of the account.
        now: The time to sign with; the header carries it in ms.

    https://api.coin.z.com/docs/#authentication-private
    """
    body = draft.json()
    path = "/" + "/".join(draft.url.parts[2:])
    text = f"{now.ms}{draft.method}{path}".encode() + (body if draft.method == "POST" else b"")
    draft.headers["API-KEY"] = key.key
    draft.headers["API-TIMESTAMP"] = str(now.ms)
    draft.headers["API-SIGN"] = hmac_hex(key.secret, text)
