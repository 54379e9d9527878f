"""How BitMEX wants HTTP requests and handshakes of WebSockets signed, and how it takes a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["encode", "sign"]

MARGIN = 5  # s that a request may be under way
_SOCKET = "/realtime"  # what is signed of the address of any socket


def sign(draft: Draft, key: Credential, now: Instant, *, margin: int = MARGIN) -> None:
    """Add the three ``api-`` headers; the signature covers method, path with query, time of expiry, and body.

    Args:
        draft: The request, or the handshake of a socket; its body is settled, its headers are changed.
        key: The key and the secret of the account.
        now: The time to sign with.
        margin: How long the request is good for, in s. The header carries the moment of expiry, in s as well: in ms
            it would lie thousands of years ahead, and whoever has seen the request could send it again.

    https://www.bitmex.com/app/apiKeysUsage
    """
    expires = str(now.seconds + margin)
    path = _SOCKET if draft.upgrade else draft.url.raw_path_qs
    text = f"{draft.method}{path}{expires}".encode() + _body(draft)
    draft.headers["api-expires"] = expires
    draft.headers["api-key"] = key.key
    draft.headers["api-signature"] = hmac_hex(key.secret, text)


def encode(draft: Draft) -> None:
    """Settle the body: a form if `data` is flat, otherwise JSON (lists, nested values, texts, bytes).

    In a form a truth value is ``true`` or ``false``, as in JSON.

    https://www.bitmex.com/app/apiKeysUsage
    """
    _body(draft)


def _body(draft: Draft) -> bytes:
    data = draft.data
    if not isinstance(data, Mapping) or any(isinstance(each, list | tuple | dict | None) for each in data.values()):
        return draft.json()
    draft.data = {name: str(each).lower() if isinstance(each, bool) else each for name, each in data.items()}
    return draft.form()
