"""How Bitget wants an HTTP request signed, and which key a request is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._crypto import hmac_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["api", "sign"]


def api(draft: Draft) -> Sequence[str]:
    """Return the names in ``apis`` of the keys that a request may be for, the better one first.

    Demo trading is at the same address, with the header ``paptrading: 1`` and a key of its own. Who has that key under
    ``bitget`` may leave it there.

    https://www.bitget.com/api-doc/common/demotrading/restapi
    """
    return ("bitget_demo", "bitget") if draft.headers.get("paptrading") == "1" else ("bitget",)


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the ``ACCESS-`` headers; the signature covers time, method, path, query and body.

    Args:
        draft: The request; its body is settled as JSON, its headers are changed.
        key: The key, the secret and the passphrase of the account.
        now: The time to sign with; the header carries it in ms.

    https://www.bitget.com/api-doc/common/signature
    """
    text = f"{now.ms}{draft.method}{draft.url.raw_path_qs}".encode() + draft.json()
    draft.headers["Content-Type"] = "application/json"
    draft.headers["ACCESS-KEY"] = key.key
    draft.headers["ACCESS-SIGN"] = hmac_base64(key.secret, text)
    draft.headers["ACCESS-TIMESTAMP"] = str(now.ms)
    draft.headers["ACCESS-PASSPHRASE"] = key.passphrase
