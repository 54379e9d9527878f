"""How Hyperliquid wants an HTTP request: JSON, and on ``/exchange`` with a nonce and the signature of an action."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import SigningError
from .actions import signed

if TYPE_CHECKING:
    from ...clock import Instant
    from ...credentials import Credential
    from ...exchange import Draft

__all__ = ["encode", "is_mainnet", "sign"]


def sign(draft: Draft, key: Credential, now: Instant) -> None:
    """Put ``nonce`` and ``signature`` after what the body holds; ``/info`` and ``/ws`` need neither.

    Args:
        draft: The request; its body is settled as JSON. What the caller passed is not changed.
        key: The private key, of the account or of an API wallet.
        now: The time to sign with: the nonce in ms, if there is none.

    Raises:
        SigningError: The body holds no action that can be signed.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/exchange-endpoint
    """
    if not draft.url.path.startswith(("/info", "/ws")):
        body = _decoded(draft.data)
        if body.get("signature") is None:
            draft.data = signed(body, key.key, now.ms, mainnet=is_mainnet(draft.url.host))
    draft.json()


def encode(draft: Draft) -> None:
    """Settle the body of a request that is not signed as JSON."""
    draft.json()


def is_mainnet(host: str | None) -> bool:
    """Tell whether a host belongs to the network in which real money is."""
    return "testnet" not in (host or "")


def _decoded(data: Any) -> Mapping[str, Any]:
    """Return the body that a caller passed, as ``data=`` or as ``json=`` (which comes encoded)."""
    body = data or {}
    if isinstance(body, str | bytes | bytearray):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    if not isinstance(body, Mapping):
        raise SigningError("the body must be a JSON object with an action; give auth=None to send it unsigned")
    return body
