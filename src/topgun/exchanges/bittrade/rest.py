"""How BitTrade wants an HTTP request signed; the login of a socket signs with the same text and other names."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from yarl import URL

from .._crypto import hmac_base64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["sign", "signature", "timestamp"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Add key, time and signature to the query; the signature covers method, host, path and query, not the body.

    A handshake stays as it is: the private socket is logged in by a message, and a key has no business in the URL of
    the others.

    Args:
        draft: The request; its URL is changed, its body settled as JSON.
        key: The key and the secret of the account.
        now: The time to sign with; it goes out in whole seconds of UTC.

    https://api-doc.bittrade.co.jp/#4adc7a21f5
    """
    if draft.upgrade:
        return
    draft.json()
    if draft.method == "POST":  # JSON also where there is nothing to say
        draft.headers.setdefault("Content-Type", "application/json")
    added = {
        "AccessKeyId": key.key,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": timestamp(now),
    }
    url = draft.url
    signed = signature(key.secret, draft.method, url, [*url.query.items(), *added.items()])
    url = url.extend_query({**added, "Signature": signed})
    query = url.raw_query_string.replace("+", "%20")  # as it was signed
    draft.url = URL(f"{url.with_query(None)}?{query}", encoded=True)


def signature(secret: bytes, method: str, url: URL, items: Iterable[tuple[str, str]]) -> str:
    """Return the signature of a request, or of the login of a socket, as base64.

    Args:
        secret: The secret that BitTrade made.
        method: Upper case.
        url: Where to; its query does not count.
        items: Names and values, neither in order nor encoded; they are sorted by the bytes of their names.

    https://api-doc.bittrade.co.jp/#4adc7a21f5
    """
    query = urlencode(sorted(items, key=itemgetter(0)), quote_via=quote)
    return hmac_base64(secret, f"{method}\n{url.host}\n{url.raw_path}\n{query}".encode())


def timestamp(now: Instant) -> str:
    """Return a time as BitTrade reads it: ``2017-05-11T15:19:30``, in UTC."""
    return f"{now.utc():%Y-%m-%dT%H:%M:%S}"
