"""Whether a request to the fake KuCoin is signed as it must be, by a computation of its own."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...venue import Request

__all__ = ["Refused", "check"]

WINDOW = 5_000  # ms the time of a request may be away from the exchange's
STAY = re.compile("(%2B|%26|%3D|%3B)")  # what of a query is signed as it is on the wire


class Refused(Exception):
    """A request is answered with a code other than 200000.

    https://www.kucoin.com/docs-new/error-code
    """

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def check(request: Request, entry: Sequence[str], now: int) -> None:
    """Check time, passphrase and signature.

    Args:
        request: It.
        entry: Key, secret and passphrase.
        now: The exchange's time in ms.

    Raises:
        Refused: One of them is wrong.

    https://www.kucoin.com/docs-new/authentication
    """
    _, secret, passphrase = entry
    time, sign, phrase, version = (
        request.headers.get(f"KC-API-{name}", "") for name in ("TIMESTAMP", "SIGN", "PASSPHRASE", "KEY-VERSION")
    )
    if not time.isdecimal() or abs(int(time) - now) > WINDOW:
        raise Refused("400002", "KC-API-TIMESTAMP Invalid", 401)
    if phrase != _base64(secret, passphrase) or version not in {"2", "3"}:
        raise Refused("400004", "KC-API-PASSPHRASE error", 401)
    if sign != _base64(secret, f"{time}{request.method}{_decoded(request.target)}".encode() + request.body):
        raise Refused("400005", "Signature error", 401)


def _decoded(target: str) -> str:
    path, mark, query = target.partition("?")
    parts = STAY.split(query.replace("+", " "))
    return unquote(path) + mark + "".join(part if STAY.fullmatch(part) else unquote(part) for part in parts)


def _base64(secret: str, text: str | bytes) -> str:
    payload = text.encode() if isinstance(text, str) else text
    return b64encode(hmac.digest(secret.encode(), payload, "sha256")).decode()
