"""How Coincheck wants an HTTP request signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...errors import SigningError
from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the three ``ACCESS-`` headers; the signature covers nonce, full URL and body.

    Args:
        draft: The request; its body is settled as a form, its headers are changed.
        key: The key and the secret of the account.
        now: The time to sign with; in ms it is the nonce, which has to rise with every request of the key.

    Raises:
        SigningError: A value of the data has no spelling in a form.

    https://coincheck.com/documents/exchange/api#auth
    """
    if isinstance(draft.data, Mapping):
        for name, value in draft.data.items():
            if value is None or isinstance(value, bool | Mapping):
                kind = type(value).__name__
                raise SigningError(f"{name} is a {kind}, which no form can hold: write it as text, or give json=")
    text = f"{now.ms}{draft.url.origin()}{draft.url.raw_path_qs}".encode() + draft.form()
    draft.headers["ACCESS-KEY"] = key.key
    draft.headers["ACCESS-NONCE"] = str(now.ms)
    draft.headers["ACCESS-SIGNATURE"] = hmac_hex(key.secret, text)
