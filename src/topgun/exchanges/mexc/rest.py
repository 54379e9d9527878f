"""How MEXC wants an HTTP request signed: spot by its query, contracts by headers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from yarl import URL

from .._crypto import hmac_hex

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["encode", "sign", "sign_contract", "sign_spot"]

_CONTRACT = "/api/v1/"


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Sign a request to ``api.mexc.com``, which has both APIs: below ``/api/v1/`` are contracts.

    https://www.mexc.com/api-docs/futures/integration-guide
    """
    (sign_contract if draft.url.path.startswith(_CONTRACT) else sign_spot)(draft, key, now)


def sign_spot(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the header ``X-MEXC-APIKEY``, and at the end of the query ``timestamp`` and ``signature``.

    The signature covers the query and the body, as they are sent, with nothing between them. The query is written
    anew, with everything percent-encoded, as MEXC asks for where values hold commas. A ``timestamp`` that the caller
    has set stays, in the query or in the body.

    Args:
        draft: The request; its body is settled as a form, under the type of JSON, which MEXC wants to see.
        key: The key and the secret of the account.
        now: The time to sign with; the query carries it in ms.

    https://www.mexc.com/api-docs/spot-v3/general-info#signed
    """
    draft.headers["X-MEXC-APIKEY"] = key.key
    draft.headers["Content-Type"] = "application/json"
    body = draft.form()
    values = list(draft.url.query.items())
    if not any(name == "timestamp" for name, _ in [*values, *parse_qsl(body.decode(errors="replace"))]):
        values.append(("timestamp", str(now.ms)))
    query = urlencode(values, quote_via=quote, safe="")
    signed = f"{query}&signature={hmac_hex(key.secret, query.encode() + body)}".removeprefix("&")
    draft.url = URL(f"{draft.url.with_query(None).with_fragment(None)}?{signed}", encoded=True)


def sign_contract(draft: Draft, key: Credential, now: Instant) -> None:
    """Add the headers ``ApiKey``, ``Request-Time`` and ``Signature``.

    The signature covers key, time and parameters: the query in the order of its names, or the body of POST and PUT.

    Args:
        draft: The request; its body is settled as JSON. The upgrade of a socket is left as it is.
        key: The key and the secret of the account.
        now: The time to sign with, in ms.

    https://www.mexc.com/api-docs/futures/integration-guide
    """
    if draft.upgrade:
        return
    if draft.method in ("POST", "PUT"):
        parameters = draft.json()
    else:
        parameters = draft.url.with_query(sorted(draft.url.query.items())).raw_query_string.encode()
    draft.headers["Content-Type"] = "application/json"
    draft.headers["ApiKey"] = key.key
    draft.headers["Request-Time"] = str(now.ms)
    draft.headers["Signature"] = hmac_hex(key.secret, f"{key.key}{now.ms}".encode() + parameters)


def encode(draft: Draft) -> None:
    """Settle the body of a request that is not signed: JSON for contracts."""
    if draft.url.host != "api.mexc.com" or draft.url.path.startswith(_CONTRACT):
        draft.json()
