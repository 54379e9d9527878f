"""How Binance wants an HTTP request signed, and the signature itself, which its WebSocket API needs as well."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from yarl import URL

from ...errors import SigningError
from .._crypto import hmac_hex

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
    return _base64(secret, text) if secret.startswith(b"-----BEGIN") else hmac_hex(secret, text)


def _base64(pem: bytes, text: bytes) -> str:
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  (few have such a key)
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa  # noqa: PLC0415
    except ImportError:
        raise SigningError("an Ed25519 or RSA key needs the package cryptography: pip install 'topgun[rsa]'") from None
    try:  # unchecked: to prove the user's own key anew for every request would take 50 ms
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError):
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b64encode(key.sign(text)).decode()
    if isinstance(key, rsa.RSAPrivateKey):
        return b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    raise SigningError("the secret begins like a PEM file, but is not an Ed25519 or RSA private key without a password")
