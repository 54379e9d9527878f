"""How Binance wants an HTTP request signed, and the signature itself, which its WebSocket API needs as well."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from yarl import URL

from .._crypto import hmac_hex, pem_base64

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign", "signature"]

_STREAM_KEYS = frozenset({"userDataStream", "listen-key", "listenKey", "userListenToken"})
_PUBLIC = frozenset(
    (
        "ping", "time", "exchangeInfo", "depth", "trades", "historicalTrades", "historicalBlockTrades", "aggTrades",
        "klines", "uiKlines", "avgPrice", "ticker", "executionRules", "referencePrice",
    )
)  # fmt: skip


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the header ``X-MBX-APIKEY``, and at the end of the query ``timestamp`` and ``signature``.

    The signature covers the query and the body, as they are sent. What only asks for a listenKey, and public data of
    the spot market, which refuses parameters that it does not know, get the header alone. A ``timestamp`` in the
    query that the caller has set stays.

    Args:
        draft: The request; its body is settled as a form. The upgrade of a socket is left as it is.
        key: The key and the secret of the account.
        now: The time to sign with; the query carries it in ms.

    Raises:
        SigningError: The secret is a PEM key that cannot be used.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    """
    if draft.upgrade:
        return
    draft.headers["X-MBX-APIKEY"] = key.key
    body = draft.form()
    if not _is_signed(draft.url):
        return
    query = draft.url.raw_query_string
    if "timestamp" not in draft.url.query:
        query = f"{query}&timestamp={now.ms}".removeprefix("&")
    signed = quote(signature(key.secret, query.encode() + body), safe="")
    draft.url = URL(f"{draft.url.with_query(None).with_fragment(None)}?{query}&signature={signed}", encoded=True)


def _is_signed(url: URL) -> bool:
    if url.name in _STREAM_KEYS:
        return False
    match url.parts:
        case ["/", "api", "v3", name, *_]:
            return name not in _PUBLIC
    return True


def signature(secret: bytes, text: bytes) -> str:
    """Return the signature of `text`.

    Args:
        secret: The secret that Binance made, for HMAC-SHA256 as hex; or one's own private key in PEM form, for
            Ed25519 or RSASSA-PKCS1-v1_5 with SHA-256, as base64.
        text: What to sign.

    Raises:
        SigningError: The secret is a PEM key that cannot be used.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    """
    return pem_base64(secret, text, edwards=True) if secret.startswith(b"-----BEGIN") else hmac_hex(secret, text)
