"""How the fake BitTrade checks signatures: as the documents say, and not as a client does it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["right", "stale"]

LATEST = 300_000  # ms a time may be away from the exchange's


def right(secret: str, method: str, host: str, path: str, values: Mapping[str, str]) -> str:
    """Return the signature that a request has to have.

    Args:
        secret: Of the account.
        method: Upper case.
        host: In lower case.
        path: As it was sent.
        values: What is signed, decoded.

    https://api-doc.bittrade.co.jp/#4adc7a21f5
    """
    lines = [method, host, path]
    lines.append("&".join(f"{quote(name, safe='')}={quote(values[name], safe='')}" for name in sorted(values)))
    mac = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def stale(timestamp: str, now: int) -> bool:
    """Tell whether a time, ``2017-05-11T15:19:30`` in UTC, is too far from now (ms), or none."""
    try:
        then = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return True
    return abs(then.timestamp() * 1000 - now) > LATEST
