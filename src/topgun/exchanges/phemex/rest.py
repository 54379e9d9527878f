"""How Phemex wants an HTTP request signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["VALIDITY", "sign"]

VALIDITY = 60  # s until a signature expires, as Phemex recommends; it allows 120


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``x-phemex-`` headers; the signature covers path, query, expiry and body, but not the method.

    The query is signed as it is on the wire, percent-escapes and all. The handshake of a socket is not signed.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key and the secret of the account.
        now: The time; the signature is good for 60 s from it.

    https://phemex-docs.github.io/#request-signature
    """
    if draft.upgrade:
        return
    expiry = now.seconds + VALIDITY
    text = f"{draft.url.raw_path}{draft.url.raw_query_string}{expiry}".encode() + draft.json()
    draft.headers["x-phemex-access-token"] = key.key
    draft.headers["x-phemex-request-expiry"] = str(expiry)
    draft.headers["x-phemex-request-signature"] = hmac_hex(key.secret, text)
