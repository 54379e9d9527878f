"""How bitbank wants an HTTP request signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``ACCESS-`` headers; the signature covers time, window, and path with query (GET) or body.

    The window is signed as the caller has set it (``ACCESS-TIME-WINDOW``, ms); without one nothing is added, and
    bitbank takes 5000.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key and the secret of the account.
        now: The time to sign with; the header carries it in ms.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/rest-api.md#authorization
    """
    body = draft.json()
    signed = draft.url.raw_path_qs.encode() if draft.method == "GET" else body
    text = f"{now.ms}{draft.headers.get('ACCESS-TIME-WINDOW', '')}".encode() + signed
    draft.headers["ACCESS-KEY"] = key.key
    draft.headers["ACCESS-REQUEST-TIME"] = str(now.ms)
    draft.headers["ACCESS-SIGNATURE"] = hmac_hex(key.secret, text)
